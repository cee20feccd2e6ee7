"""Births, deaths and ageing: places of the dead are empty until somebody is born into them.

places = with_places(people, capacity=120_000)
demography = Demography(VitalRates.of("NZL"))
state = start(places, **demography.start(places, days=730))

def day(s):
    changed, vital = demography.day(s)
    s = {**s, **changed}
    s = s | renew(s, vital.born, {"stage": SUSCEPTIBLE})
    ...
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import torch

from causal_lpm import validate
from causal_lpm.agents.columns import flags, whole_numbers
from causal_lpm.agents.naming import named
from causal_lpm.agents.places import fill, how_many
from causal_lpm.agents.population import Population
from causal_lpm.agents.vital_rates import OLDEST, YEAR, VitalRates
from causal_lpm.ops.events import event
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.look_up import look_up
from causal_lpm.ops.number_types import single_precision
from causal_lpm.ops.population import sum_over_ranges
from causal_lpm.ops.simulation import once
from causal_lpm.typing import State

__all__ = ["Demography", "Vital"]


class Vital(NamedTuple):
    """Who died and was born in a step, bool `[*dims, places]` each.

    Attributes:
        died: The places that fell empty.
        born: The places that were filled.
        mothers: Who gave birth.
        group: The group of each place within which births fill places, int64 `[places]`, or None.
    """

    died: torch.Tensor
    born: torch.Tensor
    mothers: torch.Tensor
    group: torch.Tensor | None = None

    def of_mothers(self, x: torch.Tensor) -> torch.Tensor:
        """`x` with the value of the mother in each place where somebody was born.

        Mothers and newborns of a group are paired in the order of their places: whose child is whose can differ between
        worlds that differ in one birth.

        Args:
            x: `[*dims, places]`, such as who is immune.

        >>> yes, no = True, False
        >>> vital = Vital(*(torch.tensor(who) for who in ([no, no, no], [no, no, yes], [yes, no, no])))
        >>> vital.of_mothers(torch.tensor([5, 6, 7]))
        tensor([5, 6, 5])
        """
        born, mothers, x = (y.clone() for y in torch.broadcast_tensors(self.born, self.mothers, x))
        places = born.shape[-1]
        flat = x.view(-1, places)
        child, mother = (self._ordered(who.view(-1, places)) for who in (born, mothers))
        flat[child] = flat[mother]
        return x

    def _ordered(self, who: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        rows, place = who.nonzero(as_tuple=True)
        if self.group is None:
            return rows, place
        group = self.group.to(place.device)
        order = (rows * (int(group.max()) + 2) + group[place]).argsort(stable=True)
        return rows[order], place[order]


@dataclass(frozen=True, eq=False)
class Demography:
    """Births, deaths and ageing in a population with empty places.

    Whoever dies leaves an empty place, from the next step on. Each birth of a step fills one of the places that were
    empty at its beginning. Rates a year become hazards a day, which `event` integrates over a step of any length.

    Args:
        rates: Deaths and births by age.
        female: Who is female, bool `[places]`, an attribute of the place; None: everybody gives birth at half of a
            woman's rate.
        by: Group of each place, integers `[places]` from 0, within which births fill places (the mother's region);
            None: births fill places anywhere.
        groups: How many groups there are, with `by`.
        name: Stands before the entries of the state and the noise: one name a kind of agents.

    Raises:
        ValueError: a `female` that is not bool, `by` without `groups`, groups that are not whole numbers from 0.

    Examples: docs/how_to/demography.md.

    >>> from causal_lpm import KeyedNoise, rollout, tally
    >>> from causal_lpm.agents import start, with_places
    >>> people = with_places(Population({"age": torch.arange(900) % 90}), capacity=1_000)
    >>> demography = Demography(VitalRates.of("NZL"))
    >>> def day(s):
    ...     changed, vital = demography.day(s)
    ...     tally("births", vital.born), tally("deaths", vital.died)
    ...     return {**s, **changed}
    >>> with KeyedNoise(1):
    ...     run = rollout(day, start(people, **demography.start(people)), days=365)
    >>> births, deaths = (int(run.tallies[name].sum()) for name in ("births", "deaths"))
    >>> int(run.state["alive"].sum()) == 900 + births - deaths
    True
    """

    rates: VitalRates
    female: torch.Tensor | None = None
    by: torch.Tensor | None = None
    groups: int | None = None
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if (self.by is None) != (self.groups is None):
            raise ValueError("births within groups need both by= and groups=: the group of each place, and how many.")
        if self.by is not None:
            groups = validate.whole_number("groups of births", self.groups)
            object.__setattr__(self, "by", whole_numbers("by", self.by, 0, groups - 1, torch.int64, people="groups"))
        if self.female is not None:
            flags("female", self.female, self.female.shape[-1])

    def start(self, places: Population, days: float | None = None) -> State:
        """Who is alive and when each was born: `alive`, bool, and `birth_day`, int32, `[*replicates, places]`.

        The day of the year on which somebody was born is drawn.

        Args:
            places: With the attribute `age`, whole years, and `alive`, as `with_places` makes it.
            days: Length of the simulation, to refuse a capacity that is expected to be too small; None: not checked.

        Raises:
            ValueError: no age, no `alive`, ages outside 0 to 120; more births than deaths expected than there is room
                for; under `KeyedNoise`, a second demography without a name.
        """
        for attribute in ("age", "alive"):
            if attribute not in places:
                raise ValueError(
                    f"the population has no attribute {attribute!r}: give ages in years, and places by "
                    "with_places(people, capacity)."
                )
        age = whole_numbers("age", places["age"], 0, OLDEST, people="years")
        alive = flags("alive", places["alive"], places.size).clone()
        for what, column in (("female", self.female), ("by", self.by)):
            if column is not None and column.shape != (places.size,):
                raise ValueError(f"{what} has shape {tuple(column.shape)} for {places.size} places: give one a place.")
        if days is not None:
            self._check_capacity(age, alive, days)
        if not self.name:
            once("the birthdays of a demography without a name")
        days_since_birthday = exogenous(named(self.name, "birthday"), places.size, "uniform") * YEAR
        birth_day = -(age * YEAR + days_since_birthday).floor().to(torch.int32)
        return {named(self.name, "alive"): alive, named(self.name, "birth_day"): birth_day}

    def _check_capacity(self, age: torch.Tensor, alive: torch.Tensor, days: float) -> None:
        births = look_up(self.rates.births_by_age, age) * (0.5 if self.female is None else self.female)
        deaths = look_up(self.rates.deaths_by_age, age)
        growth = ((births - deaths).double() * alive).sum() * days / YEAR
        if growth > (empty := int((~alive).sum())):
            raise ValueError(
                f"in {days:g} days {growth:.0f} more births than deaths are expected, and {empty} of {len(alive)} "
                f"places are empty: give a capacity of at least {len(alive) + int(1.2 * (float(growth) - empty)) + 1}."
            )

    def age(self, s: State) -> torch.Tensor:
        """The age of each agent in whole years, uint8 `[*dims, places]`, up to 120; of no meaning in empty places."""
        return (self.age_in_days(s).float() * (1 / YEAR)).clamp(0, OLDEST).to(torch.uint8)

    def age_in_days(self, s: State) -> torch.Tensor:
        """The age of each agent in whole days, int32 `[*dims, places]`."""
        return s["t"].floor().to(torch.int32) - s[named(self.name, "birth_day")]

    def day(
        self,
        s: State,
        dying: torch.Tensor | None = None,
        *,
        mortality: torch.Tensor | float = 1.0,
        fertility: torch.Tensor | float = 1.0,
    ) -> tuple[State, Vital]:
        """The births and deaths of one step, of any length.

        Args:
            s: State with `t` and the entries of `start`.
            dying: bool `[*dims, places]`: who dies today of something else, such as a disease; the empty do not.
            mortality: Times the rates: a number, or `[*dims, 1]` such as a policy.
            fertility: Times the rates, likewise.

        Returns:
            The changed entries, and who died and was born.

        Raises:
            ValueError: more births than empty places; a `dying` that is not one bool a place, a negative factor.
        """
        alive, age = s[named(self.name, "alive")], self.age(s).int()
        dies = self._hazard(self.rates.deaths_by_age, age, single_precision("mortality", mortality))
        died = event(named(self.name, "death"), dies, where=alive)
        if dying is not None:
            died = died | (flags("dying", dying, alive.shape[-1]) & alive)
        births = self.rates.births_by_age * (0.5 if self.female is None else 1.0)
        bears = self._hazard(births, age, single_precision("fertility", fertility))
        mothers = event(named(self.name, "birth"), bears, where=alive if self.female is None else alive & self.female)
        place = named(self.name, "birth_place")
        born = fill(place, ~alive, self._by_group(mothers), self.by, self.groups)
        today = s["t"].floor().to(torch.int32)
        birth_day = torch.where(born, today, s[named(self.name, "birth_day")])
        changed = {named(self.name, "alive"): (alive & ~died) | born, named(self.name, "birth_day"): birth_day}
        return changed, Vital(died, born, mothers, self.by)

    @staticmethod
    def _hazard(by_age: torch.Tensor, age: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        """The rate a day at each age, times the factor."""
        a_day = factor / YEAR
        if a_day.numel() == 1:  # 121 products instead of one an agent, and the same numbers
            return look_up((by_age * a_day.reshape(1)).to(age.device), age)
        return look_up(by_age.to(age.device), age) * a_day

    def _by_group(self, mothers: torch.Tensor) -> torch.Tensor:
        if self.by is None or self.groups is None:
            return sum_over_ranges(how_many(mothers))
        rows, place = mothers.reshape(-1, mothers.shape[-1]).nonzero(as_tuple=True)  # few of all
        cell = rows * self.groups + self.by.to(place.device)[place]
        dims = mothers.shape[:-1]
        return torch.bincount(cell, minlength=dims.numel() * self.groups).reshape(*dims, self.groups)
