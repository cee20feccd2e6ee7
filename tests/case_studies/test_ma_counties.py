"""Massachusetts counties: weeks, scores, no look ahead, one epidemic in three readings, networks, priors, weights."""

import math
from dataclasses import replace
from pathlib import Path

import hypothesis.strategies as st
import pandas as pd
import pytest
import torch
from hypothesis import given

from case_studies.ma_counties import gradient, posterior, report
from case_studies.ma_counties.counties import MOBILITY, SIGNALS, Counties, epiweek_start, load
from case_studies.ma_counties.importance import population_monte_carlo
from case_studies.ma_counties.inputs import AGES, COUNTIES, HORIZON, ORIGINS, PUBLISHED
from case_studies.ma_counties.model import epidemic, ode, people_of
from case_studies.ma_counties.networks import BOUNDS, EveryCounty, SharedNetwork
from case_studies.ma_counties.prior import REPORT_13, WIDE, Transmission, log_prior, mobility
from case_studies.ma_counties.report import METHODS
from case_studies.ma_counties.scores import scores
from case_studies.page import fill, titled
from case_studies.weekly_reports import weekly
from causal_lpm import KeyedNoise, MeanField

WEEKS = 10


@pytest.fixture
def counties() -> Counties:
    """Three made-up counties with a wave of deaths."""
    generator = torch.Generator().manual_seed(0)
    persons = 1e4 * (1 + torch.rand(3, len(AGES), generator=generator))
    deaths = (40 * torch.exp(-((torch.arange(WEEKS) - 6.0) ** 2) / 6)).round().expand(3, WEEKS).clone()
    features = torch.rand(3, WEEKS, len(SIGNALS) + len(MOBILITY), generator=generator)
    features[..., -4:] = -0.4 * torch.sigmoid(torch.arange(WEEKS) - 2.0)[:, None]
    return Counties(("a", "b", "c"), persons, deaths, features)


def test_epidemiological_weeks_are_those_of_the_cdc() -> None:
    # MMWR weeks: 2020 began on 29 December 2019 and had 53 weeks; 2021 began on 3 January.
    assert str(epiweek_start(202001).date()) == "2019-12-29"
    assert str(epiweek_start(202014).date()) == "2020-03-29"
    assert str(epiweek_start(202101).date()) == "2021-01-03"
    with pytest.raises(ValueError, match="no epidemiological week"):
        epiweek_start(202000)


@given(year=st.integers(2000, 2030), number=st.integers(1, 51))
def test_weeks_begin_on_sundays_and_follow_each_other(year: int, number: int) -> None:
    begin = epiweek_start(100 * year + number)
    assert begin.isoweekday() == 7
    assert (epiweek_start(100 * year + number + 1) - begin).days == 7
    first = epiweek_start(100 * year + 1)
    assert abs((first - pd.Timestamp(year, 1, 1)).days) <= 3  # most of the week lies in the year


@given(came=st.lists(st.integers(0, 100), min_size=1, max_size=9), scale=st.floats(0.1, 10))
def test_scores_of_no_deaths_and_of_other_units(came: list[int], scale: float) -> None:
    truth = torch.tensor(came, dtype=torch.float64) + 1.0
    nothing = scores(torch.zeros_like(truth), truth)
    assert nothing.nd == pytest.approx(1.0)
    assert nothing.mae == pytest.approx(float(truth.mean()))
    assert nothing.rmse >= nothing.mae - 1e-9
    scaled = scores(scale * torch.zeros_like(truth), scale * truth)
    assert scaled == pytest.approx((1.0, scale * nothing.rmse, scale * nothing.mae))
    assert scores(truth, truth) == (0.0, 0.0, 0.0)


def test_scores_refuse_what_has_none() -> None:
    with pytest.raises(ValueError, match="nothing came"):
        scores(torch.ones(2), torch.zeros(2))
    with pytest.raises(ValueError, match="differ in shape"):
        scores(torch.ones(2), torch.ones(3))


def test_agents_have_the_ages_of_the_county() -> None:
    persons = torch.tensor([10.0, 20.0, 30.0, 5.0, 5.0, 10.0, 15.0, 5.0])
    counted = people_of(persons, 1000)["age"].bincount(minlength=len(AGES))
    assert bool(((counted - 10 * persons).abs() <= 1).all())


@pytest.mark.parametrize("method", list(gradient.METHODS))
def test_forecasts_do_not_look_ahead(counties: Counties, method: str) -> None:
    origin = 202015  # six weeks
    later = replace(counties, deaths=counties.deaths.clone(), features=counties.features.clone())
    later.deaths[:, 6:], later.features[:, 6:] = 999.0, 9.0
    seen = [gradient.forecast(c.known(origin), method, seed=1, steps=2, agents=40) for c in (counties, later)]
    assert seen[0].shape == (3, HORIZON)
    assert torch.equal(*seen)
    assert bool((seen[0] >= 0).all())
    assert torch.equal(counties.ahead(origin, HORIZON), counties.deaths[:, 6:10])
    assert mobility(counties.known(origin), 9).tolist()[5:] == [float(counties.features[0, 5, -2])] * 4


def test_origins_outside_the_data_are_refused(counties: Counties) -> None:
    with pytest.raises(ValueError, match="outside the data"):
        counties.known(202009)


RISING = torch.tensor([2.5, 2.0, 1.2, 0.9, 0.8, 0.8])


def test_equations_and_mean_field_of_many_agents_agree() -> None:
    ages = torch.full((4000,), 4)  # one age, so that the equations describe these very people
    initial, fatality = torch.tensor([1e-3]), torch.ones(1)
    with torch.no_grad(), KeyedNoise(0), MeanField():
        run = epidemic(ages, 1e5, RISING, initial, fatality)
    agents = weekly(run.tallies["deaths"])[0]
    equations = weekly(ode(1e5, 0.00595, RISING, initial, fatality))
    # Contacts are whole numbers drawn anew daily, four on average: a little saturation, no more.
    assert float((agents / equations - 1).abs()[1:].max()) < 0.1


def test_exact_simulations_scatter_around_the_equations() -> None:
    ages = torch.full((4000,), 4)
    initial, fatality = torch.full((20, 1), 1e-2), torch.ones(20, 1)
    with KeyedNoise(torch.arange(20)[:, None]):
        run = epidemic(ages, 1e5, RISING.expand(20, -1), initial, fatality)
    deaths = weekly(run.tallies["deaths"])[:, 0].sum(-1)
    equations = float(ode(1e5, 0.00595, RISING, initial[0], fatality[0]).sum())
    # About 40 first cases and some 150 in all: one run scatters by about 20%, the mean of 20 by 5%; allowed are four
    # standard errors (false alarm 1e-4) and the 3% by which whole contacts saturate.
    error = float(deaths.std()) / math.sqrt(20)
    assert abs(float(deaths.mean()) - equations) < 4 * error + 0.03 * equations
    assert float(deaths.std()) > 0.02 * equations


def test_draws_side_by_side_are_separate_runs() -> None:
    ages = people_of(torch.ones(8), 500)["age"]
    both = torch.stack([RISING, 0.5 * RISING])
    with torch.no_grad(), KeyedNoise(0), MeanField():
        one = epidemic(ages, 1e5, RISING, torch.tensor([1e-2]), torch.ones(1)).tallies["deaths"]
    with torch.no_grad(), KeyedNoise(0), MeanField():
        two = epidemic(ages, 1e5, both, torch.full((2, 1), 1e-2), torch.ones(2, 1)).tallies["deaths"]
    assert torch.equal(two[0], one)
    assert float(two[1].sum()) < float(one.sum())


def test_networks_stay_in_bounds_and_keep_to_their_county(counties: Counties) -> None:
    signals = counties.standardised()
    other = signals.clone()
    other[1] += 1.0
    torch.manual_seed(0)
    own, shared = EveryCounty(3, signals.shape[-1]), SharedNetwork(3, signals.shape[-1])
    for network in (own, shared):
        before, after = network(signals, WEEKS + HORIZON), network(other, WEEKS + HORIZON)
        assert before.relative.shape == (3, WEEKS + HORIZON)
        for name, value in zip(BOUNDS, before, strict=True):
            low, high = BOUNDS[name]
            assert low <= float(value.detach().min()) <= float(value.detach().max()) <= high
        assert torch.equal(before.relative[0], after.relative[0])
        assert not torch.equal(before.relative[1], after.relative[1])
    # One network learns from all counties, the others from their own alone.
    own(signals, WEEKS).relative[0].sum().backward()
    assert next(own.networks[0].parameters()).grad is not None
    assert all(p.grad is None or not bool(p.grad.any()) for p in own.networks[1].parameters())


def test_the_prior_is_highest_at_its_centre() -> None:
    centre = log_prior(torch.zeros(1, 6), torch.tensor([[5e-5]]), torch.ones(1, 1))
    steps = torch.tensor([[0.0, 0, 0, 0.3, 0.3, 0.3]])
    assert float(centre) > float(log_prior(steps, torch.tensor([[5e-5]]), torch.ones(1, 1)))
    assert float(centre) > float(log_prior(torch.zeros(1, 6), torch.tensor([[5e-4]]), torch.ones(1, 1)))
    assert float(centre) > float(log_prior(torch.zeros(1, 6), torch.tensor([[5e-5]]), 2 * torch.ones(1, 1)))


def test_only_the_variant_says_that_it_has_the_prior() -> None:
    assert {name: prior for name, (_, prior) in gradient.METHODS.items()} == {
        "c-GradABM": False,
        "dc-GradABM": False,
        "dc-GradABM, with the prior": True,
    }


@pytest.mark.parametrize("walk", [REPORT_13, WIDE])
@given(weeks=st.integers(5, 25))
def test_the_walk_of_r_is_constant_over_blocks_around_its_centre(walk: Transmission, weeks: int) -> None:
    moving = torch.linspace(0.0, -0.6, weeks)
    values = {name: prior.sample((3, 1)) for name, prior in walk.sites(weeks).items()}
    both = walk.by_week(values, moving)
    assert both.shape == (3, weeks)
    alone = walk.by_week({name: value[1, 0] for name, value in values.items()}, moving)
    assert torch.allclose(both[1], alone)  # draws side by side are those one by one
    still = walk.by_week(values, torch.zeros(weeks)).log()
    moves = still.diff(dim=-1).abs() > 1e-6
    assert not bool(moves[:, [k for k in range(weeks - 1) if (k + 1) % walk.block]].any())
    assert walk.blocks(weeks) == len({k // walk.block for k in range(weeks)})
    effect = {} if walk.mobility_effect is None else {"mobility_effect": walk.mobility_effect.loc.exp()}
    none = torch.zeros_like(values["steps"][0, 0])
    middle = {"reproduction": walk.reproduction.loc.exp(), **effect, "steps": none}
    assert torch.allclose(walk.by_week(middle, moving), walk.centre(moving))


def test_the_wide_prior_is_the_walk_that_it_says() -> None:
    torch.manual_seed(0)
    draws = 4000
    values = {name: prior.sample((draws, 1)) for name, prior in WIDE.sites(21).items()}
    level = WIDE.by_week(values, torch.zeros(21)).log()
    # A standard deviation of 4,000 draws has an error of 1.1%, a mean one of 0.006: allowed are 4.5 of them, nine times
    # (false alarm 1e-4). A wrong number of steps, or steps not scaled to their block, is seen at once.
    assert float(level[:, 0].mean()) == pytest.approx(math.log(3.0), abs=0.03)
    assert float(level[:, 0].std()) == pytest.approx(0.4, rel=0.05)
    for week in range(2, 18, 2):
        assert float((level[:, week] - level[:, 0]).std()) == pytest.approx(0.3 * math.sqrt(week), rel=0.05)
    assert torch.equal(WIDE.by_week(values, torch.full((21,), -0.5)).log(), level)  # whatever mobility was


def test_population_monte_carlo_finds_a_gaussian_far_from_where_it_begins() -> None:
    size = 8
    mean = torch.linspace(2.0, 4.0, size)
    root = 0.2 * (torch.eye(size) + 0.8 * torch.ones(size, size).tril(-1))
    target = torch.distributions.MultivariateNormal(mean, scale_tril=root)
    begin = torch.distributions.Normal(torch.zeros(size), torch.ones(size)).expand((1000, size))
    torch.manual_seed(1)
    z = begin.sample()
    first = torch.softmax((target.log_prob(z) - begin.log_prob(z).sum(-1)).double(), 0)
    assert float(1 / first.square().sum()) < 5  # a weighting alone would rest on a few draws
    densities = (target.log_prob, lambda z: target.log_prob(z) + 3.0)
    found, shifted = (population_monte_carlo(density, z, begin.log_prob(z).sum(-1)) for density in densities)
    assert float(found.effective) > 2000
    assert torch.allclose(found.weight, shifted.weight, atol=1e-6)  # the constant does not matter
    # Errors of 1 / sqrt(2000) = 2.2% of a standard deviation, of a variance 3.2%: allowed are five of them for 16
    # numbers (false alarm 1e-5). Without the proposals' density in the weights the variance would be a third.
    own = (found.weight @ found.z.double()).float()
    variance = found.weight @ (found.z - own).double().square()
    assert bool(((own - mean).abs() < 0.12 * target.stddev).all())
    assert variance.tolist() == pytest.approx(target.variance.tolist(), rel=0.16)
    again = found.resample(400, seed=0)
    assert torch.equal(again, found.resample(400, seed=0))
    # 400 draws of them scatter by 5% of a standard deviation: allowed are five and the error above.
    assert bool(((again.mean(0) - mean).abs() < 0.4 * target.stddev).all())


def test_population_monte_carlo_leaves_out_what_is_impossible() -> None:
    def half(z: torch.Tensor) -> torch.Tensor:
        return torch.where(z[:, 0] > 0, -z.square().sum(-1) / 2, -torch.inf)

    torch.manual_seed(0)
    z = 3 * torch.randn(500, 2)
    found = population_monte_carlo(half, z, -(z / 3).square().sum(-1) / 2, draws=2000)
    assert float(found.weight[found.z[:, 0] <= 0].sum()) == 0
    # The mean of half a normal; 600 draws and more count, with an error of 0.025: allowed are five.
    assert float(found.effective) > 600
    assert float(found.weight @ found.z[:, 0].double()) == pytest.approx(math.sqrt(2 / math.pi), abs=0.13)


@pytest.mark.slow
@pytest.mark.parametrize("method", list(posterior.METHODS))
def test_svi_npe_forecasts_and_their_checks(counties: Counties, method: str) -> None:
    standard = posterior.Standard.of(counties, 2_000, posterior.METHODS[method])
    weeks = 6 + HORIZON
    drawn, simulated = posterior.simulate(standard, weeks, 50, seed=0)
    again, same = posterior.simulate(standard, weeks, 50, seed=0, batch=25)
    assert torch.equal(simulated, same)
    assert all(torch.equal(drawn[name], again[name]) for name in drawn)
    assert simulated.shape == (50, weeks)
    later = replace(counties, deaths=counties.deaths.clone(), features=counties.features.clone())
    later.deaths[:, 6:], later.features[:, 6:] = 999.0, 9.0
    found, blind = (
        posterior.forecast(standard, c.known(202015), drawn, simulated, 0, steps=60, members=1, held_out=20)
        for c in (counties, later)
    )
    assert torch.equal(found.median, blind.median)
    assert found.median.shape == (3, HORIZON)
    assert bool((found.low[0.9] <= found.low[0.5]).all() & (found.low[0.5] <= found.median).all())
    assert bool((found.median <= found.high[0.5]).all() & (found.high[0.5] <= found.high[0.9]).all())
    # What the weights are for: without rounds of fitting, a flow trained on 30 simulations leaves a few draws.
    assert float(found.effective.min()) > 200
    assert all(0 <= share <= 1 for own in found.coverage.values() for share in own.values())


def test_the_real_counties() -> None:
    real = load()
    assert real.names == tuple(COUNTIES.values())
    assert real.persons.sum(-1).tolist()[4] == 70_916  # Franklin
    assert [float(real.deaths[:, real.weeks_until(week) - 1].sum()) for week in (202013, 202017)] == [30.0, 700.0]
    assert bool(real.features.isfinite().all())
    came = torch.stack([real.ahead(origin, HORIZON) for origin in ORIGINS])
    # The mean that the published MAE and ND imply is 30.02 / 0.97 = 30.9: deaths a county and week, as here.
    _, _, mae = PUBLISHED["published, joint GradABM"]
    assert float(came.mean()) == pytest.approx(28.5, abs=0.1)
    assert float(came.mean()) == pytest.approx(mae / 0.97, rel=0.1)


def test_tables_hold_every_method_and_the_published_numbers() -> None:
    rows = [
        {"method": m, "origin": 202014, "county": "a", "ahead": k, "forecast": 2.0, "came": 1.0, "low_0.5": 1.0}
        | {"high_0.5": 3.0, "low_0.9": 2.0, "high_0.9": 4.0}
        for m in METHODS
        for k in (1, 2)
    ]
    shares = {f"{what}_{p}": 0.5 for what in ("ensemble", "weighted", "ahead") for p in (0.5, 0.9)}
    checks = pd.DataFrame(
        [
            {"method": m, "origin": 202014, **shares, "effective": 10.0, "least_effective": 3.0}
            for m in posterior.METHODS
        ]
    )
    numbers = report.expected(pd.DataFrame(rows), checks, {"seed": 0})
    assert numbers["interval_coverage"] == {method: {"0.5": 1.0, "0.9": 0.0} for method in posterior.METHODS}
    assert numbers["scores"]["svi+npe"] == {"nd": 1.0, "rmse": 1.0, "mae": 1.0}
    parts = report.tables(numbers)
    assert all(f"| {method} |" in parts["scores"] for method in (*METHODS, *PUBLISHED))
    assert all(f"| {method}, 202014 | 50% / 50% |" in parts["checks"] for method in posterior.METHODS)
    page = "".join(f"<!-- {name} -->\n<!-- /{name} -->\n" for name in parts)
    assert fill(fill(page, parts), parts) == fill(page, parts)
    with pytest.raises(ValueError, match="lacks the markers"):
        fill("", parts)


@pytest.mark.slow
def test_the_quick_study_runs(tmp_path: Path) -> None:
    from case_studies.ma_counties.study import study

    text = study.reproduction(tmp_path, quick=True, seed=0, workers=1, say=lambda text: None)
    numbers, parts = report.finished(tmp_path)
    assert text == titled(parts)
    assert set(numbers["scores"]) == set(METHODS)
    assert {path.name for path in tmp_path.iterdir()} == {"forecasts.csv", "checks.csv", "numbers.json"}
