"""What is simulated: a model, who lives in it, and what they are given; without any question yet."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from causal_lpm.handlers import Rollout
from causal_lpm.handlers.handler import Handler
from causal_lpm.inference.program.program import read, series_of
from causal_lpm.simulations.bound_models import BoundModel
from causal_lpm.simulations.inhabitants import Inhabitants
from causal_lpm.simulations.running import simulate_worlds
from causal_lpm.templates import Template
from causal_lpm.validate import whole_number

if TYPE_CHECKING:
    import xarray as xr

    from causal_lpm.inference.runs.addresses import Where

__all__ = ["DAYS", "SetUp"]

DAYS = 180


class _Groups(Handler):
    """Sees the groups by which a model counts."""

    def __init__(self) -> None:
        super().__init__()
        self.by: list[tuple[torch.Tensor, int]] = []

    def _pyro_tally(self, msg: Any) -> None:
        _, _, by, groups = msg["args"]
        if by is not None and not any(by is seen for seen, _ in self.by):
            self.by.append((by, groups))


def _others(by: torch.Tensor, groups: int, people: torch.Tensor, places: int) -> bool:
    """Whether groups are as many as the places, and yet not the places; empty places may stand behind the people."""
    return groups == places and not torch.equal(by[: len(people)].long(), people.long())


class SetUp:
    """A model in a population.

    Attributes:
        template: The model function, its name, and what its series count.
        population: Who lives in it.
        parameters: Name -> number or distribution.
        policies: Name -> number, as the simulation runs.
        seed: Of all luck.
    """

    def __init__(
        self,
        template: Template,
        population: Inhabitants,
        parameters: Mapping[str, Any],
        policies: Mapping[str, float],
        seed: int,
    ) -> None:
        self.template, self.population, self.seed = template, population, seed
        self.parameters, self.policies = dict(parameters), dict(policies)

    def model(self, days: int = DAYS) -> BoundModel:
        """The Pyro program without arguments that it runs, over so many days."""
        function, days = self.template.function, whole_number("days", days)
        return BoundModel(function, self.population, days, self.parameters, self.policies)

    @functools.cached_property
    def units(self) -> dict[str, str]:
        """Series -> "new" (what happens in a day) or "stock" (how many there are at its end)."""
        return dict(self.template.units) or self._read_off[0]

    @functools.cached_property
    def column(self) -> str | None:
        """The column of places by which it counts; None where there is none, or it counts by other groups."""
        column = next(iter(self.population.places), None)
        other = column is not None and not self.template.units and self._read_off[1]  # templates count by it
        return None if other else column

    @functools.cached_property
    def _read_off(self) -> tuple[dict[str, str], bool]:
        """Units of a model of one's own, and whether it counts by groups as many as the places, and others."""
        seen = _Groups()
        returned = read(self.model(1), seen).returned
        stocks = returned.stocks if isinstance(returned, Rollout) else ()
        said = getattr(sys.modules.get(self.template.function.__module__), "UNITS", {})
        units = {name: "stock" if name in stocks else said.get(name, "new") for name in series_of(returned)}
        places = [(self.population.people[name], len(labels)) for name, labels in self.population.places.items()][:1]
        return units, any(_others(*groups, *here) for groups in seen.by for here in places)

    def one_day(self) -> dict[str, torch.Tensor]:
        """The series of its first day, `[*dims, 1 or groups, days]`."""
        return read(self.model(1)).series

    def group_sizes(self) -> torch.Tensor:
        """Agents in each place by which it counts; all, where there are none."""
        people, column = self.population.people, self.column
        if column is None:
            return torch.tensor([people.size])
        return torch.bincount(people[column].long(), minlength=len(self.population.places[column]))

    @property
    def by(self) -> str:
        """The column of places by which it counts; "group" where there is none."""
        return self.column or "group"

    @property
    def title(self) -> str:
        """What it is, in a line."""
        return f"{self.template.name} in {self.population.name}, {self.population.people.size:,} agents"

    def simulate(
        self,
        worlds: Mapping[str, Mapping[str, float]],
        days: int,
        seeds: int,
        start_date: str | None,
        workers: int,
        progress: bool,
        executor: Where = None,
    ) -> xr.Dataset:
        """The series of some worlds, (world, draw, replicate, group, day)."""
        column = self.column
        return simulate_worlds(
            self.model(days),
            worlds,
            seeds=whole_number("seeds", seeds),
            seed=self.seed,
            units=self.units,
            places=None if column is None else self.population.places[column],
            sizes=self.group_sizes(),
            start_date=start_date,
            workers=whole_number("workers", workers),
            executor=executor,
            progress=progress,
            short=bool(self.template.units),
        )
