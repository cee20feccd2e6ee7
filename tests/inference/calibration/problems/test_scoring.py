import pyro.distributions as dist
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference.calibration.problems.scoring import log_density, per_draw


@given(st.lists(st.booleans(), min_size=6, max_size=6).filter(any))
def test_missing_numbers_neither_count_nor_pass_a_gradient(present: list[bool]) -> None:
    there = torch.tensor(present).reshape(2, 3)
    mean = torch.rand(4, 2, 3, dtype=torch.float64).add(1).requires_grad_()
    value = torch.where(there, torch.arange(6.0).reshape(2, 3), torch.nan).expand(4, 2, 3)
    found = log_density("x", dist.Poisson(mean).to_event(1), value, there)
    assert found.shape == (4, 2)
    each = dist.Poisson(mean).log_prob(torch.nan_to_num(value))
    torch.testing.assert_close(found.sum(-1), each[:, there].sum(-1))
    (gradient,) = torch.autograd.grad(found.sum(), mean)
    assert gradient.isfinite().all()
    assert (gradient[:, ~there] == 0).all()
    assert (gradient[:, there] != 0).any()


def test_numbers_missing_inside_a_joint_distribution_are_refused() -> None:
    fn = dist.MultivariateNormal(torch.zeros(3), torch.eye(3))
    with pytest.raises(ValueError, match="its MultivariateNormal is joint over them"):
        log_density("x", fn, torch.zeros(1, 3), torch.tensor([True, False, True]))


def test_torch_s_generator_stays_where_it_was() -> None:
    before = torch.get_rng_state()
    log_density("x", dist.Normal(torch.zeros(2), 1.0).to_event(1), torch.zeros(1, 2), torch.tensor([True, False]))
    assert torch.equal(torch.get_rng_state(), before)


def test_each_draw_has_the_sum_of_its_own() -> None:
    values = torch.arange(12.0).reshape(3, 2, 2)
    torch.testing.assert_close(per_draw(values, 3), torch.tensor([6.0, 22.0, 38.0]))
    torch.testing.assert_close(per_draw(values[:, 0, 0], 3), values[:, 0, 0])
