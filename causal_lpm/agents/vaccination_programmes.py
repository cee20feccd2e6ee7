"""Vaccination beside a campaign of two doses: routine doses at an age, and catch-up of those who were missed."""

from dataclasses import dataclass, field

import torch

from causal_lpm import validate
from causal_lpm.agents.columns import flags
from causal_lpm.agents.naming import named
from causal_lpm.agents.timed_policies import TimedPolicy
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.looking import check
from causal_lpm.ops.tally import tally
from causal_lpm.typing import State

__all__ = ["CatchUp", "RoutineVaccination"]


@dataclass(frozen=True)
class RoutineVaccination(TimedPolicy):
    """Who reaches an age while it is in force is vaccinated with a probability, the strength: the coverage.

    A dose protects wholly or not at all (all-or-nothing, Smith, Rodrigues and Fine 1984, International Journal of
    Epidemiology 13, 87-93), with the probability `efficacy`, for good. Whether an agent comes, and whether its dose
    protects, follow from two numbers that it has from the start: a greater coverage is the same agents and some more.

    Args:
        efficacy: Probability that a dose protects.

    Raises:
        ValueError: a coverage or an efficacy outside [0, 1].

    >>> routine = RoutineVaccination(strength=1.0, efficacy=1.0, start_day=0)
    >>> s = {**routine.start(3), "t": torch.tensor(0.0)}
    >>> changed = routine.day(s, torch.tensor([True, False, True]))
    >>> routine.protected({**s, **changed})
    tensor([ True, False,  True])
    """

    name: str = "routine"
    strength: float = 0.9
    efficacy: float = field(default=0.95, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        validate.probability("efficacy", self.efficacy)

    def start(self, agents: int) -> State:
        """The policies, nobody vaccinated, and two uniforms an agent: who comes, and in whom a dose protects."""
        drawn = {what: exogenous(named(self.name, what), agents, "uniform") for what in ("reluctance", "failure")}
        own = {"vaccinated": torch.zeros(agents, dtype=torch.bool), **drawn}
        return {**self.policies(), **{named(self.name, what): value for what, value in own.items()}}

    def day(self, s: State, eligible: torch.Tensor) -> State:
        """One day; tallies `{name}_doses`, and returns the changed entry.

        Args:
            s: State with `t` and the entries of `start`.
            eligible: bool `[*dims, agents]`: who reaches the age today, and may be vaccinated.

        Raises:
            ValueError: an `eligible` that is not one bool an agent.
        """
        return self._vaccinating(s, eligible, self.now(s))

    def _vaccinating(self, s: State, eligible: torch.Tensor, coverage: torch.Tensor) -> State:
        vaccinated = s[named(self.name, "vaccinated")]
        given = flags("eligible", eligible, vaccinated.shape[-1]) & ~vaccinated
        given = given & (s[named(self.name, "reluctance")] <= coverage)
        tally(named(self.name, "doses"), given)
        return {named(self.name, "vaccinated"): vaccinated | given}

    def vaccinated(self, s: State) -> torch.Tensor:
        """Who has a dose, bool `[*dims, agents]`."""
        return s[named(self.name, "vaccinated")]

    def protected(self, s: State) -> torch.Tensor:
        """In whom a dose protects, bool `[*dims, agents]`."""
        return self.vaccinated(s) & (s[named(self.name, "failure")] <= self.efficacy)


@dataclass(frozen=True)
class CatchUp(RoutineVaccination):
    """Whoever is eligible is vaccinated in the days of the programme, until its coverage, the strength, is reached.

    Coverage among the eligible rises evenly from the start to the end; those come first who are the least reluctant.
    The end must be a day: a programme without one would never begin to count.

    Raises:
        ValueError: as `RoutineVaccination`; an intervention that takes the end away, or puts it before the start.

    >>> catch_up = CatchUp(strength=1.0, efficacy=1.0, start_day=0, end_day=4)
    >>> s = {**catch_up.start(4), "t": torch.tensor(3.0)}
    >>> catch_up.vaccinated({**s, **catch_up.day(s, torch.tensor([True, True, True, False]))})
    tensor([ True,  True,  True, False])
    """

    name: str = "catch_up"

    def day(self, s: State, eligible: torch.Tensor) -> State:
        """One day; tallies `{name}_doses`, and returns the changed entry.

        Args:
            s: State with `t` and the entries of `start`.
            eligible: bool `[*dims, agents]`: whom the programme is for, such as an age group; the vaccinated may be
                among them.

        Raises:
            ValueError: an `eligible` that is not one bool an agent, an end that is none or before the start.
        """
        begin, end = s[f"{self.name}_start"], s[f"{self.name}_end"]
        check(
            (begin, end),
            lambda: bool(((begin < 0) | (end > begin)).all()),
            lambda: f"policy '{self.name}_end' is {end.flatten().tolist()}: a programme that begins needs a later day.",
        )
        days = torch.where(begin >= 0, end - begin, torch.ones_like(end))
        return self._vaccinating(s, eligible, self.now(s) * ((s["t"] - begin + 1) / days).clamp(0, 1))
