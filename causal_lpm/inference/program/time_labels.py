"""What labels the days of data: dates, or plain numbers that count them; nothing that is not understood is left out."""

import re
from contextlib import suppress
from datetime import date, datetime
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.files.dates import fault_in, in_nanoseconds, shown

__all__ = ["are_dates", "dates_of_labels"]

Labels = npt.NDArray[Any]

WANTED = "give dates such as 2020-12-31 (pandas.to_datetime reads other forms), or count the days 0, 1, 2"
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})([ T]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?(?:Z|[+-]\d{2}:?\d{2})?", re.ASCII)
_COMPACT = re.compile(r"(1[89]|2[01])\d{6}", re.ASCII)  # 20201231, also as a number
_COUNT = re.compile(r"-?\d{1,15}(\.0*)?", re.ASCII)


def dates_of_labels(name: str, given: Any) -> Labels | None:
    """The dates of what labels the days of site `name`, datetime64[ns]; None where plain numbers count them.

    Args:
        name: The site.
        given: One label a day: datetimes, dates, texts, numbers.

    Raises:
        ValueError: labels that are neither, that are missing, that do not ascend in equal steps; plain numbers that
            begin at another than 0 or 1.
    """
    labels = _plain(name, np.asarray(given))
    dated = labels.dtype.kind == "M"
    what = "dates" if dated else "labels of the days"
    if (np.isnat(labels) if dated else np.isnan(labels)).any():
        raise ValueError(f"the {what} of site {name!r} have a gap (NaT or NaN): give every day its label.")
    if (fault := fault_in(labels)) is not None:
        at, kind = fault
        this, before = shown(labels[at]), shown(labels[at - 1])
        if kind == "out of order":
            raise ValueError(
                f"the {what} of site {name!r} are out of order: {this} comes after {before}; sort the data by date, "
                "each date once."
            )
        raise ValueError(
            f"the {what} of site {name!r} have a gap before {this}: give every step, NaN where a number is missing."
        )
    if not dated and labels.size and labels[0] not in (0, 1):
        raise ValueError(
            f"the days of site {name!r} begin with day {shown(labels[0])}, and a simulation begins with day 0: give "
            "the days before it, NaN where nothing is known, or count from 0."
        )
    return labels if dated else None


def are_dates(given: Any) -> bool:
    """Whether all labels are dates, in a form that is read."""
    labels = np.asarray(given)
    return bool(labels.size) and all(isinstance(_read(label), np.datetime64) for label in labels.flat)


def _plain(name: str, labels: Labels) -> Labels:
    """Labels as datetime64[ns], or as float64 where they are numbers."""
    if labels.dtype.kind == "m":
        labels = np.where(np.isnat(labels), np.nan, labels / np.timedelta64(1, "D"))
    try:
        found = [_read(label) for label in labels.flat]
    except ValueError as error:
        raise ValueError(f"site {name!r}: {error}; leave it out.") from error
    known = [one for one in found if one is not None and one == one]  # NaN and NaT are unlike themselves
    kinds = {isinstance(one, np.datetime64) for one in known}
    if None in found or len(kinds) > 1:
        odd = found.index(None) if None in found else [isinstance(one, np.datetime64) for one in found].index(False)
        raise ValueError(
            f"the days of site {name!r} are labelled {str(labels.flat[odd])!r}, among others: {WANTED}, all in one "
            "form."
        )
    if kinds == {True}:
        missing = np.datetime64("NaT", "ns")
        return np.array([one if isinstance(one, np.datetime64) else missing for one in found])
    numbers = np.array(found, dtype=np.float64)
    return _compact(numbers) if len(known) == len(found) else numbers


def _read(label: Any) -> np.datetime64 | float | None:
    """A label as a date or a number, NaN where it is missing; None where it is neither."""
    if label is None:
        return float("nan")
    if isinstance(label, date):  # and datetimes, those of pandas too
        label = np.datetime64(label.replace(tzinfo=None) if isinstance(label, datetime) else label)
    if isinstance(label, np.datetime64):
        return _nanoseconds(label)
    if isinstance(label, bool):
        return None
    if isinstance(label, Real):
        return float(label)
    text = str(label).strip()
    if match := _DATE.fullmatch(text):
        try:
            moment = np.datetime64(match[1] + (match[2] or "").replace(" ", "T"))
        except ValueError:
            return None  # a day or an hour that there is not
        return _nanoseconds(moment)
    return float(text) if _COUNT.fullmatch(text) else None


def _nanoseconds(moment: np.datetime64) -> np.datetime64:
    found: np.datetime64 = in_nanoseconds([moment])[0]
    return found


def _compact(numbers: Labels) -> Labels:
    """Numbers such as 20201231 as the dates that they are; all others as they are."""
    texts = [f"{number:.0f}" for number in numbers]
    if len(texts) and all(map(_COMPACT.fullmatch, texts)):
        with suppress(ValueError):
            return in_nanoseconds(np.array([f"{text[:4]}-{text[4:6]}-{text[6:]}" for text in texts], "datetime64[D]"))
    return numbers
