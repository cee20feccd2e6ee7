from collections.abc import Callable
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import event, observed, rollout, tally
from causal_lpm.agents.observation import negative_binomial
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import read, series_of

DAYS = 5
CASES = np.arange(1.0, DAYS + 1)


def epidemic(
    returns: Callable[[Any], Any] = lambda run: run,
    report: Callable[[Any], Any] = lambda mean: negative_binomial(mean).to_event(1),
) -> Callable[[], Any]:
    """Thirty agents; a parameter before the simulation, another one after it, and two data sites."""

    def model() -> Any:
        rate = pyro.sample("rate", dist.LogNormal(-1.0, 0.3))

        def day(s: Any) -> Any:
            tally("infections", event("infection", rate.expand(*rate.shape[:-1], 30)))
            return s

        run = rollout(day, {"ill": torch.zeros(30)}, DAYS)
        reporting = pyro.sample("reporting", dist.Beta(4.0, 6.0))
        mean = reporting[..., None] * run.tallies["infections"]
        observed("cases", report(mean))
        observed("tests", dist.Normal(10 * mean, 1.0).to_event(1))
        return returns(run)

    return model


BOTH = {"cases": CASES, "tests": CASES}


@pytest.mark.parametrize(
    "returns", [lambda run: run, lambda run: run.tallies, lambda run: None], ids=["rollout", "mapping", "nothing"]
)
def test_agents_are_counted_whatever_the_model_returns(returns: Callable[[Any], Any]) -> None:
    problem = Problem(epidemic(returns), BOTH)
    assert problem.agents == 30
    assert problem.names == ("rate", "reporting")


def test_what_comes_before_the_simulation_is_told_from_what_comes_after() -> None:
    program = read(epidemic())
    assert [name for name, site in program.sites.items() if not site.after] == ["rate"]
    assert list(program.of("parameter")) == ["rate", "reporting"]
    assert list(program.of("data")) == ["cases", "tests"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({**BOTH, "deaths": CASES}, "unknown data site 'deaths': known are 'cases', 'tests'"),
        ({**BOTH, "rate": [0.3]}, "site 'rate' depends on no parameter, so it is a parameter"),
        ({"tests": CASES}, "site 'cases' is observed, so it is a data site"),
        ({"cases": CASES}, "site 'tests' is observed, so it is a data site, and it has no data"),
    ],
)
def test_parameters_and_data_sites_are_not_taken_for_each_other(data: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Problem(epidemic(), data)


def test_without_a_simulation_numbers_of_which_there_are_several_are_data() -> None:
    def curve() -> None:
        growth, start = (pyro.sample(name, dist.Normal(0.1, 0.1)) for name in ("growth", "start"))
        mean = start[..., None] + growth[..., None] * torch.arange(DAYS)
        observed("cases", dist.Normal(mean, 1.0).to_event(1))

    with pytest.raises(ValueError, match="unknown data site 'deaths': known are 'cases'"):
        Problem(curve, {"deaths": CASES})
    with pytest.raises(ValueError, match="site 'growth' depends on no parameter"):
        Problem(curve, {"cases": CASES, "growth": [0.1]})


def test_several_parameters_may_be_sampled_after_the_simulation() -> None:
    """Effects of weekdays, of a scale that is a parameter itself, belong to the reports and are no data."""

    def model() -> None:
        rate = pyro.sample("rate", dist.LogNormal(-1.0, 0.3))

        def day(s: Any) -> Any:
            tally("infections", event("infection", rate.expand(*rate.shape[:-1], 30)))
            return s

        run = rollout(day, {"ill": torch.zeros(30)}, DAYS)
        scale = pyro.sample("scale", dist.HalfNormal(1.0))
        with pyro.plate("weekday", 2):
            effect = pyro.sample("effect", dist.Normal(0.0, scale))
        mean = run.tallies["infections"] * effect.exp().mean(-1, keepdim=True)[..., None]
        observed("cases", negative_binomial(mean).to_event(1))

    assert Problem(model, {"cases": CASES}).names == ("rate", "scale", "effect[0]", "effect[1]")


@pytest.mark.parametrize(
    ("report", "message"),
    [
        (lambda mean: negative_binomial(mean), r"data site 'cases' has no .to_event\(1\)"),
    ],
)
def test_days_are_the_only_event_dimension(report: Callable[[Any], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Problem(epidemic(report=report), BOTH)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        (torch.ones(3), "returned a Tensor: return its Rollout, or a mapping"),
        ([torch.ones(3)], "returned a list"),
        ({"infections": np.ones(3)}, "returned series 'infections' as a ndarray"),
    ],
)
def test_what_is_no_series_is_refused(returned: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        series_of(returned)


def failing(share: float) -> Callable[[], None]:
    def model() -> None:
        value = pyro.sample("value", dist.Uniform(0.0, 1.0))
        if value.dim() == 0 and value < share:
            raise ArithmeticError("more beds are taken than there are")
        observed("x", dist.Normal(value[..., None], 1.0).to_event(1))

    return model


def test_a_model_may_fail_in_a_part_of_its_prior() -> None:
    """Half of the draws fail; all ten do so in 0.1% of seeds."""
    assert Problem(failing(0.5), {"x": [0.3]}).names == ("value",)


def test_a_model_that_always_fails_says_why() -> None:
    with pytest.raises(ArithmeticError, match="more beds") as error:
        Problem(failing(1.0), {"x": [0.3]})
    assert "each of 10 draws" in error.value.__notes__[0]


@pytest.mark.parametrize("data", [CASES, [CASES]])
def test_data_without_names_are_refused(data: Any) -> None:
    with pytest.raises(TypeError, match="give a mapping from data sites to numbers"):
        Problem(epidemic(), data)
