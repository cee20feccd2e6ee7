"""A private run whose owners can draw their luck again: by step, from a key that each keeps with its checkpoints."""

import hashlib
from collections.abc import Collection
from typing import Any

from causal_lpm import validate
from causal_lpm.handlers.private.luck import Owner
from causal_lpm.handlers.private.masks import Stream
from causal_lpm.handlers.private.messenger import NoiseMode, Private, Small
from causal_lpm.handlers.private.owned import Blocks
from causal_lpm.handlers.private.release import Releasing
from causal_lpm.handlers.private.share_layer import ShareLayer

__all__ = ["PrivateRun"]


class _OwnerBySteps(Owner):
    """Noise of a party's own agents from its own key, so that a step has the same luck when it is computed again."""

    def __init__(self, layer: ShareLayer, blocks: Blocks, key: bytes) -> None:
        super().__init__(layer, blocks)
        self._key = key

    def at(self, step: int) -> None:
        """A step begins; 0 is before the first."""
        self._stream = Stream(hashlib.blake2b(step.to_bytes(8, "big"), key=self._key, digest_size=32).digest())


class PrivateRun(Private):
    """As `Private`, with the luck of this party's agents from a key.

    Args:
        layer: Of this party.
        noise: Who knows the luck of an agent.
        release: What may be opened.
        small: The range of entries of the state.
        blocks: The rows of each party.
        key: 32 bytes that this party keeps to itself.
        attributes: Names that `small` may also have: of attributes that are no entries of the state.
    """

    def __init__(
        self,
        layer: ShareLayer,
        noise: NoiseMode,
        release: Releasing,
        small: Small,
        blocks: Blocks,
        key: bytes,
        attributes: Collection[str] = (),
    ) -> None:
        super().__init__(layer, noise, release, small, blocks)
        self._steps, self._attributes, self._given = 0, attributes, dict(self.small)
        if noise == "owner":
            self._own: _OwnerBySteps | None = _OwnerBySteps(layer, blocks, key)
            self._own.at(0)
            self._luck = self._own
        else:
            self._own = None

    def _pyro_rollout(self, msg: Any) -> None:
        state = msg["args"][1]
        for name in self._given:
            validate.known("entry of the state or attribute", name, [*state, *self._attributes])
        self.small = {name: ends for name, ends in self._given.items() if name in state}
        super()._pyro_rollout(msg)

    def _pyro_step(self, msg: Any) -> None:
        self._steps += 1
        if self._own is not None:
            self._own.at(self._steps)
        super()._pyro_step(msg)
