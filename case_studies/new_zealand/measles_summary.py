"""What the estimator is told of an outbreak: a summary of its reported weeks, and the district that is asked about."""

import torch
from torch import Tensor

from case_studies.new_zealand.measles_people import Candidates

__all__ = ["FEATURES", "summary"]

PARTS = 4
"""Into how many parts of about equal length the weeks are divided."""
LATE = 4
"""Weeks at the end that say whether an outbreak goes on."""
OF_EACH = (
    "log cases",
    *(f"log cases of part {part + 1}" for part in range(PARTS)),
    "log cases of the last weeks",
    "log cases of the largest week",
    "largest week",
    "first week",
    "weeks with cases",
)
FEATURES = (
    *(f"{name}, country" for name in OF_EACH),
    *(f"{name}, district" for name in OF_EACH),
    "cases in the district",
    "rank of the district",
    "log districts",
    "log of those of an age to be offered a dose in the district",
    "log cases a head in the district",
)
"""Names of the summary's numbers; weeks are shares of all weeks."""


def summary(reported: Tensor, asked: Tensor, country: Candidates) -> Tensor:
    """The summary of each outbreak, float32 `[outbreaks, features]`.

    Args:
        reported: Cases by district and week, `[outbreaks, districts, weeks]`.
        asked: District that is asked about, int64 `[outbreaks]`.
        country: How many people are of an age to be offered a dose there.
    """
    cases = reported.float()
    country_wide, own = cases.sum(1), cases[torch.arange(len(cases)), asked]
    by_district, total, of_own = cases.sum(2), country_wide.sum(1), own.sum(1)
    shares = by_district / total.clamp(min=1)[:, None]
    people = country.offered[asked].float()
    return torch.cat(
        [
            _series(country_wide),
            _series(own),
            torch.stack(
                [
                    of_own / total.clamp(min=1),
                    (by_district > of_own[:, None]).float().sum(1).log1p(),
                    -(shares.square().sum(1).clamp(min=1e-3)).log(),
                    people.log(),
                    ((of_own + 0.5) / people).log(),
                ],
                1,
            ),
        ],
        1,
    )


def _series(cases: Tensor) -> Tensor:
    """Of one series a row, `[outbreaks, weeks]`."""
    weeks = cases.shape[1]
    there = cases > 0
    parts = torch.stack([part.sum(1) for part in cases.tensor_split(PARTS, 1)], 1)
    first = torch.where(there.any(1), there.float().argmax(1), weeks)
    return torch.cat(
        [
            cases.sum(1, keepdim=True).log1p(),
            parts.log1p(),
            torch.stack(
                [
                    cases[:, -LATE:].sum(1).log1p(),
                    cases.max(1).values.log1p(),
                    cases.argmax(1) / weeks,
                    first / weeks,
                    there.float().mean(1),
                ],
                1,
            ),
        ],
        1,
    )
