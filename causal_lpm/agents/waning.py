"""Immunity that ends: after a duration of each agent's own, or as protection that decays."""

from dataclasses import dataclass, field
from typing import Any

import torch

from causal_lpm.agents.columns import flags, shortly
from causal_lpm.agents.days import LAST, NEVER, whole_day
from causal_lpm.agents.naming import named
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.looking import check, found
from causal_lpm.ops.number_types import single_precision
from causal_lpm.typing import State

__all__ = ["Waning", "waned"]

TIMES = 256
"""An agent's luck is told apart by the number of the immunity, up to this."""


def waned(days: Any, half_life: Any, at_first: Any = 1.0) -> torch.Tensor:
    """The protection that is left after some days: at_first * 0.5 ** (days / half_life).

    Multiply the hazard of infection with 1 minus it.

    Args:
        days: Since infection or vaccination, numbers or tensors, as are the next two; below 0 nothing protects.
        half_life: Days after which half of the protection is left; positive, infinity for no waning.
        at_first: Protection at the beginning, 0 to 1.

    Returns:
        float32, of the broadcast shape.

    Raises:
        ValueError: a half-life that is not positive, a protection outside 0 to 1.

    >>> waned(torch.tensor([-1.0, 0.0, 108.0]), half_life=108, at_first=0.8)
    tensor([0.0000, 0.8000, 0.4000])
    """
    since = single_precision("days since immunity began", days)
    half, first = single_precision("half_life", half_life), single_precision("at_first", at_first)
    check(
        (half, first),
        lambda: bool((half > 0).all()) and bool(((first >= 0) & (first <= 1)).all()),
        lambda: (
            f"protection has a half-life of {shortly(half)} and begins at {shortly(first)}: give positive days, and a "
            "share from 0 to 1."
        ),
    )
    return torch.where(since >= 0, first * 0.5 ** (since.clamp(min=0) / half), torch.zeros(()))


@dataclass(frozen=True)
class Waning:
    """Immunity that lasts a gamma-distributed time, drawn anew for each immunity of an agent.

    The luck belongs to the number of the immunity and not to its day: who recovers a day later in another world is
    immune as long as in this one.

    Args:
        shape: Of the gamma distribution: 1 is exponential, as an event of constant hazard would give it; larger ones
            vary less, with a coefficient of variation of 1 / sqrt(shape).
        name: Stands before the entries of the state and the noise: one name a disease.

    Raises:
        ValueError: a shape that is not positive.

    >>> from causal_lpm import KeyedNoise
    >>> immunity = Waning()
    >>> s = {**immunity.start(3), "t": torch.tensor(0.0)}
    >>> with KeyedNoise(1):
    ...     s = s | immunity.gained(s, torch.tensor([True, False, True]), mean=180)
    >>> immunity.immune(s)
    tensor([ True, False,  True])
    """

    shape: float = 1.0
    name: str = field(default="", kw_only=True)

    def __post_init__(self) -> None:
        if not 0 < self.shape < 1e6:
            raise ValueError(f"the shape of waning is {self.shape}: give a positive number, 1 for exponential times.")

    def start(self, agents: int) -> State:
        """Nobody is immune: `immune_until`, int16, and `immunities`, uint8, `[agents]` each."""
        until, times = named(self.name, "immune_until"), named(self.name, "immunities")
        return {
            until: torch.full((agents,), NEVER, dtype=torch.int16),
            times: torch.zeros(agents, dtype=torch.uint8),
        }

    def gained(self, s: State, where: torch.Tensor, mean: Any) -> State:
        """The changed entries, where some agents become immune today for a time of this mean.

        Times are rounded up to whole days; one that ends after day 32,766 lasts for ever.

        Args:
            s: State with `t` and the entries of `start`.
            where: bool `[*dims, agents]`.
            mean: In days: a number, `[*dims, 1]` such as a parameter or policy, or one an agent; infinity is for ever.

        Raises:
            ValueError: a `where` that is not one bool an agent, a mean that is not positive, steps that are not days.
        """
        until, times = named(self.name, "immune_until"), named(self.name, "immunities")
        today, agents = int(whole_day(s["t"])), s[until].shape[-1]
        length = single_precision("mean days of immunity", mean)
        check(
            (length,),
            lambda: bool((length > 0).all()),
            lambda: f"immunity lasts {shortly(length)} days on average: give positive numbers.",
        )
        where = flags("where", where, agents)
        luck = exogenous(named(self.name, "immunity"), agents, "uniform", TIMES, index=s[times])
        shape = torch.broadcast_shapes(where.shape, s[until].shape, length.shape, luck.shape)
        those = found(where.expand(shape))
        days = self._quantile(those.of(luck).double()) * those.of(length.expand(*length.shape[:-1], agents)).double()
        ends = (today + days.ceil().clamp(min=1)).clamp(max=LAST + 1)
        counted = torch.where(where, s[times] + 1, s[times])  # begins again at 0 after 255
        return {until: those.put(s[until], ends), times: counted}

    def immune(self, s: State) -> torch.Tensor:
        """Who is immune today, bool `[*dims, agents]`."""
        return s[named(self.name, "immune_until")] > whole_day(s["t"])

    def _quantile(self, u: torch.Tensor) -> torch.Tensor:
        """Gamma times of mean 1."""
        if self.shape == 1.0:
            return -torch.log1p(-u)
        from scipy.special import gammaincinv

        return torch.from_numpy(gammaincinv(self.shape, u.cpu().numpy())).to(u.device) / self.shape
