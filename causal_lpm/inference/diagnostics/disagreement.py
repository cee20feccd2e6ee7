"""Ensemble disagreement: networks trained alike on the same simulations must tell much the same posterior."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, finite, names_of_parameters
from causal_lpm.inference.diagnostics.report import Gate, Verdict

__all__ = ["disagreement", "disagreement_gate", "disagreements"]

SPREAD = (0.3, 1.0)  # may warn, fails: standard deviation of the members' means, in posterior standard deviations
RATIO = (1.5, 3.0)  # may warn, fails: the widest member's standard deviation over the narrowest's
RARE = 0.025  # share of simulated data sets at which members differ more, below which it warns
FEWEST = 100  # simulated data sets that can tell


def disagreement(draws: npt.ArrayLike) -> tuple[Floats, Floats]:
    """How far the members of an ensemble differ at the observed data, two of float64 `[d]`.

    Args:
        draws: posterior draws of each member, `[member, S, d]`.

    Returns:
        The standard deviation of the members' means over the mean standard deviation of a member (root mean square),
        and the largest standard deviation of a member over the smallest.

    Raises:
        ValueError: fewer than 2 members or draws, or values that are not finite.

    Example:
        >>> spread, ratio = disagreement([[[0.0], [2.0]], [[0.0], [4.0]]])
        >>> spread.round(2), ratio
        (array([0.45]), array([2.]))
    """
    return _measures(_checked(draws))


def _checked(draws: npt.ArrayLike) -> Floats:
    values = finite("draws", draws, 3, "[members, draws, parameters]")
    if min(values.shape[:2]) < 2:
        raise ValueError(f"draws have shape {list(values.shape)}: give at least 2 members and 2 draws of each.")
    return values


def _measures(values: Floats) -> tuple[Floats, Floats]:
    """Spread and ratio of `[members, draws, ...]`, each `[...]`; infinite where a member's draws are all the same."""
    variance = values.var(1)
    within, narrowest = variance.mean(0), variance.min(0)
    apart = values.mean(1).std(0, ddof=1)
    spread = np.divide(apart, np.sqrt(within), out=np.full_like(apart, np.inf), where=within > 0)
    ratio = np.divide(variance.max(0), narrowest, out=np.full_like(apart, np.inf), where=narrowest > 0)
    return spread, np.sqrt(ratio)


def disagreements(draws: npt.ArrayLike) -> Floats:
    """What the gate measures, at each of n data sets: float64 `[n]`, infinite where a member has collapsed.

    Args:
        draws: posterior draws of each member at each data set, `[member, S, n, d]`, as many as of the observed data.

    Raises:
        ValueError: another shape, or values that are not finite.
    """
    spread, ratio = _measures(finite("draws", draws, 4, "[members, draws, data sets, parameters]"))
    worst: Floats = np.maximum(spread / SPREAD[1], ratio / RATIO[1]).max(-1)
    return worst


def disagreement_gate(
    draws: npt.ArrayLike, names: Sequence[str] | None = None, elsewhere: npt.ArrayLike | None = None
) -> Gate:
    """Fails if members' means spread by more than a posterior sd, or their sd by a factor of 3.

    At 1 the networks are as uncertain as the parameter. Its value is the larger of both measures, each over its
    threshold. It warns above 0.3 and 1.5 where members also differ more than at 97.5% of simulated data sets: networks
    of few simulations differ somewhat everywhere, in right worlds too, and what they are worth the coverage says.
    Takes and raises what `disagreement` does; `elsewhere` are the `disagreements` at simulated data sets, `[n]`, and
    with fewer than 100 it does not warn.
    """
    spread, ratio = disagreement(draws)
    labels = names_of_parameters(names, spread.size)
    share = np.maximum(spread / SPREAD[1], ratio / RATIO[1])
    worst = int(share.argmax())
    sentence = (
        f"Members differ most in {labels[worst]}: means spread by {spread[worst]:.2f} posterior standard deviations, "
        f"the widest member is {ratio[worst]:.2f} times as wide as the narrowest."
    )
    if not np.isfinite(share[worst]):
        sentence = f"The draws of a member are all the same in {labels[worst]}: its training has collapsed."
    rare = False
    others = np.asarray([] if elsewhere is None else elsewhere, dtype=np.float64)
    if others.size >= FEWEST:
        more = float((1 + (others >= share[worst]).sum()) / (1 + others.size))
        sentence += f" They differ as much at {more:.0%} of simulated data sets."
        rare = more < RARE and bool((spread > SPREAD[0]).any() or (ratio > RATIO[0]).any())
    verdict: Verdict = "fail" if share[worst] > 1 else "warn" if rare else "pass"
    step = "" if verdict == "pass" else "Raise the budget: the networks have not seen enough simulations near the data."
    return Gate("ensemble disagreement", verdict, float(share[worst]), 1.0, sentence, step)
