"""Who leaves the population and who comes into it: emigrants leave empty places, immigrants fill them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch

from causal_lpm import validate
from causal_lpm.agents.columns import shortly
from causal_lpm.agents.demography import Demography
from causal_lpm.agents.naming import named
from causal_lpm.agents.places import fill
from causal_lpm.agents.vital_rates import OLDEST, YEAR
from causal_lpm.ops.events import event
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.looking import check, found
from causal_lpm.ops.number_types import single_precision
from causal_lpm.ops.step import step_length
from causal_lpm.typing import State

__all__ = ["Migrants", "Migration"]


class Migrants(NamedTuple):
    """Who left and who came in a step, bool `[*dims, places]` each."""

    left: torch.Tensor
    came: torch.Tensor


@dataclass(frozen=True, eq=False)
class Migration:
    """Emigration at a rate, immigration of a number a year, into the places of a `Demography`.

    Whole numbers of people come: fractions add up from step to step. They take places that are empty after the births
    and deaths of the step.

    Args:
        demography: Whose places they are.
        ages: Share of immigrants in each age group, by its first age in years; within a group, ages are equally likely,
            and the last group ends five years after its first age.
        name: Stands before the noise: one name a kind of migration.

    Raises:
        ValueError: shares that do not sum to 1, ages that do not ascend or lie outside 0 to 115.

    >>> from causal_lpm import KeyedNoise
    >>> from causal_lpm.agents import Population, VitalRates, with_places
    >>> demography = Demography(VitalRates((0,), (0.0,), (0.0,)))
    >>> migration = Migration(demography, {20: 0.7, 40: 0.3})
    >>> people = with_places(Population({"age": torch.full((10,), 30)}), capacity=20)
    >>> with KeyedNoise(1):
    ...     s = {**demography.start(people), "t": torch.tensor(0.0)}
    ...     changed, migrants = migration.day(s, immigrants_a_year=3 * 365.25)
    >>> int(migrants.came.sum()), int(changed["alive"].sum())
    (3, 13)
    """

    demography: Demography
    ages: Mapping[int, float]
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        validate.marginal("age of immigrants", {str(age): share for age, share in self.ages.items()})
        first = [validate.whole_number("an age of immigrants", age, 0, OLDEST - 5) for age in self.ages]
        if first != sorted(set(first)):
            raise ValueError(f"the ages of immigrants are {tuple(first)}: give them in ascending order.")

    def day(
        self, s: State, immigrants_a_year: Any, emigration: Any = 0.0, by_group: torch.Tensor | None = None
    ) -> tuple[State, Migrants]:
        """One step of migration, after the births and deaths of the step.

        Args:
            s: State with `t` and the entries of the demography.
            immigrants_a_year: A number, or `[*dims, 1]` such as a policy; with `by_group` that of all groups.
            emigration: Share a year of those present who leave, as a rate: a number, `[*dims, 1]` or `[*dims, places]`,
                such as rates looked up by age.
            by_group: Share of the immigrants in each group of the demography, `[groups]`; None: they take places
                anywhere.

        Returns:
            The changed entries, and who left and came.

        Raises:
            ValueError: more immigrants than empty places, a negative number or rate, groups that the demography does
                not have.
        """
        name, agents = self.demography.name, s[named(self.demography.name, "alive")].shape[-1]
        alive, birth_day = s[named(name, "alive")], s[named(name, "birth_day")]
        rate = single_precision("emigration", emigration) / YEAR
        left = event(named(self.name, "emigration"), rate, where=alive)
        wanted = self._arriving(s["t"], immigrants_a_year)
        by, groups = (None, None) if by_group is None else (self.demography.by, self.demography.groups)
        if by_group is not None:
            if groups is None or by_group.shape != (groups,):
                raise ValueError(
                    f"immigrants are spread over groups of shape {tuple(by_group.shape)} and births over "
                    f"{groups or 1}: give the demography by= and groups=, and each group a share."
                )
            # Largest remainders would move people between groups as numbers grow; cut-offs of a running sum do not.
            upper = torch.cat([torch.zeros(1), (by_group.double().cumsum(0) / by_group.double().sum())])
            wanted = (wanted * upper).floor().diff(dim=-1)
        came = fill(named(self.name, "immigrant_place"), ~alive, wanted.long(), by, groups)
        newcomers = found(came)
        luck = exogenous(named(self.name, "immigrant_age"), agents, "uniform")
        days = (self._age(newcomers.of(luck.expand(came.shape)).double()) * YEAR).floor()
        birth_day = newcomers.put(birth_day, s["t"].floor() - days)
        return {named(name, "alive"): (alive & ~left) | came, named(name, "birth_day"): birth_day}, Migrants(left, came)

    @staticmethod
    def _arriving(t: torch.Tensor, a_year: Any) -> torch.Tensor:
        """Whole immigrants in this step, int64 `[*dims, 1]`."""
        number = torch.atleast_1d(single_precision("immigrants_a_year", a_year)).double() / YEAR
        check(
            (number,),
            lambda: bool(((number >= 0) & number.isfinite()).all()),
            lambda: f"the immigrants a year are {shortly(number * YEAR)}: give 0 or more.",
        )
        before: torch.Tensor = (t * number + 1e-6).floor()
        until: torch.Tensor = ((t + step_length()) * number + 1e-6).floor()
        return (until - before).long()

    def _age(self, u: torch.Tensor) -> torch.Tensor:
        """Ages in years, from uniforms."""
        first = torch.tensor(list(self.ages), dtype=torch.float64, device=u.device)
        last = torch.cat([first[1:], first[-1:] + 5])
        share = torch.tensor(list(self.ages.values()), dtype=torch.float64, device=u.device)
        upper = (share.cumsum(0) / share.sum()).clamp(max=1.0)
        group = torch.searchsorted(upper, u, right=True).clamp(max=len(first) - 1)
        within = (u - (upper[group] - share[group] / share.sum())) / (share[group] / share.sum()).clamp(min=1e-12)
        return first[group] + within.clamp(0, 1) * (last - first)[group]
