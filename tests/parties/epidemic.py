"""The README's epidemic for several parties, and who has which agents."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import torch

from causal_lpm import Rollout, event, exposure, policy, rollout, tally
from causal_lpm.agents import Graph, Population, random_graph, start

AGENTS = 300
SIZES = {2: (120, 180), 3: (100, 50, 150)}


def everybody(agents: int = AGENTS) -> Population:
    """All agents: every twentieth is ill; two groups of age."""
    number = torch.arange(agents)
    return Population(
        {"stage": (number % 20 == 0).to(torch.uint8), "age": (number % 3 == 0).to(torch.uint8)},
        {"age": ("young", "old")},
    )


def part(people: Population, rank: int, parties: int) -> Population:
    """The agents of one party."""
    sizes = SIZES[parties]
    first = sum(sizes[:rank])
    return Population({name: x[first : first + sizes[rank]] for name, x in people.attributes.items()}, people.labels)


def epidemic(people: Population, contacts: Graph, days: int, closing: float = 999.0) -> Rollout:
    """People fall ill and recover."""
    closing_day = policy("closing_day", closing)
    age = people["age"]

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        contact = torch.where(s["t"] < s["closing_day"], 1.0, 0.5)
        ill = s["stage"] == 1
        infected = event("infection", 0.06 * contact * exposure(contacts, ill), where=s["stage"] == 0)
        recovered = event("recovery", 0.2, where=ill)
        tally("cases", infected, age, groups=2)
        tally("ill", ill)
        return {**s, "stage": s["stage"] + infected + recovered}

    return rollout(day, start(people, closing_day=closing_day), days)


def simulation(days: int = 8, closing: float = 999.0, graph_seed: int = 0):  # type: ignore[no-untyped-def]
    """Everybody's population -> what happens to it."""
    contacts = random_graph(AGENTS, mean_degree=8, seed=graph_seed)
    return partial(epidemic, contacts=contacts, days=days, closing=closing)


def files(folder: Path, parties: int) -> None:
    """Each party's own agents as Parquet."""
    for rank in range(parties):
        part(everybody(), rank, parties).save(folder / f"people-{rank}.parquet")


def smooth(people: Population, parameters: Mapping[str, torch.Tensor], contacts: Graph, days: int) -> Rollout:
    """The epidemic in columns of 0 and 1, through which gradients flow."""
    ill = (people["ill"]).float()

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        infected = s["S"] * event("infection", parameters["beta"] * exposure(contacts, s["I"]))
        recovered = s["I"] * event("recovery", parameters["gamma"].expand(people.size))
        tally("cases", infected)
        tally("ill", s["I"])
        return {"S": s["S"] - infected, "I": s["I"] + infected - recovered}

    return rollout(day, {"S": 1 - ill, "I": ill}, days)


TRUTH = {"beta": 0.08, "gamma": 0.25}


def smooth_people() -> Population:
    """Everybody, a twentieth ill."""
    return Population({"ill": torch.arange(AGENTS) % 20 == 0})


def smooth_simulation(days: int = 6) -> partial[Rollout]:
    """Everybody's population and parameters -> what happens to it."""
    return partial(smooth, contacts=random_graph(AGENTS, mean_degree=8, seed=0), days=days)


def squares(totals: Mapping[str, torch.Tensor]) -> torch.Tensor:
    """How far totals are from those that were seen."""
    seen = {"cases": [12, 17, 20, 24, 27, 29], "ill": [15, 23, 34, 46, 58, 71]}
    return sum(((totals[name] - torch.tensor(seen[name])) ** 2).sum() for name in seen) / 100  # type: ignore[return-value]
