"""Contacts that nobody knows: a party has the tokens that its own agents sent and heard, and sums go by tokens.

In a day the parties share the tokens that were sent, each with its sender's message, and the tokens that were heard.
Both lists are put into orders that nobody knows, and their tokens are opened: messages go from token to token, and the
list of those who heard is put back into its order, where an agent's sum is that of its slots.

What becomes public is, in an unknown order, which tokens were heard how often. So a party sees how many heard each of
its own agents, and not who; and whom its own agents heard only as tokens. Slots that are empty are filled with tokens
that nobody sent.
"""

import numpy as np
import torch
from torch import Tensor

from causal_lpm.handlers.private.additive import Additive
from causal_lpm.handlers.private.contacts import received_sum
from causal_lpm.handlers.private.masks import Stream, fresh_key
from causal_lpm.handlers.private.owned import Blocks
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.ops.step import running_step
from causal_lpm.parties.oblivious_shuffle import shuffle
from causal_lpm.parties.recordings import Recordings

__all__ = ["HeardContacts"]


class HeardContacts:
    """A network of all parties' agents, of which this party has its own recordings.

    Args:
        recordings: Of this party's agents, one day a step.
        layer: Of this party.
        blocks: The rows of each party.
        slots: How many tokens an agent can have heard in a day at any party; public.

    Raises:
        ValueError: recordings of another number of agents, or with more slots.
    """

    hidden = True  # no fingerprint is made of it: it differs between the parties

    def __init__(self, recordings: Recordings, layer: Additive, blocks: Blocks, slots: int) -> None:
        self._first, self._end = blocks[layer.rank]
        if recordings.agents != self._end - self._first or recordings.slots > slots:
            raise ValueError(
                f"there are recordings of {recordings.agents} agents with {recordings.slots} slots, and this party has "
                f"{self._end - self._first} agents and {slots} slots were agreed on: give each agent its own."
            )
        self._own, self._layer, self._slots = recordings, layer, slots
        self.agents = blocks[-1][1]
        self._luck = Stream(fresh_key())

    def total(self, x: Tensor) -> Tensor:
        """The sum of what the contacts of the running day send, `[*dims, agents]`; of secrets alone.

        Raises:
            ValueError: public messages, outside of steps, or a day without recordings.
        """
        if not isinstance(x, Secret):
            raise ValueError(
                "contacts that were heard pass on secrets alone: public messages would tell who sent them."
            )
        step = running_step()
        if step is None or not step.number < self._own.days:
            raise ValueError(
                f"contacts were recorded for the days 0 to {self._own.days - 1}: sum over them in these steps of a "
                "rollout."
            )
        rows = x.share.reshape(-1, self.agents).T  # [agents, columns]
        columns = rows.shape[1]
        sent = self._own.sent[step.number]
        senders = shuffle(self._layer, torch.cat([self._all(sent)[:, None], rows], 1), columns_back=1)
        hearers = shuffle(self._layer, self._all(self._heard(step.number)).reshape(-1, 1), columns_back=columns)
        tokens, heard = self._layer.open(senders.rows[:, 0], hearers.rows[:, 0])
        passed = hearers.back(_by_token(tokens, senders.rows[:, 1:], heard))
        sums = passed.view(self.agents, self._slots, columns).sum(1).T.reshape(x.shape)
        return received_sum(x, sums, self._slots)

    def _heard(self, day: int) -> Tensor:
        """Tokens `[own agents, slots]`, with new ones in empty slots."""
        words = self._luck.words((self._own.agents, self._slots))
        own = self._own.slots
        words[:, :own] = torch.where(self._own.there[day], self._own.heard[day], words[:, :own])
        return words

    def _all(self, own: Tensor) -> Tensor:
        """Rows of everybody, of which this party gives its own; no message."""
        part = torch.zeros((self.agents, *own.shape[1:]), dtype=torch.int64)
        part[self._first : self._end] = own
        return part


def _by_token(tokens: Tensor, rows: Tensor, heard: Tensor) -> Tensor:
    """For each token that was heard the row of its sender; zeros where nobody has sent it."""
    order = np.argsort(tokens.numpy(), kind="stable")
    ordered = tokens.numpy()[order]
    place = np.minimum(np.searchsorted(ordered, heard.numpy()), len(ordered) - 1)
    known = torch.from_numpy(ordered[place] == heard.numpy())
    return torch.where(known[:, None], rows[torch.from_numpy(order[place])], 0)
