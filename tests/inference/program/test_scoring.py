import pyro.distributions as dist
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference.program.scoring import log_density, per_draw, valid_density


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


MADE = {
    "probs": lambda x: dist.Binomial(4, x, validate_args=False).to_event(1),
    "rate": lambda x: dist.Poisson(x, validate_args=False),
    "log": lambda x: dist.HalfNormal(x, validate_args=False).to_event(1),
    "expanded": lambda x: dist.Gamma(x, 1.0, validate_args=False).expand((3, *x.shape)).to_event(2),
    "mixed": lambda x: dist.Poisson(x, validate_args=False).mask(True),
    "joint": lambda x: dist.Dirichlet(x, validate_args=False),
}


@pytest.mark.parametrize("made", MADE)
@pytest.mark.parametrize("wrong", [-0.5, torch.nan])
def test_impossible_arguments_have_no_density_and_leave_the_others_alone(made: str, wrong: float) -> None:
    right = torch.tensor([[0.2, 0.8, 0.4], [0.5, 0.5, 0.9]])
    spoilt = right.clone()
    spoilt[1, 2] = wrong
    value = torch.tensor([[0.2, 0.3, 0.5]] * 2) if made == "joint" else torch.ones(2, 3)
    before, after = valid_density(MADE[made](right), value), valid_density(MADE[made](spoilt), value)
    torch.testing.assert_close(before, MADE[made](right).log_prob(value), rtol=0, atol=0)
    assert after.isnan().any()
    changed = after.isnan().expand(before.shape)
    torch.testing.assert_close(after[~changed], before[~changed], rtol=0, atol=0)
    assert made == "expanded" or not changed[0].any()


def test_probabilities_above_one_and_numbers_outside_the_support_have_no_density() -> None:
    # Without torch's check 1.3 counts as nearly 1, and 5 of 4 has the logarithm of a gamma function.
    assert valid_density(dist.Binomial(4, torch.tensor([1.3]), validate_args=False), torch.ones(1)).isnan().all()
    outside = valid_density(dist.Binomial(4, torch.tensor([0.3, 0.3]), validate_args=False), torch.tensor([5.0, 2.0]))
    assert outside[0] == -torch.inf
    assert outside[1].isfinite()


def test_missing_numbers_of_a_draw_without_a_density_do_not_spoil_the_others() -> None:
    rate = torch.tensor([[1.0, 2.0], [torch.nan, 2.0]])
    there, value = torch.tensor([True, False]), torch.tensor([[1.0, torch.nan]] * 2)
    found = log_density("x", dist.Poisson(rate, validate_args=False).to_event(1), value, there)
    assert found.tolist() == [-1.0, pytest.approx(float("nan"), nan_ok=True)]


def test_torch_s_generator_stays_where_it_was() -> None:
    before = torch.get_rng_state()
    log_density("x", dist.Normal(torch.zeros(2), 1.0).to_event(1), torch.zeros(1, 2), torch.tensor([True, False]))
    assert torch.equal(torch.get_rng_state(), before)


def test_each_draw_has_the_sum_of_its_own() -> None:
    values = torch.arange(12.0).reshape(3, 2, 2)
    torch.testing.assert_close(per_draw(values, 3), torch.tensor([6.0, 22.0, 38.0]))
    torch.testing.assert_close(per_draw(values[:, 0, 0], 3), values[:, 0, 0])
