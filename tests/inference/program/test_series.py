from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyro.distributions as dist
import pytest
import torch
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference.program.series import as_series, check_alignment, check_support

DAYS = pd.date_range("2020-03-01", periods=4)
NUMBERS = [3.0, 1.0, np.nan, 4.0]


def series(index: Any) -> Any:
    return pd.Series(NUMBERS, index=index)


@pytest.mark.parametrize(
    "given_",
    [
        series(DAYS),
        series(DAYS.tz_localize("America/New_York")),
        series(DAYS.to_period("D")),
        series([str(day.date()) for day in DAYS]),
        series([day.date() for day in DAYS]),
        xr.DataArray(NUMBERS, {"time": DAYS}, ["time"]),
        pd.DataFrame([NUMBERS], index=["Queens"], columns=DAYS),
    ],
    ids=["dates", "zone", "periods", "texts", "python", "xarray", "frame"],
)
def test_dates_come_along_whatever_they_are(given_: Any) -> None:
    found = as_series("cases", given_, (1, 4))
    assert found.dates is not None
    assert [str(day)[:10] for day in found.dates] == ["2020-03-01", "2020-03-02", "2020-03-03", "2020-03-04"]
    assert found.present.tolist() == [[True, True, False, True]]


@pytest.mark.parametrize(
    "given_",
    [
        NUMBERS,
        tuple(NUMBERS),
        np.array(NUMBERS),
        torch.tensor(NUMBERS, requires_grad=True),
        series([1, 2, 3, 4]),
        series(["1", "2", "3", "4"]),
        series(pd.Index([1, 2, 3, 4], dtype=object)),
        pd.Series([3, 1, None, 4], dtype="Int64"),
        xr.DataArray(NUMBERS, dims=["day"]),
        [3, 1, None, 4],
    ],
)
def test_numbers_without_dates(given_: Any) -> None:
    found = as_series("cases", given_, (4,))
    assert found.dates is None
    assert found.values.dtype == torch.float64
    np.testing.assert_array_equal(found.values, NUMBERS)


@given(st.permutations(range(4)).filter(lambda order: list(order) != [0, 1, 2, 3]), st.integers(0, 2))
def test_dates_out_of_order_are_refused(order: list[int], kind: int) -> None:
    index = DAYS[list(order)]
    labels = (index, [str(day.date()) for day in index], [day.date() for day in index])[kind]
    with pytest.raises(ValueError, match=r"dates of site 'cases' are out of order: .* comes after"):
        as_series("cases", series(labels), (4,))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (DAYS[[0, 1, 1, 2]], "out of order: 2020-03-02 comes after 2020-03-02"),
        (pd.DatetimeIndex([*DAYS[:3], pd.Timestamp("2020-03-09")]), "have a gap before 2020-03-09"),
        (pd.DatetimeIndex([*DAYS[:3], pd.NaT]), "have a gap"),
        ([date(2020, 3, 1), date(2020, 3, 2), date(2020, 3, 3), date(2020, 3, 2)], "out of order"),
    ],
)
def test_dates_that_do_not_go_on_are_refused(labels: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_series("cases", series(labels), (4,))


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ([1.0, 2.0], r"have shape \(2,\), a simulation gives \(1, 4\)"),
        (np.ones((4, 2)), r"have shape \(4, 2\)"),
        ([1.0, np.inf, 2.0, 3.0], "contain infinity"),
        ([np.nan] * 4, "missing on all days: leave the site out"),
        (["many", "few", "none", "some"], "'cases' are not numbers"),
        ([[1.0, 2.0], [3.0]], "'cases' are not numbers"),
    ],
)
def test_what_is_no_series_is_refused(given_: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_series("cases", given_, (1, 4))


def checked(numbers: list[float], fn: Any) -> None:
    check_support("cases", as_series("cases", numbers, (len(numbers),)), fn)


COUNTS = [
    dist.Poisson(torch.ones(3)),
    dist.NegativeBinomial(torch.ones(3), torch.full((3,), 0.5)),
    dist.Binomial(5, torch.full((3,), 0.5)),
]


@pytest.mark.parametrize("fn", COUNTS, ids=lambda fn: type(fn).__name__)
@pytest.mark.parametrize("event", [0, 1])
def test_negative_and_broken_counts_are_refused(fn: Any, event: int) -> None:
    name = type(fn).__name__
    fn = fn.to_event(event)
    checked([0.0, np.nan, 5.0], fn)
    with pytest.raises(ValueError, match=rf"contain -2, a negative count for a {name}: correct it"):
        checked([1.0, np.nan, -2.0], fn)
    with pytest.raises(ValueError, match=r"contain 2\.5, a number that is not whole or out of range"):
        checked([1.0, np.nan, 2.5], fn)


def test_bounds_that_parameters_may_set_are_left_to_the_density() -> None:
    checked([9.0, 8.0, np.nan], dist.Binomial(torch.tensor([4.0, 5.0, 6.0]), torch.full((3,), 0.5)))
    checked([9.0, -8.0], dist.Normal(torch.zeros(2), 1.0).to_event(1))


def test_numbers_out_of_a_continuous_range_are_refused() -> None:
    with pytest.raises(ValueError, match="contain -1, a number that is out of range for a LogNormal"):
        checked([2.0, -1.0], dist.LogNormal(torch.zeros(2), 1.0))


TABLE = pd.DataFrame([NUMBERS, [1.0, 2.0, 3.0, 4.0]], index=["Bronx", "Queens"], columns=DAYS)


def test_a_table_of_one_column_is_that_column() -> None:
    column = pd.Series(NUMBERS, index=DAYS, name="cases").to_frame()
    table = xr.DataArray(np.array(NUMBERS)[:, None], {"date": DAYS, "group": ["all"]}, ["date", "group"])
    for data in (column, table):
        for shape in ((4,), (1, 4)):
            found = as_series("cases", data, shape)
            np.testing.assert_array_equal(found.values.reshape(-1), NUMBERS)
            assert found.dates is not None
            assert found.groups is None
    with pytest.raises(ValueError, match="out of order"):
        as_series("cases", column[::-1], (4,))


def test_one_day_of_several_groups_brings_their_names() -> None:
    found = as_series("cases", pd.Series([1.0, 2.0], index=["Bronx", "Queens"]), (2, 1))
    assert found.groups == ("Bronx", "Queens")
    assert found.dates is None


def test_a_table_that_is_turned_is_told_so_also_where_it_is_square() -> None:
    square = pd.DataFrame(np.eye(4), index=DAYS, columns=["a", "b", "c", "d"])
    for data in (square, xr.DataArray(square.values, {"date": DAYS}, ["date", "group"]), TABLE.T):
        with pytest.raises(ValueError, match=r"have dates down the side: give days last; \.T turns a table"):
            as_series("cases", data, (4, 4))
    assert as_series("cases", square.T, (4, 4)).groups == ("a", "b", "c", "d")


@pytest.mark.parametrize(("data", "who"), [(TABLE, "'Queens'"), (TABLE.values, "number 1, counted from 0")])
def test_a_group_with_nobody_in_it_is_named(data: Any, who: str) -> None:
    with pytest.raises(ValueError, match=rf"have 2 groups and a simulation gives 1: .* nobody is in {who}.*groups=2\)"):
        as_series("cases", data, (1, 4))


def two_sites(one: Any, two: Any) -> None:
    shape = np.shape(one)
    check_alignment({"cases": as_series("cases", one, shape), "deaths": as_series("deaths", two, shape)})


def test_sites_of_one_simulation_do_not_contradict_each_other() -> None:
    days = pd.date_range("2020-03-05", periods=4)
    two_sites(series(DAYS), NUMBERS)
    two_sites(series(DAYS), series(DAYS))
    two_sites(series(DAYS), series(pd.date_range("2020-03-05", periods=4, freq="7D")))  # weeks
    with pytest.raises(
        ValueError, match="'cases' begin on 2020-03-01 and those of 'deaths' on 2020-03-05, and both have 4"
    ):
        two_sites(series(DAYS), series(days))
    two_sites(TABLE, TABLE.set_axis(["young", "old"]))
    with pytest.raises(
        ValueError, match="are Bronx, Queens and those of 'deaths' Queens, Bronx: put both into the order"
    ):
        two_sites(TABLE, TABLE[::-1])


def test_a_masked_day_is_a_missing_day_and_not_its_fill_value() -> None:
    data = np.ma.array([1.0, 9999.0, 3.0], mask=[False, True, False])
    np.testing.assert_array_equal(as_series("cases", data, (3,)).values, [1.0, np.nan, 3.0])


@pytest.mark.parametrize(
    "data",
    [
        np.array([1 + 2j, 2, 3]),
        np.array(["2020-01-01", "2020-01-02", "2020-01-03"], dtype="datetime64[D]"),
        np.array([1, 2, 3], dtype="timedelta64[D]"),
        ["1_000", "2", "3"],
        ["\uff13", "2", "1"],
        [date(2020, 1, 1), 2, 3],
    ],
)
def test_what_numpy_takes_for_numbers_and_is_none_is_refused(data: object) -> None:
    with pytest.raises(ValueError, match="the data of site 'cases' are not numbers"):
        as_series("cases", data, (3,))
