"""Dates of days: read from text in one form, in equal steps, and no further than a clock of nanoseconds goes."""

import re
from typing import Any

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.files.plain_numbers import quoted

__all__ = ["calendar", "date_of", "fault_in", "in_nanoseconds", "shown"]

Times = npt.NDArray[Any]

# xarray and pandas count nanoseconds in 64 bits; beyond these years a date would silently become another one.
FIRST, LAST = np.datetime64("1678-01-01"), np.datetime64("2261-12-31")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


def date_of(text: str) -> np.datetime64:
    """The date that a text such as 2020-03-09 is, in nanoseconds.

    Raises:
        ValueError: another form, a day that there is not, or a year outside 1678 to 2261.

    >>> date_of("2020-03-09")
    np.datetime64('2020-03-09T00:00:00.000000000')
    >>> date_of("9/3/2020")
    Traceback (most recent call last):
    ValueError: '9/3/2020' is not a date like 2020-03-09
    """
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        day = np.datetime64(text, "D")
    except ValueError as error:
        raise ValueError(f"{quoted(text)} is not a date like 2020-03-09") from error
    found: np.datetime64 = in_nanoseconds([day])[0]
    return found


def in_nanoseconds(dates: Any) -> Times:
    """Dates of any unit as datetime64[ns], NaT included.

    Raises:
        ValueError: a year outside 1678 to 2261.
    """
    given = np.asarray(dates)
    days = given.astype("datetime64[D]")
    outside = ~np.isnat(days) & ((days < FIRST) | (days > LAST))
    if outside.any():
        raise ValueError(
            f"the date {days[outside].flat[0]} lies outside the years 1678 to 2261, which results can hold"
        )
    return given.astype("datetime64[ns]")


def calendar(start: str, days: int) -> Times:
    """The dates of days from a first one on, datetime64[ns] `[days]`.

    Raises:
        ValueError: as of `date_of`, for the first or the last one.

    >>> calendar("2020-02-28", 3).astype("datetime64[D]").tolist()[-1]
    datetime.date(2020, 3, 1)
    """
    try:
        first = date_of(str(start)).astype("datetime64[D]")
    except ValueError as error:
        raise ValueError(f"the date of the first day: {error}.") from error
    if days - 1 > int((LAST - first).astype(int)):
        raise ValueError(
            f"{days} days from {start} on end after 2261, the last year that results can hold: ask for fewer."
        )
    return in_nanoseconds(first + np.arange(days))


def fault_in(times: Times) -> tuple[int, str] | None:
    """The first of times that does not follow in equal steps, and what it is: "out of order" or "a gap".

    Months and years are equal steps, too.

    >>> fault_in(np.array([3, 2, 1])), fault_in(np.array([0, 1, 3])), fault_in(np.array([7, 14, 21]))
    ((1, 'out of order'), (2, 'a gap'), None)
    """
    steps = np.diff(times)
    if not len(steps):
        return None
    if (back := steps <= steps.dtype.type(0)).any():
        return int(np.flatnonzero(back)[0]) + 1, "out of order"
    uneven = ~np.isclose(steps.astype(float), float(steps[0].astype(float)), rtol=1e-6, atol=0)
    if not uneven.any() or (times.dtype.kind == "M" and _are_months(times)):
        return None
    return int(np.flatnonzero(uneven)[0]) + 1, "a gap"


def _are_months(dates: Times) -> bool:
    """Whether dates are the same day of months in equal steps, or the last day of each."""
    for shift in (np.timedelta64(0, "D"), np.timedelta64(1, "D")):
        months = (dates + shift).astype("datetime64[M]")
        within = dates + shift - months.astype(dates.dtype)
        steps = np.diff(months.astype(int))
        if (within == within[0]).all() and (steps == steps[0]).all():
            return True
    return False


def shown(time: Any) -> str:
    """A date without hours where it has none, or a number, for a sentence."""
    if isinstance(time, np.datetime64):
        return str(time)[:10] if time == time.astype("datetime64[D]") else str(time)[:19]
    return f"{float(time):.12g}"
