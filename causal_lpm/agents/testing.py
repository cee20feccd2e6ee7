"""Tests and quarantine."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from causal_lpm import validate
from causal_lpm.ops import event, exogenous, hazard_of
from causal_lpm.typing import State

__all__ = ["Quarantine", "Testing", "whole_day"]

NEVER = -1


def whole_day(t: torch.Tensor) -> torch.Tensor:
    """The day as int16 `[]`.

    Raises:
        ValueError: a step that is not a day: what is decided once a day would be decided more often.

    >>> whole_day(torch.tensor(3.0))
    tensor(3, dtype=torch.int16)
    """
    if not float(t).is_integer():
        raise ValueError(
            f"the time is {float(t):g}: testing, quarantine and vaccination go by days; use DiscreteTime(dt=1)."
        )
    return t.to(torch.int16)


@dataclass(frozen=True)
class Testing:
    """Symptomatic agents are swabbed unless they await a result; the result comes days later.

    Args:
        delays: Days from swab to result.
        shares: Share of each delay; sums to 1.
        sensitivity: Probability that a true case tests positive.

    Raises:
        ValueError: delays that are not ascending whole days from 1, shares that do not belong to them or do not
            sum to 1, a sensitivity outside [0, 1].
    """

    __test__ = False  # the name is not that of a test

    delays: Sequence[int] = (2, 3, 4)
    shares: Sequence[float] = (0.3, 0.4, 0.3)
    sensitivity: float = 0.9

    def __post_init__(self) -> None:
        if len(self.delays) != len(self.shares):
            raise ValueError(
                f"{len(self.delays)} test delays have {len(self.shares)} shares: give each delay one share."
            )
        for before, delay in zip((0, *self.delays), self.delays, strict=False):
            validate.positive_count("a test delay", delay)
            if delay <= before:
                raise ValueError(f"the test delays are {tuple(self.delays)}: give ascending days from 1.")
        validate.marginal("test delay", {str(d): p for d, p in zip(self.delays, self.shares, strict=True)})
        validate.probability("sensitivity", self.sensitivity)

    def start(self, agents: int) -> State:
        """Nobody awaits a result."""
        return {"result_day": torch.full((agents,), NEVER, dtype=torch.int16)}

    def day(self, s: State, symptomatic: torch.Tensor) -> tuple[State, torch.Tensor]:
        """Results of today, then today's swabs.

        Args:
            s: State with `t` and `result_day`.
            symptomatic: bool `[*dims, agents]`.

        Returns:
            The changed entries, and who tests positive today, bool `[*dims, agents]`.
        """
        today = whole_day(s["t"])
        due = s["result_day"] == today
        positive = event("positive", hazard_of(self.sensitivity), where=due)
        swabbed = symptomatic & (s["result_day"] <= today)
        agents = s["result_day"].shape[-1]
        luck = exogenous("test_delay", agents, "uniform")
        delay = torch.full(luck.shape, self.delays[0], dtype=torch.int16, device=luck.device)
        below = 0.0
        for shorter, longer, share in zip(self.delays, self.delays[1:], self.shares, strict=False):
            below += share
            delay.add_((luck > below).to(torch.int16), alpha=longer - shorter)
        waiting = torch.where(due, torch.full_like(s["result_day"], NEVER), s["result_day"])
        return {"result_day": torch.where(swabbed, (today + delay).to(torch.int16), waiting)}, positive


@dataclass(frozen=True)
class Quarantine:
    """Isolation for a number of days, which an agent may break.

    Args:
        days: Length, the day of entry included.
        break_probability: Probability a day of leaving it for good.

    Raises:
        ValueError: less than one day, a probability outside [0, 1].
    """

    days: int = 14
    break_probability: float = 0.01

    def __post_init__(self) -> None:
        validate.positive_count("days of quarantine", self.days)
        validate.probability("break_probability", self.break_probability)

    def start(self, agents: int) -> State:
        """Nobody is in quarantine."""
        return {"quarantine_end": torch.full((agents,), NEVER, dtype=torch.int16)}

    def day(self, s: State, enter: torch.Tensor) -> tuple[State, torch.Tensor]:
        """Entries into quarantine, then breaks.

        Returns:
            The changed entries, and who is in quarantine today, bool `[*dims, agents]`.
        """
        today = whole_day(s["t"])
        end = torch.where(enter, (today + self.days).to(torch.int16), s["quarantine_end"])
        inside = end > today
        broken = event("quarantine_break", hazard_of(self.break_probability), where=inside)
        end = torch.where(broken, today, end)
        return {"quarantine_end": end}, inside & ~broken
