"""`fit`: a model and data in, a posterior with a verdict out."""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from pathlib import Path
from typing import Any

import torch

from causal_lpm.inference.calibration.conclusion import conclude, rehearse
from causal_lpm.inference.calibration.counts import check_counts
from causal_lpm.inference.calibration.methods import METHODS, check_settings, learner_of
from causal_lpm.inference.calibration.optimised import optimise
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.calibration.simulator import batch_size
from causal_lpm.inference.calibration.stages import Stages, joined
from causal_lpm.inference.posteriors.amortised import Posterior
from causal_lpm.inference.posteriors.focus import Focus
from causal_lpm.inference.posteriors.neural import Training
from causal_lpm.inference.posteriors.quiet_sbi import require_sbi
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.program.side_by_side import check_side_by_side
from causal_lpm.inference.runs.simulation_set import SimulationSet
from causal_lpm.validate import known, positive_count, whole_number

__all__ = ["fit"]

NARROW = 0.1  # mean weight of the prior's draws under the focus, below which a second round pays
ROUND = 500  # simulations of a second round; with 300, networks of five parameters were too narrow
FEWEST = 40  # simulations that a posterior can be trained on
OPTIMISERS = ("svi", "gradient")


def fit(
    model: Model,
    data: Mapping[str, Any],
    method: str = "svi+npe",
    *,
    surrogate: Model | None = None,
    budget: int = 1000,
    seed: int = 0,
    gate: int = 200,
    ensemble: int = 5,
    second_round: bool = True,
    draws: int = 1000,
    workers: int = 1,
    executor: Executor | None = None,
    batch: int | None = None,
    folder: str | os.PathLike[str] | None = None,
    training: Training | None = None,
    settings: Mapping[str, Any] | None = None,
    groups: Mapping[str, Any] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> CalibrationResult:
    """Calibrates a model to data and says whether the result can be trusted.

    The default summarises every data set, simulated or real, by a Gaussian SVI guide through a differentiable
    surrogate, and trains an ensemble of neural posteriors (sbi's NPE) on those summaries of exact simulations. Where
    the posterior of the data covers a small part of the prior, half of the budget goes into a second round near it.
    Then the gates: simulation-based calibration on `gate` further simulations, coverage, TARP, predictive checks,
    misspecification, identifiability, prior sensitivity, disagreement of the ensemble. Draws, data sets and simulations
    that are not finite, as far out in a prior, are left out and counted; one gate names what the data could not show.

    Args:
        model: A Pyro program without arguments: parameters as sample sites, data as sites `observed(name,
            distribution)` without data, series as its return value.
        data: Site -> numbers `[days]` or `[groups, days]`, NaN where missing; pandas and xarray bring their dates.
        method: A key of `METHODS`: "svi+npe", "npe", "nle", "abc", "svi", "gradient".
        surrogate: A differentiable program with the same sites, for "svi+npe", "svi"; the model itself, if not given.
        budget: Simulations of the exact model to train on.
        seed: Determines every number, together with `batch`.
        gate: Further simulations for the gates; with fewer than 200 the result is uncalibrated, whatever they say.
        ensemble: Members.
        second_round: Whether half of a budget of 1,000 or more may be drawn near the posterior that the first half
            gave.
        draws: Of the posterior, in the result.
        workers: Processes that simulate; the numbers do not depend on it.
        executor: Anything with the interface of `concurrent.futures`, such as Dask's, in place of processes.
        batch: Simulations side by side; by default about 250,000 agents in all.
        folder: Keeps all simulations; the same call goes on where it stopped.
        training: How networks are trained.
        settings: Of the method: steps and learning rate of SVI, for example.
        groups: Site -> labels of its groups, for results and plots; by default those of the data.
        progress: Called with (stage, done, all).

    Returns:
        The posterior with all of ArviZ's groups, the report, and methods for predictions and policies.

    Raises:
        ValueError: something asked for is impossible, in one sentence; nothing has run.
        ModuleNotFoundError: sbi is not installed, and the method needs it; nothing has run.
        FileExistsError: the folder holds something else.
        RuntimeError: all or nearly all simulations failed; they are kept in the folder. The posterior has no finite
            draws.

    >>> import pyro, pyro.distributions as dist
    >>> from causal_lpm import observed
    >>> def model():
    ...     mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    ...     observed("x", dist.Normal(mean.unsqueeze(-1).expand(*mean.shape, 4), 1.0).to_event(1))
    >>> result = fit(model, {"x": [0.5, 1.5, 1.0, 1.0]}, budget=100, gate=0, ensemble=1, settings={"steps": 50})
    >>> result.status, round(float(result.tree["posterior"]["mean"].mean()), 0)  # exact: 0.8
    ('uncalibrated', 1.0)
    """
    _check(
        method,
        budget,
        seed,
        gate,
        {"ensemble": ensemble, "draws": draws, "workers": workers, "batch": 1 if batch is None else batch},
    )
    problem = Problem(model, data, surrogate)
    if not problem.parameters and method != "gradient":
        raise ValueError(
            "the model has no parameters: every unknown is a pyro.sample site with a continuous prior. (What a network "
            "generates is calibrated by method='gradient'.)"
        )
    check_settings(method, settings or {}, problem)
    check_counts(problem, budget, gate, draws, ensemble)
    rehearse(problem, groups)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if method in OPTIMISERS:
            return optimise(problem, method, seed, draws, settings or {}, groups, progress)
        check_side_by_side(problem)
        kept = None if folder is None else Path(folder)
        if kept is not None and kept.exists() and not kept.is_dir():
            raise FileExistsError(f"the folder {kept} is a file: give another folder.")
        side_by_side = batch_size(problem.agents) if batch is None else batch
        stages = Stages(problem, seed, side_by_side, workers, executor, kept, progress)
        if method in ("npe", "svi+npe"):
            posterior, used, focus = _neural(stages, method, budget, ensemble, second_round, training, settings)
        else:
            posterior, used, focus = _other(stages, method, budget, ensemble, training, settings)
        return conclude(stages, method, budget, posterior, used, focus, gate, draws, groups)


def _check(method: str, budget: int, seed: int, gate: int, counts: Mapping[str, int]) -> None:
    known("method", method, METHODS)
    for what, number in counts.items():
        positive_count(what, number)
    for what, number in {"budget": budget, "seed": seed, "gate": gate}.items():
        whole_number(what, number, low=-(2**63))
    if method not in OPTIMISERS:
        whole_number("draws", counts["draws"], low=2)  # of one, no interval is made
    if method not in OPTIMISERS and budget < FEWEST:
        raise ValueError(f"a budget of {budget} simulations cannot train a posterior: give at least {FEWEST}.")
    if not 0 <= seed < 2**63:
        raise ValueError(f"seed is {seed}: give a whole number from 0 to 2**63 - 1.")
    if gate < 0:
        raise ValueError(f"gate is {gate}: give the number of simulations for the gates, 200 or more, or 0 for none.")
    if method in ("npe", "svi+npe", "nle"):
        require_sbi(method)


def _neural(
    stages: Stages,
    method: str,
    budget: int,
    ensemble: int,
    second_round: bool,
    training: Training | None,
    settings: Mapping[str, Any] | None,
) -> tuple[Posterior, SimulationSet, Focus | None]:
    learner = learner_of(
        method,
        stages.problem,
        members=ensemble,
        seed=stages.seed,
        training=training,
        svi=settings,
        progress=stages.progress,
    )
    half = budget // 2 if second_round and budget >= 2 * ROUND else budget
    first = stages.simulate("first", half)
    posterior = learner.learn(*first.successful())
    if half == budget:
        return posterior, first, None
    focus = learner.focus(posterior, stages.observed)
    if focus.share >= NARROW:
        # Not narrow: the other half is drawn from the prior as well.
        rest = stages.simulate("rest", budget - half)
        return learner.learn(*rest.successful()), joined(first, rest), None
    second = stages.simulate("second", budget - half, focus)
    return learner.learn(*second.successful(), focus=focus), second, focus


def _other(
    stages: Stages,
    method: str,
    budget: int,
    ensemble: int,
    training: Training | None,
    settings: Mapping[str, Any] | None,
) -> tuple[Posterior, SimulationSet, Focus | None]:
    simulations = stages.simulate("first", budget)
    if method == "abc":
        from causal_lpm.inference.posteriors.abc import soft_conditioning

        return soft_conditioning(stages.problem, simulations, **(settings or {})), simulations, None
    from causal_lpm.inference.posteriors.nle import learn_likelihood

    return learn_likelihood(stages.problem, simulations, ensemble, stages.seed, training, settings), simulations, None
