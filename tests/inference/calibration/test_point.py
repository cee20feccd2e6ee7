"""Point calibration: it finds modes, trains networks through a simulation, leaves nothing behind, and refuses."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import hypothesis.strategies as st
import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings

from causal_lpm import MeanField, Rollout, StraightThrough, event, exposure, observed, policy, rollout, tally
from causal_lpm.agents.networks import random_graph
from causal_lpm.agents.observation import negative_binomial
from causal_lpm.inference import fit
from causal_lpm.inference.calibration.point import PointCalibration, point_calibration

AGENTS, DAYS = 300, 12
GRAPH = random_graph(AGENTS, 6, seed=0)


def counts() -> None:
    rate = pyro.sample("rate", dist.Gamma(2.0, 1.0))
    observed("count", dist.Poisson(rate.expand(4)).to_event(1))


class Network(torch.nn.Module):
    """One weight a half of the days: hazards an infectious contact."""

    def __init__(self) -> None:
        super().__init__()
        self.raw = torch.nn.Parameter(torch.zeros(2))

    def forward(self) -> torch.Tensor:
        return 0.3 * torch.sigmoid(self.raw)


def epidemic(network: torch.nn.Module | None = None, beta: tuple[float, float] = (0.05, 0.05)) -> torch.Tensor:
    """Weekly infections of an SIR whose transmission changes halfway; a network may say how."""
    hazards = torch.tensor(beta) if network is None else pyro.module("transmission", network)()

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        now = hazards[int(s["t"]) * 2 // DAYS]
        infected = s["S"] * event("infection", now * exposure(GRAPH, s["I"]))
        recovered = s["I"] * event("recovery", 0.2)
        tally("infections", infected)
        return {"S": s["S"] - infected, "I": s["I"] + infected - recovered}

    infectious = (torch.arange(AGENTS) < 15).float()
    run = rollout(day, {"S": 1 - infectious, "I": infectious}, DAYS)
    observed("cases", negative_binomial(run.tallies["infections"], 50.0).to_event(1))
    return run.tallies["infections"]


def mean_field(beta: tuple[float, float]) -> torch.Tensor:
    with torch.no_grad(), MeanField():
        return epidemic(beta=beta)


@settings(max_examples=4)
@given(numbers=st.lists(st.integers(0, 30), min_size=4, max_size=4))
def test_the_mode_of_a_conjugate_model_is_found(numbers: list[int]) -> None:
    # Gamma(2, 1) prior and Poisson counts: the posterior's mode is (2 - 1 + sum) / (1 + n).
    point = point_calibration(counts, {"count": numbers}, steps=150, learning_rate=0.2)
    assert float(point.parameters["rate"]) == pytest.approx((1 + sum(numbers)) / 5, rel=0.02)


def test_missing_numbers_do_not_count() -> None:
    with_gaps = point_calibration(counts, {"count": [3, None, float("nan"), 9]}, steps=150, learning_rate=0.2)
    assert float(with_gaps.parameters["rate"]) == pytest.approx((1 + 12) / 3, rel=0.02)


def test_a_network_learns_through_the_simulation() -> None:
    truth = (0.08, 0.02)
    cases = mean_field(truth).round()
    network = Network()
    point = point_calibration(lambda: epidemic(network), {"cases": cases}, steps=60, learning_rate=0.2)
    assert point.losses[-1] < point.losses[0] - 5
    found = network()
    assert found.tolist() == pytest.approx(list(truth), rel=0.15)  # deterministic: both are mean fields
    # The network is left at the best step, which `state` holds.
    assert torch.equal(point.state["transmission"]["raw"], network.raw.detach())
    assert torch.allclose(point.run(lambda: epidemic(network)), mean_field(tuple(found.tolist())), rtol=1e-5)


def test_the_best_step_is_kept_and_not_the_last() -> None:
    # A learning rate far too large: the last step is worse than the best.
    point = point_calibration(counts, {"count": [1, 0, 2, 1]}, steps=40, learning_rate=5.0)
    assert point.best_step == int(point.losses.argmin())
    rate = point.parameters["rate"]
    again = -(dist.Gamma(2.0, 1.0).log_prob(rate) + dist.Poisson(rate).log_prob(torch.tensor([1.0, 0, 2, 1])).sum())
    assert float(again) == pytest.approx(point.losses.min(), rel=1e-4)


def test_runs_are_repeated_by_their_seed_and_leave_pyro_as_it_was() -> None:
    pyro.param("mine", torch.ones(2))
    network = Network()
    start = {name: value.clone() for name, value in network.state_dict().items()}
    cases = mean_field((0.06, 0.06)).round()
    before = torch.random.get_rng_state()

    def fitted() -> PointCalibration:
        network.load_state_dict(start)
        return point_calibration(lambda: epidemic(network), {"cases": cases}, steps=5, seed=3)

    one, other = fitted(), fitted()
    assert np.array_equal(one.losses, other.losses)
    assert list(pyro.get_param_store()) == ["mine"]
    assert torch.equal(torch.random.get_rng_state(), before)


def test_straight_through_runs_the_exact_simulation_with_new_luck_every_step() -> None:
    network = Network()
    cases = mean_field((0.06, 0.06)).round()
    point = point_calibration(
        lambda: epidemic(network), {"cases": cases}, steps=4, learning_rate=1e-9, estimator=StraightThrough
    )
    assert len(set(point.losses.round(6))) == 4
    series = point.run(lambda: epidemic(network))
    assert torch.equal(series, series.round())
    assert not torch.equal(series, point.run(lambda: epidemic(network), seed=99))


def test_plain_parameters_and_regions_side_by_side() -> None:
    data = torch.tensor([[4.0, 6.0, 5.0], [40.0, 60.0, 50.0]])

    def regions() -> None:
        level = pyro.param("level", torch.ones(2))
        observed("count", dist.Poisson(level.exp()[:, None].expand(2, 3)).to_event(1))

    point = point_calibration(regions, {"count": data}, steps=150, learning_rate=0.2)
    assert point.state["level"].exp().tolist() == pytest.approx([5.0, 50.0], rel=0.02)
    assert point.run(lambda: pyro.param("level", torch.zeros(2))).tolist() == point.state["level"].tolist()


def nothing_to_optimise() -> None:
    observed("count", dist.Poisson(torch.ones(4)).to_event(1))


def cut_off() -> None:
    rate = pyro.sample("rate", dist.Gamma(2.0, 1.0))
    observed("count", dist.Poisson(rate.detach().expand(4)).to_event(1))


def unused() -> None:
    pyro.param("idle", torch.ones(1))
    counts()


def infinite() -> None:
    rate = pyro.param("rate", torch.ones(1))
    pyro.factor("wall", torch.log(rate * 0.0))
    observed("count", dist.Poisson(rate.expand(4)).to_event(1))


def discrete() -> None:
    rate = pyro.sample("rate", dist.Poisson(3.0))
    observed("count", dist.Poisson(rate.expand(4) + 1.0).to_event(1))


@pytest.mark.parametrize(
    ("model", "data", "sentence"),
    [
        (counts, {}, "there are no data"),
        (counts, {"counts": [1, 2, 3, 4]}, "did you mean 'count'"),
        (counts, {"count": [1, 2, 3]}, "shape"),
        (counts, {"count": [1, -2, 3, 4]}, "negative"),
        (nothing_to_optimise, {"count": [1, 2, 3, 4]}, "nothing to optimise"),
        (unused, {"count": [1, 2, 3, 4]}, "no gradient reaches 'idle'"),
        (infinite, {"count": [1, 2, 3, 4]}, "the loss of step 0 is inf"),
        (discrete, {"count": [1, 2, 3, 4]}, "is discrete"),
    ],
)
def test_what_cannot_be_optimised_is_refused(model: Any, data: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        point_calibration(model, data, steps=3)


def test_a_network_of_nan_is_refused_with_a_sentence() -> None:
    network = Network()
    with torch.no_grad():
        network.raw.fill_(float("nan"))

    def model() -> None:
        rate = pyro.module("rate", network)()[0]
        observed("count", dist.Normal(rate.expand(4), 1.0, validate_args=False).to_event(1))

    with pytest.raises(ValueError, match="the loss of step 0 is nan"):
        point_calibration(model, {"count": [1.0, 2.0, 3.0, 4.0]}, steps=3)


@pytest.mark.parametrize(
    ("settings_", "sentence"),
    [
        ({"steps": 0}, "steps"),
        ({"steps": 10**12}, "1000000000000 steps would take"),
        ({"seed": 0.5}, "seed is 0.5"),
        ({"learning_rate": 0.0}, "learning rate"),
    ],
)
def test_settings_are_checked(settings_: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        point_calibration(counts, {"count": [1, 2, 3, 4]}, **settings_)


class ByRegion(torch.nn.Module):
    """One network a region, or one shared by all: two hazards a region, from what was seen there."""

    def __init__(self, shared: bool) -> None:
        super().__init__()
        self.parts = torch.nn.ModuleList(torch.nn.Linear(1, 2) for _ in range(1 if shared else 2))

    def forward(self, seen: torch.Tensor) -> torch.Tensor:
        each = [self.parts[min(region, len(self.parts) - 1)](one) for region, one in enumerate(seen)]
        return 0.3 * torch.sigmoid(torch.stack(each))


def two_regions(network: torch.nn.Module, days: int = DAYS) -> Rollout:
    """Two regions side by side, whose hazards a network generates; a policy closes something."""
    hazards = pyro.deterministic("hazard", pyro.module("transmission", network)(torch.tensor([[-1.0], [1.0]])))
    closure = policy("closure_day", 99.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        now = hazards[:, min(int(s["t"]) * 2 // DAYS, 1)][:, None] * (s["t"] < s["closure_day"])
        infected = s["S"] * event("infection", now * exposure(GRAPH, s["I"]))
        recovered = s["I"] * event("recovery", 0.2)
        tally("infections", infected)
        return {**s, "S": s["S"] - infected, "I": s["I"] + infected - recovered}

    infectious = (torch.arange(AGENTS) < 15).float().expand(2, -1)
    run = rollout(day, {"S": 1 - infectious, "I": infectious, "closure_day": closure}, days)
    observed("cases", negative_binomial(run.tallies["infections"][..., 0, :], 50.0).to_event(1))
    return run


@pytest.mark.parametrize("shared", [False, True], ids=["one network a region", "one network for all"])
def test_fit_trains_networks_and_shows_what_they_generate(shared: bool) -> None:
    truth = torch.tensor([[0.08, 0.02], [0.03, 0.05]])
    with pyro.get_param_store().scope(), torch.no_grad(), MeanField(), pyro.condition(data={"hazard": truth}):
        cases = two_regions(ByRegion(shared)).tallies["infections"][:, 0].round()
    torch.manual_seed(0)
    network = ByRegion(shared)
    model = partial(two_regions, network)
    result = fit(model, {"cases": cases}, "gradient", settings={"steps": 80, "learning_rate": 0.1})
    assert result.status == "optimised"
    assert torch.as_tensor(result.tree["posterior"]["hazard"].values[0, 0]).tolist() == [
        pytest.approx(row, rel=0.2) for row in truth.tolist()
    ]
    assert len(result.summary()) == 4
    assert result.parameters() == {}
    assert not list(pyro.get_param_store())


def test_a_fitted_network_answers_policies() -> None:
    with pyro.get_param_store().scope(), torch.no_grad(), MeanField():
        cases = two_regions(ByRegion(shared=False)).tallies["infections"][:, 0].round()
    torch.manual_seed(0)
    network = ByRegion(shared=True)
    result = fit(partial(two_regions, network), {"cases": cases}, "gradient", settings={"steps": 3})
    found = result.predict({"as it is": {}, "closed": {"closure_day": 4.0}}, replicates=2)
    assert found.attrs["status"] == "optimised"
    assert float(found["infections"].sel(world="closed")[..., 5:].sum()) == 0.0


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_fitted_parameter_goes_with_the_model_wherever_it_is_simulated(workers: int) -> None:
    """What `pyro.param` holds belongs to the process; other processes must not begin with the initial value."""

    def model() -> Any:
        hazard = pyro.deterministic("rate", pyro.param("hazard", torch.tensor(1e-3)))

        def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            tally("x", event("x", hazard.expand(200)))
            return s

        run = rollout(day, {"well": torch.ones(200)}, 4)
        observed("cases", dist.Poisson(run.tallies["x"] + 0.1).to_event(1))
        return run

    result = fit(model, {"cases": [120.0] * 4}, "gradient", settings={"steps": 40, "learning_rate": 0.2})
    alone = result.predict(replicates=6)
    assert float(alone["x"].mean()) > 20  # at the initial value it is 0.2
    with ThreadPoolExecutor(2) as executor:
        assert result.predict(replicates=6, executor=executor).identical(alone)
    assert result.predict(replicates=6, workers=workers).identical(alone)
