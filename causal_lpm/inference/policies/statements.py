"""What kind of statement numbers make: one word for each kind, which goes with them into every table and chart."""

from collections.abc import Mapping
from typing import Any

import xarray as xr

__all__ = [
    "OUTBREAK",
    "REFUSED",
    "SHARING",
    "carried",
    "kind_of",
    "kind_of_totals",
    "refusal",
    "said",
    "said_of_predictions",
    "said_of_runs",
]

SHARING = {
    "paired": "the worlds share their luck",
    "interventional": "each world has luck of its own",
    "counterfactual": "given the observed epidemic",
}
"""Kind -> what the worlds share beside the parameters, in short."""

OUTBREAK = "outbreak"
"""What predictions may be given beside parameters: that the epidemic takes off in the first world."""

CARRIED = ("status", "reason", "given", "died_out", "misses")
"""Attributes of predictions that go on to whatever is made of them."""

REFUSED = "interventional only"
"""Status of what an abduction answers whose gates do not let it speak of the epidemic that happened."""


def kind_of(dataset: xr.Dataset) -> str:
    """What kind of statement predictions or effects make; ValueError where they do not say."""
    if "kind" not in dataset.attrs:
        raise ValueError("these predictions do not say their kind in attrs['kind']: take them from predict.")
    return str(dataset.attrs["kind"])


def kind_of_totals(predictions: xr.Dataset) -> str:
    """What kind of statement they make of each world by itself, for which it does not matter what worlds share.

    >>> kind_of_totals(xr.Dataset(attrs={"kind": "paired"}))
    'interventional'
    """
    return "counterfactual" if predictions.attrs.get("kind") == "counterfactual" else "interventional"


def said(kind: str) -> str:
    """A kind with what it means, for a title.

    >>> said("paired")
    'paired: the worlds share their luck'
    """
    return f"{kind}: {SHARING[kind]}" if kind in SHARING else kind


def carried(dataset: xr.Dataset) -> Mapping[str, Any]:
    """Attributes that whatever is made of these numbers has to say, too.

    Why their luck was refused, if it was; what they are given; how many epidemics died out; how they miss the data.
    """
    return {name: dataset.attrs[name] for name in CARRIED if name in dataset.attrs}


def said_of_runs(dataset: xr.Dataset) -> str:
    """What every table and chart says of the runs behind its numbers: what they are given, and which died out.

    >>> said_of_runs(xr.Dataset(attrs={"died_out": "in 1 of 4 runs of 'open' the epidemic died out"}))
    "Not conditioned on an outbreak: in 1 of 4 runs of 'open' the epidemic died out."
    """
    text = str(dataset.attrs.get("died_out", ""))
    if not text:
        return ""
    given = dataset.attrs.get("given") == OUTBREAK
    return f"{'Given' if given else 'Not conditioned on'} an outbreak: {text}."


def said_of_predictions(dataset: xr.Dataset) -> str:
    """All that a chart or table of predictions, or of what is made of them, says of the runs and of their misses.

    >>> said_of_predictions(xr.Dataset(attrs={"misses": "The total of cases is too low."}))
    'MISSES THE DATA: The total of cases is too low.'
    """
    misses = str(dataset.attrs.get("misses", ""))
    return " ".join(filter(None, (f"MISSES THE DATA: {misses}" if misses else "", said_of_runs(dataset))))


def refusal(result: xr.Dataset | xr.DataTree) -> str:
    """What every table and chart must say where the luck of the observed epidemic was refused; else empty.

    >>> refusal(xr.Dataset(attrs={"status": "interventional only", "reason": "The sd of log p-hat is 3."}))
    'INTERVENTIONAL ONLY: nothing is said of the epidemic that happened. The sd of log p-hat is 3.'
    """
    if result.attrs.get("status") != REFUSED:
        return ""
    reason = str(result.attrs.get("reason", ""))
    return f"{REFUSED.upper()}: nothing is said of the epidemic that happened.{' ' * bool(reason)}{reason}"
