"""All gates of a calibration: on data sets whose truth is known, and on the data at hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.inference.diagnostics.blind_spots import blind_spots_gate
from causal_lpm.inference.diagnostics.coverage import (
    expected_coverage_gate,
    highest_density_levels,
    interval_coverage_gate,
)
from causal_lpm.inference.diagnostics.disagreement import disagreement_gate
from causal_lpm.inference.diagnostics.identifiability import identifiability_gate
from causal_lpm.inference.diagnostics.misspecification import misspecification_gate
from causal_lpm.inference.diagnostics.power_scaling import prior_sensitivity_gate
from causal_lpm.inference.diagnostics.predictive_checks import predictive_gate
from causal_lpm.inference.diagnostics.report import Gate
from causal_lpm.inference.diagnostics.sbc import sbc_gate, sbc_ranks
from causal_lpm.inference.diagnostics.tarp import tarp_gate, tarp_levels
from causal_lpm.inference.posteriors.features import SeriesFeatures
from causal_lpm.inference.posteriors.posterior import PosteriorGiven
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.series import numbers_of

__all__ = ["FAR_AWAY", "RANKED_AMONG", "KnownTruth", "data_gates", "known_truth", "left_out", "posterior_gates"]

RANKED_AMONG = 399  # posterior draws a truth is ranked among
MANY = 0.05  # share of draws or data sets that are left out
DIRECTIONS = 10  # principal components of the data that are compared with simulations

FAR_AWAY = "The networks have seen no simulations like these data: raise the budget, or widen the prior."

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class KnownTruth:
    """How a posterior does on simulated data sets.

    Attributes:
        gates: SBC, interval coverage, expected coverage (where there is a density), TARP; data sets that had no answer.
        arrays: `ranks` and `truth` `[simulation, parameter]`, `highest_density_level` and `tarp_level` `[simulation]`.
    """

    gates: tuple[Gate, ...]
    arrays: dict[str, Array]


def known_truth(problem: Problem, posterior: PosteriorGiven, z: Array, seed: int = 0) -> KnownTruth:
    """Asks the posterior for the parameters of data sets that were simulated with known ones.

    The posterior is that given n data sets, z `[n, size]` the truths that they were simulated with.
    """
    truth = torch.as_tensor(z, dtype=torch.float32)
    draws = posterior.sample(RANKED_AMONG, seed)
    answered = draws.isfinite().all(-1).all(0)
    asked = torch.cat([truth.unsqueeze(0), torch.where(answered[:, None], draws, 0.0)])
    density = posterior.log_prob(asked)
    if not bool(answered.any()):
        sentence = "The posterior has no finite draws for any simulated data set."
        return KnownTruth((Gate("answers", "fail", 1.0, MANY, sentence, FAR_AWAY),), {})
    draws, truth = draws[:, answered], truth[answered]
    drawn, true = draws.double().numpy(), truth.double().numpy()
    ranks = sbc_ranks(drawn, true, seed)
    gates = [
        sbc_gate(ranks, RANKED_AMONG, problem.names, seed),
        interval_coverage_gate(ranks, RANKED_AMONG, problem.names),
    ]
    arrays: dict[str, Array] = {"ranks": ranks, "truth": true, "tarp_level": tarp_levels(drawn, true, seed)}
    if density is not None:
        # A truth outside of a cut prior, or where a network overflows, is merely improbable.
        log_q = density[:, answered].double().nan_to_num(nan=-1e6).clamp(-1e6, 1e6).numpy()
        gates.append(expected_coverage_gate(log_q[0], log_q[1:], seed))
        arrays["highest_density_level"] = highest_density_levels(log_q[0], log_q[1:], seed)
    gates.append(tarp_gate(drawn, true, seed))
    gates += left_out("answers", "simulated data sets have no finite draws of the posterior", answered, FAR_AWAY)
    return KnownTruth(tuple(gates), arrays)


def left_out(name: str, what: str, kept: torch.Tensor, next_step: str) -> list[Gate]:
    """A gate of the share that was left out, bool `[n]`; none where all are there."""
    share = 1 - float(kept.double().mean())
    if not share:
        return []
    sentence = f"{int((~kept).sum())} of {len(kept)} {what}; they were left out."
    return [Gate(name, "fail" if share > MANY else "warn", share, MANY, sentence, next_step)]


def data_gates(
    problem: Problem,
    simulated: Mapping[str, Array],
    predicted: Mapping[str, Array],
    groups: Mapping[str, Sequence[str]] | None = None,
    without: Sequence[str] = (),
) -> tuple[Gate, ...]:
    """Whether the model can produce the data: under the prior, and under the posterior.

    `simulated` are those that the posterior was trained on, site -> `[n, *shape]`, and `predicted` those of its draws;
    sites `without` are no data of the world.
    """
    observed = numbers_of(problem.data)
    features = SeriesFeatures(problem)
    cloud = features(simulated).values.double().numpy()
    mine = features({name: values[None] for name, values in observed.items()}).values.double().numpy()
    left = {*without, *problem.tables}
    seen, real = ({name: sites[name] for name in sites if name not in left} for sites in (predicted, observed))
    for name in sorted(problem.tables.difference(without)):
        seen |= _margins(name, predicted[name], observed[name], first=1)
        real |= _margins(name, observed[name], observed[name], first=0)
    return misspecification_gate(*_principal(mine[0], cloud)), predictive_gate(seen, real, groups)


def _margins(name: str, table: Array, observed: Array, first: int) -> dict[str, Array]:
    """The sums of a table over all dimensions but one, for each, as series of one day; `first` are those of draws."""
    known = np.where(np.isnan(observed), 0.0, table)
    sums = {}
    for kept in range(first, table.ndim):
        others = tuple(axis for axis in range(first, table.ndim) if axis != kept)
        sums[f"{name}, dimension {kept - first}"] = known.sum(others)[..., None]
    return sums


def _principal(vector: Array, cloud: Array) -> tuple[Array, Array]:
    """The directions in which simulations differ most, and how far the rest is off: few numbers for many days."""
    if cloud.shape[1] <= DIRECTIONS:
        return vector, cloud
    centre = cloud.mean(0)
    spread = cloud.std(0)
    scale = np.where(spread > 0, spread, 1.0)
    rows, row = (cloud - centre) / scale, (vector - centre) / scale
    _, _, directions = np.linalg.svd(rows, full_matrices=False)
    main = directions[:DIRECTIONS].T

    def split(x: Array) -> Array:
        rest = x - x @ main @ main.T
        return np.concatenate([x @ main, np.log(np.linalg.norm(rest, axis=-1, keepdims=True) + 1e-9)], -1)

    return split(row[None])[0], split(rows)


def posterior_gates(
    problem: Problem,
    draws: torch.Tensor,
    members: torch.Tensor | None,
    seed: int = 0,
    elsewhere: Array | None = None,
    not_run: Sequence[str] = (),
) -> tuple[Gate, ...]:
    """Identifiability, prior sensitivity, disagreement of an ensemble, and what the data could not have shown.

    Args:
        problem: With the prior and the data.
        draws: Of the posterior, z `[draw, size]`.
        members: The same by member, `[member, draw, size]`, or None.
        seed: Of the draws of the prior.
        elsewhere: How much members differ at simulated data sets, `[n]`; None if that is not known.
        not_run: Checks that were left out, in words.
    """
    log_prior = problem.log_prior(draws).detach().double()
    inside = log_prior.isfinite()
    gates = left_out("prior support", "draws of the posterior have no density under the prior", inside, FAR_AWAY)
    prior = problem.draw(2000, seed).double().numpy()
    if int(inside.sum()) > 1:
        z = draws.double()[inside].numpy()
        gates.append(identifiability_gate(z, prior, problem.names))
        gates.append(prior_sensitivity_gate(z, log_prior[inside].numpy(), prior, problem.names))
        series = numbers_of(problem.data)
        tables, agents = problem.tables, problem.agents > 1
        gates.append(blind_spots_gate(z, prior, series, problem.names, not_run, tables, agents))
    if members is not None and len(members) > 1:
        finite = members.isfinite().all(-1).all(0)
        gates += left_out("members", "draws of the ensemble are not finite", finite, FAR_AWAY)
        if int(finite.sum()) > 1:
            gates.append(disagreement_gate(members[:, finite].double().numpy(), problem.names, elsewhere))
    return tuple(gates)
