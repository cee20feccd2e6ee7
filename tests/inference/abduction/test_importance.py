"""Weights of noisy likelihoods, against a normal posterior that is known."""

import math
from typing import Any

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import observed
from causal_lpm.inference.abduction.filters import Filtered
from causal_lpm.inference.abduction.importance import in_rounds, resampled
from causal_lpm.inference.abduction.proposal import around
from causal_lpm.inference.program.problem import Problem

SEEN = torch.tensor([1.3, -0.4])


def model() -> None:
    mean = pyro.sample("mean", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    observed("y", dist.Normal(mean.sum(-1, keepdim=True), 1.0).to_event(1))


PROBLEM = Problem(model, {"y": [0.0]})


def filtered(z: torch.Tensor, noise: torch.Tensor) -> Filtered:
    """One observation of each element, standard deviation a half; the noise is that of p-hat, whose mean is one."""
    mean = PROBLEM.constrain(z)["mean"].double()
    log_p = torch.distributions.Normal(mean, 0.5).log_prob(SEEN.double()).sum(1) + noise
    n = len(z)
    weights = torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64).expand(n, 3)
    seeds = torch.arange(3 * n).reshape(n, 3, 1)
    return Filtered(
        log_p, seeds, torch.zeros(n, 3, 1).double(), weights, torch.ones(n, 1).double(), torch.ones(n).long()
    )


def found(rounds: int, spread: float = 0.0, filters: int = 2000, start: Any = None) -> Any:
    generator = torch.Generator().manual_seed(5)
    start = torch.randn(300, 2, generator=generator) if start is None else start
    made: list[int] = []

    def run(z: torch.Tensor, before: int) -> Filtered:
        made.append(before)
        return filtered(z, spread * torch.randn(len(z), generator=generator).double() - spread**2 / 2)

    return in_rounds(PROBLEM, start, run, filters=filters, rounds=rounds, enough=1e9, seed=1), made


EVIDENCE = float(torch.distributions.Normal(0.0, math.sqrt(1.25)).log_prob(SEEN).sum())


def test_weighted_draws_are_the_posterior_whatever_the_noise_of_the_likelihood() -> None:
    """Means and evidence within four standard errors: one false alarm in 2,000 seeds; the seed is fixed."""
    for rounds, spread in ((1, 0.0), (3, 0.0), (3, 0.8)):
        result, made = found(rounds, spread)
        assert made == [2000 * i for i in range(rounds)]
        mean = PROBLEM.constrain(result.z)["mean"].double()
        estimate = (result.weights[:, None] * mean).sum(0)
        error = ((result.weights[:, None] * (mean - estimate)) ** 2).sum(0).sqrt()
        assert bool(((estimate - SEEN.double() * 0.8).abs() < 4 * error).all())
        deviation = ((result.weights[:, None] * (mean - estimate) ** 2).sum(0)).sqrt()
        assert torch.allclose(deviation, torch.full((2,), math.sqrt(0.2)).double(), atol=0.05)
        ratio = (result.log_weights - EVIDENCE).exp()
        assert abs(float(ratio.mean()) - 1) < 4 * float(ratio.std()) / math.sqrt(len(ratio))
        assert 100 < result.effective < len(result.z)


def test_rounds_learn_where_the_weight_lies() -> None:
    far = 0.3 * torch.randn(300, 2, generator=torch.Generator().manual_seed(0)) - 1.5
    one, three = (found(rounds, filters=100, start=far)[0].effective / (100 * rounds) for rounds in (1, 3))
    assert three > 2 * one


def test_known_parameters_are_not_moved() -> None:
    result, made = found(3, start=torch.zeros(1, 2), filters=7)
    assert made == [0]
    assert result.z.tolist() == [[0.0, 0.0]] * 7


def test_a_round_ends_when_there_are_enough() -> None:
    generator = torch.Generator().manual_seed(5)
    start = torch.randn(300, 2, generator=generator)
    made: list[int] = []

    def run(z: torch.Tensor, before: int) -> Filtered:
        made.append(before)
        return filtered(z, torch.zeros(len(z)).double())

    in_rounds(PROBLEM, start, run, filters=200, rounds=5, enough=20.0, seed=1)
    assert made == [0]


def test_filters_are_taken_as_often_as_they_weigh() -> None:
    result, _ = found(1, filters=50)
    numbers, particles = resampled(result, 1000, seed=2)
    taken = torch.bincount(numbers, minlength=50).double()
    assert bool(((taken - 1000 * result.weights).abs() < 1).all())
    assert bool((particles == 1).all()), "the only particle of weight"


def test_a_proposal_is_a_density_and_draws_from_it() -> None:
    """The prior's density over the proposal's has mean one under the proposal: four standard errors, 1 in 16,000."""
    z = 0.7 * torch.randn(500, 2, generator=torch.Generator().manual_seed(0)) + 0.5
    proposal = around(z)
    drawn = proposal.draw(PROBLEM, 20_000, seed=3)
    log_prior = PROBLEM.prior.log_density(drawn).double()
    ratio = (log_prior - proposal.log_density(drawn, log_prior)).exp()
    assert abs(float(ratio.mean()) - 1) < 4 * float(ratio.std()) / math.sqrt(len(ratio))
    assert float(ratio.max()) <= 10.0 + 1e-6, "one tenth comes from the prior"
    assert torch.equal(proposal.draw(PROBLEM, 5, seed=3), proposal.draw(PROBLEM, 5, seed=3))
