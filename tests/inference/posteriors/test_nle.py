import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch

from causal_lpm.inference.calibration.simulator import ProblemSimulator
from causal_lpm.inference.posteriors.features import Summary
from causal_lpm.inference.posteriors.focus import FocusedPrior
from causal_lpm.inference.posteriors.nle import LearnedLikelihood, learn_likelihood
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.simulation_set import simulate_set
from tests.inference.calibration.conjugate import SMALL, exact, exact_line, line, normal

LINE = Problem(line, {"x": [0.0] * 4})


class Known:
    """sbi's interface of the exact likelihood of `line` given its data."""

    def log_prob(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
        values = LINE.constrain(condition)
        mean = values["level"][:, None] + values["slope"][:, None] * torch.arange(4.0)
        return torch.distributions.Normal(mean, 0.5).log_prob(x).sum(-1)


class Counting:
    """Features that are the data, and how often they were asked for."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, data: Mapping[str, Any]) -> Summary:
        self.calls += 1
        return Summary(torch.as_tensor(data["x"], dtype=torch.float32))


def moments(problem: Problem, z: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    values = torch.stack(list(problem.constrain(z).values()), -1).double().numpy()
    return values.mean(0), np.cov(values.T)


def test_chains_sample_the_posterior_of_the_likelihood_that_they_are_given() -> None:
    posterior = LearnedLikelihood(LINE, Counting(), [Known()], seed=0)
    x = np.array([[1.0, 2.0, 1.5, 3.0]])
    mean, covariance = exact_line(x)
    asked = posterior.given({"x": x})
    found, spread = moments(LINE, asked.sample(1000, 1)[:, 0])
    sd = np.sqrt(np.diag(covariance))
    # Walkers forget in some ten steps and 40 lie between draws: a standard error of 0.03, 0.05 of the covariance.
    np.testing.assert_allclose((found - mean[0]) / sd, 0, atol=0.15)
    np.testing.assert_allclose(spread / np.outer(sd, sd), covariance / np.outer(sd, sd), atol=0.25)
    (gate,) = asked.gates(1000, 1)
    assert gate.name == "R-hat"
    assert gate.value < 1.03


def test_many_data_sets_run_side_by_side_and_are_summarised_once() -> None:
    features = Counting()
    posterior = LearnedLikelihood(LINE, features, [Known()], seed=0)
    data = {"x": np.random.default_rng(0).normal(size=(5, 4))}
    asked = posterior.given(data)
    drawn = asked.sample(160, 2)
    assert drawn.shape == (160, 5, 2)
    assert torch.equal(asked.sample(160, 2), drawn)
    density = asked.log_prob(drawn)
    assert density.shape == (160, 5)
    assert features.calls == 1
    assert asked.gates() == ()
    mean, covariance = exact_line(data["x"])
    for row in range(5):
        found, _ = moments(LINE, drawn[:, row])
        np.testing.assert_allclose((found - mean[row]) / np.sqrt(np.diag(covariance)), 0, atol=0.6)


def test_a_density_that_is_no_number_is_no_place_to_begin() -> None:
    class Broken(Known):
        def log_prob(self, x: torch.Tensor, condition: torch.Tensor) -> torch.Tensor:
            found = super().log_prob(x, condition)
            return torch.where(condition[:, 0] > 1, torch.nan, found)

    posterior = LearnedLikelihood(LINE, Counting(), [Broken()], seed=0)
    asked = posterior.given({"x": np.zeros((1, 4))})
    assert (asked.sample(100, 0)[..., 0] <= 1).all()
    assert asked.log_prob(torch.full((1, 1, 2), 2.0))[0, 0] == -math.inf


@pytest.mark.slow
def test_a_learned_likelihood_comes_near_the_exact_posterior() -> None:
    problem = Problem(normal(1), {"x": [1.3]})
    made = simulate_set(ProblemSimulator(problem, FocusedPrior(problem)), 1000, 0, batch=100)
    posterior = learn_likelihood(problem, made, members=1, seed=0, training=SMALL)
    asked = posterior.given({"x": np.array([[1.3]])})
    found = problem.constrain(asked.sample(1000, 0)[:, 0])["mean"]
    mean, sd = exact([[1.3]])
    assert float(found.mean()) == pytest.approx(mean[0], abs=0.3 * sd)
    assert float(found.std()) == pytest.approx(sd, rel=0.25)
    assert asked.gates()[0].verdict != "fail"
