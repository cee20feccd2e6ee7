"""What is done from one day to another: a policy's start, end and strength, each an entry of the state."""

from dataclasses import dataclass

import torch

from causal_lpm import validate
from causal_lpm.agents.columns import shortly
from causal_lpm.agents.days import NEVER
from causal_lpm.ops.looking import check
from causal_lpm.ops.policy import policy
from causal_lpm.ops.simulation import once
from causal_lpm.typing import State

__all__ = ["TimedPolicy"]


@dataclass(frozen=True)
class TimedPolicy:
    """Something that is done from one day to another, with a strength from 0 (nothing of it) to 1 (all of it).

    The three numbers are policies of their own, `{name}_start`, `{name}_end` and `{name}_strength`, so that worlds can
    differ in each. All ready-made policies are made of it, and a model's own may be.

    Args:
        name: Stands before its three policies.
        strength: From 0 to 1; what it multiplies is the model's to say.
        start_day: First day on which it is in force; `NEVER` (-1): it does not begin, unless somebody intervenes.
        end_day: First day on which it no longer is; `NEVER`: it stays.

    Raises:
        ValueError: a strength outside [0, 1], a day that is NaN or below 0, but for `NEVER`.

    >>> ban = TimedPolicy("travel_ban", strength=0.75, start_day=10, end_day=20)
    >>> entries = ban.policies()
    >>> [float(ban.now({**entries, "t": torch.tensor(day)})) for day in (9.0, 10.0, 19.0, 20.0)]
    [0.0, 0.75, 0.75, 0.0]
    """

    name: str
    strength: float = 1.0
    start_day: float = NEVER
    end_day: float = NEVER

    def __post_init__(self) -> None:
        validate.probability(f"the strength of {self.name!r}", self.strength)
        for what, day in (("start_day", self.start_day), ("end_day", self.end_day)):
            if not (day >= 0 or day == NEVER):
                raise ValueError(f"the {what} of {self.name!r} is {day}: give a day from 0, or NEVER ({NEVER}).")

    def policies(self) -> State:
        """The three as sites and entries of the first state, float32 `[1]` each; called once, before the rollout.

        Raises:
            ValueError: under `KeyedNoise` or `Seeds`, a second one of the same name, whose numbers would be lost.
        """
        once(f"the timed policy {self.name!r}", owner=self)
        given = zip(self._names, (self.start_day, self.end_day, self.strength), strict=True)
        return {name: policy(name, value) for name, value in given}

    @property
    def _names(self) -> tuple[str, str, str]:
        """Of the policies for start, end and strength."""
        return f"{self.name}_start", f"{self.name}_end", f"{self.name}_strength"

    def now(self, s: State) -> torch.Tensor:
        """The strength today, float32 `[*dims, 1]`: 0 on days on which it is not in force.

        Raises:
            ValueError: a strength that an intervention moved out of [0, 1].
        """
        start_name, end_name, strength_name = self._names
        t, begin, end, strength = s["t"], s[start_name], s[end_name], share(strength_name, s)
        in_force = (begin >= 0) & (t >= begin) & ((end < 0) | (t < end))
        return torch.where(in_force, strength, torch.zeros_like(strength))

    def left(self, s: State) -> torch.Tensor:
        """What it leaves today of what it reduces, 1 - strength, float32 `[*dims, 1]`."""
        return 1 - self.now(s)


def share(name: str, s: State) -> torch.Tensor:
    """The policy of this name, if it is from 0 to 1; else raises ValueError."""
    value = s[name]
    check(
        (value,),
        lambda: bool(((value >= 0) & (value <= 1)).all()),
        lambda: f"policy {name!r} is {shortly(value)}: it must be 0 to 1.",
    )
    return value


def hazard(probability: torch.Tensor) -> torch.Tensor:
    """The hazard of what happens with this probability, -log(1 - p), float32: infinity where it is sure.

    >>> hazard(torch.tensor([0.0, 0.5, 1.0]))
    tensor([0.0000, 0.6931,    inf])
    """
    return torch.log1p(-probability.double()).abs().float()
