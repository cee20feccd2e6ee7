"""A Pyro program as a study: its policies and series are read off the model, its worlds simulated under its prior."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from causal_lpm.inference.studies.study import Options, Policy, References, Reproduction, Worlds
from causal_lpm.validate import known

if TYPE_CHECKING:  # a list of studies needs neither torch nor xarray
    import numpy.typing as npt
    import xarray as xr

    from causal_lpm.inference.policies.outcomes import Outcomes
    from causal_lpm.inference.program.program import Model

__all__ = ["ModelStudy"]

ANY = 1e30  # a policy of which the study gives no range


@dataclass(frozen=True)
class ModelStudy:
    """A model and what is known about it: enough to ask what if, to calibrate, and to predict.

    Attributes:
        name: On the command line, as in `causal-lpm run NAME`.
        title: One line for people.
        source: The publication or data that it stands on.
        model: A Pyro program without arguments, as `fit` takes it.
        data: Returns the data, site -> numbers, as `fit` takes them; None where they must be given.
        surrogate: A differentiable program with the same sites.
        group_labels: Of all series and data sites that have as many groups, in the model's order.
        budget: Simulations to train on, unless told otherwise.
        start_date: ISO date of day 0, for series and for data that bring no dates.
        step_days: Days from one number of a series to the next; 7 of weekly ones, which are spread over their days.
        outcomes: Series and data sites that are counted, the most important first.
        ranges: Policies with their ranges and descriptions; others may take any number.
        own_worlds: Name -> policy -> value: what a run compares with the first of them.
        group_sizes_of: Returns the persons that the agents of each group stand for; agents, if there is one group.
        ahead: The model over more days than the data have, for predictions.
        reproduction: Computes all results of the study; see `Reproduction`.

    >>> flu = ModelStudy("flu", "Flu", "made up", print, lambda: {"cases": [1, 2]}, start_date="2020-03-01")
    >>> flu.observed()
    {'cases': <xarray.DataArray (date: 2)> ...
    """

    name: str
    title: str
    source: str
    model: Model
    data: Callable[[], Mapping[str, Any]] | None = None
    surrogate: Model | None = None
    group_labels: tuple[str, ...] = ()
    budget: int = 1000
    start_date: str | None = None
    step_days: int = 1
    outcomes: tuple[str, ...] = ()
    ranges: Mapping[str, Policy] = field(default_factory=dict)
    own_worlds: Worlds = field(default_factory=lambda: {"as it is": {}})
    group_sizes_of: Callable[[], Sequence[float]] | None = None
    ahead: Model | None = None
    reproduction: Reproduction | None = None

    coupling = "parameters are those of one draw of the prior, and all noise is shared, in the worlds of a replicate"
    default_replicates = 20

    def observed(self) -> dict[str, Any]:
        """The data, with dates where there is a start date.

        Raises:
            ValueError: it comes without data, or its start date is no date.
        """
        if self.data is None:
            raise ValueError(f"{self.name} comes without data: give them, as in --data cases.csv.")
        given = dict(self.data())
        return given if self.start_date is None else {name: _dated(x, self.start_date) for name, x in given.items()}

    @property
    def horizon(self) -> Model:
        """The program that is simulated where there are no data to compare with."""
        return self.ahead or self.model

    @property
    def groups(self) -> tuple[str, ...]:
        """The labels of the groups; their numbers, where they have none."""
        return self.group_labels or tuple(map(str, range(self._shape[0])))

    @property
    def policies(self) -> dict[str, Policy]:
        """Those of the model; with the study's ranges, where it gives some."""
        return {
            name: self.ranges.get(name) or Policy(name, default, "a policy of the model", -ANY, ANY)
            for name, default in _read(self.horizon).policies.items()
        }

    @property
    def code_module(self) -> str:
        """The module of the model."""
        return str(getattr(self.model, "__module__", __name__))

    @property
    def default_agents(self) -> int:
        """As many as the model has."""
        return _read(self.horizon).agents

    @property
    def default_days(self) -> int:
        """As many as the outcomes have."""
        return self._shape[1] * self.step_days

    @property
    def _shape(self) -> tuple[int, int]:
        """Groups and steps of the outcomes."""
        sizes = _read(self.horizon).sizes
        for name in self.outcomes:
            known("outcome", name, sizes)
        chosen = {name: sizes[name] for name in self.outcomes or sizes}
        if len(set(chosen.values())) != 1:
            listed = ", ".join(f"{name} {size}" for name, size in chosen.items()) or "none"
            raise ValueError(
                f"outcomes need the same groups and days ({listed}): name some that have them, in a study."
            )
        return next(iter(chosen.values()))

    def with_outcomes(self) -> ModelStudy:
        """The study itself, with the outcomes of its model if it names none."""
        return self if self.outcomes else replace(self, outcomes=tuple(_read(self.horizon).sizes))

    def worlds(self, size: str) -> tuple[Worlds, References]:
        """The study's own worlds, each compared with the first."""
        known("size of the study", size, ("demo", "main", "full"))
        first, *later = self.own_worlds
        return self.own_worlds, dict.fromkeys(later, first)

    def check(self, worlds: Worlds, options: Options) -> None:
        """Raises ValueError for what the model does not leave open: agents, days, device, options."""
        for what, given, own in (
            ("agents", options.agents, self.default_agents),
            ("days", options.days, self.default_days),
            ("device", options.device, "cpu"),
        ):
            if given != own:
                raise ValueError(f"{what} is {given}, and the model of {self.name} has {own}: leave --{what} out.")
        for name in options.extra:
            known(f"option of {self.name}", name, ())
        self.group_sizes(options)

    def group_sizes(self, options: Options) -> npt.NDArray[Any]:
        """Persons in each group."""
        import numpy as np

        if self.group_sizes_of is not None:
            return np.asarray(self.group_sizes_of(), dtype=float)
        if len(self.groups) > 1:
            raise ValueError(
                f"how large the {len(self.groups)} groups of {self.name} are is not known: make a study of the model, "
                "with group_sizes_of."
            )
        return np.array([options.agents])

    def simulate(self, worlds: Worlds, options: Options, seed: int) -> dict[str, npt.NDArray[Any]]:
        """One replicate: a draw of the prior and its noise in all worlds, outcome -> `[world, group, day]`."""
        import numpy as np

        from causal_lpm.inference.policies.predicted_rows import PredictedRows
        from causal_lpm.inference.policies.question import checked_draws, named_worlds
        from causal_lpm.inference.runs.runner import alone

        model, outcomes = self.horizon, self.outcomes
        drawn, has = checked_draws(_draw(model, seed)), _outcomes(model)
        # One row of `predict`, which would read the model anew in every replicate.
        row = PredictedRows(model, drawn, named_worlds(worlds), True, 1, seed, 1, has, outcomes)
        with alone():
            found = row(0)
        row.check(found)
        steps = {name: values[:, 0] for name, values in found.items()}
        k = self.step_days
        return steps if k == 1 else {name: np.repeat(values / k, k, axis=-1) for name, values in steps.items()}


def _dated(values: Any, start_date: str) -> xr.DataArray:
    import numpy as np
    import xarray as xr

    from causal_lpm.inference.files.dates import calendar

    if isinstance(values, xr.DataArray):
        return values
    numbers = np.asarray(values, dtype=np.float64)
    dates = calendar(start_date, numbers.shape[-1])
    return xr.DataArray(numbers, dims=("group", "date")[-numbers.ndim :], coords={"date": dates})


class _Read(NamedTuple):
    """What one run says about a model: policies and their values, agents, groups and steps of series and data sites."""

    policies: dict[str, float]
    agents: int
    sizes: dict[str, tuple[int, int]]


@functools.lru_cache(maxsize=16)
def _read(model: Model) -> _Read:
    from causal_lpm.inference.program.program import read

    program = read(model)
    sites = {name: site.value for name, site in program.of("data").items() if name not in program.terms}
    sizes = {name: (1, *value.shape)[-2:] for name, value in (program.series | sites).items()}
    policies = {name: site.value for name, site in program.of("policy").items()}
    shared = {name: float(value) for name, value in policies.items() if value.numel() == 1}
    return _Read(shared, program.agents or 1, sizes)


@functools.lru_cache(maxsize=16)
def _outcomes(model: Model) -> Outcomes:
    from causal_lpm.inference.policies.outcomes import outcomes_of

    return outcomes_of(model, _draw(model, 0), (), 0)


def _draw(model: Model, seed: int) -> dict[str, Any]:
    """One draw of the prior, `[1, *shape]`; no agent moves for it."""
    from causal_lpm.inference.program.program import read

    sites = read(model, simulate=False, seed=seed).of("parameter")
    return {name: site.value[None] for name, site in sites.items()}
