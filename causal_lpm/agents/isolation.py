"""Isolation of the ill and quarantine of their contacts, with a start, an end, and a share of contacts prevented."""

from dataclasses import dataclass, field

import torch

from causal_lpm.agents.columns import flags
from causal_lpm.agents.days import whole_day
from causal_lpm.agents.naming import named
from causal_lpm.agents.testing import Quarantine
from causal_lpm.agents.timed_policies import TimedPolicy
from causal_lpm.typing import State

__all__ = ["Isolation"]


@dataclass(frozen=True)
class Isolation(TimedPolicy):
    """Who enters has fewer contacts for some days: the diagnosed as well as, under another name, those in quarantine.

    The strength is the share of contacts prevented, of what is sent and of what is received. It is in force for
    everybody from the start to the end: nobody enters outside of these days, and whoever is inside has all contacts.

    Args:
        days: Length, the day of entry included; who enters again begins anew.
        break_probability: Probability a day of leaving it for good.

    Raises:
        ValueError: less than one day, a probability or a strength outside [0, 1].

    >>> isolation = Isolation(strength=0.75, days=10, break_probability=0.0)
    >>> s = {**isolation.start(2), "t": torch.tensor(0.0)}
    >>> changed, inside = isolation.day(s, torch.tensor([True, False]))
    >>> isolation.contacts_left(s, inside)
    tensor([0.2500, 1.0000])
    """

    name: str = "isolation"
    strength: float = 0.8
    start_day: float = 0
    days: int = field(default=14, kw_only=True)
    break_probability: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        _ = self._quarantine

    @property
    def _quarantine(self) -> Quarantine:
        return Quarantine(self.days, self.break_probability, name=self.name)

    @property
    def _end(self) -> str:
        return named(self.name, "quarantine_end")

    def start(self, agents: int) -> State:
        """The policies, and nobody inside: `{name}_quarantine_end`, int16 `[agents]`."""
        return {**self.policies(), **self._quarantine.start(agents)}

    def day(self, s: State, enter: torch.Tensor, leave: torch.Tensor | None = None) -> tuple[State, torch.Tensor]:
        """Entries, departures and breaks.

        Args:
            s: State with `t` and the entries of `start`.
            enter: bool `[*dims, agents]`; who is inside already begins anew.
            leave: bool `[*dims, agents]`: whose isolation ends today, such as the recovered; goes before `enter`.

        Returns:
            The changed entries, and who is inside today, bool `[*dims, agents]`.

        Raises:
            ValueError: an `enter` or `leave` that is not one bool an agent, steps that are not days.
        """
        end = self._end
        agents = s[end].shape[-1]
        entering = flags("enter", enter, agents) & (self.now(s) > 0)
        if leave is not None:
            entering = entering & ~flags("leave", leave, agents)
            s = {**s, end: torch.where(leave & (s[end] > whole_day(s["t"])), whole_day(s["t"]), s[end])}
        return self._quarantine.day(s, entering)

    def inside(self, s: State) -> torch.Tensor:
        """Who has been inside before today's entries and is so today, bool `[*dims, agents]`."""
        return s[self._end] > whole_day(s["t"])

    def contacts_left(self, s: State, inside: torch.Tensor) -> torch.Tensor:
        """What is left of each agent's contacts today, float32 `[*dims, agents]`."""
        return 1 - self.now(s) * inside
