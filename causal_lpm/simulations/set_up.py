"""What is simulated: a model, who lives in it, and what they are given; without any question yet."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch

from causal_lpm.handlers import Rollout
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
        if self.template.units:
            return dict(self.template.units)
        returned = read(self.model(1)).returned
        stocks = returned.stocks if isinstance(returned, Rollout) else ()
        said = getattr(sys.modules.get(self.template.function.__module__), "UNITS", {})
        return {name: "stock" if name in stocks else said.get(name, "new") for name in series_of(returned)}

    def one_day(self) -> dict[str, torch.Tensor]:
        """The series of its first day, `[*dims, 1 or groups, days]`."""
        return read(self.model(1)).series

    def group_sizes(self) -> torch.Tensor:
        """Agents in each place by which it counts; all, where there are none."""
        people, column = self.population.people, next(iter(self.population.places), None)
        if column is None:
            return torch.tensor([people.size])
        return torch.bincount(people[column].long(), minlength=len(self.population.places[column]))

    @property
    def by(self) -> str:
        """The column of places by which it counts; "group" where there is none."""
        return next(iter(self.population.places), "group")

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
        column = next(iter(self.population.places), None)
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
