"""How likely each person is to be immune to measles, by age, ethnicity and district.

Coverage by age and district at once is published nowhere. So the level of each birth cohort is that of the country, and
ethnicities and districts differ by odds ratios that are the same for all ages: those of vaccinated Maori to others, and
those of children of 18 months. Each cohort's level is kept on average over the people who are there. What the tables do
not know of a district is a parameter of the model (`district_gap` in `measles_parameters.py`).
"""

from collections.abc import Mapping

import torch

from case_studies.new_zealand.measles_inputs import COHORTS, COVERAGE_AT_18_MONTHS, ETHNICITY, WHOLE, YEAR
from causal_lpm.agents import Population
from causal_lpm.inference import known

__all__ = ["immunity"]

Tensor = torch.Tensor
WIDEST = 30.0
"""Log odds between which the level of a cohort is looked for."""


def immunity(people: Population) -> Tensor:
    """The probability of each person to be immune at the prior's centre, float64 `[agents]`.

    Args:
        people: With `age` in years, and the classes `ethnicity` and `district`.

    Raises:
        ValueError: an ethnicity that the table does not have; a population of such ages that no level of those born
            1969-1981 makes the whole as immune as it is known to be.

    >>> one = {"age": torch.tensor([1, 1, 60]), "ethnicity": torch.tensor([0, 1, 0]), "district": torch.zeros(3).long()}
    >>> names = {"ethnicity": ("Maori", "Asian"), "district": ("Northland",)}
    >>> immunity(Population(one, names)).numpy().round(2)
    array([0.59, 0.81, 1.  ])
    """
    log_odds = _log_odds(people)
    born = YEAR - people["age"].long()
    result = torch.zeros(people.size, dtype=torch.float64)
    rest = None
    for first, last, share in COHORTS:
        there = (born >= first) & (born <= last)
        if share is None:
            rest = there
        elif share == 1.0:
            result[there] = 1.0
        elif bool(there.any()):
            result[there] = _levelled(log_odds[there], share)
    if rest is not None and bool(rest.any()):
        left = (WHOLE * people.size - float(result.sum())) / int(rest.sum())
        if not 0 < left < 1:
            raise ValueError(
                f"those born 1969-1981 would have to be {left:.0%} immune for {WHOLE:.0%} of this population to be: "
                "give people of the ages of New Zealand."
            )
        result[rest] = _levelled(log_odds[rest], left)
    return result


def _log_odds(people: Population) -> Tensor:
    """By which the ethnicity and the district of each person differ from the average, float64 `[agents]`."""
    for name in people.labels["ethnicity"]:
        known("ethnicity", name, ETHNICITY)
    return _entries(people, "ethnicity", ETHNICITY) + _entries(people, "district", COVERAGE_AT_18_MONTHS)


def _entries(people: Population, column: str, shares: Mapping[str, float]) -> Tensor:
    """Log odds of each person's class, less their mean over the classes; 0 where nothing is known."""
    odds = {name: torch.tensor(share, dtype=torch.float64).logit() for name, share in shares.items()}
    mean = torch.stack(list(odds.values())).mean()
    table = torch.stack([odds.get(name, mean) - mean for name in people.labels[column]])
    return table[people[column].long()]


def _levelled(log_odds: Tensor, share: float) -> Tensor:
    """Probabilities with these differences of log odds whose mean is the share, by bisection."""
    low, high = -WIDEST, WIDEST
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (low, middle) if float((log_odds + middle).sigmoid().mean()) > share else (middle, high)
    return (log_odds + low).sigmoid()
