"""A differential equation inside an agent model, intervened on like everything else."""

import warnings

import pytest
import torch
from chirho.dynamical.handlers import LogTrajectory, StaticIntervention
from chirho.dynamical.handlers.solver import TorchDiffEq

from causal_lpm import KeyedNoise, Worlds, policy, rollout, solve_ode
from causal_lpm.typing import State
from tests.contracts.models import IMMUNITY, S, differ, flat, pick


def test_antibodies_wane_as_the_equation_says() -> None:
    with KeyedNoise(1):
        run = IMMUNITY()
    never = run.state["stage"] == S
    first = torch.linspace(0.0, 3.0, len(never))
    assert bool(never.any())
    assert torch.allclose(
        run.state["antibody"][never], (first * torch.exp(torch.tensor(-0.1 * IMMUNITY.days)))[never], rtol=1e-5
    )


def test_faster_waning_in_one_world_infects_more_there() -> None:
    with Worlds() as worlds, KeyedNoise(1), IMMUNITY.do(0.01, 0.4):
        run = IMMUNITY()
    ill = [int(worlds.take(run.tallies["cases"], world, event_dim=1).sum()) for world in range(3)]
    assert ill[1] < ill[0] < ill[2]
    assert worlds.names == ["factual", "waning=0.01", "waning=0.4"]


def test_waning_can_change_on_a_day() -> None:
    faster = StaticIntervention(torch.tensor(5.0), {"waning": torch.tensor([0.4])})
    log = LogTrajectory(torch.tensor([0.0, 5.0, 6.0]))
    with Worlds() as worlds, KeyedNoise(1), log, faster:
        run = IMMUNITY()
    with KeyedNoise(1), faster:
        alone = IMMUNITY()
    assert differ(pick(worlds, run, world=0), flat(IMMUNITY.alone(1))) == []
    assert differ(pick(worlds, run, world=1), flat(alone)) == []
    last = (log.trajectory["stage"][..., -1] == S).all(0)
    ratio = log.trajectory["antibody"][..., 2] / log.trajectory["antibody"][..., 1]
    wanes = last & (log.trajectory["antibody"][0, :, 1] > 0.1)
    assert torch.allclose(ratio[:, wanes], torch.exp(-torch.tensor([[0.1], [0.4]])), rtol=1e-4)


def test_an_ode_before_the_rollout_leaves_its_interruptions_alone() -> None:
    """ChiRho's handlers are shallow: the first `simulate` would consume them."""

    def model() -> State:
        warm = solve_ode(lambda y: {"antibody": -0.1 * y["antibody"]}, {"antibody": torch.ones(4)}, 2.0)
        late = policy("late", 0.0)
        return rollout(lambda s: {**s, "antibody": s["antibody"] + s["late"]}, {"late": late, **warm}, 5).state

    log = LogTrajectory(torch.tensor([0.0, 5.0]))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with log, StaticIntervention(torch.tensor(3.0), {"late": torch.tensor([1.0])}):
            state = model()
    assert torch.allclose(state["antibody"], torch.exp(torch.tensor(-0.2)) + 2.0, rtol=1e-5)
    assert log.trajectory["antibody"].shape == (4, 2)


def test_an_adaptive_solver_may_be_chosen() -> None:
    state = {"antibody": torch.ones(3)}
    rk4 = solve_ode(lambda y: {"antibody": -y["antibody"]}, state, 2.0)
    adaptive = solve_ode(lambda y: {"antibody": -y["antibody"]}, state, 2.0, TorchDiffEq(rtol=1e-8, atol=1e-8))
    exact = torch.exp(torch.tensor([-2.0])).expand(3)
    assert torch.allclose(adaptive["antibody"], exact, rtol=1e-5)
    assert torch.allclose(rk4["antibody"], exact, rtol=2e-3)


def test_gradients_flow_through_the_solution() -> None:
    rate = torch.tensor(0.1, requires_grad=True)
    solved = solve_ode(lambda y: {"antibody": -rate * y["antibody"]}, {"antibody": torch.ones(1)}, 2.0)
    (slope,) = torch.autograd.grad(solved["antibody"].sum(), rate)
    assert float(slope) == pytest.approx(-2.0 * 2.718281828**-0.2, rel=1e-4)


@pytest.mark.parametrize("days", [0.0, -1.0, float("nan")])
def test_time_must_go_on(days: float) -> None:
    with pytest.raises(ValueError, match="an ODE is solved over a positive time"):
        solve_ode(lambda y: y, {"x": torch.ones(1)}, days)


def test_entries_and_derivatives_may_have_different_shapes() -> None:
    state = {"antibody": torch.rand(2, 1, 5), "dose": torch.ones(1)}
    solved = solve_ode(lambda s: {"antibody": -s["antibody"], "dose": torch.ones(1)}, state, 1.0)
    assert torch.allclose(solved["antibody"], state["antibody"] * torch.exp(torch.tensor(-1.0)), rtol=1e-3)
    assert torch.allclose(solved["dose"], torch.tensor(2.0))
