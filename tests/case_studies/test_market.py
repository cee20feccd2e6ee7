"""The markets: their rules, the density of the crowd, the page, and what the study claims."""

import json
from pathlib import Path

import pytest
import torch

from case_studies.market import report
from case_studies.market.brock_hommes import market as chaotic
from case_studies.market.cont import AGENTS, DAYS, TRUTH, calm_market, market, published
from case_studies.market.crowd import CrowdReturns
from case_studies.market.facts import measured
from case_studies.market.gradients import cont
from case_studies.market.known_truths import amortised, truths
from case_studies.market.reproduction import QUICK, part
from case_studies.market.study import study
from case_studies.market.summaries import NOISE, summary, tick
from case_studies.market.svi import guides
from case_studies.page import fill
from causal_lpm import KeyedNoise, StraightThrough

HERE = Path(report.__file__).parent


def quiet(_: str) -> None:
    pass


def test_thresholds_decide_who_trades_and_returns_are_what_agents_learn() -> None:
    one, far = torch.ones(1), torch.full((50,), 1e6)
    with KeyedNoise(3):
        nobody = market(far, one, one, days=1, width=1.0)
    with KeyedNoise(3):
        everybody = market(torch.zeros(50), one, 2 * one, days=1, width=1.0)
    with KeyedNoise(3):
        learned = market(far, one, one, days=2, width=1.0, updating=0.999999)
    assert float(nobody.tallies["traders"]) == 0
    assert float(everybody.tallies["traders"]) == 50
    assert abs(float(everybody.tallies["returns"])) == 0.5
    assert learned.tallies["traders"].flatten().tolist() == [0, 50]


def test_a_run_under_a_gradient_is_the_run_itself() -> None:
    with KeyedNoise(torch.arange(4)[:, None]):
        plain = calm_market(30, 200).tallies["returns"]
    with KeyedNoise(torch.arange(4)[:, None]), StraightThrough():
        again = calm_market(30, 200, louder=torch.ones(4, 1, requires_grad=True)).tallies["returns"]
    assert torch.equal(plain, again.detach())


def test_prices_without_noise_of_choices_stay_near_their_value() -> None:
    with KeyedNoise(torch.arange(50)[:, None]):
        price = chaotic(torch.full((50, 1), 0.9), days=1).tallies["price"]
    assert price.shape == (50, 1, 1)
    assert float(price.std()) == pytest.approx(0.04, rel=0.35)  # chi of 49: beyond in one of 2,000


@pytest.mark.parametrize(("what", "sigma", "eta"), [("sigma", 0.0, 1.0), ("eta", 1.0, -2.0)])
def test_what_is_not_positive_is_refused(what: str, sigma: float, eta: float) -> None:
    with pytest.raises(ValueError, match=f"^{what} is .*: give positive numbers"):
        market(torch.zeros(5), torch.tensor([sigma]), torch.tensor([eta]), days=1, width=1.0)


def test_unknown_methods_gradients_and_too_few_days_are_refused() -> None:
    prior, there = truths(2, 1, 0)
    with pytest.raises(ValueError, match="method"):
        amortised("abc", prior, there, 100, 0)
    with pytest.raises(ValueError, match="gradient"):
        guides("Relaxed", prior.data("summary"), 1, 2, 0)
    with pytest.raises(ValueError, match="the first 500 are left out"):
        measured(500, 2, 0)
    with pytest.raises(ValueError, match="width"):
        published(width=0.0)


def test_the_density_of_the_crowd_is_highest_near_the_parameters_that_made_the_returns() -> None:
    """Mean over 20 markets of the difference to parameters an e-fold away; none of them is near 0."""
    _, there = truths(1, 20, 4)
    at = [torch.full((20,), value) for value in TRUTH.values()]

    def density(*values: torch.Tensor) -> torch.Tensor:
        return CrowdReturns(*values).log_prob(there.returns)

    best = density(*at)
    for changed in range(2, 4):
        for factor in (0.4, 2.7):
            other = [value * (factor if number == changed else 1) for number, value in enumerate(at)]
            assert float((best - density(*other)).mean()) > 3


def test_the_density_of_the_crowd_has_a_slope_in_every_parameter() -> None:
    prior, _ = truths(10, 1, 4)
    theta = (10**prior.theta).float().requires_grad_()
    CrowdReturns(*theta.unbind(-1)).log_prob(prior.returns).sum().backward()
    assert theta.grad is not None
    assert bool(theta.grad.isfinite().all())
    assert bool((theta.grad != 0).any(0).all())


@pytest.mark.parametrize("site", ["summary", "ticked"])
def test_data_of_known_truths_have_the_noise_that_the_models_say(site: str) -> None:
    """The standard deviation of 2,000 or more: beyond in fewer than one of 1e6."""
    prior, there = truths(99, 1, 2)
    for some in (prior, prior.only(slice(7)) + there):
        exact = torch.cat([summary(some.returns), tick(some.returns)], -1)[:, : 21 if site == "ticked" else 20]
        noise = (torch.as_tensor(some.data(site)[site])[:, 0] - exact) / NOISE
        assert float(noise.std()) == pytest.approx(1, abs=5 / (2 * noise.numel()) ** 0.5)
        assert torch.allclose(noise, some.luck[:, : exact.shape[-1]].to(noise), atol=1e-3)


def test_summaries_are_finite_also_of_silence() -> None:
    found = summary(torch.cat([torch.zeros(1, DAYS), torch.randn(3, DAYS)]))
    assert found.shape == (4, 20)
    assert bool(found.isfinite().all())
    assert found[:, -1].tolist() == [1, 0, 0, 0]


def test_worlds_share_news_and_the_variance_is_the_product_of_its_parts() -> None:
    found = measured(700, 2, 1)
    for name, world in found.items():
        parts = world["days with a trade"][0] * world["root mean square return of those"][0] ** 2
        assert world["sd of returns"][0] ** 2 == pytest.approx(parts, rel=0.05), name
    assert (
        found["taxed"]["log sd against free"][0] > 0 > found["taxed, silence teaches nothing"]["log sd against free"][0]
    )


@pytest.mark.slow
def test_a_narrow_slope_has_the_derivative_of_differences() -> None:
    """Errors of 5% each: beyond four of their joint ones in 16,000."""
    rows = [row for row in cont(200, 3) if row["width"] == 0.05 and row["estimator"] == "StraightThrough()"]
    (row,) = rows
    assert abs(row["slope"] - row["reference"]) < 4 * (row["error"] ** 2 + row["reference_error"] ** 2) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("name", ["npe", "svi"])
def test_parts_of_a_quick_run(name: str) -> None:
    found = part(name, QUICK, 1, quiet)
    for row in found if isinstance(found, list) else [found]:
        assert row["log density"][0] == row["log density"][0]


def test_the_page_is_filled_from_the_expected_numbers() -> None:
    numbers = json.loads((HERE / "expected.json").read_text())
    page = (HERE / "README.md").read_text()
    assert fill(page, report.tables(numbers)) == page


def test_the_study_is_known() -> None:
    assert study.default_agents == AGENTS
    assert study.observed()["quoted"].shape == (DAYS,)
    assert set(study.policies) == {"tax", "silent"}
