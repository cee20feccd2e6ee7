"""Who may have met whom is public, who did is secret."""

from collections.abc import Sequence

import torch
from torch import Tensor

from causal_lpm.handlers.private.numbers import is_secret
from causal_lpm.handlers.private.secret import sum_bounds
from causal_lpm.validate import positive_count

__all__ = ["Candidates"]


class Candidates:
    """A network of public pairs of agents with secret weights: 0 where they did not meet, 1 where they did, or more.

    A sum over contacts takes one round and two products a pair; messages of 0 and 1 under such weights a byte each.

    Args:
        src: integers `[pairs]`, one agent of each.
        dst: integers `[pairs]`, the other one.
        weights: Secret `[pairs]`; or public, for a rehearsal.
        agents: How many there are; by default one more than the largest number.

    Raises:
        ValueError: not one weight a pair, an agent outside, a pair of an agent with itself.

    >>> from causal_lpm.handlers.private.clear import Clear
    >>> from causal_lpm.handlers.private.sharing import reveal, share
    >>> met = share(Clear(), torch.tensor([True, False]), [(0, 2)])
    >>> contacts = Candidates(torch.tensor([0, 1]), torch.tensor([1, 2]), weights=met)
    >>> reveal(contacts.total(torch.tensor([True, True, True])))
    tensor([1, 1, 0])
    """

    def __init__(
        self, src: Tensor | Sequence[int], dst: Tensor | Sequence[int], weights: Tensor, agents: int | None = None
    ) -> None:
        src, dst = torch.as_tensor(src).long(), torch.as_tensor(dst).long()
        if not src.shape == dst.shape == weights.shape or src.dim() != 1:
            raise ValueError(
                f"src has shape {tuple(src.shape)}, dst {tuple(dst.shape)} and weights {tuple(weights.shape)}: give "
                "one of each a pair."
            )
        largest = int(torch.cat([src, dst]).max()) if len(src) else 0
        smallest = int(torch.cat([src, dst]).min()) if len(src) else 0
        self.agents = largest + 1 if agents is None else agents
        positive_count("agents", self.agents)
        if smallest < 0 or largest >= self.agents or bool((src == dst).any()):
            raise ValueError(
                f"pairs join the agents {smallest} to {largest} of {self.agents}, or one with itself: number agents "
                "from 0, and leave such pairs out."
            )
        self._from, self._to = torch.cat([src, dst]), torch.cat([dst, src])
        self._weights = weights
        self._most = int(torch.bincount(self._to, minlength=1).max())

    def total(self, x: Tensor) -> Tensor:
        """The weighted sum over the other agents of each one's pairs, `[*dims, agents]`."""
        weights = torch.cat([self._weights, self._weights])
        sent = x.index_select(-1, self._from) * weights
        whole = sent if sent.is_floating_point() else sent.to(torch.int64)
        zeros = whole.new_zeros((*whole.shape[:-1], self.agents))
        total = zeros.index_add(-1, self._to, whole)
        if is_secret(total) and is_secret(whole):  # nobody has more pairs than that
            return total.within(*sum_bounds(whole.low, whole.high, self._most))
        return total
