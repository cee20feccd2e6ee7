"""Outbreaks whose truth is known: whether intervals hold what more coverage would have averted with the same luck."""

from typing import Any

import torch
from torch import Tensor

from case_studies.new_zealand.measles_effects import Estimator
from case_studies.new_zealand.measles_outbreaks import Outbreaks
from case_studies.new_zealand.measles_question import EFFECTS
from case_studies.page import four_digits

__all__ = ["compared", "rows"]

ENDS = torch.tensor([0.05, 0.95], dtype=torch.float64)


def intervals(draws: Tensor) -> Tensor:
    """5% and 95% of whole draws, `[draws, outbreaks, effects]` -> `[2, outbreaks, effects]`."""
    return draws.quantile(ENDS, 0, interpolation="nearest")


def rows(found: Estimator, known: Outbreaks, seed: int) -> list[dict[str, Any]]:
    """Each outbreak with what was reported, the true effects, and what is said of them."""
    draws = found.averted(known, seed)
    (low, high), middle = intervals(draws), draws.median(0).values
    return [
        {
            "reported": int(known.reported[at].sum()),
            "infections": int(known.infections[at, 0]),
            "district": found.country.districts[int(known.asked[at])],
            **{
                name: {
                    "truth": int(known.averted[at, which]),
                    "median": int(middle[at, which]),
                    "low": int(low[at, which]),
                    "high": int(high[at, which]),
                }
                for which, name in enumerate(EFFECTS)
            },
        }
        for at in range(len(known))
    ]


def compared(found: Estimator, trained: Outbreaks, unseen: Outbreaks, seed: int) -> dict[str, dict[str, float]]:
    """How good the statements are on outbreaks that the estimator has not seen, beside those that ignore the weeks.

    Args:
        found: The estimator.
        trained: The outbreaks that it was trained on, whose effects are what is known without the weeks of one.
        unseen: Other ones.
        seed: Of the draws.

    Returns:
        Effect -> share of truths that the 90% interval `holds`, its `width` on average, the mean `error` of the median;
        the same `without weeks`: the share averted of all outbreaks times the infections that the reports let expect;
        and how many outbreaks have an effect at all, `not 0`.
    """
    draws, truth = found.averted(unseen, seed), unseen.averted.double()
    shares = (trained.averted.double() / trained.infections[:, :1]).unsqueeze(1)
    factor = (trained.infections[:, 0].sum() / trained.reported.sum()).double()
    blind = (shares * (unseen.reported.sum((1, 2)) * factor)[None, :, None]).round()
    result = {}
    for which, name in enumerate(EFFECTS):
        own, other = (_score(each[..., which], truth[:, which]) for each in (draws, blind))
        result[name] = {
            **own,
            **{f"{key} without weeks": value for key, value in other.items()},
            "not 0": int((truth[:, which] != 0).sum()),
            "outbreaks": len(unseen),
        }
    return result


def _score(draws: Tensor, truth: Tensor) -> dict[str, float]:
    """Of `[draws, outbreaks]`."""
    low, high = intervals(draws)
    return {
        "holds": four_digits(float(((low <= truth) & (truth <= high)).double().mean())),
        "width": four_digits(float((high - low).mean())),
        "error": four_digits(float((draws.median(0).values - truth).abs().mean())),
    }
