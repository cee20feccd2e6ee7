import numpy as np
import pytest
import torch

from causal_lpm.inference.calibration.simulator import ProblemSimulator
from causal_lpm.inference.posteriors.abc import WeightedSimulations, soft_conditioning
from causal_lpm.inference.posteriors.focus import FocusedPrior
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.simulation_set import simulate_set
from tests.inference.calibration.conjugate import exact, normal

DATA = [1.3]
PROBLEM = Problem(normal(1), {"x": DATA})


@pytest.fixture(scope="module")
def posterior() -> WeightedSimulations:
    made = simulate_set(ProblemSimulator(PROBLEM, FocusedPrior(PROBLEM)), 4000, 0, batch=1000)
    return soft_conditioning(PROBLEM, made, accepted=0.05)


def test_it_is_near_the_exact_posterior_and_not_narrower(posterior: WeightedSimulations) -> None:
    found = PROBLEM.constrain(posterior.given({"x": np.array([DATA])}).sample(4000, 1)[:, 0])["mean"]
    mean, sd = exact([DATA])
    # 200 effective draws: the standard error of the mean is 0.07 sd, of the standard deviation 0.05 sd.
    assert float(found.mean()) == pytest.approx(mean[0], abs=0.3 * sd)
    assert 0.85 * sd < float(found.std()) < 1.25 * sd


def test_the_kernel_is_as_wide_as_gives_the_share_that_is_asked_for(posterior: WeightedSimulations) -> None:
    weights = posterior.given({"x": np.array([[1.3], [-2.0], [0.0]])}).log_weights.exp()
    assert weights.shape == (3, 4000)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(1 / (weights**2).sum(-1), torch.full((3,), 200.0), rtol=0.02, atol=0)
    distance = (posterior._features({"x": np.array([[1.3]])}).values / posterior._scale - posterior._cloud).abs()[:, 0]
    order = distance.argsort()
    assert (weights[0][order].diff() <= 0).all()  # what is nearer weighs more


def test_it_says_how_many_simulations_carry_the_posterior(posterior: WeightedSimulations) -> None:
    (gate,) = posterior.given({"x": np.array([DATA])}).gates()
    assert (gate.name, gate.verdict) == ("effective draws", "pass")
    few = WeightedSimulations(PROBLEM, posterior.z[:100], {"x": np.random.default_rng(0).normal(size=(100, 1))})
    asked = few.given({"x": np.array([DATA])})
    assert asked.gates()[0].verdict == "fail"
    assert asked.log_prob(few.z[:, None]) is None


def test_draws_are_given_by_their_seed(posterior: WeightedSimulations) -> None:
    data = {"x": np.array([DATA, [0.0]])}
    first = posterior.given(data).sample(50, 3)
    assert first.shape == (50, 2, 1)
    assert torch.equal(posterior.given(data).sample(50, 3), first)
    assert not torch.equal(posterior.given(data).sample(50, 4), first)
    assert float(first[:, 0].mean()) > float(first[:, 1].mean())


def test_a_number_that_no_simulation_moves_does_not_outweigh_the_others() -> None:
    problem = Problem(normal(2), {"x": [1.3, 0.0]})
    z = problem.draw(2000, 0)
    x = problem.simulate(z, torch.arange(2000)).data["x"]
    x[:, 1] = 0.0
    posterior = WeightedSimulations(problem, z, {"x": x})
    found = problem.constrain(posterior.given({"x": np.array([[1.3, 0.5]])}).sample(2000, 0)[:, 0])["mean"]
    assert float(found.mean()) == pytest.approx(exact([DATA])[0][0], abs=0.4)


@pytest.mark.parametrize("accepted", [0.0, 1.0, -0.1])
def test_shares_that_cannot_be_are_refused(accepted: float) -> None:
    with pytest.raises(ValueError, match="accepted is"):
        WeightedSimulations(PROBLEM, PROBLEM.draw(10, 0), {"x": np.zeros((10, 1))}, accepted)
