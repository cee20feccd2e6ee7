"""How often people die and give birth, by age."""

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import torch

from causal_lpm import validate

__all__ = ["OLDEST", "YEAR", "VitalRates"]

YEAR = 365.25
"""Days in a year."""

OLDEST = 120
"""Years; whoever is older has the rates of this age."""


@dataclass(frozen=True)
class VitalRates:
    """Deaths per person and year, and births per woman and year, by age.

    Args:
        ages: First age of each group in years, ascending whole numbers from 0; the last group is open.
        mortality: Deaths per person and year in each group; 1 - exp(-rate) of a group die in a year.
        fertility: Births per woman and year in each group.

    Raises:
        ValueError: ages that do not ascend from 0 or end beyond 120, a rate that is negative or not finite, or not one
            rate an age group.

    >>> rates = VitalRates(ages=(0, 15, 50), mortality=(0.001, 0.002, 0.02), fertility=(0.0, 0.08, 0.0))
    >>> rates.deaths_by_age[[14, 15, 99]]
    tensor([0.0010, 0.0020, 0.0200])
    """

    ages: Sequence[int]
    mortality: Sequence[float]
    fertility: Sequence[float]

    def __post_init__(self) -> None:
        ages = [validate.whole_number("an age of the vital rates", age, low=0, high=OLDEST) for age in self.ages]
        if not ages or ages[0] != 0 or any(later <= age for age, later in itertools.pairwise(ages)):
            raise ValueError(f"the ages of the vital rates are {tuple(ages)}: give ascending whole years from 0.")
        for what, rates in (("mortality", self.mortality), ("fertility", self.fertility)):
            if len(rates) != len(ages):
                raise ValueError(f"{len(ages)} ages have {len(rates)} rates of {what}: give each age group one rate.")
            for age, rate in zip(ages, rates, strict=True):
                if not 0 <= rate < math.inf:
                    raise ValueError(f"the {what} at age {age} is {rate}: give a rate a year of at least 0.")

    @classmethod
    def of(cls, country: str) -> Self:
        """The rates of a country in the packaged table of the United Nations: mortality of 2020-25, fertility of 2023.

        The years of mortality hold the pandemic: deaths are up to 10% above those of 2023.

        Args:
            country: ISO 3166 code of three letters, such as "NZL".

        Raises:
            ValueError: a country that is not in the table.

        Source: UN World Population Prospects 2024 (CC BY 3.0 IGO).

        >>> round(sum(VitalRates.of("NZL").births_by_age.tolist()), 2)  # births in a woman's life
        1.67
        """
        from causal_lpm import data

        table = data.read("vital_rates_wpp_countries.csv")
        validate.known("country", country, sorted(set(table["iso3"])))
        rows = table[table["iso3"] == country].sort_values("age")
        return cls(*(tuple(rows[column].tolist()) for column in ("age", "mortality", "fertility")))

    @property
    def deaths_by_age(self) -> torch.Tensor:
        """Deaths per person and year at each age from 0 to 120, float32 `[121]`."""
        return self._by_age(self.mortality)

    @property
    def births_by_age(self) -> torch.Tensor:
        """Births per woman and year at each age from 0 to 120, float32 `[121]`."""
        return self._by_age(self.fertility)

    def _by_age(self, rates: Sequence[float]) -> torch.Tensor:
        group = torch.searchsorted(torch.tensor(self.ages), torch.arange(OLDEST + 1), right=True) - 1
        return torch.tensor(rates, dtype=torch.float32)[group]
