"""Seasons, school terms, and infections from outside."""

from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from causal_lpm import KeyedNoise, comparing, event, policy, rollout, tally
from causal_lpm.agents import TERMS, Importation, in_term, rates_by_day, seasonal
from causal_lpm.typing import State


@given(st.floats(0, 1), st.floats(-400, 400), st.integers(2, 500))
def test_a_season_peaks_on_its_day_and_has_mean_1(amplitude: float, peak: float, period: int) -> None:
    days = torch.arange(period, dtype=torch.float64)
    factor = seasonal(days, amplitude, peak, period)
    assert float(seasonal(peak, amplitude, peak, period)) == pytest.approx(1 + amplitude, abs=1e-5)
    assert float(factor.mean()) == pytest.approx(1.0, abs=1e-5)
    assert torch.allclose(factor, seasonal(days + 3 * period, amplitude, peak, period), atol=1e-4)
    assert bool(((factor >= 1 - amplitude - 1e-6) & (factor <= 1 + amplitude + 1e-6)).all())


def test_schools_are_open_in_term_and_on_weekdays() -> None:
    year = torch.arange(365)
    assert int(in_term(year).sum()) == sum(last - first + 1 for first, last in TERMS) == 274
    assert torch.equal(in_term(year + 365), in_term(year))
    assert torch.equal(in_term(year, day_0=100)[: 365 - 99], in_term(year)[99:])
    on_weekdays = in_term(torch.arange(7, 14), terms=[(1, 365)], weekday_0=5)  # day 7 is a Saturday
    assert on_weekdays.tolist() == [False, False, True, True, True, True, True]


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: seasonal(0, 1.2, 0), "the amplitude of a season is 1.2"),
        (lambda: seasonal(0, float("nan"), 0), "amplitude is .nan., which float32 does not hold"),
        (lambda: seasonal(0, 0.2, 0, period=0), "the period of a season is 0"),
        (lambda: in_term(0, [(1, 10), (10, 20)]), "one begins before the term before it has ended"),
        (lambda: in_term(0, [(20, 10)]), "in order"),
        (lambda: in_term(0, [(0, 10)]), "days of the year from 1 to 365"),
        (lambda: in_term(0, []), "give first and last day of each"),
        (lambda: in_term(0, day_0=366), "day_0 is 366"),
        (lambda: in_term(0, weekday_0=7), "weekday_0 is 7"),
    ],
)
def test_bad_seasons_are_refused(act: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        act()


def imported(days: int, rate: Any, by: torch.Tensor, seed: int = 1) -> torch.Tensor:
    """Infections from outside by group and day, when everybody stays susceptible and borders can be closed."""
    borders = Importation(rate, by)
    open_ = policy("borders", 1.0)

    def day(s: State) -> State:
        tally("imported", event("infection", borders.hazard(s["t"], s["borders"])), by=by, groups=2)
        return s

    run = rollout(day, {"agents": torch.zeros(len(by)), "borders": open_}, days)
    return run.tallies["imported"]


def test_so_many_are_imported_a_day_and_in_each_group() -> None:
    by = (torch.arange(10_000) % 4 == 0).int()
    with KeyedNoise(1):
        found = imported(50, torch.tensor([2.0, 0.5]), by).sum(-1).tolist()
    for number, expected in zip(found, (100, 25), strict=True):  # false alarm 1e-6 each, none at the fixed seed
        assert min(stats.poisson.cdf(number, expected), stats.poisson.sf(number - 1, expected)) > 1e-6


def test_a_table_by_date_gives_each_day_its_rate_until_the_next() -> None:
    table = pd.DataFrame(
        {
            "date": ["2024-02-27", "2024-03-01", "2024-02-27", "2024-02-29"],
            "place": ["a", "a", "b", "b"],
            "arrivals": [1.0, 2.0, 0.0, 8.0],
        }
    )
    rates = rates_by_day(table, "arrivals", "2024-02-28", 4, group="place", labels=["b", "a"])
    assert rates.tolist() == [[0.0, 8.0, 8.0, 8.0], [1.0, 1.0, 2.0, 2.0]]
    by = torch.tensor([0, 0, 1, -1])
    hazards = torch.stack([Importation(rates, by).hazard(float(day)) for day in range(4)])
    assert hazards.tolist() == [[0, 0, 1, 0], [4, 4, 1, 0], [4, 4, 2, 0], [4, 4, 2, 0]]
    with pytest.raises(ValueError, match="end on day 3 and the day is 4"):
        Importation(rates, by).hazard(4.0)


def test_closed_borders_avert_and_move_none() -> None:
    by = torch.zeros(5_000).int()
    rate = torch.tensor([3.0, 0.0])
    acts = {"open": {}, "the same": {"borders": 1.0}, "half": {"borders": 0.5}, "closed": {"borders": 0.0}}
    with KeyedNoise(1), comparing(acts):
        found = imported(20, rate, by).squeeze()[:, 0]
    for row, share in enumerate((1.0, 1.0, 0.5, 0.0)):
        with KeyedNoise(1), comparing({"alone": {"borders": share}}):
            assert torch.equal(found[row], imported(20, rate, by).squeeze()[0])
    assert bool((found[2] <= found[0]).all())
    assert int(found[3].sum()) == 0


TABLE = pd.DataFrame({"date": ["2024-01-01", "2024-01-02"], "cases": [1.0, 2.0], "place": ["a", "b"]})


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: Importation(-1.0, agents=3), r"the rate of importation is \[-1.0\]"),
        (lambda: Importation(1.0), "needs by=, the group of each agent, or agents="),
        (lambda: Importation(torch.ones(2), agents=3), "has 2 groups: say who is in which"),
        (lambda: Importation(torch.ones(2), torch.tensor([0, 2])), "by contains"),
        (lambda: Importation(1.0, agents=2).hazard(0.0, -1.0), "the factor of importation is"),
        (lambda: rates_by_day(TABLE, "case", "2024-01-01", 3), "unknown column .* 'case': did you mean 'cases'"),
        (lambda: rates_by_day(TABLE, "cases", "2023-12-31", 3), "has no rate on 2023-12-31"),
        (lambda: rates_by_day(TABLE, "cases", "2024-01-01", 3, "place", ["a", "c"]), "unknown group .* 'b'"),
        (lambda: rates_by_day(TABLE.assign(date="2024-01-01"), "cases", "2024-01-01", 3), "2024-01-01 is twice"),
        (lambda: rates_by_day(TABLE.assign(date="soon"), "cases", "2024-01-01", 3), "cannot be read"),
        (lambda: rates_by_day(TABLE.assign(cases=-1), "cases", "2024-01-01", 3), "missing or negative rates"),
    ],
)
def test_bad_importation_is_refused(act: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        act()


def test_those_who_are_there_share_what_is_brought_to_their_group() -> None:
    """Empty places had taken their share of it: a tenth less was brought where a tenth of the places were empty."""
    by = torch.tensor([0, 0, 0, 0, 1, 1, -1])
    borders, there = Importation(torch.tensor([2.0, 3.0]), by), torch.tensor([[True] * 7, [True, False] * 3 + [True]])
    hazard = borders.hazard(0.0, present=there)
    assert torch.equal(hazard[0], borders.hazard(0.0))
    assert hazard[1].tolist() == [1.0, 1.0, 1.0, 1.0, 3.0, 3.0, 0.0]
    brought = torch.zeros(2, 3).index_add_(-1, by % 3, hazard * there)
    assert brought[:, :2].tolist() == [[2.0, 3.0], [2.0, 3.0]]
    with pytest.raises(ValueError, match="present"):
        borders.hazard(0.0, present=torch.ones(7))
