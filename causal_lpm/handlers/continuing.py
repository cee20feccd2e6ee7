"""A simulation that goes on in another run of its program, from what an earlier run has kept of it."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from causal_lpm import validate
from causal_lpm.handlers.handler import Handler
from causal_lpm.ops.dimensions import world_dimensions
from causal_lpm.ops.simulation import Remembered, Rollout, goes_on, remembered
from causal_lpm.typing import Dynamics, State

__all__ = ["Continuing", "Kept"]


@dataclass(frozen=True)
class Kept:
    """A simulation of many rows up to a day: its state, its series, and what its rules have seen.

    Attributes:
        day: Number of the first day that is not yet simulated.
        run: State `[rows or 1, agents or 1]` and series `[rows or 1, 1 or groups, days]` until then.
        memory: What the simulation remembers beside them.
        rows: How many rows there are.
    """

    day: int
    run: Rollout
    memory: Remembered
    rows: int

    def take(self, numbers: torch.Tensor) -> "Kept":
        """The rows of some numbers, int64 `[n]`; a row may be taken several times, and then goes on several times."""

        def taken(value: torch.Tensor, dim: int = -2) -> torch.Tensor:
            split = value.dim() >= -dim and value.shape[dim] == self.rows > 1
            return value.index_select(dim, numbers.to(value.device)) if split else value

        state = {name: taken(value) for name, value in self.run.state.items()}
        tallies = {name: taken(value, -3) for name, value in self.run.tallies.items()}
        rules = tuple(None if one is None else (taken(one[0]), taken(one[1])) for one in self.memory.rules)
        sums = None if self.memory.sums is None else self.memory.sums.each(taken)
        return Kept(self.day, Rollout(state, tallies, self.run.stocks), Remembered(rules, sums=sums), len(numbers))

    def where(self, keep: torch.Tensor, other: "Kept") -> "Kept":
        """The rows of this where `keep`, bool `[rows]`, and those of another one of the same day elsewhere."""

        def mixed(value: torch.Tensor, dim: int, its: torch.Tensor) -> torch.Tensor:
            if value is its or (value.shape == its.shape and torch.equal(value, its)):
                return value
            return torch.where(keep.to(value.device).reshape(-1, *(1,) * (-dim - 1)), value, its)

        run, its = self.run, other.run
        state = {name: mixed(value, -2, its.state[name]) for name, value in run.state.items()}
        tallies = {name: mixed(value, -3, its.tallies[name]) for name, value in run.tallies.items()}
        rules = tuple(
            one if one is None or two is None else (mixed(one[0], -2, two[0]), mixed(one[1], -2, two[1]))
            for one, two in zip(self.memory.rules, other.memory.rules, strict=True)
        )
        return Kept(self.day, Rollout(state, tallies, run.stocks), Remembered(rules), self.rows)


class Continuing(Handler):
    """Simulates the days of a rollout from where another run of the program has stopped, until a day.

    The program runs from its top, so that what it draws and computes before its rollout follows its row. Earlier days
    are those that were kept, and later ones are filled in from `future`, so that the program comes to its end.

    Args:
        rows: How many rows stand side by side, in the dimension left of the agents.
        stops: Days, ascending, at which the simulation is kept; the last one is where it stops.
        future: Series name -> `[1, 1 or groups, days of all]`, read from the last stop on.
        kept: Where it goes on; at its beginning, if not given.

    Attributes:
        kept: Day -> what was kept there.

    Raises:
        ValueError: worlds; a second simulation; days outside of the simulation; dynamics that an act has changed;
            other rules than those under which it was kept.

    >>> from causal_lpm import rollout, tally
    >>> def day(s):
    ...     tally("x", s["x"])
    ...     return {"x": s["x"] + 1}
    >>> program = lambda: rollout(day, {"x": torch.zeros(1, 1)}, 4)
    >>> whole = program()
    >>> with Continuing(1, [2], whole.tallies) as first:
    ...     _ = program()
    >>> with Continuing(1, [4], whole.tallies, first.kept[2]):
    ...     program().tallies["x"]
    tensor([[[0., 1., 2., 3.]]], dtype=torch.float64)
    """

    def __init__(
        self, rows: int, stops: Sequence[int], future: Mapping[str, torch.Tensor], kept: Kept | None = None
    ) -> None:
        super().__init__()
        self._rows, self._stops, self._future, self._from = rows, list(stops), future, kept
        self._begin_anew()

    def _begin_anew(self) -> None:
        self.kept: dict[int, Kept] = {}
        self._simulations = 0

    def _pyro_rollout(self, msg: Any) -> None:
        body: Callable[..., Rollout] = msg["fn"]

        def continued(dynamics: Dynamics, state: State, first: int, days: int, name: str) -> Rollout:
            self._check(first, days)
            begins, run = first, None
            if self._from is not None:
                begins, run, state = self._from.day, self._from.run, self._from.run.state
                goes_on(begins, self._from.memory)
            for start, stop in itertools.pairwise([begins, *(day for day in self._stops if day > begins)]):
                part = body(dynamics, state, start, stop - start, name)
                run, state = part if run is None else run.followed_by(part), part.state
                memory = remembered()
                if not memory.same_dynamics:
                    raise ValueError(
                        f"an act has changed the dynamics before day {stop}, which another run of the program does not "
                        "know: let it change an entry of the state that the dynamics read."
                    )
                # The sums follow the simulation, and stand where it stops.
                sums = memory.sums if stop == self._stops[-1] < first + days else None
                self.kept[stop] = Kept(stop, run, replace(memory, sums=sums), self._rows)
            done = Rollout(state) if run is None else run
            return Rollout(state, self._filled(done.tallies), done.stocks)

        msg["fn"] = continued

    def _check(self, first: int, days: int) -> None:
        self._simulations += 1
        if self._simulations > 1:
            raise ValueError(
                "the program simulates twice, and one of its simulations is to go on: let it simulate once."
            )
        if worlds := list(world_dimensions()):
            raise ValueError(f"a simulation goes on in one world, and there is {worlds[0]!r}: leave the worlds out.")
        for stop in self._stops:
            validate.days_in_range("stop", stop, first, first + days)

    def _filled(self, simulated: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """The series of all days."""
        whole = dict(simulated)
        for name, series in self._future.items():
            days = simulated.get(name, series[..., :0])
            rest = series[..., days.shape[-1] :]
            shape = torch.broadcast_shapes(days.shape[:-1], rest.shape[:-1])
            whole[name] = torch.cat([days.expand(*shape, days.shape[-1]), rest.expand(*shape, rest.shape[-1])], -1)
        return whole
