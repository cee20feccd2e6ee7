"""What we mend in other packages: each test fails when upstream no longer needs it, and says what to remove."""

import pytest
import torch
from chirho.dynamical.handlers.solver import TorchDiffEq
from chirho.dynamical.ops import simulate

from causal_lpm import solve_ode
from causal_lpm.handlers import torchdiffeq_on_torch213

TORCH = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])


def decay() -> torch.Tensor:
    with TorchDiffEq():
        return simulate(lambda s: {"x": -s["x"]}, {"x": torch.ones(3)}, torch.tensor(0.0), torch.tensor(1.0))["x"]


@pytest.mark.skipif(TORCH < (2, 13), reason="ChiRho 0.3.0 solves ODEs on older versions of torch")
def test_chirho_still_fails_to_solve_odes_on_torch_2_13() -> None:
    """When this fails, remove `torchdiffeq_on_torch213` and `_odeint` from handlers/ode.py."""
    with pytest.raises(TypeError):
        decay()


def test_the_shim_solves_them() -> None:
    with torchdiffeq_on_torch213():
        assert torch.allclose(decay(), torch.exp(torch.tensor([-1.0])).expand(3), rtol=1e-4)


def test_the_shim_is_gone_after_a_failure() -> None:
    import chirho.dynamical.internals.backends.torchdiffeq as backend

    before = backend._batched_odeint
    with pytest.raises(KeyError):
        solve_ode(lambda s: {"x": s["missing"]}, {"x": torch.ones(3)}, 1.0)
    assert backend._batched_odeint is before
