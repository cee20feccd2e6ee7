"""Normal noise under every handler: keyed, the same in all worlds, and what gradients make of it."""

from typing import Any

import pyro
import pytest
import torch
from chirho.interventional.handlers import do

from causal_lpm import (
    KeyedNoise,
    MeanField,
    Relaxed,
    Rollout,
    Score,
    Seeds,
    StraightThrough,
    Worlds,
    exogenous,
    policy,
    rollout,
    tally,
)
from causal_lpm.kernels import hashing
from causal_lpm.kernels.normal import standard_normal
from tests.handlers.private.runs import Party, with_parties

AGENTS = 50


def model(spread: Any = 1.0) -> Rollout:
    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        news, own = exogenous("news", 1, "normal"), exogenous("own", AGENTS, "normal", slots=3)
        picked = exogenous("number", AGENTS, "normal", slots=4, index=torch.arange(AGENTS) % 4)
        value = s["value"] + spread * (news + own.sum(-1) + picked) * s["scale"]
        tally("value", value)
        return {**s, "value": value}

    return rollout(day, {"value": torch.zeros(AGENTS), "scale": policy("scale", 1.0)}, days=4)


def test_it_is_the_hash_of_the_key() -> None:
    with KeyedNoise(3) as keyed:
        drawn = exogenous("x", 7, "normal")
        expected = standard_normal(hashing.bits(keyed.key("x"), torch.arange(7))).float()
    assert torch.equal(drawn, expected)


@pytest.mark.parametrize("noise", [lambda: KeyedNoise(torch.tensor([[1], [2]])), Seeds, lambda: Seeds(blocks=5)])
def test_worlds_share_it(noise: Any) -> None:
    pyro.set_rng_seed(1)
    with Worlds(replicates=2), noise(), do(actions={"scale": (torch.tensor(2.0), torch.tensor(1.0))}):
        plain, double, same = model().tallies["value"]
    assert torch.equal(plain, same)
    assert torch.allclose(double, 2 * plain, rtol=1e-4)
    assert not torch.equal(plain[0], plain[1])


def test_without_a_seed_it_is_a_site() -> None:
    pyro.set_rng_seed(0)
    with pyro.poutine.trace() as trace:
        noise = exogenous("x", 9, "normal")
    site = trace.trace.nodes["x_noise"]
    assert site["fn"].log_prob(noise).shape == (9,)
    given = torch.randn(9)
    with pyro.condition(data={"x_noise": given}):
        assert torch.equal(exogenous("x", 9, "normal"), given)


@pytest.mark.parametrize("handler", [StraightThrough, MeanField, Relaxed])
def test_gradients_flow_through_what_is_made_of_it(handler: Any) -> None:
    """The value is linear in the spread, so its derivative is value / spread, whatever the noise."""
    spread = torch.tensor(0.5, requires_grad=True)
    with KeyedNoise(3), handler():
        total = model(spread).tallies["value"].sum()
    (slope,) = torch.autograd.grad(total, spread)
    with KeyedNoise(3):
        plain = model(0.5).tallies["value"].sum()
    assert float(total.detach()) == pytest.approx(float(plain), rel=1e-6)
    assert float(slope) == pytest.approx(float(plain) / 0.5, rel=1e-4)


def test_the_score_handler_leaves_it_as_it_is() -> None:
    with KeyedNoise(3):
        plain = model().tallies["value"]
    with KeyedNoise(3), Score():
        assert torch.equal(model().tallies["value"], plain)


@pytest.mark.parametrize("noise", ["owner", "dealt"])
def test_secret_noise_is_normal(noise: str) -> None:
    """Mean and variance of 4,000 within 5 standard errors: false alarm 1e-6 each."""
    agents = 4000

    def run(party: Party) -> None:
        with party.private(noise=noise):
            drawn: Any = exogenous("x", agents, "normal")
        (opened,) = party.layer.open(drawn.share)
        z = opened.double() * 2.0**-drawn.bits
        assert abs(float(z.mean())) < 5 / agents**0.5
        assert abs(float((z**2).mean()) - 1) < 5 * (2 / agents) ** 0.5
        assert 2.5 < float(z.max()) < 8.3
        assert -8.3 < float(z.min()) < -2.5

    with_parties(2, agents, run)
