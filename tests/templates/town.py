"""A town of households, schools, workplaces and chance contacts, small enough for tests."""

from dataclasses import dataclass, field

import torch

from causal_lpm.agents import Groups, Layer, Population, random_graph


@dataclass(frozen=True)
class Town:
    people: Population
    networks: dict[str, Layer] = field(default_factory=dict)
    places: dict[str, tuple[str, ...]] = field(default_factory=dict)


def town(agents: int = 2_000) -> Town:
    number = torch.arange(agents)
    age = (number * 37 % 80).to(torch.uint8)
    people = Population({"age": age, "borough": (number // 4 % 3).to(torch.uint8), "household": number // 4})
    networks = {
        "household": Groups(number // 4),
        "school": Groups(torch.where(age < 18, number // 80, -1)),
        "workplace": Groups(torch.where((age >= 18) & (age < 65), number // 20, -1)),
        "community": random_graph(agents, mean_degree=6, seed=0),
    }
    return Town(people, networks, {"borough": ("North", "South", "West")})
