"""`fit`: a model and data in, a posterior with a verdict out."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Unpack

import torch

from causal_lpm.inference.calibration.cut import cut_of
from causal_lpm.inference.calibration.least_cost import check_counts
from causal_lpm.inference.calibration.methods import Method, method_of
from causal_lpm.inference.calibration.parameter_summary import Derived
from causal_lpm.inference.calibration.plan import Options, Plan, Progress
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.calibration.simulator import batch_size
from causal_lpm.inference.calibration.stages import Stages
from causal_lpm.inference.calibration.verdict import conclude, rehearse
from causal_lpm.inference.calibration.verdict_text import verdict_lines
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.program.side_by_side import check_side_by_side
from causal_lpm.inference.runs.addresses import opened
from causal_lpm.inference.runs.stage_bars import stage_bars

__all__ = ["fit"]


def fit(
    model: Model,
    data: Mapping[str, Any],
    method: str | Method = "svi+npe",
    *,
    surrogate: Model | None = None,
    budget: int = 1000,
    seed: int = 0,
    gate: int = 200,
    draws: int = 1000,
    groups: Mapping[str, Any] | None = None,
    progress: Progress | bool = True,
    derived: Derived | None = None,
    **options: Unpack[Options],
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
            distribution)` without data, series as its return value. Latent sites with `infer={"nuisance": True}` are
            drawn in each simulation and not reported.
        data: Site -> numbers `[days]` or `[groups, days]`, NaN where missing; pandas and xarray bring their dates.
            Those of sites before the simulation have any shape, and weigh the prior exactly.
        method: A key of `METHODS` ("svi+npe", "npe", "nle", "abc", "nuts", "svi", "gradient"), or a `Method` of your
            own.
        surrogate: A differentiable program with the same sites, for "svi+npe", "svi"; the model itself, if not given.
        budget: Simulations of the exact model to train on.
        seed: Determines every number, together with `batch`.
        gate: Further simulations for the gates; with fewer than 200 the result is uncalibrated, whatever they say.
        draws: Of the posterior, in the result.
        groups: Site -> labels of its groups, for results and plots; by default those of the data.
        progress: Whether stages and the verdict are shown, on standard error or in the notebook; or what is called
            with (stage, done, all) in their place.
        derived: Name -> function of the draws of the parameters, as `CalibrationResult.derive` takes them, such as
            `{"R0": lambda p: p["beta"] / p["gamma"]}`.

    Options of learning:
        ensemble: Members; 5.
        second_round: Whether half of a budget of 1,000 or more may be drawn near the posterior that the first half
            gave; yes.
        training: How networks are trained.
        settings: Of the method: steps and learning rate of SVI, for example.

    Options of simulating:
        workers: Processes; 1.
        executor: Anything with the interface of `concurrent.futures`, such as Dask's, in place of processes; or a word
            or an address that stands for one, as of `simulate_set`.
        batch: Simulations side by side; by default about 250,000 agents in all. The only one of these on which a
            number depends.
        folder: Keeps all simulations; the same call goes on where it stopped.

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
    >>> result = fit(
    ...     model, {"x": [0.5, 1.5, 1.0, 1.0]}, budget=100, gate=0, ensemble=1, settings={"steps": 50}, progress=False
    ... )
    >>> result.status, round(float(result.tree["posterior"]["mean"].mean()), 0)  # exact: 0.8
    ('uncalibrated', 1.0)
    """
    if progress is True:
        with stage_bars() as shown:
            found = _fit(
                model, data, method_of(method), surrogate, Plan(budget, seed, gate, draws, groups, shown, **options)
            )
            found.derive(derived or {})
            for line in verdict_lines(found.tree, found.report)[bool(found.banner and found.report.failed) :]:
                shown.say(line)
        return found
    plan = Plan(budget, seed, gate, draws, groups, progress or None, **options)
    found = _fit(model, data, method_of(method), surrogate, plan)
    found.derive(derived or {})
    return found


def _fit(
    model: Model, data: Mapping[str, Any], chosen: Method, surrogate: Model | None, plan: Plan
) -> CalibrationResult:
    """The same without its display."""
    chosen.check(plan)
    problem = Problem(model, data, surrogate)
    if chosen.needs_parameters and not problem.parameters:
        raise ValueError(
            "the model has no parameters: every unknown is a pyro.sample site with a continuous prior. (What a network "
            "generates is calibrated by method='gradient'.)"
        )
    cut = cut_of(problem)
    if cut is not None:
        if not chosen.simulates:
            raise ValueError(
                f"method {chosen.name!r} has no posterior for other data, by which feedback is cut: choose 'npe' or "
                "another one that has."
            )
        problem = cut.problem
    chosen.check_settings(plan.settings, problem)
    check_counts(problem, plan.budget, plan.gate, plan.draws, plan.ensemble)
    rehearse(problem, plan.groups)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(plan.seed)
        if chosen.optimise is not None:
            found = chosen.optimise(problem, plan)
            found.tree.attrs["status"] = "optimised"  # whatever a method of a user's own says of itself
            return found
        assert chosen.learn is not None
        check_side_by_side(problem)
        batch = batch_size(problem.agents) if plan.batch is None else plan.batch
        with opened(plan.executor, plan.workers) as place:  # once for all stages
            stages = Stages(problem, replace(plan, executor=place), batch)
            return conclude(stages, chosen.name, chosen.learn(stages), cut)
