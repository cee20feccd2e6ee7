"""Seeds of noise as Pyro sites, so that inference can weigh and resample them."""

import itertools
from typing import Any, Self

import pyro
import torch

from causal_lpm import kernels, validate
from causal_lpm.handlers import blocks as in_blocks
from causal_lpm.handlers.noise import KeyedNoise
from causal_lpm.ops.allocate import CLASSES, checked_supply
from causal_lpm.ops.dimensions import index_plates, of_replicates
from causal_lpm.ops.exogenous import RandomBits, checked_index
from causal_lpm.ops.population import population
from causal_lpm.ops.step import running_step, step_length
from causal_lpm.typing import NoiseKind

__all__ = ["Seeds"]


class Seeds(KeyedNoise):
    """Keyed noise whose seed is a Pyro site, one integer a time window, so that inference can weigh and resample it.

    Replicates of `Worlds(replicates=...)` live on this site alone and spread from it by broadcasting.

    Args:
        name: Prefix of the sites `{name}_0`, `{name}_1`, ...
        windows: First day of each window, ascending from 0.
        blocks: Seeds of a window. Each has a contiguous range of agents, of the same number up to one; what is one
            number for everybody goes by the first. Where all seeds of a window are equal, the noise is that of one.
        device: Where noise is made, that of the agents; the seeds are the same on all devices.

    Raises:
        ValueError: windows that do not start at 0 or do not ascend; no blocks; a seed with a world dimension; blocks
            where a process holds a part of the population.

    >>> import pyro
    >>> from causal_lpm import exogenous
    >>> with Seeds("season"), pyro.poutine.trace() as tr:
    ...     _ = exogenous("x", 3)
    >>> list(tr.trace.nodes)
    ['season_0']
    """

    def __init__(
        self,
        name: str = "noise",
        windows: tuple[int, ...] = (0,),
        device: torch.device | str = "cpu",
        blocks: int = 1,
    ) -> None:
        super().__init__(0)
        whole = all(isinstance(first, int) and not isinstance(first, bool) for first in windows)
        if not windows or not whole or windows[0] != 0 or any(b <= a for a, b in itertools.pairwise(windows)):
            raise ValueError(f"the windows of seeds {name!r} are {windows}: give ascending first days that start at 0.")
        self.name, self.windows, self.device = name, tuple(windows), torch.device(device)
        self.blocks = validate.whole_number("blocks", blocks)

    def _forget(self) -> None:
        super()._forget()
        self._drawn: dict[int, torch.Tensor] = {}

    def twin(self) -> Self:
        other = super().twin()
        other._drawn = dict(self._drawn)
        return other

    @property
    def drawn(self) -> dict[str, torch.Tensor]:
        """Site -> its seeds, int64 `[]`, `[blocks]` or `[replicates, blocks]`.

        Of replicates that were resampled, they are those of their ancestors.

        A model that is conditioned on them under `Seeds` goes the same way again.
        """
        return {f"{self.name}_{window}": seed for window, seed in self._drawn.items()}

    def seed(self) -> torch.Tensor:
        step = running_step()
        return self._of_step(step.number if step else 0)

    def _of_step(self, number: int) -> torch.Tensor:
        per_day = 1 / step_length()
        return self._of_window(sum(round(first * per_day) <= number for first in self.windows) - 1)

    def first_seed(self) -> torch.Tensor:
        # Numbered noise has no day: it must not change where a window ends.
        return self._of_window(0)

    def _of_window(self, window: int) -> torch.Tensor:
        self._notice_run()
        if window not in self._drawn:
            self._drawn[window] = self._draw(window)
        return self._drawn[window]

    def _draw(self, window: int) -> torch.Tensor:
        prior = RandomBits()
        replicates = index_plates().get("replicates")
        if replicates is not None and replicates.dim is not None and replicates.size is not None:
            prior = prior.expand((int(replicates.size),) + (1,) * (-replicates.dim - 1))
        if self.blocks > 1:
            prior = prior.expand((*prior.batch_shape[:-1], self.blocks))
        seed: torch.Tensor = pyro.sample(f"{self.name}_{window}", prior)
        return seed.to(self.device)

    def _exogenous(self, name: str, agents: int, kind: NoiseKind, slots: int, index: Any) -> torch.Tensor:
        if self.blocks == 1:
            return super()._exogenous(name, agents, kind, slots, index)
        self._holds_everybody(agents)
        if index is None:
            return in_blocks.field(self.key(name), agents, kind, None if slots == 1 else slots)
        return in_blocks.field_at(self.numbered_key(name), checked_index(name, index, slots), kind)

    def _allocate(
        self, name: str, priority: torch.Tensor, supply: torch.Tensor, by: torch.Tensor | None
    ) -> torch.Tensor:
        if self.blocks == 1:
            return super()._allocate(name, priority, supply, by)
        noise = in_blocks.field(self.key(name), priority.shape[-1], "exponential")
        return kernels.select_by(priority, noise, checked_supply(name, priority, supply, by), CLASSES, by)

    def _event(
        self, name: str, rate: torch.Tensor, where: torch.Tensor | None, by: torch.Tensor | None
    ) -> torch.Tensor:
        if self.blocks == 1:
            return super()._event(name, rate, where, by)
        rate = rate if by is None else rate.index_select(-1, by)
        self._holds_everybody(rate.shape[-1])
        return in_blocks.happens(rate, self.key(name), where)

    def _holds_everybody(self, agents: int) -> None:
        if agents > 1 and population(agents).is_part:
            raise ValueError(
                f"seeds {self.name!r} have {self.blocks} blocks of agents, and this process holds a part of them: give "
                "one block."
            )

    # Sites of seeds are drawn before the step renames what is sampled inside it.
    def _pyro_step(self, msg: Any) -> None:
        super()._pyro_step(msg)
        self._of_step(msg["args"][2])

    def _pyro_simulate(self, msg: Any) -> None:
        self.seed()

    def _pyro_resampled(self, msg: Any) -> None:
        self._drawn = {window: of_replicates(seed, msg["args"][0]) for window, seed in self._drawn.items()}
