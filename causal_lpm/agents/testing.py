"""Tests and quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch

from causal_lpm import validate
from causal_lpm.agents.columns import flags
from causal_lpm.agents.days import LAST, NEVER, no_later_than, whole_day
from causal_lpm.agents.naming import named
from causal_lpm.ops.events import event, hazard_of
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.looking import found
from causal_lpm.typing import State

__all__ = ["NEVER", "Quarantine", "Testing", "whole_day"]


@dataclass(frozen=True)
class Testing:
    """Symptomatic agents are swabbed unless they await a result; the result comes days later.

    Args:
        delays: Days from swab to result.
        shares: Share of each delay; sums to 1.
        sensitivity: Probability that a true case tests positive.
        name: Stands before the entry of the state and the noise of the tests: one name a kind of test, since two of one
            name would have the same noise.

    Raises:
        ValueError: delays that are not ascending whole days from 1, shares that do not belong to them or do not
            sum to 1, a sensitivity outside [0, 1].
    """

    __test__ = False  # despite its name, pytest has nothing to collect here

    delays: Sequence[int] = (2, 3, 4)
    shares: Sequence[float] = (0.3, 0.4, 0.3)
    sensitivity: float = 0.9
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if len(self.delays) != len(self.shares):
            raise ValueError(
                f"{len(self.delays)} test delays have {len(self.shares)} shares: give each delay one share."
            )
        for before, delay in zip((0, *self.delays), self.delays, strict=False):
            validate.positive_count("a test delay", delay)
            if not before < delay <= LAST:
                raise ValueError(f"the test delays are {tuple(self.delays)}: give ascending days from 1 to {LAST}.")
        validate.marginal("test delay", {str(d): p for d, p in zip(self.delays, self.shares, strict=True)})
        validate.probability("sensitivity", self.sensitivity)

    def start(self, agents: int) -> State:
        """Nobody awaits a result: `result_day`, int16 `[agents]`."""
        return {named(self.name, "result_day"): torch.full((agents,), NEVER, dtype=torch.int16)}

    def day(self, s: State, symptomatic: torch.Tensor) -> tuple[State, torch.Tensor]:
        """Results of today, then today's swabs.

        Args:
            s: State with `t` and the entry of `start`.
            symptomatic: bool `[*dims, agents]`.

        Returns:
            The changed entries, and who tests positive today, bool `[*dims, agents]`.

        Raises:
            ValueError: a `symptomatic` that is not one bool an agent, steps that are not days.
        """
        today, entry = whole_day(s["t"]), named(self.name, "result_day")
        agents = s[entry].shape[-1]
        due = s[entry] == today
        positive = event(named(self.name, "positive"), hazard_of(self.sensitivity), where=due, at_once=True)
        swabbed = flags("symptomatic", symptomatic, agents) & (s[entry] <= today)
        waiting = torch.where(due, NEVER, s[entry])
        noise = exogenous(named(self.name, "test_delay"), agents, "uniform")
        # Few are swabbed on any day, and of them alone the delay is needed.
        few = found(swabbed.expand(np.broadcast_shapes(swabbed.shape, noise.shape, waiting.shape)))
        noise = few.of(noise)
        (shortest, below), *longer = [pair for pair in zip(self.delays, self.shares, strict=True) if pair[1] > 0]
        delay = torch.full(noise.shape, int(shortest), dtype=torch.int16, device=noise.device)
        before = shortest
        for days, share in longer:
            delay = delay.add((noise > below).to(torch.int16), alpha=int(days - before))
            before, below = days, below + share
        delay = delay.clamp(max=LAST + 1 - int(today)) if int(today) + before > LAST else delay
        return {entry: few.put(waiting, today + delay)}, positive


@dataclass(frozen=True)
class Quarantine:
    """Isolation for a number of days, which an agent may break.

    Args:
        days: Length, the day of entry included.
        break_probability: Probability a day of leaving it for good.
        name: Stands before the entry of the state and the event: one name a kind of quarantine.

    Raises:
        ValueError: less than one day, a probability outside [0, 1].
    """

    days: int = 14
    break_probability: float = 0.01
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        validate.positive_count("days of quarantine", self.days)
        validate.probability("break_probability", self.break_probability)

    def start(self, agents: int) -> State:
        """Nobody is in quarantine: `quarantine_end`, int16 `[agents]`."""
        return {named(self.name, "quarantine_end"): torch.full((agents,), NEVER, dtype=torch.int16)}

    def day(self, s: State, enter: torch.Tensor) -> tuple[State, torch.Tensor]:
        """Entries into quarantine, then breaks.

        Args:
            s: State with `t` and the entry of `start`.
            enter: bool `[*dims, agents]`.

        Returns:
            The changed entries, and who is in quarantine today, bool `[*dims, agents]`.

        Raises:
            ValueError: an `enter` that is not one bool an agent, steps that are not days.
        """
        today, entry = whole_day(s["t"]), named(self.name, "quarantine_end")
        last = torch.full_like(today, no_later_than(int(today) + int(self.days)))
        end = torch.where(flags("enter", enter, s[entry].shape[-1]), last, s[entry])
        inside = end > today
        broken = event(named(self.name, "quarantine_break"), hazard_of(self.break_probability), where=inside)
        end = torch.where(broken, today, end)
        return {entry: end}, inside & ~broken
