"""Private runs for tests: parties in one process, each with its own rows, and models that know nothing of it."""

import itertools
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch

from causal_lpm import KeyedNoise, Rollout, event, exposure, policy, rollout, tally
from causal_lpm.agents import Population, random_graph, start
from causal_lpm.handlers.private.additive import Additive
from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.in_process import together
from causal_lpm.handlers.private.messenger import Private
from causal_lpm.handlers.private.owned import Blocks
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.share_layer import ShareLayer
from causal_lpm.handlers.private.sharing import share

T = TypeVar("T")


class Exact:
    """Opens every total as it is, asked for by name."""

    exact, noisy = True, False

    def check(self, totals: Mapping[str, torch.Tensor]) -> Mapping[str, torch.Tensor]:
        return totals


def blocks_of(agents: int, parties: int) -> Blocks:
    bounds = [agents * rank // parties for rank in range(parties + 1)]
    return list(itertools.pairwise(bounds))


class Party:
    """What one party has: its layer, and its own rows of what the test knows whole."""

    def __init__(self, layer: ShareLayer, agents: int) -> None:
        self.layer, self.blocks = layer, blocks_of(agents, layer.parties)
        self.first, self.end = self.blocks[layer.rank]

    def share(self, x: torch.Tensor, low: int | None = None, high: int | None = None) -> Secret:
        return share(self.layer, x[..., self.first : self.end], self.blocks, low, high)

    def private(self, noise: Any = "public", release: Any = None, **options: Any) -> Private:
        return Private(self.layer, noise, Exact() if release is None else release, blocks=self.blocks, **options)


def with_parties(parties: int, agents: int, run: Callable[[Party], T]) -> list[T]:
    """What each party gets; one party is the reference."""
    if parties == 1:
        return [run(Party(Clear(), agents))]
    return together(parties, lambda channel: run(Party(Additive(channel), agents)))


def layers(parties: int, run: Callable[[ShareLayer], T]) -> list[T]:
    """The same without agents."""
    return [run(Clear())] if parties == 1 else together(parties, lambda channel: run(Additive(channel)))


def split(layer: ShareLayer, x: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """A uniform part of public numbers."""
    parts = [
        torch.randint(-(2**62), 2**62, x.shape, generator=torch.Generator().manual_seed(seed + r))
        for r in range(1, layer.parties)
    ]
    return x - sum(parts) if layer.rank == 0 else parts[layer.rank - 1]  # type: ignore[no-any-return]


def secret(layer: ShareLayer, x: torch.Tensor, bits: int = 20, **bounds: int) -> Secret:
    """Public numbers as a secret."""
    digits = bits if x.is_floating_point() else 0
    units = (x.double() * 2.0**digits).round().long()
    return Secret(split(layer, units), layer, x.dtype, digits, **bounds)


def epidemic(people: Population, contacts: Any, days: int) -> Rollout:
    """The README's, word for word."""
    closing = policy("closing_day", 999)

    def day(s: Any) -> Any:
        contact = torch.where(s["t"] < s["closing_day"], 1.0, 0.5)
        infected = event("infection", 0.06 * contact * exposure(contacts, s["stage"] == 1)) & (s["stage"] == 0)
        recovered = event("recovery", 0.2) & (s["stage"] == 1)
        tally("cases", infected)
        return {**s, "stage": s["stage"] + infected + recovered}

    return rollout(day, start(people, closing_day=closing), days)


AGENTS = 600


def ill(agents: int = AGENTS, every: int = 20) -> torch.Tensor:
    return (torch.arange(agents) % every == 0).to(torch.uint8)


def contacts_of(agents: int = AGENTS) -> Any:
    return random_graph(agents, mean_degree=8, seed=0)


def clear_epidemic(days: int, agents: int = AGENTS, seed: int = 1) -> torch.Tensor:
    with KeyedNoise(seed):
        return epidemic(Population({"stage": ill(agents)}), contacts_of(agents), days).tallies["cases"]
