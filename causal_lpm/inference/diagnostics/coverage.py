"""Coverage: how often posterior intervals and regions hold the truth, against how often they should."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, finite, log_densities, names_of_parameters, ranks_among
from causal_lpm.inference.diagnostics.report import WARN_P, Gate, gate_of_test
from causal_lpm.inference.diagnostics.uniformity import uniform_of_ranks, uniformity

__all__ = [
    "coverage_curve",
    "expected_coverage_gate",
    "highest_density_levels",
    "interval_coverage",
    "interval_coverage_gate",
]

LEVELS = (0.5, 0.9)


def interval_coverage(ranks: npt.ArrayLike, draws: int, level: float) -> tuple[Floats, float]:
    """How often the central interval holds the truth, float64 `[d]`, and how often it should.

    The interval is made of whole draws, so what is nominal differs a little from `level` when draws are few.

    Args:
        ranks: `[n, d]` of 0..draws, from `sbc_ranks`.
        draws: how many posterior draws they were ranked among.
        level: of the interval, between 0 and 1.

    Raises:
        ValueError: a level or a rank outside its range.

    Example:
        >>> interval_coverage([[0], [30], [50], [99]], draws=99, level=0.5)
        (array([0.5]), 0.5)
    """
    if not 0 < level < 1:
        raise ValueError(f"level is {level}: an interval's level must be between 0 and 1, as 0.9.")
    whole = finite("ranks", ranks, 2, "[simulations, parameters]")
    uniform_of_ranks(whole, draws, 0)  # for its check
    below = round((draws + 1) * (1 - level) / 2)
    inside = (whole >= below) & (whole <= draws - below)
    return inside.mean(0), (draws + 1 - 2 * below) / (draws + 1)


def interval_coverage_gate(ranks: npt.ArrayLike, draws: int, names: Sequence[str] | None = None) -> Gate:
    """Fails if central 50% or 90% intervals of a parameter hold the truth too rarely or too often.

    Exact binomial tests, after Bonferroni over parameters and levels. Takes and raises what `interval_coverage` does.

    Example:
        >>> ranks = np.random.default_rng(1).integers(0, 100, (200, 3))
        >>> interval_coverage_gate(ranks, draws=99).verdict
        'pass'
    """
    from scipy.stats import binomtest  # costly to import, and only needed here

    whole = finite("ranks", ranks, 2, "[simulations, parameters]")
    labels = names_of_parameters(names, whole.shape[1])
    found = []
    for level in LEVELS:
        covered, nominal = interval_coverage(whole, draws, level)
        for label, share in zip(labels, covered, strict=True):
            p = binomtest(round(share * len(whole)), len(whole), nominal).pvalue
            found.append((float(p), float(nominal - share), level, label, float(share)))
    p, missing, level, label, share = min(found)
    p = min(1.0, p * len(found))
    finding = f"The {level:.0%} interval of {label} holds the truth in {share:.0%} of simulations"
    if p >= WARN_P:
        finding = (
            f"Intervals hold the truth as often as they say; farthest: the {level:.0%} interval of {label}, {share:.0%}"
        )
    next_step = _against(too_narrow=missing > 0)
    return gate_of_test("interval coverage", p, finding, next_step, len(whole))


def highest_density_levels(log_q_truth: npt.ArrayLike, log_q_draws: npt.ArrayLike, seed: int = 0) -> Floats:
    """The smallest highest-density region that holds the truth, as its level in [0, 1], float64 `[n]`.

    Uniform if the posterior is calibrated. Source: Hermans et al. 2022, "A crisis in simulation-based inference?"
    (arXiv:2110.06581).

    Args:
        log_q_truth: log posterior density of the truth, `[n]`; -infinity where the posterior excludes it.
        log_q_draws: log posterior density of S posterior draws, `[S, n]`, at the same data.
        seed: spreads each within the resolution that S draws give.

    Raises:
        ValueError: the shapes do not fit, or a value is NaN or infinity.
    """
    draws = log_densities("log_q_draws", log_q_draws, 2, "[draws, simulations]")
    truth = log_densities("log_q_truth", log_q_truth, 1, "[simulations]")
    if draws.shape[1] != truth.size:
        raise ValueError(
            f"log_q_draws are of {draws.shape[1]} simulations and log_q_truth of {truth.size}: give them of the same."
        )
    denser = len(draws) - ranks_among(draws, truth, seed)
    return uniform_of_ranks(denser, len(draws), seed + 1)


def coverage_curve(levels: npt.ArrayLike, at: npt.ArrayLike) -> Floats:
    """The expected coverage of regions of level `at`: the share of simulations whose own level is at most that.

    Args:
        levels: `[n]` from `highest_density_levels` or `tarp_levels`.
        at: nominal levels `[m]`.

    Returns:
        float64 `[m]`; on the diagonal if calibrated, below it if overconfident.

    Example:
        >>> coverage_curve([0.1, 0.2, 0.6, 0.9], at=[0.5, 1.0])
        array([0.5, 1. ])
    """
    curve: Floats = (np.asarray(levels)[:, None] <= np.asarray(at)[None, :]).mean(0)
    return curve


def expected_coverage_gate(log_q_truth: npt.ArrayLike, log_q_draws: npt.ArrayLike, seed: int = 0) -> Gate:
    """Fails if highest-density regions of the joint posterior hold the truth too rarely or too often.

    Takes and raises what `highest_density_levels` does.
    """
    levels = highest_density_levels(log_q_truth, log_q_draws, seed)
    test = uniformity(levels)
    half, ninety = coverage_curve(levels, LEVELS)
    finding = f"Joint 50% and 90% regions hold the truth in {half:.0%} and {ninety:.0%} of simulations"
    return gate_of_test("expected coverage", test.p, finding, _against(too_narrow=test.slope > 0), levels.size)


def _against(too_narrow: bool) -> str:
    if too_narrow:
        return "The posterior is too narrow or shifted: raise the budget or the ensemble."
    return "The posterior is too wide: raise the budget, add a second round, or give features that say more."
