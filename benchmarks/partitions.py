"""Who holds whom: contacts that are cut and bytes that ranks send a day, in the order of the agents and in others.

    python -m pip install pymetis
    python -m benchmarks.partitions --population new-zealand --agents 200000 --ranks 2 4 8

The template of influenza runs once; what its agents send is then counted for each way to share them out among ranks:
`numbers` as the package does, in contiguous parts; `regions` in whole regions, one after the other; `metis` by METIS
(Karypis and Kumar 1998, by pymetis, MIT; left out where it is not installed), which sees all contacts of households,
classrooms and teams; `random`. Of a group with members in several ranks, each tells the others what its members send
together, where that has changed: 8 bytes a group, and 24 a message that is not empty. Chance meetings and mixing cost
the same in every order and are not counted.
"""

import argparse
import importlib
import importlib.util
import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from causal_lpm import KeyedNoise
from causal_lpm.agents import Groups
from causal_lpm.handlers.handler import Handler
from causal_lpm.populations import SyntheticPopulation, population
from causal_lpm.templates.influenza import influenza

ENTRY, HEAD = 8, 24
"""Bytes of a place and a sum, and of the beginning of a message, as `agents/ranges/parcels.py` has them."""


class Senders(Handler):
    """What all agents send, day by day."""

    def __init__(self) -> None:
        super().__init__()
        self.days: list[np.ndarray] = []

    def _pyro_exposure(self, msg: Any) -> None:
        self.days.append(msg["args"][1].detach().numpy().astype(np.float32).reshape(-1))


def numbers(agents: int, ranks: int) -> np.ndarray:
    """The rank of each agent, in contiguous parts."""
    rank: np.ndarray = np.arange(agents) * ranks // agents
    return rank


def regions(region: np.ndarray, ranks: int) -> np.ndarray:
    """The rank of each agent, whole regions one after the other: each goes where its middle would be."""
    size = np.bincount(region)
    middle = np.cumsum(size) - size / 2
    rank: np.ndarray = (middle * ranks // len(region)).astype(np.int64)[region]
    return rank


def metis(groups: list[np.ndarray], ranks: int) -> np.ndarray:
    """The rank of each agent by METIS, of a graph in which all members of a group are joined."""
    agents = len(groups[0])
    ends = [pair for group in groups for pair in _pairs(group)]
    rows, columns = (np.concatenate(side) for side in zip(*ends, strict=True))
    order = np.argsort(rows, kind="stable")
    begins = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=agents))])
    pymetis = importlib.import_module("pymetis")
    found = pymetis.part_graph(ranks, pymetis.CSRAdjacency(begins, columns[order]))
    return np.asarray(found[1])


def _pairs(group: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Both ends of all contacts in groups: members one apart, two apart, ..., in both directions."""
    order = np.argsort(group, kind="stable")
    order = order[np.searchsorted(group[order], 0) :]
    for apart in range(1, int(np.bincount(group[order]).max())):
        one, other = order[:-apart], order[apart:]
        same = group[one] == group[other]
        yield one[same], other[same]
        yield other[same], one[same]


def cut(groups: list[np.ndarray], rank: np.ndarray) -> float:
    """The share of contacts between agents of different ranks."""
    joined = [_couples(group).sum() for group in groups]
    inside = [_couples(np.where(group < 0, -1, group * (rank.max() + 1) + rank)).sum() for group in groups]
    return float(1 - sum(inside) / sum(joined))


def _couples(group: np.ndarray) -> np.ndarray:
    size = np.unique(group[group >= 0], return_counts=True)[1]
    couples: np.ndarray = size * (size - 1) // 2
    return couples


def bytes_a_day(groups: list[np.ndarray], rank: np.ndarray, days: list[np.ndarray]) -> float:
    """What all ranks send together, on average over days."""
    ranks, total = int(rank.max()) + 1, 0
    for group in groups:
        part, agent = np.unique(np.where(group < 0, -1, group * ranks + rank), return_inverse=True)
        # Who is in no group is part -1, whose group is no one's.
        whose, where = part // ranks, part % ranks
        held = np.zeros((int(group.max()) + 2, ranks), dtype=bool)
        held[whose, where] = True
        held[-1] = False
        before: np.ndarray = np.zeros(len(part))
        for sent in days:
            now = np.bincount(agent, sent, len(part))
            changed = np.flatnonzero(now != before)
            for sender in range(ranks):
                told = held[whose[changed[where[changed] == sender]]].sum(0)
                told[sender] = 0
                total += int((told * ENTRY + (told > 0) * HEAD).sum())
            before = now
    return total / len(days)


def counted(town: SyntheticPopulation, ranks: list[int], days: int) -> Iterator[dict[str, Any]]:
    """A row for each number of ranks and way to share the agents out."""
    senders = Senders()
    with senders, KeyedNoise(3):
        influenza(town, days, initial=max(20, town.size // 2000))
    groups = [layer.group.numpy().astype(np.int64) for layer in town.networks.values() if isinstance(layer, Groups)]
    region = town.people[next(iter(town.places))].numpy()
    rng = np.random.default_rng(0)
    for count in ranks:
        ways = {"numbers": numbers(town.size, count), "regions": regions(region, count)}
        if importlib.util.find_spec("pymetis") is not None:
            ways["metis"] = metis(groups, count)
        ways["random"] = rng.permutation(ways["numbers"])
        for way, rank in ways.items():
            yield {
                "population": town.name,
                "agents": town.size,
                "ranks": count,
                "way": way,
                "largest part": round(float(np.bincount(rank).max() * count / town.size), 3),
                "contacts cut": round(cut(groups, rank), 5),
                "bytes a day and rank": round(bytes_a_day(groups, rank, senders.days) / count),
            }


def main() -> None:
    """Counts, and writes a line of JSON for each row."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--population", default="new-zealand")
    parser.add_argument("--agents", type=int, default=200_000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--ranks", type=int, nargs="+", default=[2, 4, 8])
    given = parser.parse_args()
    torch.set_num_threads(1)
    for row in counted(population(given.population, given.agents), given.ranks, given.days):
        print(json.dumps(row))


if __name__ == "__main__":
    main()
