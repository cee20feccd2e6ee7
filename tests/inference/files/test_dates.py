"""Dates are read in one form, do not wrap, and follow each other in equal steps."""

from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference.files.dates import calendar, date_of, fault_in, in_nanoseconds, shown

READ = st.dates(date(1678, 1, 1), date(2261, 12, 31))


@given(READ, st.integers(1, 400))
def test_a_calendar_is_that_of_pandas_or_ends_in_a_sentence(first: date, days: int) -> None:
    if first.toordinal() + days - 1 <= date(2261, 12, 31).toordinal():
        np.testing.assert_array_equal(calendar(str(first), days), pd.date_range(str(first), periods=days, unit="ns"))
    else:
        with pytest.raises(ValueError, match="end after 2261"):
            calendar(str(first), days)


@pytest.mark.parametrize("days", [100_000, 10**6, 10**11, 10**30])
def test_days_that_go_too_far_are_refused_at_once(days: int) -> None:
    with pytest.raises(ValueError, match=f"{days} days from 2020-01-01 on end after 2261"):
        calendar("2020-01-01", days)


@pytest.mark.parametrize(
    "text",
    [
        "01/02/2020",
        "2020-1-2",
        "20200102",
        "2020-02-30",
        "2020-W10",
        "2020-03",
        "٢٠٢٠-03-01",
        "2020-03-01 ",
        "",
        "2020-03-01T00",
    ],
)
def test_other_forms_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a date like 2020-03-09"):
        date_of(text)
    with pytest.raises(ValueError, match=r"the date of the first day: .* is not a date like"):
        calendar(text, 3)


@pytest.mark.parametrize("text", ["9999-12-31", "2262-04-12", "0001-01-01", "1677-12-31"])
def test_years_that_would_wrap_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=f"{text} lies outside the years 1678 to 2261"):
        date_of(text)
    for unit in ("D", "s", "us"):
        with pytest.raises(ValueError, match="lies outside the years"):
            in_nanoseconds(np.array(["2020-01-01", "NaT", text], f"datetime64[{unit}]"))


@given(st.dates(date(1700, 1, 1), date(2200, 1, 1)), st.integers(1, 3), st.integers(2, 20))
def test_months_are_equal_steps_and_their_last_days_too(first: date, step: int, count: int) -> None:
    months = np.datetime64(first, "M") + step * np.arange(count)
    days = months.astype("datetime64[D]")
    assert fault_in(in_nanoseconds(days + min(first.day, 28) - 1)) is None
    assert fault_in(in_nanoseconds((months + 1).astype("datetime64[D]") - 1)) is None


@given(st.lists(st.integers(-50, 50), min_size=2, max_size=8))
def test_a_fault_is_found_exactly_where_steps_are_not_equal_and_positive(times: list[int]) -> None:
    steps = np.diff(times)
    assert (fault_in(np.array(times)) is None) == bool((steps > 0).all() and (steps == steps[0]).all())
    days = np.datetime64("2020-03-31", "ns") + np.array(times) * np.timedelta64(1, "D")
    if fault_in(np.array(times)) is None:
        assert fault_in(days) is None


def test_a_time_is_shown_as_it_is_written() -> None:
    assert shown(np.datetime64("2020-03-01", "ns")) == "2020-03-01"
    assert shown(np.datetime64("2020-03-01T06:00", "ns")) == "2020-03-01T06:00:00"
    assert shown(np.float64(20.0)) == "20"
