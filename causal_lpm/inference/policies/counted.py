"""What a series counts: what is new in each step, or a stock at its end, such as prevalence, which is never summed.

A model says so as it tallies, `tally(..., stock=True)`, or in its module: `UNITS = {"infections": "new", "infectious":
"stock"}`. What it does not say is drawn as it is counted, without claiming that it is new.
"""

import sys
from collections.abc import Mapping
from functools import partial
from typing import Any

import xarray as xr

from causal_lpm.validate import known

__all__ = ["AVERAGE", "NEW", "STOCK", "WORDS", "counted_by", "is_stock", "units_of"]

NEW, STOCK = "new per day", "at the end of the day"
AVERAGE = "a day on average"  # of a stock, over all days
WORDS = {"new": NEW, "stock": STOCK}


def counted_by(model: Any, told: Mapping[str, str] | None = None) -> dict[str, str]:
    """Series or data site -> its unit, as the module of the model says it in `UNITS`, or as it is told.

    Args:
        model: A function, or a `functools.partial` of one.
        told: Name -> "new" or "stock", before what the module says.

    Raises:
        ValueError: another word.

    >>> counted_by(print, {"in_bed": "stock"})
    {'in_bed': 'at the end of the day'}
    """
    while isinstance(model, partial):
        model = model.func
    module = sys.modules.get(str(getattr(model, "__module__", "")))
    said = getattr(module, "UNITS", None)
    words = {**(said if isinstance(said, Mapping) else {}), **(told or {})}
    for word in words.values():
        known("way to count", str(word), WORDS)
    return {str(name): WORDS[str(word)] for name, word in words.items()}


def units_of(series: xr.DataArray, otherwise: str = "") -> str:
    """The unit of a series, or else what to say where it has none."""
    return str(series.attrs.get("units", otherwise))


def is_stock(series: xr.DataArray) -> bool:
    """Whether a series says that it is a stock, and its days do not add up."""
    return units_of(series) == STOCK
