"""Pyro's `Predictive` and initialisations around a model, with the handler of noise outside of them."""

from contextlib import nullcontext
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from pyro.infer import Predictive
from pyro.infer.autoguide.initialization import InitMessenger, init_to_sample

from causal_lpm import KeyedNoise, Seeds, choose, event, observed, rollout, tally
from causal_lpm.typing import State

AGENTS = 200


def infections() -> torch.Tensor:
    beta = pyro.sample("beta", dist.LogNormal(-2.0, 0.5))

    def day(s: State) -> State:
        infected = event("infection", beta.expand(*beta.shape[:-1], AGENTS)) & ~s["infected"]
        tally("cases", infected & (choose("mild", torch.zeros(AGENTS, 2)) == 0))
        return {"infected": s["infected"] | infected}

    run = rollout(day, {"infected": torch.zeros(AGENTS, dtype=torch.bool)}, 3)
    observed("reports", dist.Poisson(run.tallies["cases"] + 0.1).to_event(1))
    return run.state["infected"]


def test_what_an_initialisation_draws_is_the_same_noise_and_leaves_no_site() -> None:
    """It was a site of the first trace only, which made `Predictive` a KeyError."""
    with KeyedNoise(7):
        beta = torch.tensor(0.1)
        plain = pyro.poutine.condition(infections, data={"beta": beta})()
    with KeyedNoise(7), pyro.poutine.trace() as tr, InitMessenger(init_to_sample):
        initialised = pyro.poutine.condition(infections, data={"beta": beta})()
    assert torch.equal(initialised, plain)
    assert set(tr.trace.nodes) == {"beta", "reports"}


@pytest.mark.parametrize(("outside", "parallel"), [(False, False), (True, False), (True, True)])
def test_each_sample_of_predictive_has_seeds_of_its_own(outside: bool, parallel: bool) -> None:
    """Seeds outside of `Predictive` were drawn in its first trace and missing in all others: a KeyError."""
    pyro.set_rng_seed(0)
    seeds: Any = Seeds("luck", (0, 2))
    predict = Predictive(infections if outside else seeds(infections), num_samples=4, parallel=parallel)
    with seeds if outside else nullcontext():
        samples = predict()
    assert set(samples) == {"beta", "luck_0", "luck_1", "reports"}
    assert samples["luck_0"].unique().numel() == samples["luck_1"].unique().numel() == 4
    assert samples["reports"].shape == (4, 1, 3)


def test_given_seeds_are_replayed() -> None:
    luck = torch.tensor([[3], [3], [4]])
    beta = torch.full((3, 1), 0.3)
    pyro.set_rng_seed(0)
    with Seeds("luck"):
        predict = Predictive(infections, {"luck_0": luck, "beta": beta}, return_sites=["_RETURN"])
        same, again, other = predict()["_RETURN"]
    assert torch.equal(same, again)
    assert not torch.equal(same, other)
