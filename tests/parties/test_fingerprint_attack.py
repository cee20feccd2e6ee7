"""A series of totals is the fingerprint of an initial state where luck is public; private luck and noise take it away.

The attacker knows the model, the contacts, the seed, and all initial cases but one: who of the candidates is it? It
simulates each candidate, and names those whose totals are nearest to what was released.
"""

import functools

import pytest
import torch

from causal_lpm import KeyedNoise, event, exposure, rollout, tally
from causal_lpm.agents import random_graph
from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.messenger import NoiseMode, Private
from causal_lpm.handlers.private.sharing import share
from causal_lpm.parties import Ledger, Release
from causal_lpm.parties.group_sizes import GroupSizes
from causal_lpm.parties.opening import Opening

AGENTS, CANDIDATES, DAYS, TRIALS = 300, 40, 20, 30


def state_of(candidate: int) -> torch.Tensor:
    """Everybody's stage where this one is the unknown case; ten others are known."""
    stage = torch.zeros(AGENTS, dtype=torch.uint8)
    stage[100:300:20] = 1
    stage[candidate] = 1
    return stage


@functools.cache
def contacts() -> object:
    return random_graph(AGENTS, mean_degree=8, seed=0)


def totals(stage: torch.Tensor) -> torch.Tensor:
    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        ill = s["stage"] == 1
        infected = event("infection", 0.06 * exposure(contacts(), ill), where=s["stage"] == 0)
        recovered = event("recovery", 0.2, where=ill)
        tally("cases", infected)
        return {**s, "stage": s["stage"] + infected + recovered}

    return rollout(day, {"stage": stage}, DAYS).tallies["cases"].double().flatten()


@functools.cache
def simulated() -> torch.Tensor:
    """The attacker's table: the totals of each candidate under the public seed."""
    return torch.stack([KeyedNoise(1)(totals)(state_of(candidate)) for candidate in range(CANDIDATES)])


def released(candidate: int, noise: NoiseMode, release: Release) -> torch.Tensor:
    layer = Clear()
    stage = share(layer, state_of(candidate), [(0, AGENTS)], 0, 2)
    sizes = GroupSizes()
    with KeyedNoise(1), Private(layer, noise, Opening(release, sizes, Ledger()), {"stage": 3}), sizes:
        return totals(stage)


def found(noise: NoiseMode, release: Release) -> int:
    """In how many trials the unknown case is the only nearest candidate."""
    hits = 0
    for trial in range(TRIALS):
        candidate = trial * 7 % CANDIDATES
        distance = (simulated() - released(candidate, noise, release)).square().sum(-1)
        nearest = (distance == distance.min()).nonzero().flatten().tolist()
        hits += nearest == [candidate]
    return hits


def test_with_public_luck_exact_totals_tell_who_it_was() -> None:
    assert found("public", Release(cases=(0, AGENTS), exact=True)) >= TRIALS * 2 // 3


@pytest.mark.parametrize("sigma2", [None, 25])
def test_with_the_owners_luck_they_do_not(sigma2: int | None) -> None:
    # By chance one of 40 is named: more than 6 of 30 once in 10**5 runs.
    assert found("owner", Release(cases=(-500, 500), sigma2=sigma2)) <= 6


def test_with_public_luck_enough_noise_hides_it_too() -> None:
    # Series of candidates differ by 1 to 19 in Euclidean length, mostly by 7; noise of 20 a day covers that. As above.
    assert found("public", Release(cases=(-5000, 5000), sigma2=400)) <= 6
