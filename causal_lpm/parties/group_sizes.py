"""How many agents stand behind each number of a tally, noticed while the model runs."""

from typing import Any

import torch
from torch import Tensor

from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.private.numbers import is_secret
from causal_lpm.handlers.private.totals import total_by_group

__all__ = ["GroupSizes"]


class GroupSizes(Handler):
    """Notices the groups of each tally. Groups without agents, where that is public, do not count.

    >>> from causal_lpm import tally
    >>> with GroupSizes() as sizes:
    ...     _ = tally("cases", torch.ones(3), torch.tensor([0, 2, 2]), groups=3)
    >>> sizes.least("cases")
    1
    """

    def __init__(self) -> None:
        super().__init__()
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._least: dict[str, int] = {}
        self._public: dict[int, tuple[Tensor, int]] = {}  # groups that were counted, kept so that none has their id
        self._secret: dict[str, list[tuple[Tensor, int]]] = {}

    def _pyro_post_tally(self, msg: Any) -> None:
        name, values, by, groups = msg["args"]
        if by is None:
            size = values.shape[-1]
        elif is_secret(by):
            seen = self._secret.setdefault(name, [])
            if not any(other is by for other, _ in seen):
                seen.append((by, groups))
            return
        else:
            if id(by) not in self._public:
                counts = torch.bincount(by.long() + 1)[1:]
                self._public[id(by)] = (by, int(counts[counts > 0].min()) if bool(counts.any()) else 0)
            size = self._public[id(by)][1]
        self._least[name] = min(size, self._least.get(name, size))

    def least(self, name: str) -> int | None:
        """The size of the smallest group of a tally; None where all its groups are secret."""
        return self._least.get(name)

    def secret(self, name: str) -> list[Tensor]:
        """The sizes of secret groups of a tally, as secrets `[groups]`."""
        sizes = []
        for by, groups in self._secret.get(name, []):
            everybody = torch.ones(by.shape[-1], dtype=torch.int64)
            sizes.append(total_by_group(everybody, by, groups, torch.int64))
        return sizes
