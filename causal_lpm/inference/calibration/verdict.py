"""From a posterior to a result: predictions, gates, and the tree."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.inference.calibration.cut import Cut, CutGiven
from causal_lpm.inference.calibration.gates import (
    FAR_AWAY,
    RANKED_AMONG,
    KnownTruth,
    data_gates,
    known_truth,
    left_out,
    posterior_gates,
)
from causal_lpm.inference.calibration.learners import Learned
from causal_lpm.inference.calibration.plan import Plan
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.calibration.stages import Stages
from causal_lpm.inference.diagnostics.disagreement import disagreements
from causal_lpm.inference.diagnostics.report import Gate, Report
from causal_lpm.inference.policies.counted import counted_by
from causal_lpm.inference.posteriors.posterior import Draws, HasMembers, HasNuisances, PosteriorGiven, as_trained
from causal_lpm.inference.program.labels import arrays, coords_of, dates_of, labels_of, nuisances_of, scales_of
from causal_lpm.inference.program.pointwise import pointwise_likelihood
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.series import numbers_of
from causal_lpm.inference.results.calibration_tree import About, TreeLabels, build_tree
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["conclude", "rehearse"]

_LOG = logging.getLogger("causal_lpm")

Array = npt.NDArray[Any]

PREDICTIVE = 200  # draws that are simulated for the posterior predictive
MEMBER_DRAWS = 500
ENOUGH = 200  # simulations of the gates
TOO_MANY = 0.05  # share of simulations that failed


def rehearse(problem: Problem, groups: Mapping[str, Any] | None) -> None:
    """Builds a tree of two draws of the prior: what does not fit together is found before anything runs.

    Raises:
        ValueError: as of `build_tree`; groups of an unknown site.
    """
    groups = labels_of(problem, groups)
    series = numbers_of(problem.data)
    build_tree(
        About("", "uncalibrated", 0, 0, 0),
        arrays(problem.constrain(problem.draw(2, 0))) or {"network": np.zeros(2)},  # for what it will generate
        posterior_predictive={name: np.zeros((2, *values.shape)) for name, values in series.items()},
        observed_data=series,
        labels=TreeLabels(coords=coords_of(problem), groups=groups, dates=dates_of(problem), tables=problem.tables),
    )


def conclude(stages: Stages, method: str, learned: Learned, cut: Cut | None = None) -> CalibrationResult:
    """The result of what a method of this name has learned: draws, predictions of further stages, and gates.

    With `cut`, draws are of the cut distribution, and each keeps the draw of what is cut that it belongs to.
    """
    problem, plan, observed = stages.problem, stages.plan, stages.observed
    groups, seed, focus, used = labels_of(problem, plan.groups), plan.seed, learned.focus, learned.used
    given: PosteriorGiven = learned.posterior.given(observed)
    if cut is not None:
        given = CutGiven(cut, learned.posterior, observed)
    informed = isinstance(given, HasNuisances)
    own = given.completed(plan.draws, seed) if isinstance(given, HasNuisances) else _completed(problem, given, plan)
    finite = own.z[:, : problem.size].isfinite().all(-1)
    if int(finite.sum()) < 2:
        raise RuntimeError(f"the posterior of the data has no finite draws. {FAR_AWAY}")
    whole = own.z[finite]
    z = whole[:, : problem.size]
    members = given.sample_members(MEMBER_DRAWS, seed)[:, :, 0] if isinstance(given, HasMembers) else None
    truth, elsewhere = KnownTruth((), {}), None
    if plan.gate:
        true, data = stages.simulate("second gate" if focus is not None else "gate", plan.gate, focus).successful()
        trained = as_trained(learned.posterior).given(data)
        truth = known_truth(problem, trained, true, seed)
        if isinstance(trained, HasMembers) and members is not None and len(members) > 1:
            elsewhere = _disagreements(trained, seed)
    copies = () if cut is None else cut.copies
    lost = left_out("finite draws", "draws of the posterior are not finite", finite, FAR_AWAY)
    each = max(PREDICTIVE // own.chains, 1)  # of each chain
    first = torch.arange(len(z)).reshape(own.chains, -1)[:, :each].flatten()
    predicted = stages.predict(whole[first].double().numpy())
    report = Report(
        (
            *truth.gates,
            *data_gates(problem, used.successful()[1], predicted.successful()[1], groups, copies),
            *posterior_gates(problem, z, members, seed, elsewhere, _not_run(truth, members)),
            *given.gates(plan.draws, seed),
            *lost,
            *(() if problem.weighed is None else problem.weighed.gates()),
            *_counts(plan.gate, stages, exact=own.exact),
        )
    )
    if report.banner:
        _LOG.warning(report.banner)
    prior = problem.draw(plan.draws, replicate_seed(seed, 9))
    tree = build_tree(
        About(method, report.status, seed, plan.budget, stages.made, stages.failed),
        arrays(problem.constrain(z)),
        log_prior={"log_prior": problem.log_prior(z).detach().double().numpy()},
        sample_stats=own.statistics,
        prior=arrays(problem.constrain(prior)),
        posterior_predictive=_without(predicted.data, copies),
        log_likelihood=_without(pointwise_likelihood(problem, z), copies) if own.exact else None,
        prior_predictive=_without((stages.prior or used).successful()[1], copies),
        observed_data=_without(numbers_of(problem.data), copies),
        terms=numbers_of(problem.terms),
        nuisances=arrays(nuisances_of(problem, whole, all_of_them=informed)),
        chains=own.chains,
        prior_sbc=truth.arrays or None,
        sbc_draws=RANKED_AMONG,
        labels=TreeLabels(
            coords=coords_of(problem),
            groups=groups,
            dates=dates_of(problem),
            scales=scales_of(problem),
            units={name: unit for name, unit in counted_by(problem.model).items() if name in problem.data},
            elements=problem.names,
            tables=problem.tables,
        ),
        diagnostics=report.to_dataset(),
    )
    return CalibrationResult(tree, report, problem, learned.posterior, model=None if cut is None else cut.model)


def _without(sites: Mapping[str, Array], names: Sequence[str]) -> dict[str, Array]:
    return {name: values for name, values in sites.items() if name not in names}


def _disagreements(posterior: HasMembers, seed: int) -> Array:
    """How much members differ at each simulated data set, where all their draws are finite."""
    drawn = posterior.sample_members(MEMBER_DRAWS, seed).double().numpy()
    drawn = drawn[:, :, np.isfinite(drawn).all((0, 1, 3))]
    return disagreements(drawn) if drawn.size else np.zeros(0)


def _not_run(truth: KnownTruth, members: Any) -> tuple[str, ...]:
    """Checks that this calibration has left out, as things that it could not have shown."""
    found = []
    if not truth.arrays:
        found.append("whether the posterior is right for the model (no simulations with known truth)")
    elif "highest_density_level" not in truth.arrays:
        found.append("whether joint regions of highest density hold the truth (the posterior has no density)")
    if members is not None and len(members) == 1:
        found.append("whether networks that are trained alike agree (the ensemble has one)")
    return tuple(found)


def _completed(problem: Problem, given: PosteriorGiven, plan: Plan) -> Draws:
    """Draws of parameters, with nuisances as the prior has them; what is not finite stays so."""
    z = given.sample(plan.draws, plan.seed)[:, 0]
    finite = z.isfinite().all(-1)
    density = given.log_prob(z[finite].unsqueeze(1)) if bool(finite.any()) else None
    whole = problem.completed(torch.where(finite[:, None], z, 0.0), plan.seed)
    whole[~finite] = torch.nan
    return Draws(whole, statistics=None if density is None else {"log_q": density[:, 0].double().numpy()})


def _counts(gate: int, stages: Stages, exact: bool) -> tuple[Gate, ...]:
    """Whether there were enough simulations with known truth, and whether too many of all failed.

    A posterior that is learned may be wrong in ways that these alone show. Chains of a known density are wrong where
    they have not converged, for which they have gates of their own; without known truths they are warned of.
    """
    found = []
    if gate < ENOUGH:
        sentence = f"{gate} simulations with known truth cannot tell whether the posterior is right."
        step = f"Call fit with gate={ENOUGH} or more."
        found.append(Gate("size of the check", "warn" if exact else "fail", gate, ENOUGH, sentence, step))
    if stages.failed:
        share = stages.failed / stages.made
        sentence = f"{stages.failed} of {stages.made} simulations failed: the prior is in effect one without them."
        step = "Look at the first failure in the log, and mend the model or keep the prior away from there."
        found.append(
            Gate("failed simulations", "fail" if share > TOO_MANY else "warn", share, TOO_MANY, sentence, step)
        )
    return tuple(found)
