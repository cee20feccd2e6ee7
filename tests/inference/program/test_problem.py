import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import observed
from causal_lpm.handlers import KeyedNoise
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.program.side_by_side import check_side_by_side
from tests.inference.calibration.conjugate import DATA, EVERYTHING, everything, line, normal
from tests.inference.calibration.sir import DAYS, sir

ALL = Problem(everything, EVERYTHING)
SEEDS = st.integers(0, 2**63 - 1)


def copies(data: dict[str, Any], n: int) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(values, dtype=torch.float64).expand(n, -1) for name, values in data.items()}


# --- parameters ------------------------------------------------------------------------------------------------------


def test_names_and_sizes() -> None:
    assert ALL.names == ("scale", "share", "level[0]", "level[1]", "mixture[0]", "mixture[1]", "below")
    assert ALL.size == 7
    shapes = {name: tuple(value.shape) for name, value in ALL.constrain(ALL.draw(3, 0)).items()}
    assert shapes == {"scale": (3,), "share": (3,), "level": (3, 2), "mixture": (3, 3), "below": (3,)}


@given(st.lists(st.floats(-3, 3, width=32), min_size=14, max_size=14))
def test_unconstrain_inverts_constrain(numbers: list[float]) -> None:
    z = torch.tensor(numbers).reshape(2, 7)
    torch.testing.assert_close(ALL.unconstrain(ALL.constrain(z)), z, atol=2e-3, rtol=2e-3)


def test_z_is_of_order_one_and_values_keep_their_supports() -> None:
    z = ALL.draw(4000, 3)
    torch.testing.assert_close(z.mean(0), torch.zeros(7), atol=0.1, rtol=0)  # standard error 0.016
    torch.testing.assert_close(z.std(0), torch.ones(7), atol=0.1, rtol=0)
    values = ALL.constrain(z)
    assert (values["level"][:, 0] <= 1).all()
    assert (values["level"][:, 1] >= 5).all()  # bounds of its own in each region
    torch.testing.assert_close(values["mixture"].sum(-1), torch.ones(4000))


@given(SEEDS)
@settings(max_examples=10)
def test_draws_are_given_by_their_seed_and_leave_torch_s_generator_alone(seed: int) -> None:
    before = torch.get_rng_state()
    assert torch.equal(ALL.draw(3, seed), ALL.draw(3, seed))
    ALL.log_prior(ALL.draw(1, seed))
    assert torch.equal(torch.get_rng_state(), before)


# --- densities -------------------------------------------------------------------------------------------------------


def jacobian(problem: Problem, z: torch.Tensor) -> float:
    """Log volume of the values of one z, of a simplex without its last entry."""

    def values(row: torch.Tensor) -> torch.Tensor:
        found = problem.constrain(row[None])
        return torch.cat([(v[..., :-1] if name == "mixture" else v).flatten() for name, v in found.items()])

    return float(torch.linalg.slogdet(torch.autograd.functional.jacobian(values, z)).logabsdet)


def test_log_joint_is_pyro_s_density_of_each_draw_and_the_jacobian() -> None:
    z = ALL.draw(5, 1)
    together = ALL.log_joint(z, copies(EVERYTHING, 5))
    for row in range(5):
        values = {name: value[0] for name, value in ALL.constrain(z[row : row + 1]).items()}
        data = {name: numbers[None] for name, numbers in copies(EVERYTHING, 1).items()}
        with KeyedNoise(0):
            trace = pyro.poutine.trace(pyro.condition(everything, {**values, **data})).get_trace()
        expected = float(trace.log_prob_sum()) + jacobian(ALL, z[row])
        assert float(together[row]) == pytest.approx(expected, abs=2e-3)


def test_the_joint_density_is_prior_plus_likelihood_and_knows_its_data_sets() -> None:
    z = ALL.draw(4, 2)
    data = {name: values + torch.arange(4)[:, None] for name, values in copies(EVERYTHING, 4).items()}
    joint = ALL.log_joint(z, data)
    torch.testing.assert_close(joint, ALL.log_prior(z) + ALL.log_likelihood(z, data), check_dtype=False)
    for row in range(4):
        alone = ALL.log_joint(z[row : row + 1], {name: values[row : row + 1] for name, values in data.items()})
        assert float(joint[row]) == pytest.approx(float(alone), rel=1e-5)


@pytest.mark.parametrize(
    "prior",
    [
        dist.LogNormal(2.0, 0.5),
        dist.Beta(2.0, 5.0),
        dist.Uniform(-3.0, 11.0),
        dist.Gamma(3.0, 0.01),
        dist.HalfNormal(7.0),
        dist.Normal(50.0, 0.1),
    ],
    ids=lambda prior: type(prior).__name__,
)
def test_the_prior_of_z_integrates_to_one(prior: Any) -> None:
    def model() -> None:
        value = pyro.sample("value", prior)
        observed("x", dist.Normal(value[..., None], 1.0).to_event(1))

    problem = Problem(model, {"x": [1.0]})
    grid = torch.linspace(-14, 14, 20_001)[:, None]
    assert float(torch.trapezoid(problem.log_prior(grid).exp(), grid[:, 0])) == pytest.approx(1, abs=2e-3)


def test_missing_days_do_not_count_and_equal_leaving_them_out() -> None:
    gaps = [1.0, math.nan, 1.5, math.nan, 1.2, 0.8]
    whole, short = Problem(normal(6), {"x": gaps}), Problem(normal(4), {"x": [1.0, 1.5, 1.2, 0.8]})
    z = whole.draw(3, 0)
    given_ = copies({"x": gaps}, 3)
    found = whole.log_joint(z, given_)
    torch.testing.assert_close(found, short.log_joint(z, copies({"x": [1.0, 1.5, 1.2, 0.8]}, 3)))
    other = {"x": torch.where(given_["x"].isnan(), 77.0, given_["x"])}
    torch.testing.assert_close(whole.log_joint(z, other), found)


def test_a_parameter_that_the_surrogate_lacks_keeps_its_prior() -> None:
    def model() -> None:
        extra = pyro.sample("extra", dist.Normal(3.0, 0.1))
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        observed("x", dist.Normal((mean + 0 * extra)[..., None].expand(*mean.shape, 6), 1.0).to_event(1))

    problem = Problem(model, {"x": DATA}, surrogate=normal())
    z = problem.draw(5, 0)
    found, expected = (problem.log_joint(z, copies({"x": DATA}, 5), program=program) for program in (normal(), model))
    torch.testing.assert_close(found, expected, atol=0.05, rtol=0)  # the prior's scale is estimated, of 4096 draws


def test_draws_of_another_prior_keep_the_coordinates() -> None:
    problem = Problem(normal(), {"x": DATA})
    other = problem.under(normal(centre=3.0, width=0.5))
    z = torch.tensor([[0.0], [1.0]])
    assert torch.equal(other.constrain(z)["mean"], problem.constrain(z)["mean"])
    values = other.constrain(other.draw(2000, 0))["mean"]
    assert float(values.mean()) == pytest.approx(3, abs=0.06)  # five standard errors
    density = dist.Normal(3.0, 0.5).log_prob(problem.constrain(z)["mean"])
    torch.testing.assert_close(
        other.log_prior(z) - problem.log_prior(z),
        density - dist.Normal(0.0, 2.0).log_prob(problem.constrain(z)["mean"]),
    )
    with pytest.raises(ValueError, match=r"the other model has parameters \['level', 'slope'\]"):
        Problem(normal(4), {"x": DATA[:4]}).under(line)


# --- simulations -----------------------------------------------------------------------------------------------------


@given(SEEDS, st.integers(2, 5))
@settings(max_examples=5)
def test_draws_side_by_side_equal_draws_alone_to_the_bit(seed: int, n: int) -> None:
    problem = Problem(sir, {"cases": np.zeros((1, DAYS))})
    z, seeds = problem.draw(n, seed), torch.tensor([(seed + 7 * row) % 2**63 for row in range(n)])
    together = problem.simulate(z, seeds)
    assert set(together.series) == {"infections", "by_half"} == set(problem.series)
    assert together.series["by_half"].shape == (n, 2, DAYS)
    for row in range(n):
        alone = problem.simulate(z[row : row + 1], seeds[row : row + 1])
        for found, whole in ((alone.data, together.data), (alone.series, together.series)):
            for name in whole:
                np.testing.assert_array_equal(found[name][0], whole[name][row])


def test_a_simulation_depends_on_its_seed_and_on_nothing_else() -> None:
    problem = Problem(sir, {"cases": np.zeros((1, DAYS))})
    z = problem.draw(1, 0).expand(2, -1)
    found = problem.simulate(z, torch.tensor([1, 2])).data["cases"]
    assert (found[0] != found[1]).any()
    torch.manual_seed(9)
    np.testing.assert_array_equal(problem.simulate(z, torch.tensor([1, 2])).data["cases"], found)


def rho_without_days(groups: int = 1) -> dict[str, torch.Tensor]:
    rho = pyro.sample("rho", dist.Beta(4.0, 6.0))
    cases = torch.full((*rho.shape[:-1], groups, 7), 50.0)
    mean = rho * cases  # [n, 1] * [n, groups, 7] gives [n, n, 7]: rho[..., None] is meant
    observed("cases", dist.Poisson(mean).to_event(1))
    return {"mean": mean}


def only_the_series() -> dict[str, torch.Tensor]:
    rho = pyro.sample("rho", dist.Beta(4.0, 6.0))
    cases = torch.full((*rho.shape[:-1], 1, 7), 50.0)
    observed("cases", dist.Poisson(rho[..., None] * cases).to_event(1))
    return {"mean": rho * cases}


@pytest.mark.parametrize(
    ("model", "shape"),
    [
        (rho_without_days, (1, 7)),
        (only_the_series, (1, 7)),
        *[(partial(rho_without_days, k), (k, 7)) for k in (2, 3, 4)],
    ],
)
def test_a_model_that_mixes_its_draws_is_refused(model: Model, shape: tuple[int, ...]) -> None:
    problem = Problem(model, {"cases": np.ones(shape)})
    with pytest.raises(ValueError, match=r"write parameter\[..., None\]"):
        check_side_by_side(problem)


@pytest.mark.parametrize("model", [sir, everything, normal()])
def test_elementwise_models_are_not_refused(model: Model) -> None:
    data = {sir: {"cases": np.zeros((1, DAYS))}, everything: EVERYTHING}.get(model, {"x": DATA})
    check_side_by_side(Problem(model, data))


def test_a_model_that_fails_is_left_to_the_simulations_which_count_it() -> None:
    def failing() -> None:
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        if bool((mean < 2).any()) and mean.dim():
            raise ArithmeticError("no solution")
        observed("x", dist.Normal(mean[..., None].expand(*mean.shape, 6), 1.0).to_event(1))

    check_side_by_side(Problem(failing, {"x": DATA}))


def test_a_density_that_mixes_draws_is_refused() -> None:
    problem = Problem(rho_without_days, {"cases": np.ones(7)})
    with pytest.raises(ValueError, match=r"data site 'cases' came out with shape \(3, 3, 7\) for 3 draws"):
        problem.log_joint(problem.draw(3, 0), {"cases": torch.ones(3, 1, 7)})


def test_a_density_without_the_place_of_the_agents_counts_each_draw_once() -> None:
    def squeezed() -> None:
        mean = pyro.sample("mean", dist.Normal(0.0, 2.0))
        flat = mean.squeeze(-1) if mean.dim() > 1 else mean
        observed("x", dist.Normal(flat[..., None].expand(*flat.shape, 6), 1.0).to_event(1))

    z, data = torch.tensor([[-1.0], [0.0], [2.0]]), copies({"x": DATA}, 3)
    found, expected = (Problem(model, {"x": DATA}).log_joint(z, data) for model in (squeezed, normal()))
    torch.testing.assert_close(found, expected)


# --- what is refused -------------------------------------------------------------------------------------------------


def with_prior(prior: Any, name: str = "value") -> Callable[[], None]:
    def model() -> None:
        value = pyro.sample(name, prior)
        observed("x", dist.Normal(value[..., None].float(), 1.0).to_event(1))

    return model


def data_inside(of: str = "x") -> None:
    mean = pyro.sample("mean", dist.Normal(0.0, 1.0))
    pyro.sample("y", dist.Normal(mean, 1.0), obs=torch.tensor(1.0) if of == "y" else None)
    pyro.sample("x", dist.Normal(mean, 1.0), obs=torch.tensor(1.0) if of == "x" else None)


def nested() -> None:
    top = pyro.sample("top", dist.Uniform(1.0, 2.0))
    value = pyro.sample("value", dist.Uniform(0.0, top))
    observed("x", dist.Normal(value[..., None], 1.0).to_event(1))


@pytest.mark.parametrize(
    ("model", "data", "message"),
    [
        (normal(), {}, "there are no data"),
        (normal(), {"xx": DATA}, "unknown data site 'xx': did you mean 'x'?"),
        (normal(), {"x": DATA[:5]}, r"site 'x' have shape \(5,\), a simulation gives \(6,\)"),
        (data_inside, {"x": [1.0]}, "site 'x' has data inside the model"),
        (partial(data_inside, "y"), {"x": [1.0]}, "site 'y' has data inside the model"),
        (with_prior(dist.Poisson(3.0)), {"x": [1.0]}, r"site 'value' is discrete \(Poisson\)"),
        (with_prior(dist.Normal(0.0, 1.0).expand((2, 3))), {"x": np.ones((2, 3))}, "at most one plate"),
        (nested, {"x": [1.0]}, "the prior of 'value' has bounds that another parameter sets"),
        *[
            (with_prior(dist.Normal(0.0, 1.0), name), {"x": [1.0]}, f"'{name}'")
            for name in ("a/b", "chain", "draw", "group", "day", "date")
        ],
    ],
)
def test_what_cannot_be_a_problem_is_refused(model: Model, data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Problem(model, data)


@pytest.mark.parametrize("name", ["a/b", "chain", "draw", "group", "day", "date"])
def test_names_of_data_sites_that_a_result_cannot_hold_are_refused(name: str) -> None:
    def model() -> None:
        value = pyro.sample("value", dist.Normal(0.0, 1.0))
        observed(name, dist.Normal(value[..., None], 1.0).to_event(1))

    with pytest.raises(ValueError, match=f"{name}'"):
        Problem(model, {name: [1.0]})


def other_site() -> None:
    pyro.sample("slope", dist.Normal(0.0, 1.0))
    normal()()


@pytest.mark.parametrize(
    ("surrogate", "message"),
    [
        (other_site, "the surrogate has a site 'slope' that the model does not have"),
        (lambda: pyro.sample("mean", dist.Normal(0.0, 1.0)), "the surrogate has no data site 'x'"),
    ],
)
def test_surrogates_of_other_sites_are_refused(surrogate: Model, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Problem(normal(), {"x": DATA}, surrogate)


def test_positive_values_that_underflow_leave_the_draws_beside_them_alone() -> None:
    def model() -> None:
        scale = pyro.sample("scale", dist.LogNormal(0.0, 1.0))
        observed("x", dist.Normal(torch.zeros(3), scale.unsqueeze(-1)).to_event(1))

    problem = Problem(model, {"x": [0.5, 0.2, 0.1]})
    z = torch.tensor([[-150.0], [0.0]])
    assert bool((problem.constrain(z)["scale"] > 0).all())
    together = problem.simulate(z, torch.tensor([3, 4])).data["x"]
    np.testing.assert_array_equal(together[1:], problem.simulate(z[1:], torch.tensor([4])).data["x"])
    assert bool(problem.log_joint(z, problem.repeated(2))[1].isfinite())
