"""A model and its data in windows of days: many rows run side by side, from the beginning of any window.

An entry of the data counts in the first window after which its density no longer depends on what comes later. Data
that depend on no simulation count in the first window, and those that read the state of the last day in the last one.
"""

import contextlib
import itertools
import logging
from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyro
import torch
from pyro.poutine.messenger import Messenger

from causal_lpm import validate
from causal_lpm.handlers import Rollout, Seeds
from causal_lpm.handlers.continuing import Continuing, Kept
from causal_lpm.inference.abduction.entries import Entries, place, right_of_rows, same_entries
from causal_lpm.inference.individuals.line_list import LineList
from causal_lpm.inference.individuals.line_list_conditioning import Conditioning
from causal_lpm.inference.program.evaluation import Given, alone, torch_seed
from causal_lpm.inference.program.problem import Problem
from causal_lpm.ops.step import step_length

__all__ = ["LUCK", "Windowed", "first_days", "luck"]

LUCK = "luck"
"""Name of the sites of seeds, `luck_0`, `luck_1`, ..."""

READ = 6
"""Draws with which a model is read, at most."""

_LOG = logging.getLogger("causal_lpm")


def first_days(windows: int | Sequence[int], first: int, days: int) -> tuple[int, ...]:
    """The first day of each window.

    Args:
        windows: Days in a window, or the first day of each.
        first: Day on which the simulation begins.
        days: How many days it has.

    Raises:
        ValueError: windows that are longer than the simulation, do not ascend, or do not begin where it does.

    >>> first_days(5, 0, 12)
    (0, 5, 10)
    """
    if isinstance(windows, int):
        length = validate.whole_number("windows", windows)
        if length > days:
            raise ValueError(
                f"a window has {length} days and the simulation {days}: give windows of at most {days} days."
            )
        return tuple(range(first, first + days, length))
    if not isinstance(windows, Iterable):
        raise TypeError(
            f"windows is {windows}: give a whole number of days in a window, or the list of the first day of each."
        )
    found = tuple(validate.whole_number("the first day of a window", day, low=0) for day in windows)
    if not found or found[0] != first or any(b <= a for a, b in itertools.pairwise(found)) or found[-1] >= first + days:
        raise ValueError(
            f"the windows begin on days {list(found)} where the simulation has days {first} to {first + days - 1}: "
            "give ascending days that begin with its first one, or the number of days in a window."
        )
    return found


def luck(seeds: torch.Tensor, windows: Sequence[int]) -> ExitStack:
    """`Seeds` whose sites are given, int64 `[rows, windows, blocks]`."""
    stack = ExitStack()
    stack.enter_context(pyro.condition(data={f"{LUCK}_{w}": seeds[:, w] for w in range(seeds.shape[1])}))
    stack.enter_context(Seeds(LUCK, (0, *windows[1:]), blocks=seeds.shape[2]))
    return stack


class _Length(Messenger):
    """Which days the program simulates."""

    def __init__(self) -> None:
        super().__init__()
        self.simulated: list[tuple[int, int, float]] = []

    def _pyro_rollout(self, msg: Any) -> None:
        self.simulated.append((msg["args"][2], msg["args"][3], float(step_length())))


@dataclass(frozen=True)
class Run:
    """What rows of a program gave.

    Attributes:
        log_p: Of the data by window, float64 `[rows, windows]`; 0 in windows that were not reached. A line list counts
            in the windows that were run.
        of_data: The same without the line list.
        kept: Day -> the simulations as they were on it.
        returned: What the program returned.
    """

    log_p: torch.Tensor
    of_data: torch.Tensor
    kept: dict[int, Kept]
    returned: Any


class Windowed:
    """A problem whose simulation is cut into windows.

    Args:
        problem: Model and data.
        z: Draws of its latent sites, `[n, all]`, with some of which it is read.
        windows: Days in a window, or the first day of each.
        blocks: Ranges of agents that have a seed each in a window.
        line_list: What is known of single agents.
        seed: Of the luck with which it is read.

    Attributes:
        first: First day of each window.
        end: The day after the last one.
        counts: Site -> the window in which each entry counts, int64 `[*shape]`; -1 where it is missing.

    Raises:
        ValueError: no simulation, or two; steps that are no days; windows beyond the days; more blocks than agents.
    """

    def __init__(
        self,
        problem: Problem,
        z: torch.Tensor,
        windows: int | Sequence[int],
        blocks: int,
        line_list: LineList | None = None,
        seed: int = 0,
    ) -> None:
        self._line_list = line_list
        self.problem, self.blocks = problem, validate.whole_number("blocks", blocks)
        self.data = {name: right_of_rows(series) for name, series in {**problem.data, **problem.terms}.items()}
        if blocks > problem.agents:
            raise ValueError(
                f"there are {blocks} blocks and {problem.agents} agents: give at most {problem.agents} blocks."
            )
        first, days = self._days(z)
        self.first, self.end = first_days(windows, first, days), first + days
        z = z[:2].expand(2, -1) if len(z) < 2 else z[:READ]
        self._read(z, torch.Generator().manual_seed(seed))

    def __len__(self) -> int:
        return len(self.first)

    def in_all_blocks(self, seeds: torch.Tensor) -> torch.Tensor:
        """Seeds of particles `[rows, windows]`, the same in every block: int64 `[rows, windows, blocks]`."""
        return seeds[:, :, None].expand(-1, -1, self.blocks)

    def ends(self, window: int) -> int:
        """The day after the last one of a window."""
        return self.first[window + 1] if window + 1 < len(self) else self.end

    def run(
        self,
        z: torch.Tensor,
        seeds: torch.Tensor,
        kept: Kept | None = None,
        last: int = -1,
        keep: Sequence[int] = (),
    ) -> Run:
        """Runs the program with the rows side by side, from where it was kept to the end of a window.

        Args:
            z: `[rows, all]`.
            seeds: int64 `[rows, windows, blocks]`; those of later windows are not looked at.
            kept: Where it goes on, the first day of a window; at its beginning, if not given.
            last: The last window; by default that of the simulation.
            keep: Days before the end on which it is kept, too.
        """
        last = last % len(self)
        begins, end = self.first[0] if kept is None else kept.day, self.ends(last)
        stops = [*(day for day in keep if begins < day < end), end]
        people = None if self._line_list is None else self._line_list.conditioning(refuse=False)
        found, entries, returned = self._once(z, seeds, stops, kept, self._future, people)
        log_p = torch.zeros(len(z), len(self), dtype=torch.float64)
        for name, each in entries.log_prob.items():
            counts = self.counts[name].flatten()
            flat = each.reshape(-1, len(counts)).double().expand(len(z), -1)
            there = (counts >= 0) & (counts <= last)
            log_p.index_add_(1, counts[there], flat[:, there])
        of_data = log_p.clone()
        for day, value in {} if people is None else people.log_p.items():
            log_p[:, sum(first <= max(day, self.first[0]) for first in self.first) - 1] += value.reshape(-1)
        return Run(log_p, of_data, found, returned)

    def distances(self, z: torch.Tensor, seeds: torch.Tensor) -> dict[str, torch.Tensor]:
        """Site -> by how many standard deviations each number misses its mean in the nearest row, of the data's shape.

        0 where a number is missing; NaN where that is not known of a distribution.
        """
        entries = Entries(self.data, distances=True)
        people = contextlib.nullcontext() if self._line_list is None else self._line_list.conditioning(refuse=False)
        with torch.no_grad(), torch_seed(0), alone(), entries, luck(seeds, self.first), people, self._given(z):
            self.problem.model()
        return {name: each.reshape(-1, *self.counts[name].shape).amin(0) for name, each in entries.distance.items()}

    def impossible(self, z: torch.Tensor, seeds: torch.Tensor) -> str:
        """Which number of the data no row can produce, for a message.

        Args:
            z: `[rows, all]`.
            seeds: int64 `[rows, windows]`.

        Raises:
            ValueError: a line list that no row can give, with agent and day.
        """
        people = None if self._line_list is None else self._line_list.conditioning()  # refuses in its own sentence
        _, entries, _ = self._once(z, self.in_all_blocks(seeds), [self.end], None, self._future, people)
        for name, each in entries.log_prob.items():
            never = each.isneginf().reshape(-1, *self.counts[name].shape).all(0)
            if bool(never.any()):
                return f"the number of site {name!r}{place(never)}"
        return "the data"

    def _days(self, z: torch.Tensor) -> tuple[int, int]:
        length = _Length()
        with torch.no_grad(), torch_seed(0), alone(), Seeds(LUCK), self._given(z[:1]), Entries(self.data), length:
            self.problem.model()
        if len(length.simulated) != 1:
            raise ValueError(
                f"the model simulates {len(length.simulated)} times: abduction needs one rollout; make several "
                "populations entries of one state, or abduct each with its own data."
            )
        first, days, dt = length.simulated[0]
        if dt > 1.0:
            raise ValueError(f"the model's steps have {dt:g} days: abduction cuts simulations between days.")
        return int(first), int(days)

    def _given(self, z: torch.Tensor) -> Given:
        return Given(self.problem.coordinates.placed(z) if z.shape[1] else {})

    def _once(
        self,
        z: torch.Tensor,
        seeds: torch.Tensor,
        stops: Sequence[int],
        kept: Kept | None,
        future: dict[str, torch.Tensor],
        people: Conditioning | None = None,
        arguments: bool = False,
    ) -> tuple[dict[int, Kept], Entries, Any]:
        going_on = Continuing(len(z), stops, future, kept)
        entries, given = Entries(self.data, arguments=arguments), self._given(z)
        known = contextlib.nullcontext() if people is None else people
        with torch.no_grad(), torch_seed(0), alone(), entries, luck(seeds, self.first), known, given, going_on:
            returned = self.problem.model()
        return going_on.kept, entries, returned

    def _read(self, z: torch.Tensor, generator: torch.Generator) -> None:
        """Which entries count when: those whose distribution is the same whatever the later days are."""
        seeds = torch.randint(0, 2**62, (len(z), len(self), self.blocks), generator=generator)
        ends = [self.ends(w) for w in range(len(self))]
        kept, *_ = self._once(z, seeds, ends, None, {})
        series = kept[self.end].run.tallies
        self._future = {name: values[:1].clone() for name, values in series.items()}
        others = [
            {name: values.flip(-1) + 1 for name, values in self._future.items()},
            {name: torch.zeros_like(values) for name, values in self._future.items()},
            {name: 1000 * (values + 1) for name, values in self._future.items()},
        ]
        self.counts = {name: torch.where(data.present, len(self) - 1, -1) for name, data in self.data.items()}
        settled: dict[str, torch.Tensor] = {}
        for window in reversed(range(len(self) - 1)):
            at = kept[self.ends(window)]
            # The state is another one, too: a site that reads it has to wait for the last day.
            started = [
                Kept(at.day, Rollout(kept[day].run.state, at.run.tallies, at.run.stocks), at.memory, at.rows)
                for day in (self.end, ends[0])
            ]
            told = [self._once(z, seeds, [at.day], at, self._future, arguments=True)[1]]
            for future, other in itertools.product(others, started):
                told.append(self._once(z, seeds, [at.day], other, future, arguments=True)[1])
            for name, counts in self.counts.items():
                alike = settled.get(name, torch.ones_like(counts, dtype=torch.bool))
                for other_told in told[1:]:
                    alike = alike & same_entries(told[0], other_told, name, counts.shape)
                settled[name] = alike
                counts[alike & (counts >= 0)] = window
        for name, counts in self.counts.items():
            if len(self) > 1 and bool((counts == len(self) - 1).all()):
                _LOG.warning(
                    "All numbers of site %r count at the end of the simulation only, since their density depends on "
                    "the last day or state: particles learn nothing of them before.",
                    name,
                )
