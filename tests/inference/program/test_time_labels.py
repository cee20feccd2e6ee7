"""Labels of days are understood or refused; time never runs backwards, and never begins later, in silence."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from causal_lpm.inference.program.series import as_series

DAYS = pd.date_range("2020-03-01", periods=4)
NUMBERS = [3.0, 1.0, np.nan, 4.0]


def labelled(labels: Any, numbers: Any = NUMBERS) -> Any:
    return as_series("cases", pd.Series(numbers, index=labels), (len(numbers),))


BACK = DAYS[::-1]
BACKWARDS = {
    "dates": BACK,
    "zone": BACK.tz_localize("America/New_York"),
    "texts": [str(day.date()) for day in BACK],
    "compact numbers": [20200304, 20200303, 20200302, 20200301],
    "compact texts": ["20200304", "20200303", "20200302", "20200301"],
    "hours": [f"{day.date()} 06:00" for day in BACK],
    "hours and a zone": [f"{day.date()}T06:00:00+01:00" for day in BACK],
    "day numbers": [19, 18, 17, 16],
    "float numbers": [3.0, 2.0, 1.0, 0.0],
    "texts of numbers": ["3", "2", "1", "0"],
    "durations": pd.to_timedelta([3, 2, 1, 0], unit="D"),
    "years": [2023, 2022, 2021, 2020],
    "periods": pd.period_range("2020-03-01", periods=4)[::-1],
}


@pytest.mark.parametrize("kind", BACKWARDS)
def test_time_that_runs_backwards_is_seen_in_every_form(kind: str) -> None:
    with pytest.raises(ValueError, match=r"of site 'cases' are out of order: .* comes after .*; sort the data by date"):
        labelled(BACKWARDS[kind])
    if kind != "periods":  # xarray has none
        data = xr.DataArray(NUMBERS, {"time": list(BACKWARDS[kind])}, ["time"])
        with pytest.raises(ValueError, match="are out of order"):
            as_series("cases", data, (4,))


@pytest.mark.parametrize(
    "labels",
    [
        ["31/12/2020", "01/01/2021", "02/01/2021", "03/01/2021"],
        ["12/31/2020", "01/01/2021", "01/02/2021", "01/03/2021"],
        ["2020-W10", "2020-W11", "2020-W12", "2020-W13"],
        ["2020-03", "2020-04", "2020-05", "2020-06"],
        ["Mar 1, 2020", "Mar 2, 2020", "Mar 3, 2020", "Mar 4, 2020"],
        ["1. März", "2. März", "3. März", "4. März"],
        ["2020/03/01", "2020/03/02", "2020/03/03", "2020/03/04"],
        ["day 3", "day 2", "day 1", "day 0"],
        ["Mon", "Tue", "Wed", "Thu"],
        ["2020-02-28", "2020-02-29", "2020-02-30", "2020-03-01"],  # a day that there is not
        ["2020-03-01", "2020-03-02", 3, 4],  # mixed
        [date(2020, 3, 1), "2020-03-02", "3/3/2020", date(2020, 3, 4)],
        [True, False, True, False],
        [("a", 0), ("a", 1), ("a", 2), ("a", 3)],
        pd.interval_range(0, 4),
        ["٠", "١", "٢", "٣"],
    ],
    ids=str,
)
def test_labels_that_are_not_understood_are_refused_with_the_form_that_is_wanted(labels: Any) -> None:
    with pytest.raises(
        ValueError, match=r"the days of site 'cases' are labelled .*: give dates such as 2020-12-31 .*or"
    ):
        labelled(labels)


@pytest.mark.parametrize(
    ("labels", "gap"),
    [
        ([0, 1, 2, 9], "9"),
        ([*range(3), 25], "25"),
        ([0, 1, 2, 4.5], "4.5"),
        (["20200301", "20200302", "20200303", "20200305"], "2020-03-05"),
        ([202010, 202011, 202012, 202101], "202101"),
        ([20201230, 20201231, 20201232, 20201240], "20201240"),  # no dates
        (["2020-03-01T00:00", "2020-03-01T06:00", "2020-03-01T12:00", "2020-03-02T00:00"], "2020-03-02"),
        (pd.to_datetime(["2020-01-01", "2020-02-01", "2020-04-01", "2020-05-01"]), "2020-04-01"),
    ],
    ids=str,
)
def test_a_gap_is_seen_in_every_form(labels: Any, gap: str) -> None:
    with pytest.raises(ValueError, match=f"of site 'cases' have a gap before {gap}: give every step"):
        labelled(labels)


@pytest.mark.parametrize(
    "labels", [[0, 1, None, 3], [0, 1, np.nan, 3], ["2020-03-01", None, "2020-03-03", "2020-03-04"]]
)
def test_a_label_that_is_missing_is_a_gap(labels: Any) -> None:
    with pytest.raises(ValueError, match=r"have a gap \(NaT or NaN\)"):
        labelled(pd.Index(labels, dtype=object))


@pytest.mark.parametrize(
    ("labels", "last"),
    [
        ([20200228, 20200229, 20200301, 20200302], "2020-03-02"),
        (["20200228", "20200229", "20200301", "20200302"], "2020-03-02"),
        ([f"2020-03-01T{hour:02d}:00Z" for hour in (0, 6, 12, 18)], "2020-03-01"),
        ([f"2020-03-0{day} 23:59:59" for day in (1, 2, 3, 4)], "2020-03-04"),
        (pd.period_range("2020-01", periods=4, freq="M"), "2020-04-01"),
        (pd.to_datetime(["2020-01-31", "2020-02-29", "2020-03-31", "2020-04-30"]), "2020-04-30"),
        # At midnight of Greenwich, a week in which New York changes its clocks.
        (pd.date_range("2020-03-06", periods=4, tz="UTC").tz_convert("America/New_York"), "2020-03-09"),
        (pd.date_range("2020-03-06", periods=4, tz="America/New_York"), "2020-03-09"),
        (pd.Index([pd.Timestamp(f"2020-03-0{day}", tz="UTC") for day in (1, 2, 3, 4)], dtype=object), "2020-03-04"),
    ],
    ids=str,
)
def test_labels_that_can_be_read_come_along_as_dates(labels: Any, last: str) -> None:
    dates = labelled(labels).dates
    assert dates is not None
    assert dates.dtype == "datetime64[ns]"
    assert str(dates[-1])[:10] == last


@pytest.mark.parametrize("labels", [range(4), range(1, 5), [0, 7, 14, 21], ["0", "1", "2", "3"], [0.0, 0.1, 0.2, 0.3]])
def test_plain_numbers_in_order_stay_what_they_are(labels: Any) -> None:
    assert labelled(list(labels)).dates is None


@pytest.mark.parametrize("begin", [0, 1, 5])
def test_days_that_are_called_so_begin_where_a_simulation_does(begin: int) -> None:
    days = range(begin, begin + 4)
    given_ = [
        xr.DataArray(NUMBERS, {"day": list(days)}, ["day"]),
        xr.DataArray(NUMBERS, {"time": list(days)}, ["time"]),
        pd.Series(NUMBERS, index=pd.Index(days, name="Day")),
        pd.Series(NUMBERS, index=days),  # a part of a longer series
        pd.Series(NUMBERS, index=pd.to_timedelta(list(days), unit="D")),
    ]
    for data in given_:
        if begin < 2:
            assert as_series("cases", data, (4,)).dates is None
        else:
            with pytest.raises(
                ValueError, match="the days of site 'cases' begin with day 5, and a simulation begins with"
            ):
                as_series("cases", data, (4,))


@pytest.mark.parametrize("year", ["9999", "1500", "2262"])
def test_dates_that_would_wrap_are_refused(year: str) -> None:
    dates = np.datetime64(f"{year}-05-01") + np.arange(4)
    for labels in (dates.astype("datetime64[s]"), [str(day) for day in dates], dates.tolist()):
        with pytest.raises(
            ValueError, match=f"site 'cases': the date {year}-05-0. lies outside the years 1678 to 2261"
        ):
            labelled(labels)
