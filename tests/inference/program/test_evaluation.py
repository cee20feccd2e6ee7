from collections.abc import Callable

import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import observed
from causal_lpm.agents.observation import negative_binomial
from causal_lpm.inference.posteriors.neural import Training, train_npe
from causal_lpm.inference.program.evaluation import NotElementwiseError, each_draw
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import Model

DATA = {"x": [3.0, 1.0, 2.0]}
Z = torch.tensor([[-1.0], [0.0], [30.0], [0.5]])  # exp(90) is beyond the numbers of float32, as in a solver


def overflowing(fn: Callable[[torch.Tensor], dist.TorchDistribution]) -> Model:
    def model() -> None:
        size = pyro.sample("size", dist.Normal(0.0, 1.0))
        rate = (size / size.mul(3).exp().isfinite()).exp()  # 1 / 0 beyond the numbers, so that exp gives infinity
        rate = rate / rate * rate
        observed("x", fn(rate[..., None].expand(*size.shape, 3)).to_event(1))

    return model


FAMILIES: dict[str, Callable[[torch.Tensor], dist.TorchDistribution]] = {
    "Poisson": lambda rate: dist.Poisson(rate),
    "Binomial": lambda rate: dist.Binomial(9, rate / (1 + rate)),
    "LogNormal": lambda rate: dist.LogNormal(rate.log(), 1.0),
    "Gamma": lambda rate: dist.Gamma(rate, rate),
    "negative_binomial": lambda rate: negative_binomial(rate),  # refuses NaN itself
    "cholesky": lambda rate: dist.Normal(torch.linalg.cholesky(rate[..., None, None])[..., 0, 0], 1.0),
}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("missing", [False, True])
def test_a_draw_without_a_density_does_not_touch_the_draws_beside_it(family: str, missing: bool) -> None:
    numbers = [3.0, float("nan"), 2.0] if missing else DATA["x"]
    checked = torch.distributions.Distribution._validate_args
    problem = Problem(overflowing(FAMILIES[family]), {"x": numbers})

    def slopes(rows: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        z, data = Z[rows].requires_grad_(), problem.repeated(len(rows))
        joint = each_draw(lambda r: problem.log_joint(z[r], {"x": data["x"][r]}), len(rows))
        (slope,) = torch.autograd.grad(torch.where(joint.isfinite(), joint, 0.0).sum(), z)
        return joint.detach(), slope

    alone, expected = slopes([0, 1, 3])
    joint, slope = slopes([0, 1, 2, 3])
    assert joint[2].isnan()
    assert torch.equal(joint[[0, 1, 3]], alone)
    torch.testing.assert_close(slope[[0, 1, 3]], expected, rtol=0, atol=0)
    assert expected.isfinite().all()
    assert slope[2].abs() <= Z[2].abs()  # that of the prior, if any
    assert torch.distributions.Distribution._validate_args == checked


@pytest.mark.parametrize("elsewhere", [True, False])
def test_simulations_are_refused_what_no_distribution_has_whatever_others_turned_off(elsewhere: bool) -> None:
    problem = Problem(overflowing(FAMILIES["LogNormal"]), DATA)
    with (
        pyro.settings.context(validate_distributions_torch=elsewhere),
        pytest.raises(ValueError, match="Expected para"),
    ):
        problem.simulate(Z, torch.arange(4))


def test_training_leaves_torch_s_checks_as_they_were() -> None:
    for checked in (True, False):
        with pyro.settings.context(validate_distributions_torch=checked):
            train_npe(torch.randn(40, 1), torch.randn(40, 1), members=1, training=Training(epochs=1))
            assert torch.distributions.Distribution._validate_args == checked


def test_a_prior_has_no_density_beyond_its_support_and_says_so_draw_by_draw() -> None:
    def model() -> None:
        spread = pyro.sample("spread", dist.Gamma(2.0, 1.0))
        observed("x", dist.Normal(torch.zeros(*spread.shape, 3), spread[..., None]).to_event(1))

    problem = Problem(model, DATA)
    far = torch.tensor([[0.0], [-400.0]])  # exp(-400) is zero in float32, which a LogNormal and a Gamma refuse
    assert problem.log_prior(far)[0] == problem.log_prior(far[:1])[0]
    assert not problem.log_prior(far)[1] > -100


def test_a_program_that_fails_wherever_it_is_asked_tells_its_own_error() -> None:
    calls = []

    def density(rows: slice) -> torch.Tensor:
        calls.append(rows)
        raise ArithmeticError("no solution here")

    with pytest.raises(ArithmeticError, match="no solution here") as error:
        each_draw(density, 1000)
    assert "fails with 501 of 501" in error.value.__notes__[0]
    calls.clear()
    assert each_draw(density, 2).isnan().all()


@pytest.mark.parametrize("error", [NotElementwiseError("x", (2,), (1,)), torch.OutOfMemoryError("full")])
def test_what_no_other_draw_would_mend_is_told_at_once(error: Exception) -> None:
    calls = []

    def density(rows: slice) -> torch.Tensor:
        calls.append(rows)
        raise error

    with pytest.raises(type(error)):
        each_draw(density, 1000)
    assert len(calls) == 1
