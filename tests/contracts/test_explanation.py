"""ChiRho's search for causes over two policies of an epidemic."""

import pyro
import pytest
import torch
from chirho.explainable.handlers import SearchForExplanation
from chirho.indexed.ops import IndexSet, gather
from chirho.interventional.handlers import do
from torch.distributions import constraints

from causal_lpm import KeyedNoise, ProductWorlds, event, exposure, policy, rollout, tally
from causal_lpm.agents.population import start
from causal_lpm.typing import State
from tests.contracts.models import I, S, layers, people

POLICIES = ("closure", "masks")
CONTACTS = layers()


def outbreak() -> torch.Tensor:
    """Whether more than a third is infected in 30 days, as a deterministic site."""
    entries = {name: policy(name, 0.0) for name in POLICIES}

    def day(s: State) -> State:
        infectious = s["stage"] == I
        school = (1 - 0.9 * s["closure"]) * exposure(CONTACTS["school"], infectious)
        infected = event("infection", 0.05 * (1 - 0.9 * s["masks"]) * school) & (s["stage"] == S)
        recovered = event("recovery", 0.2) & infectious
        tally("cases", infected)
        return {**s, "stage": s["stage"] + infected + recovered}

    run = rollout(day, start(people(), **entries), 30)
    return policy("outbreak", (run.tallies["cases"].sum(-1) > 130).float())


def alone(closure: float, masks: float) -> float:
    with KeyedNoise(3), do(actions={"closure": torch.tensor(closure), "masks": torch.tensor(masks)}):
        return float(outbreak())


def test_each_policy_alone_explains_the_outbreak() -> None:
    assert [alone(a, b) for a, b in ((0, 0), (1, 0), (0, 1), (1, 1))] == [1.0, 0.0, 0.0, 0.0]
    seen = set()
    for seed in range(40):  # one of the four combinations is missing with a probability of 4 x 0.75**40 = 4e-5
        pyro.set_rng_seed(seed)
        search = SearchForExplanation(
            supports=dict.fromkeys((*POLICIES, "outbreak"), constraints.boolean),
            antecedents={name: torch.tensor(0.0) for name in POLICIES},
            alternatives={name: torch.tensor(1.0) for name in POLICIES},
            consequents={"outbreak": torch.tensor(1.0)},
            witnesses={},
            consequent_scale=1e-8,
        )
        with ProductWorlds() as worlds, search, KeyedNoise(3), pyro.poutine.trace() as tr:
            outcome = outbreak()
        undone = {name: bool(tr.trace.nodes[f"__cause____antecedent_{name}"]["value"]) for name in POLICIES}
        factor = tr.trace.nodes["__cause____consequent_outbreak"]["fn"].log_factor
        at = {name: {1} for name in POLICIES}
        with worlds:
            necessary = float(gather(factor, IndexSet(**at)))
            with_alternatives = float(gather(outcome, IndexSet(**at)))
        acts = [0.0 if undone[name] else 1.0 for name in POLICIES]
        assert with_alternatives == alone(*acts)
        assert (necessary == pytest.approx(0.0, abs=1e-3)) is (acts != [0.0, 0.0])
        seen.add(tuple(acts))
    assert seen == {(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)}
