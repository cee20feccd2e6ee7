"""Against `KeyedNoise`, from a common state in each step: what differs are ties of hazard and noise, which are counted.

A hazard of a private run has 20 binary digits and more after the point, that of a plain one the 24 of float32. So an
event can differ where the noise lies within 2**-20 of the hazard: about one agent in 10**6.
"""

from typing import Any

import pytest
import torch

from causal_lpm import KeyedNoise, Secret, event, exogenous, exposure, look_up, rollout
from causal_lpm.agents import FreshWattsStrogatz, Groups, random_graph
from causal_lpm.handlers.private.sharing import reveal
from tests.handlers.private.runs import Party, with_parties

AGENTS, DAYS = 4000, 6
TIE = 2.0**-20
INFECTIOUSNESS = torch.tensor([0.0, 0.37, 0.91, 0.113, 0.0])
SUSCEPTIBILITY = torch.linspace(0.013, 0.171, AGENTS)


def networks() -> dict[str, Any]:
    year = torch.arange(AGENTS) // 40
    return {
        "home": Groups(torch.arange(AGENTS) // 3),
        "school": FreshWattsStrogatz(year, torch.full((AGENTS // 40,), 6.0), 0.1, "school"),
        "chance": random_graph(AGENTS, 5, seed=2),
    }


def force(stage: torch.Tensor, age: torch.Tensor) -> torch.Tensor:
    """Three layers with weights of their own, infectiousness and susceptibility in fractions."""
    sums = exposure(networks(), look_up(INFECTIOUSNESS, stage))
    return SUSCEPTIBILITY * (1.7 * sums["home"] + 0.4 * sums["school"] + sums["chance"]) * (1.0 + 0.1 * age)


@pytest.mark.parametrize("parties", [1, 2])
def test_only_ties_differ(parties: int) -> None:
    """A tie in 24,000 decisions happens once in 40 runs; more than three differ once in 10**8."""
    generator = torch.Generator().manual_seed(4)
    stages = [torch.randint(0, 5, (AGENTS,), generator=generator).to(torch.uint8) for _ in range(DAYS)]
    age = torch.arange(AGENTS) % 7

    def days(share: Any, keep: list[Any]) -> Any:
        """One day from each of the given states."""

        def day(s: Any) -> Any:
            stage = share(stages[int(s["t"])], 0, 4)
            hazard = force(stage, share(age, 0, 6))
            keep.append((event("infection", hazard), hazard, exogenous("infection", AGENTS)))
            return s

        return rollout(day, {"x": share(stages[0], 0, 4)}, DAYS)

    plain: list[Any] = []
    with KeyedNoise(7):
        days(lambda x, *_: x, plain)

    def run(party: Party) -> list[torch.Tensor]:
        own: list[Any] = []
        with KeyedNoise(7), party.private():
            days(party.share, own)
        assert all(isinstance(happened, Secret) and isinstance(hazard, Secret) for happened, hazard, _ in own)
        return [torch.stack([reveal(happened), reveal(hazard)]) for happened, hazard, _ in own]

    for found in with_parties(parties, AGENTS, run):
        ties = 0
        for (happened, hazard), (expected, rate, noise) in zip(found, plain, strict=True):
            assert float((hazard - rate).abs().max()) < TIE
            differ = happened.bool() != expected
            assert bool(((noise - rate).abs() < TIE)[differ].all()), "what differs is a tie"
            ties += int(differ.sum())
        assert ties <= 3
    assert sum(int(expected.sum()) for expected, *_ in plain) > 1000
