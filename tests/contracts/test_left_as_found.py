"""Handlers leave seeds and global state as they found them, also when a model fails."""

from collections.abc import Iterator

import chirho.dynamical.internals.backends.torchdiffeq as backend
import pyro
import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from pyro.poutine.runtime import _PYRO_STACK

from causal_lpm import DiscreteTime, KeyedNoise, Recording, Seeds, Worlds, comparing, rollout, solve_ode
from tests.contracts.models import CLINIC, FLU, IMMUNITY, MODELS, Model, differ, flat


@pytest.fixture(autouse=True)
def left_as_found() -> Iterator[None]:
    odeint, validating = backend._batched_odeint, pyro.settings.get()
    yield
    assert _PYRO_STACK == []
    assert backend._batched_odeint is odeint
    assert pyro.settings.get() == validating
    assert list(pyro.get_param_store()) == []
    assert torch.get_default_dtype() == torch.float32


@pytest.mark.parametrize("model", [CLINIC, IMMUNITY], ids=lambda m: m.name)
def test_keyed_noise_draws_nothing_from_torch(model: Model) -> None:
    before = torch.get_rng_state()
    with Worlds(replicates=2), KeyedNoise(torch.tensor([[1], [2]])), model.do(*model.acts):
        model()
    assert torch.equal(torch.get_rng_state(), before)


def test_seeds_draw_their_sites_and_nothing_else() -> None:
    pyro.set_rng_seed(0)
    with Seeds("luck", (0, 10)):
        CLINIC()
    after = torch.get_rng_state()
    pyro.set_rng_seed(0)
    for _ in range(2):
        torch.randint(0, 2**63 - 1, ())
    assert torch.equal(torch.get_rng_state(), after)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
def test_a_failing_step_leaves_nothing_behind(model: Model) -> None:
    """The same handlers then work again, and give what they gave before."""
    noise, solver, worlds, record = KeyedNoise(7), DiscreteTime(), Worlds(), Recording()
    calls = 0

    def breaks(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise ZeroDivisionError
        return {"x": state["x"] + solve_ode(lambda y: {"x": y["x"]}, {"x": state["x"]}, 1.0)["x"]}

    change = StaticIntervention(torch.tensor(1.0), {"x": torch.ones(4)})
    with pytest.raises(ZeroDivisionError), worlds, noise, solver, record, change:
        rollout(breaks, {"x": torch.ones(4)}, 9)
    assert _PYRO_STACK == []
    with noise, solver, record:
        again = flat(model())
    assert differ(again, flat(model.alone())) == []


def test_comparing_leaves_nothing_behind_when_it_complains() -> None:
    with (
        pytest.raises(ValueError, match="did you mean 'school_closure_day'"),
        comparing({"factual": {}, "closed": {"school_closure_days": 3.0}}),
        KeyedNoise(7),
    ):
        FLU()
    assert _PYRO_STACK == []
