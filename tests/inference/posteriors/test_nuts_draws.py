import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import event, observed, rollout
from causal_lpm.inference import divergence_gate, ess_gate, rhat_gate, sample_nuts
from causal_lpm.inference.program.problem import Problem
from tests.inference.calibration.conjugate import DATA, exact, exact_line, line, normal

SHORT: dict[str, Any] = {"warmup": 200, "draws": 250}


@pytest.mark.slow
def test_many_data_sets_side_by_side_have_their_exact_posteriors() -> None:
    problem = Problem(line, {"x": [0.0] * 4})
    x = torch.randn(10, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 2
    found = sample_nuts(problem, {"x": x}, **SHORT, seed=1)
    values = problem.constrain(found.z.flatten(0, 2))
    drawn = torch.stack([values["level"], values["slope"]], 1).reshape(10, 1000, 2).numpy()
    mean, covariance = exact_line(x.numpy())
    deviation = np.sqrt(np.diag(covariance))
    # 300 effective draws: a mean is off by 0.058 deviations, a variance by 8%; bounds are 4.5 of these.
    assert np.abs((drawn.mean(1) - mean) / deviation).max() < 0.26
    assert np.abs(drawn.var(1) / np.diag(covariance) - 1).max() < 0.36
    assert found.rhat.max() < 1.05
    assert found.ess_bulk.min() > 150
    assert not found.diverged.any()


@pytest.mark.slow
def test_a_correlated_posterior_of_fifty_dimensions_is_sampled_well() -> None:
    root = torch.randn(50, 50, generator=torch.Generator().manual_seed(3)) / 50**0.5

    def model() -> None:
        x = pyro.sample("x", dist.Normal(torch.zeros(50), 1.0).to_event(1))
        observed("y", dist.Normal(x @ root.T.to(x), 0.2).to_event(1))

    y = torch.randn(50, generator=torch.Generator().manual_seed(4))
    problem = Problem(model, {"y": y})
    found = sample_nuts(problem, **SHORT)
    covariance = torch.linalg.inv(torch.eye(50) + root.T @ root / 0.04)
    mean = covariance @ (root.T @ y) / 0.04
    drawn = problem.constrain(found.z.flatten(0, 2))["x"].double()
    deviation = covariance.diagonal().sqrt()
    assert found.rhat.max() < 1.03
    assert found.ess_bulk.min() > 400
    assert float(((drawn.mean(0) - mean) / deviation).abs().max()) < 0.25  # over 4 standard errors
    assert float((drawn.var(0) / covariance.diagonal() - 1).abs().max()) < 0.35


def test_seeds_determine_draws_and_data_sets_do_not_touch_each_other() -> None:
    problem = Problem(normal(), {"x": DATA})
    x = torch.randn(3, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    state = torch.get_rng_state()
    first = sample_nuts(problem, {"x": x}, warmup=50, draws=20, seed=5)
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(sample_nuts(problem, {"x": x}, warmup=50, draws=20, seed=5).z, first.z)
    assert not torch.equal(sample_nuts(problem, {"x": x}, warmup=50, draws=20, seed=6).z, first.z)
    parts = sample_nuts(problem, {"x": x}, warmup=50, draws=20, seed=5, at_once=1)
    torch.testing.assert_close(parts.z, first.z, rtol=1e-4, atol=1e-4)
    mean, deviation = exact(x.numpy())
    assert (
        np.abs(problem.constrain(first.z.flatten(0, 2))["mean"].reshape(3, 80).mean(1).numpy() - mean).max() < deviation
    )


@pytest.mark.slow
def test_a_funnel_diverges_and_two_modes_apart_have_no_rhat_of_one() -> None:
    def funnel() -> None:
        log_scale = torch.atleast_1d(pyro.sample("log_scale", dist.Normal(0.0, 3.0)))
        scale = log_scale.exp().unsqueeze(-1) if log_scale.dim() > 1 else log_scale.exp()
        effects = pyro.sample("effects", dist.Normal(torch.zeros(9).to(scale), scale).to_event(1))
        observed("x", dist.Normal(effects[..., :1], 10.0).to_event(1))

    found = sample_nuts(Problem(funnel, {"x": [0.0]}), **SHORT, depth=5)
    gates = [divergence_gate(found.diverged), ess_gate(found.z[0]), rhat_gate(found.z[0])]
    assert found.diverged.any()
    assert "fail" in [gate.verdict for gate in gates]

    def two() -> None:
        place = pyro.sample("place", dist.Normal(0.0, 10.0))
        observed("x", dist.Normal((place**2).unsqueeze(-1), 1.0).to_event(1))

    # All of 6 chains on one side: 1 seed in 32.
    apart = sample_nuts(Problem(two, {"x": [100.0]}), chains=6, **SHORT)
    assert rhat_gate(apart.z[0]).verdict == "fail"


def agents() -> None:
    rate = torch.atleast_1d(pyro.sample("rate", dist.LogNormal(-2.0, 0.5)))
    run = rollout(
        lambda state: {"ill": state["ill"] | event("infection", rate.expand(*rate.shape[:-1], 50))},
        {"ill": torch.zeros(50, dtype=torch.bool)},
        days=2,
    )
    observed("ill", dist.Poisson(run.state["ill"].sum(-1, keepdim=True) + 0.5).to_event(1))


def single() -> None:
    effects = pyro.sample("effects", dist.Normal(torch.zeros(2), 1.0).to_event(1))
    observed("x", dist.Normal(effects @ torch.ones(2, 3), 1.0).to_event(1))


@pytest.mark.parametrize(
    ("model", "data", "says"),
    [
        (
            agents,
            {"ill": [9.0]},
            "depends on the luck of simulated agents, and method 'nuts' needs one that is known: choose 'npe'",
        ),
        (single, {"x": [0.0] * 3}, "give its tensors the type of the parameters, as in features.to"),
    ],
)
def test_what_chains_cannot_follow_is_refused(
    model: Callable[[], None], data: dict[str, list[float]], says: str
) -> None:
    with pytest.raises(ValueError, match=says):
        sample_nuts(Problem(model, data))


@pytest.mark.parametrize(
    ("wrong", "says"), [({"draws": 4}, "at least 8"), ({"target": 1.5}, "in \\(0, 1\\)"), ({"chains": 0}, "chains")]
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        sample_nuts(Problem(normal(), {"x": DATA}), **wrong)  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_scale_near_zero_does_not_hold_chains(  # where the mode is at 0, far from the mass
) -> None:
    def hierarchy() -> None:
        log_scale = torch.atleast_1d(pyro.sample("log_scale", dist.Normal(-1.0, 0.7)))
        wide = log_scale.exp().unsqueeze(-1) if log_scale.dim() > 1 else log_scale.exp()
        effects = pyro.sample("effects", dist.Normal(torch.zeros(20).to(wide), wide).to_event(1))
        observed("x", dist.Normal(effects, 0.2).to_event(1))

    x = 0.4 * torch.randn(20, generator=torch.Generator().manual_seed(0))
    problem = Problem(hierarchy, {"x": x})
    found = sample_nuts(problem, **SHORT)
    log_scale = problem.constrain(found.z.flatten(0, 2))["log_scale"]
    grid = torch.linspace(-4, 1, 2000, dtype=torch.float64)
    weight = dist.Normal(-1.0, 0.7).log_prob(grid) + dist.Normal(
        0.0, (grid.exp()[:, None] ** 2 + 0.04).sqrt()
    ).log_prob(x).sum(1)
    expected = float((torch.softmax(weight, 0) * grid).sum())
    assert float(log_scale.mean()) == pytest.approx(expected, abs=0.05)
    assert math.isfinite(expected)
    assert found.rhat.max() < 1.05
