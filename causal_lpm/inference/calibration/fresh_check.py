"""A posterior asked again: gates on fresh simulations of the calibrated model, or of another one."""

from causal_lpm.inference.calibration.gates import known_truth
from causal_lpm.inference.calibration.simulator import ProblemSimulator, batch_size
from causal_lpm.inference.diagnostics.report import Report
from causal_lpm.inference.posteriors.focus import FocusedPrior
from causal_lpm.inference.posteriors.posterior import Posterior, as_trained
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.runs.simulation_set import simulate_set
from causal_lpm.validate import whole_number

__all__ = ["checked_again"]


def checked_again(
    problem: Problem | None, posterior: Posterior | None, model: Model | None, simulations: int, seed: int
) -> Report:
    """The gates of `CalibrationResult.check`.

    Raises:
        ValueError: there is no posterior for other data sets.
    """
    if problem is None or posterior is None:
        raise ValueError("this result answers for no other data: check the result that fit returned, of a posterior.")
    simulations = whole_number("simulations", simulations)
    world = problem if model is None else problem.under(model)
    # Networks of a focused prior answer for truths of the focused prior.
    focus = getattr(posterior, "focus", None)
    simulator = ProblemSimulator(world, FocusedPrior(world, focus))
    z, data = simulate_set(simulator, simulations, seed, batch=batch_size(world.agents)).successful()
    return Report(known_truth(problem, as_trained(posterior).given(data), z[:, : world.size], seed).gates)
