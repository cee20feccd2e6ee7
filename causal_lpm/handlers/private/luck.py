"""Noise that is not public: drawn by each party for its own agents, or by the dealer, so that no party knows it."""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.private.arithmetic import not_, subtract
from causal_lpm.handlers.private.dealing import drawn
from causal_lpm.handlers.private.masks import Stream, fresh_key
from causal_lpm.handlers.private.order import below, table_of
from causal_lpm.handlers.private.owned import Blocks, Owned
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.share_layer import ShareLayer
from causal_lpm.handlers.private.sharing import BITS, share
from causal_lpm.ops.dimensions import DRAWS, index_plates
from causal_lpm.typing import NoiseKind

__all__ = ["Dealt", "Luck", "Owner"]

LARGEST = 64
"""Above all noise: 53 random bits give exponential and Gumbel noise below 38 in size."""


class Luck(ABC):
    """The noise of a run; within a step a name stands for one field, as everywhere.

    Args:
        layer: Of this party.
    """

    def __init__(self, layer: ShareLayer) -> None:
        self.layer = layer
        self._fields: dict[Any, Any] = {}

    def begin_step(self) -> None:
        """Forgets the fields of the step before."""
        self._fields = {}

    @abstractmethod
    def field(self, name: str, agents: int, kind: NoiseKind, slots: int) -> Secret:
        """Secret noise `[*replicates, agents]`, or with slots behind."""

    @abstractmethod
    def happens(self, name: str, hazard: Tensor) -> Secret:
        """Whether an event happens to each agent, by its exponential noise of this name."""


def shape_of(agents: int) -> tuple[int, ...]:
    """The shape of noise: agents, and replicates and draws to their left."""
    plates = index_plates()
    dims = {plates[name].dim: plates[name].size for name in DRAWS if name in plates}
    lead = [int(dims.get(-dim, 1) or 1) for dim in range(max((-d for d in dims if d), default=1), 1, -1)]
    return (*lead, agents)


def _ends(kind: NoiseKind) -> tuple[int, int]:
    """Between which noise of a kind lies, in units of 2**-BITS."""
    return (-LARGEST << BITS if kind in ("gumbel", "normal") else 0), LARGEST << BITS


def _rises(values: Tensor) -> bool:
    return bool((values.diff(dim=-1) >= 0).all())


class Owner(Luck):
    """Each party draws for its own agents and knows their luck; the others do not.

    Args:
        layer: Of this party.
        blocks: The rows of each party.
    """

    def __init__(self, layer: ShareLayer, blocks: Blocks) -> None:
        super().__init__(layer)
        self.blocks, self._stream = blocks, Stream(fresh_key())

    def _mine(self, name: str, agents: int, kind: NoiseKind, slots: int = 1) -> Tensor:
        """This party's own rows, float64 `[*replicates, own rows]`, with slots behind."""
        key = name, kind, slots
        if key not in self._fields:
            first, end = self._rows(agents)
            shape = (*shape_of(agents)[:-1], end - first, *((slots,) if slots > 1 else ()))
            self._fields[key] = drawn(kind, self._stream, shape)
        mine: Tensor = self._fields[key]
        return mine

    def _rows(self, agents: int) -> tuple[int, int]:
        if agents != self.blocks[-1][1]:
            raise ValueError(
                f"noise of {agents} agents is asked for, and the parties own {self.blocks[-1][1]}: give one value an "
                "agent, or use noise='dealt'."
            )
        return self.blocks[self.layer.rank]

    def _shared(self, mine: Tensor, low: int, high: int, bits: int) -> Secret:
        """Units that this party has for its own rows, as a secret of all."""
        whole = share(self.layer, mine, self.blocks, low, high)
        return Secret(whole.share, self.layer, torch.float32 if bits else torch.int64, bits, low, high)

    def field(self, name: str, agents: int, kind: NoiseKind, slots: int) -> Secret:
        mine = (self._mine(name, agents, kind, slots) * 2.0**BITS).floor().long()
        if slots == 1:
            field = self._shared(mine, *_ends(kind), BITS)
            field.owned = Owned(self._mine(name, agents, kind, slots), self.blocks, self.layer.rank)
            return field
        turned = self._shared(mine.movedim(-1, 0), *_ends(kind), BITS)
        return turned.like(turned.share.movedim(0, -1))

    def happens(self, name: str, hazard: Tensor) -> Secret:
        agents = hazard.shape[-1]
        first, end = self._rows(agents)
        noise = self._mine(name, agents, "exponential")
        if not isinstance(hazard, Secret):
            return share(self.layer, noise < hazard[..., first:end].double(), self.blocks)
        known = table_of(hazard)
        if known is not None and _rises(known[1]):
            # The owner knows from which value of the small secret on it happens, and shares that.
            source, values = known
            own = values if values.dim() == 1 or values.shape[-2] == 1 else values[..., first:end, :]
            least = (noise[..., None] >= own.double()).sum(-1).expand(*_lead(hazard, noise), end - first)
            shared = self._shared(least + source.low, source.low, source.high + 1, 0)
            return not_(below(source, shared))
        bits = hazard.bits
        units = (noise * 2.0**bits).clamp(max=2.0**61).floor().long().clamp(hazard.low - 1, hazard.high)
        return below(self._shared(units, hazard.low - 1, hazard.high, bits), hazard)


def _lead(hazard: Tensor, noise: Tensor) -> tuple[int, ...]:
    return tuple(torch.broadcast_shapes(hazard.shape[:-1], noise.shape[:-1]))


class Dealt(Luck):
    """The dealer draws, and no party knows the luck of any agent."""

    def field(self, name: str, agents: int, kind: NoiseKind, slots: int) -> Secret:
        key = name, kind, slots
        if key not in self._fields:
            shape = (*shape_of(agents), *((slots,) if slots > 1 else ()))
            part = self.layer.noise(kind, BITS, shape)
            self._fields[key] = Secret(part, self.layer, torch.float32, BITS, *_ends(kind))
        field: Secret = self._fields[key]
        return field

    def happens(self, name: str, hazard: Tensor) -> Secret:
        shape = shape_of(hazard.shape[-1])
        full = torch.broadcast_shapes(hazard.shape, shape)
        if (name, "exponential", 1) not in self._fields:  # else its noise was drawn before, under its name
            if not isinstance(hazard, Secret):
                return Secret(self.layer.outcome(hazard.expand(full), shape), self.layer, torch.bool)
            known = table_of(hazard)
            if known is not None and _rises(known[1]):
                source, values = known
                least = self.layer.threshold(values, full, shape)
                shared = Secret(least, self.layer, torch.int64, 0, 0, values.shape[-1])
                return not_(below(subtract(source, source.low), shared))
        return below(self.field(name, hazard.shape[-1], "exponential", 1), hazard)
