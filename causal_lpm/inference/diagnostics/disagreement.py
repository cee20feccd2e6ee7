"""Ensemble disagreement: networks trained alike on the same simulations must tell much the same posterior."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, finite, names_of_parameters
from causal_lpm.inference.diagnostics.report import Gate, Verdict

__all__ = ["disagreement", "disagreement_gate"]

SPREAD = (0.3, 1.0)  # warns, fails: standard deviation of the members' means, in posterior standard deviations
RATIO = (1.5, 3.0)  # warns, fails: the widest member's standard deviation over the narrowest's


def disagreement(draws: npt.ArrayLike) -> tuple[Floats, Floats]:
    """How far the members of an ensemble differ at the observed data, two of float64 `[d]`.

    Args:
        draws: posterior draws of each member, `[member, S, d]`.

    Returns:
        The standard deviation of the members' means over the mean standard deviation of a member (root mean square),
        and the largest standard deviation of a member over the smallest.

    Raises:
        ValueError: fewer than 2 members or draws, or values that are not finite or do not vary.

    Example:
        >>> spread, ratio = disagreement([[[0.0], [2.0]], [[0.0], [4.0]]])
        >>> spread.round(2), ratio
        (array([0.45]), array([2.]))
    """
    values = finite("draws", draws, 3, "[members, draws, parameters]")
    if min(values.shape[:2]) < 2:
        raise ValueError(f"draws have shape {list(values.shape)}: give at least 2 members and 2 draws of each.")
    variance = values.var(1)
    if not (variance > 0).all():
        raise ValueError("a member's draws are all the same: its training has collapsed; train it again.")
    spread = values.mean(1).std(0, ddof=1) / np.sqrt(variance.mean(0))
    return spread, np.sqrt(variance.max(0) / variance.min(0))


def disagreement_gate(draws: npt.ArrayLike, names: Sequence[str] | None = None) -> Gate:
    """Fails if members' means spread by more than a posterior sd, or their sd by a factor of 3; warns at 0.3 and 1.5.

    At 1 the networks are as uncertain as the parameter. Its value is the larger of both measures, each over its
    threshold. Members that draw from the same posterior stay far below.

    Args:
        draws: posterior draws of each member, `[member, S, d]`.
        names: of the parameters.

    Raises:
        ValueError: as of `disagreement`.
    """
    spread, ratio = disagreement(draws)
    labels = names_of_parameters(names, spread.size)
    share = np.maximum(spread / SPREAD[1], ratio / RATIO[1])
    worst = int(share.argmax())
    warned = bool((spread > SPREAD[0]).any() or (ratio > RATIO[0]).any())
    verdict: Verdict = "fail" if share[worst] > 1 else "warn" if warned else "pass"
    sentence = (
        f"Members differ most in {labels[worst]}: means spread by {spread[worst]:.2f} posterior standard deviations, "
        f"the widest member is {ratio[worst]:.2f} times as wide as the narrowest."
    )
    step = "" if verdict == "pass" else "Raise the budget: the networks have not seen enough simulations near the data."
    return Gate("ensemble disagreement", verdict, float(share[worst]), 1.0, sentence, step)
