"""Totals are opened: checked on shares, priced, and noise added by every party to its own part."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import torch
from torch import Tensor

from causal_lpm import validate
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.sharing import reveal
from causal_lpm.parties.discrete_gaussian import discrete_gaussian
from causal_lpm.parties.group_sizes import GroupSizes
from causal_lpm.parties.ledger import Ledger, Spent
from causal_lpm.parties.release import Release

__all__ = ["Opening", "with_noise"]

WIDEST = 100
"""Standard deviations that noise is taken to be below; more happens once in 10**2000 draws."""


class Opening:
    """What `Private` asks before it opens the totals of a run.

    Args:
        release: What may leave.
        sizes: Has seen the tallies of the run.
        ledger: Takes the price of what is opened, before it is.
    """

    def __init__(self, release: Release, sizes: GroupSizes, ledger: Ledger) -> None:
        self._release, self._sizes, self.ledger = release, sizes, ledger

    @property
    def exact(self) -> bool:
        """Whether exact totals were asked for by name."""
        return self._release.exact

    @property
    def noisy(self) -> bool:
        """Whether noise is added."""
        return self._release.noisy

    def check(self, totals: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The totals that are released, with their noise.

        Raises:
            ValueError: a tally that there is not, a total out of its range, a group that is too small; exact totals of
                two parties.
        """
        release = self._release
        for name in release.ranges:
            validate.known("tally", name, totals)
        chosen = {name: _chosen(name, totals[name], release) for name in sorted(release.ranges)}
        release.check_parties(next(iter(chosen.values())).layer.parties)
        for name in chosen:
            least = self._sizes.least(name)
            if least is not None and least < release.min_group:
                raise ValueError(
                    f"tally {name!r} has a group of {least} agents, and a release needs {release.min_group}: nothing "
                    "is opened; tally larger groups."
                )
        self._check_values(chosen)
        for name, total in chosen.items():
            self.ledger.add(Spent(name, total.numel(), release.sigma2, release.sensitivity))
        if release.sigma2 is None:
            return chosen
        return {name: with_noise(total, release.sigma2) for name, total in chosen.items()}

    def _check_values(self, chosen: Mapping[str, Secret]) -> None:
        """One bit is opened for all totals and all secret sizes together."""
        outside: list[Tensor] = []
        for name, total in chosen.items():
            low, high = self._release.ranges[name]
            numbers = total.detach()
            outside += [numbers < low, numbers > high]
            if self._release.min_group > 1:
                outside += [size < self._release.min_group for size in self._sizes.secret(name)]
        number = torch.stack([x.long().sum() for x in outside]).sum()
        if bool(reveal(number > 0)):
            raise ValueError(
                "a total is out of its range, or a group is too small: nothing is opened. Ranges of a release are for "
                "what is plausible; which one it was, nobody may know."
            )


def with_noise(total: Secret, sigma2: Fraction) -> Secret:
    """A total with discrete Gaussian noise of this party in its part, in whole numbers, or in the units of a float.

    Every party calls it, and none knows the sum of the noise; no message is sent.
    """
    units = sigma2 * 4**total.bits
    noise = [discrete_gaussian(units) for _ in range(total.numel())]
    part = torch.tensor(noise, dtype=torch.int64).view(total.shape)
    widest = int(WIDEST * math.sqrt(units) * total.layer.parties) + 1
    noisy: Any = total + Secret(part, total.layer, total.dtype, total.bits, -widest, widest)  # derivatives pass
    result: Secret = noisy
    return result


def _chosen(name: str, total: Tensor, release: Release) -> Secret:
    """What of a series is to be opened."""
    if not release.daily:
        total = total.sum(-1, keepdim=True)
    if release.paired:
        if total.dim() < 3 or total.shape[0] < 2:
            raise ValueError(f"tally {name!r} has one world: differences need two, as under Worlds or comparing.")
        total = total - total[:1]
    if not isinstance(total, Secret):
        raise ValueError(f"tally {name!r} is public: only what is secret is released.")
    return total
