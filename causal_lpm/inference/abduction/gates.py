"""What may speak against an abduction: few effective paths, filters that disagree, moves that drift, days far off."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from causal_lpm.inference.abduction.entries import place
from causal_lpm.inference.abduction.importance import Weighed
from causal_lpm.inference.abduction.rejuvenation import Rejuvenated
from causal_lpm.inference.abduction.resampling import effective_number
from causal_lpm.inference.diagnostics.convergence import khat_gate
from causal_lpm.inference.diagnostics.report import FAIL_P, WARN_P, Gate, Verdict, gate_of_measure
from causal_lpm.validate import known

__all__ = ["THRESHOLDS", "abduction_gates", "check_thresholds"]

THRESHOLDS: Mapping[str, tuple[float, float]] = {
    "effective filters": (20.0, 8.0),
    "noise of the filters": (1.0, 2.5),
    "early luck": (10.0, 4.0),
    "distance of the data": (4.0, 6.0),
}
"""Where each gate warns and fails."""

MORE = "Give more particles, or shorter windows; or start from a posterior that is nearer."
DRIFT_NEEDS = 8  # filters, below which a drift cannot be tested


def check_thresholds(thresholds: Mapping[str, tuple[float, float]]) -> None:
    """Raises ValueError for a gate that has none, and for what is not a pair."""
    for name, limits in thresholds.items():
        known("gate with thresholds", name, THRESHOLDS)
        if not isinstance(limits, Sequence) or len(limits) != 2:
            raise ValueError(f"the thresholds of gate {name!r} are {limits}: give where it warns, and where it fails.")


def abduction_gates(
    found: Weighed,
    noise: float,
    filters: torch.Tensor,
    moves: Rejuvenated,
    distances: Mapping[str, torch.Tensor],
    thresholds: Mapping[str, tuple[float, float]] | None = None,
) -> list[Gate]:
    """All gates.

    Args:
        found: Draws of the parameters with their filters.
        noise: Standard deviation of log p-hat over filters with the same parameters.
        filters: Of which each path is, int64 `[paths]`.
        moves: The paths before and after their moves.
        distances: Site -> distance of each number from the nearest path, in standard deviations.
        thresholds: Name of a gate -> where it warns and fails, in place of `THRESHOLDS`.
    """
    limits = {**THRESHOLDS, **(thresholds or {})}
    effective = found.effective
    gates = [
        gate_of_measure(
            "effective filters",
            effective,
            limits["effective filters"],
            f"The paths are those of {effective:.0f} effective filters out of {len(found.z)}.",
            f"Run more filters or rounds. {MORE}",
        ),
        gate_of_measure(
            "noise of the filters",
            noise,
            limits["noise of the filters"],
            f"Log p-hat has a standard deviation of {noise:.2f} over filters with the same parameters.",
            MORE,
        ),
    ]
    finite = found.log_weights[found.log_weights.isfinite()]
    if len(finite) >= 25:  # a tail of fewer weights cannot be fitted
        gates.append(khat_gate(finite.numpy()))
    gates.append(_early_luck(moves, limits["early luck"]))
    if bool((moves.changed > 0).any()):
        gates.append(_drift(filters, moves))
    gates.append(_near(distances, limits["distance of the data"]))
    return gates


def _early_luck(moves: Rejuvenated, limits: tuple[float, float]) -> Gate:
    """Of the first window, in which an epidemic takes off or not: how many lucks of equal share the paths have."""
    _, counts = np.unique(moves.seeds[:, 0].numpy(), axis=0, return_counts=True)
    effective = float(effective_number(torch.from_numpy(counts / counts.sum())))
    sentence = f"In the first window the paths have {effective:.0f} effective lucks; {float(moves.changed.mean()):.0%} "
    sentence += "of all seeds were moved."
    return gate_of_measure("early luck", effective, limits, sentence, "Run more filters, or more sweeps.")


def _drift(filters: torch.Tensor, moves: Rejuvenated) -> Gate:
    """Moves leave the posterior as it is: what they change must not have a direction, over independent filters."""
    from scipy.stats import t  # costly to import, and only needed here

    numbers = filters.unique()
    n = len(numbers)
    if n < DRIFT_NEEDS:
        sentence = f"The paths are of {n} filters, too few to see whether moves drift."
        return Gate("drift", "warn", float("nan"), FAIL_P, sentence, MORE)
    change = moves.after - moves.before
    sums = torch.stack([change[filters == number].sum(0) for number in numbers])
    sizes = torch.stack([(filters == number).double().sum() for number in numbers])
    mean = sums.sum(0) / sizes.sum()
    error = ((sums - sizes[:, None] * mean) ** 2).sum(0).sqrt() / sizes.sum() * (n / (n - 1)) ** 0.5
    moving = error > 0
    # Bonferroni, over log p and all series that differ between paths.
    p = [float(2 * t.sf(float(abs(m) / e), n - 1)) for m, e in zip(mean[moving], error[moving], strict=True)]
    least = min(1.0, len(p) * min(p, default=1.0))
    verdict: Verdict = "fail" if not least >= FAIL_P else "warn" if least < WARN_P else "pass"
    found = "The moves drift nowhere" if verdict == "pass" else "The moves change log p, or a total, in one direction"
    step = "" if verdict == "pass" else "Run more filters, or more sweeps."
    return Gate("drift", verdict, least, FAIL_P, f"{found} (p = {least:.2g}, {n} filters).", step)


def _near(distances: Mapping[str, torch.Tensor], limits: tuple[float, float]) -> Gate:
    worst, where = 0.0, "no number of the data"
    for name, each in distances.items():
        far = each.nan_to_num(nan=0.0, posinf=1e9)
        if float(far.max()) >= worst:
            worst = float(far.max())
            where = f"{name!r}{place(far == far.max())}"
    sentence = f"The number that all paths miss by most is {where}, by {worst:.1f} standard deviations in the nearest."
    return gate_of_measure(
        "distance of the data", worst, limits, sentence, "Look at that number, or let reports spread more in the model."
    )
