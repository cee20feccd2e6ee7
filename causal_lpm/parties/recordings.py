"""Who heard which token: contact tracing by Bluetooth, simulated.

A phone sends a token of 64 random bits, another one every day, and keeps those that it hears. The tokens that an agent
has sent and heard are with its own party, as those of its customers are with an operator; a token that was heard says
nothing about who sent it to whoever did not send it.
"""

import secrets
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from causal_lpm.agents.fixed_networks import Graph
from causal_lpm.agents.population import Population

__all__ = ["Recordings", "read_recordings", "simulate_recordings"]

COLUMNS = ("day", "agent", "token", "heard")


@dataclass(frozen=True)
class Recordings:
    """The tokens of some agents.

    Attributes:
        sent: int64 `[days, agents]`.
        heard: int64 `[days, agents, slots]`, where `there` says so.
        there: bool `[days, agents, slots]`.

    Raises:
        ValueError: shapes that do not fit.
    """

    sent: Tensor
    heard: Tensor
    there: Tensor

    def __post_init__(self) -> None:
        if self.heard.shape != self.there.shape or self.heard.shape[:2] != self.sent.shape or self.sent.dim() != 2:
            raise ValueError(
                f"tokens were sent of shape {tuple(self.sent.shape)} and heard of shape {tuple(self.heard.shape)}: "
                "give [days, agents] and [days, agents, slots]."
            )

    @property
    def days(self) -> int:
        """How many days there are."""
        return self.sent.shape[0]

    @property
    def agents(self) -> int:
        """Whose tokens these are."""
        return self.sent.shape[1]

    @property
    def slots(self) -> int:
        """How many tokens an agent can hear in a day."""
        return self.heard.shape[2]

    def of(self, first: int, end: int) -> "Recordings":
        """The tokens of a range of agents, as their party has them."""
        return Recordings(self.sent[:, first:end], self.heard[:, first:end], self.there[:, first:end])

    def save(self, path: str | Path) -> None:
        """Writes one row a token as Parquet: day, agent, token, and whether it was heard (else it was sent).

        Raises:
            FileExistsError: there is such a file.
        """
        day, agent, slot = self.there.nonzero(as_tuple=True)
        days, agents = torch.meshgrid(torch.arange(self.days), torch.arange(self.agents), indexing="ij")
        Population(
            {
                "day": torch.cat([days.flatten(), day]),
                "agent": torch.cat([agents.flatten(), agent]),
                "token": torch.cat([self.sent.flatten(), self.heard[day, agent, slot]]),
                "heard": torch.arange(days.numel() + len(day)) >= days.numel(),
            }
        ).save(path)

    @classmethod
    def load(cls, path: str | Path) -> "Recordings":
        """Reads what `save` has written; agents are numbered from 0 within their party.

        Raises:
            ValueError: an agent without a token of its own on some day, or with two.
        """
        table = Population.load(path)
        if missing := [name for name in COLUMNS if name not in table]:
            raise ValueError(f"{path} has no column {missing[0]!r}: recordings have {', '.join(COLUMNS)}.")
        day, agent, token, heard = (table[name] for name in COLUMNS)
        if heard.dtype != torch.bool or any(x.is_floating_point() for x in (day, agent, token)):
            raise ValueError(f"{path}: give day, agent and token as whole numbers, and heard as true or false.")
        days, agents = int(day.max()) + 1, int(agent.max()) + 1
        sent = torch.zeros((days, agents), dtype=torch.int64)
        place = day * agents + agent
        if not torch.equal(place[~heard].sort().values, torch.arange(days * agents)):
            raise ValueError(f"{path}: each agent must have sent one token each day, from day 0 and agent 0 on.")
        sent.view(-1)[place[~heard]] = token[~heard]
        mine, tokens = place[heard], token[heard]
        order = mine.argsort(stable=True)
        mine, tokens = mine[order], tokens[order]
        counts = torch.bincount(mine, minlength=days * agents)
        slots = max(1, int(counts.max()))
        slot = torch.arange(len(mine)) - (counts.cumsum(0) - counts)[mine]
        all_heard = torch.zeros((days * agents, slots), dtype=torch.int64)
        there = torch.zeros((days * agents, slots), dtype=torch.bool)
        all_heard[mine, slot], there[mine, slot] = tokens, True
        return cls(sent, all_heard.view(days, agents, slots), there.view(days, agents, slots))


def read_recordings(heard: Recordings | str | Path | None, agents: int) -> Recordings:
    """What a party's own agents sent and heard; raises ValueError where there is nothing, or of other agents."""
    if heard is None:
        raise ValueError("this party has no recordings: give the file of what its agents sent and heard (heard=).")
    found = heard if isinstance(heard, Recordings) else Recordings.load(heard)
    if found.agents != agents:
        raise ValueError(f"there are recordings of {found.agents} agents, and {agents} agents: give each its own.")
    return found


def simulate_recordings(contacts: Graph, days: int) -> Recordings:
    """Everybody's tokens where agents hear their contacts every day; new random ones at each call.

    >>> from causal_lpm.agents import random_graph
    >>> heard = simulate_recordings(random_graph(50, mean_degree=4, seed=0), days=2)
    >>> heard.sent.shape, int(heard.there[0].sum())
    (torch.Size([2, 50]), 200)
    """
    words = np.frombuffer(secrets.token_bytes(8 * days * contacts.agents), np.int64)
    sent = torch.from_numpy(words.copy()).view(days, contacts.agents)
    degree = contacts.indptr.diff()
    slots = max(1, int(degree.max()))
    agent = torch.repeat_interleave(torch.arange(contacts.agents), degree)
    slot = torch.arange(len(agent)) - contacts.indptr[:-1][agent]
    there = torch.zeros((contacts.agents, slots), dtype=torch.bool)
    there[agent, slot] = True
    source = torch.zeros((contacts.agents, slots), dtype=torch.int64)
    source[agent, slot] = contacts.neighbours.long()
    return Recordings(sent, sent[:, source], there.expand(days, -1, -1).clone())
