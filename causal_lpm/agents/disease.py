"""The course of a disease: a graph of stages with probabilities by age and times, drawn once for every agent.

An agent's course follows from its class and its noise: which branch it takes and how long each stage lasts do not
depend on the day of infection, so an agent infected one day later in another world keeps its own course.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from causal_lpm import validate
from causal_lpm.agents.columns import flags, whole_numbers
from causal_lpm.agents.days import check_whole
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.look_up import look_up
from causal_lpm.ops.looking import check, found
from causal_lpm.ops.simulation import once

__all__ = ["Course", "Duration", "StageGraph", "Transition", "gamma_days", "mean_days"]

LONGEST = 250
"""Days; longer waiting times are cut here so that a day fits one byte."""

MOST_CUT = 0.01
"""Share of waiting times that may be cut."""

COURSE = "course"
"""Default name of the noise of a course; two courses under one seed need two names."""

EARLIEST = -(2**14)
"""The earliest day that is accepted; one before it is a day beyond int16 that came out negative."""


@dataclass(frozen=True)
class Duration:
    """Probabilities of waiting 0, 1, 2, ... whole days.

    Raises:
        ValueError: negative or NaN probabilities, a sum other than 1, more than 250 days.

    >>> Duration((0.5, 0.5)).mean()
    0.5
    """

    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        validate.marginal("waiting time", {str(k): p for k, p in enumerate(self.probabilities)}, 1e-5)
        if len(self.probabilities) > LONGEST + 1:
            raise ValueError(
                f"a waiting time of up to {len(self.probabilities) - 1} days is too long: "
                f"{LONGEST} days are the most; put what is left there."
            )

    def draw(self, uniform: torch.Tensor) -> torch.Tensor:
        """Whole days by inverse CDF from uniforms of any shape; uint8. Days of probability 0 are never drawn."""
        p = torch.tensor(self.probabilities, dtype=torch.float64)  # summed on the CPU: a GPU adds in another order
        # Rounding must not leave some uniforms to days after the last possible one.
        upper = (p.cumsum(0) / p.sum())[: int(p.nonzero().max())]
        return torch.searchsorted(upper.to(uniform.device), uniform.double().contiguous(), right=True).to(torch.uint8)

    def mean(self) -> float:
        """Mean in days."""
        return sum(k * p for k, p in enumerate(self.probabilities))


def gamma_days(shape: float, scale: float) -> Duration:
    """A gamma-distributed time rounded to the nearest day; up to a hundredth beyond 250 days counts as 250.

    Args:
        shape: Shape, dimensionless.
        scale: Scale in days: the mean is shape * scale before rounding.

    Raises:
        ValueError: a parameter that is not positive or infinite; more than a hundredth of the times beyond 250 days.

    >>> round(gamma_days(9.0, 15 / 9).mean(), 2)
    15.0
    """
    if not (0 < shape < math.inf and 0 < scale < math.inf):
        raise ValueError(f"gamma_days got shape {shape} and scale {scale}: both must be positive, and finite.")
    upper = torch.arange(LONGEST + 1, dtype=torch.float64) + 0.5
    below = torch.special.gammainc(torch.tensor(shape, dtype=torch.float64), upper / scale)
    return cut_to_longest(f"gamma times with shape {shape} and scale {scale}", below)


def cut_to_longest(what: str, below: torch.Tensor) -> Duration:
    """The time whose probability to be at most 0, 1, ... `LONGEST` days is given, float64; what is beyond is the last.

    Raises:
        ValueError: more than `MOST_CUT` of the times are beyond.
    """
    if (cut := 1 - float(below[-1])) > MOST_CUT:
        raise ValueError(
            f"of the {what}, {cut:.0%} are longer than {LONGEST} days, the most that a stage can last: give a shorter "
            "time, or several stages one after the other."
        )
    below[-1] = 1.0
    return Duration(tuple(torch.diff(below, prepend=torch.zeros(1, dtype=torch.float64)).clamp(min=0).tolist()))


def mean_days(mean: float) -> Duration:
    """The whole days below or above `mean`, drawn so that the mean is kept.

    >>> mean_days(2.25).probabilities
    (0.0, 0.0, 0.75, 0.25)
    """
    if not 0 <= mean < LONGEST:
        raise ValueError(f"a mean waiting time of {mean} days is outside 0 to {LONGEST}.")
    whole = int(mean)
    return Duration((0.0,) * whole + (1.0 - (mean - whole), mean - whole))


@dataclass(frozen=True)
class Transition:
    """An arrow of a stage graph.

    Args:
        source: Stage that is left.
        target: Stage that is entered.
        probability: For everybody, or one a class (such as an age group).
        duration: Whole days in `source` before the change is due.
    """

    source: str
    target: str
    probability: float | Sequence[float]
    duration: Duration = Duration((1.0,))


@dataclass(frozen=True)
class Course:
    """What each agent does in each stage, drawn once.

    Attributes:
        following: uint8 `[*replicates, agents, stages]`: the stage after each stage (itself where no arrow leaves).
        days: uint8, same shape: whole days in the stage before that change is due; 255 where none is.
    """

    following: torch.Tensor
    days: torch.Tensor

    def enter_next(
        self, stage: torch.Tensor, due: torch.Tensor, where: torch.Tensor, today: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Moves the agents in `where` to the stage that follows theirs and books the change after that.

        Args:
            stage: uint8 `[*dims, agents]`.
            due: `[*dims, agents]`: the day of each agent's next change, int16 or a type that holds more. A change that
                is due later than the type holds is booked for its largest number.
            where: bool `[*dims, agents]`.
            today: The day, a whole number `[]`, such as `causal_lpm.agents.testing.whole_day(s["t"])`; a stage entered
                today lasts one day more than was drawn.

        Returns:
            The new `stage` and `due`.

        Raises:
            ValueError: steps that are not days, a day that int16 did not hold, a `due` of one byte, a `where` that is
                not one bool an agent, an agent in a stage that the graph does not have.
        """
        flags("where", where, self.days.shape[-2])
        check_whole(day := float(today))
        if day < EARLIEST:
            raise ValueError(f"the day is {day:g}: int16 holds no later day than 32,767; use whole_day(s['t']).")
        if due.dtype.itemsize == 1:
            raise ValueError(f"due is {due.dtype}, in which days end at 255 or before: begin with int16.")
        shape = np.broadcast_shapes(stage.shape, due.shape, where.shape, self.days.shape[:-1])
        # Few agents change in a day: find them, look their course up, put them back.
        changing, stages = found(where.expand(shape)), self.following.shape[-1]
        before = changing.of(stage)
        check(
            (before,),
            lambda: before.numel() == 0 or int(before.max()) < stages,
            lambda: f"an agent is in stage {int(before.max())}: the graph has the stages 0 to {stages - 1}.",
        )
        following = changing.entries(self.following, before)
        booked = changing.entries(self.days, following).long() + (int(day) + 1)
        booked = booked if due.is_floating_point() else booked.clamp(max=torch.iinfo(due.dtype).max)
        return changing.put(stage, following), changing.put(due, booked)


class StageGraph:
    """Stages of a disease and the arrows between them.

    Args:
        stages: Names; the position is the code of the stage in a state.
        transitions: Arrows; the probabilities out of a stage sum to 1 for every class, or are absent.

    Raises:
        ValueError: unknown stages, an arrow given twice, probabilities that do not sum to 1, different numbers of
            classes, more than 255 stages.

    >>> graph = StageGraph(("S", "I", "R"), [Transition("I", "R", 1.0, mean_days(5.0))])
    >>> graph["R"]
    2
    """

    def __init__(self, stages: Sequence[str], transitions: Sequence[Transition]) -> None:
        validate.unique_entries("stage", stages)
        validate.unique_entries("transition", [f"{arrow.source} -> {arrow.target}" for arrow in transitions])
        if len(stages) > 255:
            raise ValueError(f"{len(stages)} stages are more than the 255 that fit one byte: merge some.")
        self.stages = tuple(stages)
        self._out: dict[int, list[tuple[int, torch.Tensor, Duration]]] = {}
        tables = [torch.atleast_1d(torch.as_tensor(t.probability, dtype=torch.float64)) for t in transitions]
        self.classes = max((len(table) for table in tables), default=1)
        for arrow, table in zip(transitions, tables, strict=True):
            what = f"{arrow.source} -> {arrow.target}"
            if table.dim() != 1 or table.numel() == 0 or len(table) not in (1, self.classes):
                given = " x ".join(map(str, table.shape))
                raise ValueError(
                    f"{what} has {given} probabilities where others have {self.classes}: give one, or one a class."
                )
            if not isinstance(arrow.duration, Duration):
                raise ValueError(f"the duration of {what} is {arrow.duration!r}: give a Duration, as mean_days does.")
            source, target = self[arrow.source], self[arrow.target]
            self._out.setdefault(source, []).append((target, table.expand(self.classes), arrow.duration))
        for source, arrows in self._out.items():
            for c in range(self.classes):
                shares = {self.stages[target]: float(table[c]) for target, table, _ in arrows}
                validate.marginal(f"{self.stages[source]} -> (class {c})", shares)
            targets, shares_of, durations = zip(*arrows, strict=True)
            self._out[source] = list(zip(targets, _upper(torch.stack(shares_of)), durations, strict=True))

    def __getitem__(self, stage: str) -> int:
        validate.known("stage", stage, self.stages)
        return self.stages.index(stage)

    def course(self, agent_class: torch.Tensor, name: str = COURSE) -> Course:
        """Draws every agent's course from exogenous noise: two uniforms a stage.

        Args:
            agent_class: Class of each agent (age group), integers `[agents]`; ignored if the graph has one class.
            name: Name of the noise, one a disease: two courses of one name would share it.

        Raises:
            ValueError: a class that the tables do not have, or classes that are not whole numbers; under `KeyedNoise`,
                a second course of the default name.
        """
        row = agent_class if self.classes > 1 else torch.zeros_like(agent_class, dtype=torch.long)
        row = whole_numbers("agent_class", row, -(2**62), 2**62, torch.int64, people="classes")
        agents = row.shape[0]
        check((row,), lambda: int(row.min()) >= 0 and int(row.max()) < self.classes, lambda: self._no_class(row))
        if name == COURSE:
            once(f"a course of the default name {name!r}")
        following, days = [], []
        for code in range(len(self.stages)):
            branch = exogenous(f"{name}_branch_{code}", agents, "uniform")
            time = exogenous(f"{name}_days_{code}", agents, "uniform")
            chosen, wait = self._draw(code, row, branch.double(), time)
            following.append(chosen)
            days.append(wait)
        return Course(torch.stack(following, -1), torch.stack(days, -1))

    def _no_class(self, row: torch.Tensor) -> str:
        wrong = int(row.min()) if int(row.min()) < 0 else int(row.max())
        return (
            f"class {wrong} is outside the classes 0 to {self.classes - 1} of the stage tables: give one probability a "
            "class, or merge classes."
        )

    def _draw(
        self, code: int, row: torch.Tensor, branch: torch.Tensor, time: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        chosen = torch.full(branch.shape, code, dtype=torch.uint8, device=branch.device)
        # Where no arrow leaves, the longest wait, so that nothing becomes due every day.
        wait = torch.full(branch.shape, 255, dtype=torch.uint8, device=branch.device)
        taken = torch.zeros(branch.shape, dtype=torch.bool, device=branch.device)
        for target, upper, duration in self._out.get(code, []):
            mine = ~taken & (branch < look_up(upper.to(branch.device), row))
            taken = taken | mine
            chosen = torch.where(mine, torch.full_like(chosen, target), chosen)
            wait = torch.where(mine, duration.draw(time), wait)
        return chosen, wait


def _upper(shares: torch.Tensor) -> torch.Tensor:
    """Where each arrow's part of [0, 1] ends, `[arrows, classes]`; the last possible one takes what rounding leaves."""
    later = torch.cat([shares.flip(0).cumsum(0).flip(0)[1:], torch.zeros_like(shares[:1])])
    # 2 lies above every uniform number; infinity would have no version on secrets.
    return (shares.cumsum(0) / shares.sum(0)).masked_fill(later == 0, 2.0)
