"""What is said of one outbreak, by district with most cases and for those born 1982-2005."""

from typing import Any

from torch import Tensor

from case_studies.new_zealand.measles_effects import Estimator, as_one
from case_studies.new_zealand.measles_known_truths import intervals
from case_studies.new_zealand.measles_question import EFFECTS, POINTS

__all__ = ["answers"]

SHOWN = 5
"""Districts, those with most cases."""


def answers(found: Estimator, reported: Tensor, seed: int) -> list[dict[str, Any]]:
    """Infections averted by five points more coverage, each with its 90% interval and the doses that it takes.

    Args:
        found: The estimator.
        reported: Cases by district and week, `[districts, weeks]`.
        seed: Of the draws.
    """
    by_district = reported.sum(1)
    order = by_district.argsort(descending=True, stable=True)[:SHOWN].tolist()
    asked = [number for number in order if int(by_district[number]) > 0]
    draws = found.averted(as_one(reported, asked), seed)
    (low, high), middle = intervals(draws), draws.median(0).values
    people = found.country.offered
    told = [
        (found.country.districts[number], int(by_district[number]), int(people[number]), at, 0)
        for at, number in enumerate(asked)
    ]
    told.append((EFFECTS[1], int(by_district.sum()), found.country.cohort, 0, 1))
    return [
        {
            "coverage": where,
            "reported": cases,
            "doses": round(POINTS * who),
            "median": int(middle[at, which]),
            "low": int(low[at, which]),
            "high": int(high[at, which]),
        }
        for where, cases, who, at, which in told
    ]
