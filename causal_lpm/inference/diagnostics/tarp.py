"""TARP: coverage of balls around random points, which needs draws only and sees the joint posterior."""

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, draws_and_truth, ranks_among
from causal_lpm.inference.diagnostics.report import Gate, gate_of_test
from causal_lpm.inference.diagnostics.uniformity import uniform_of_ranks, uniformity

__all__ = ["tarp_gate", "tarp_levels"]


def tarp_levels(draws: npt.ArrayLike, truth: npt.ArrayLike, seed: int = 0) -> Floats:
    """The share of draws that lie nearer to a random reference point than the truth does, float64 `[n]` in [0, 1].

    Uniform if the posterior is calibrated; `coverage_curve` of it is TARP's expected coverage. Each simulation has its
    own reference point, uniform in the box of all draws of all simulations, each parameter scaled by their sd. The box
    does not depend on the truth, so the levels of a calibrated posterior are exactly uniform.

    Source: Lemos, Coogan, Hezaveh, Perreault-Levasseur 2023 (arXiv:2302.03026).

    Takes and raises what `sbc_ranks` does; `seed` is of the reference points and of ties.
    """
    draws, truth = draws_and_truth(draws, truth)
    cloud = draws.reshape(-1, draws.shape[-1])
    low, high, scale = cloud.min(0), cloud.max(0), cloud.std(0)
    scale = np.where(scale > 0, scale, 1.0)
    reference = np.random.default_rng([seed, 1]).uniform(low, high, truth.shape)
    distance_of_draws = np.linalg.norm((draws - reference) / scale, axis=-1)
    distance_of_truth = np.linalg.norm((truth - reference) / scale, axis=-1)
    nearer = ranks_among(distance_of_draws, distance_of_truth, seed)
    return uniform_of_ranks(nearer, len(draws), seed + 1)


def tarp_gate(draws: npt.ArrayLike, truth: npt.ArrayLike, seed: int = 0) -> Gate:
    """Fails if the levels of `tarp_levels`, which takes and raises the same, are not uniform."""
    levels = np.sort(tarp_levels(draws, truth, seed))
    steps = np.arange(levels.size + 1) / levels.size
    deviation = float(np.maximum(steps[1:] - levels, levels - steps[:-1]).max())
    finding = f"Coverage of balls around random points is at most {deviation:.0%} off"
    next_step = (
        "The joint posterior is off: raise the budget; where interval coverage passes, look at how parameters depend "
        "on each other."
    )
    return gate_of_test("tarp", uniformity(levels).p, finding, next_step, levels.size)
