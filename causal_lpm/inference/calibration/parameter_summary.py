"""Parameters as a table: in natural units, with what they are on the scale that the model draws them on."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.results.sample_arrays import SAMPLE_DIMS, check_name, element_draws
from causal_lpm.validate import known

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Derived", "derived_draws", "summary_of"]

Derived = Mapping[str, Callable[[xr.Dataset], Any]]
"""Name -> what is computed from the draws of the parameters, variables (chain, draw, *shape)."""

Values = npt.NDArray[np.float64]

SCALES: dict[str, tuple[Callable[[Values], Values], Callable[[Values], Values]]] = {
    "log": (np.log, np.exp),
    "logit": (lambda x: np.log(x) - np.log1p(-x), lambda x: 1 / (1 + np.exp(-x))),
}
"""Scale -> from natural units to it, and back."""


def summary_of(
    tree: xr.DataTree, group: str = "posterior", truth: Mapping[str, float] | None = None, natural: bool = True
) -> "pd.DataFrame":
    """One row a parameter, named as the model's natural quantity; see `CalibrationResult.summary`.

    Raises:
        ValueError: a group that is not there, or the truth of an unknown parameter.
    """
    import pandas as pd

    known("group", group, tree.children)
    dataset = tree[group].to_dataset()
    scales = _scales(tree["posterior"].to_dataset())
    before = element_draws(tree["prior"].to_dataset()) if "prior" in tree.children and group != "prior" else {}
    rows = {}
    for name, draws in element_draws(dataset).items():
        scale = scales.get(name.partition("[")[0], "")
        named, own = _natural(name, draws.astype(np.float64), scale if natural else "")
        row: dict[str, Any] = dict(_numbers(own))
        if name in before:
            _, prior = _natural(name, before[name].astype(np.float64), scale if natural else "")
            row |= {f"prior {column}": value for column, value in _numbers(prior).items() if "%" in column}
        if scale and (natural or not name.startswith(f"{scale}_")):
            there, _ = SCALES[scale]
            with np.errstate(all="ignore"):  # a draw at the edge is infinite there
                row |= {"scale": scale} | {f"{column} on it": _numbers(there(own))[column] for column in ("mean", "sd")}
        rows[named] = row | {"name": name}
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("parameter")
    if truth is not None:
        table = _with_truth(table, truth)
    return table.drop(columns="name")


def derived_draws(posterior: xr.Dataset, derived: Derived) -> dict[str, xr.DataArray]:
    """What is computed of each draw of the parameters, (chain, draw, ...).

    Raises:
        ValueError: a name that is a parameter's, or a result of another shape.

    >>> draws = xr.Dataset({"beta": (("chain", "draw"), [[0.4, 0.6]])})
    >>> derived_draws(draws, {"R0": lambda p: p["beta"] * 5})["R0"].values.tolist()
    [[2.0, 3.0]]
    """
    found = {}
    own = posterior[[name for name, values in posterior.data_vars.items() if not values.attrs.get("derived")]]
    for name, compute in derived.items():
        check_name("derived quantity", name)
        if name in own.data_vars:
            raise ValueError(f"{name!r} is the name of a parameter: give what is derived a name of its own.")
        values = compute(own)
        if not isinstance(values, xr.DataArray) or not set(SAMPLE_DIMS) <= set(values.dims):
            raise ValueError(
                f"what is derived as {name!r} has no value a draw: compute it from the parameters, as in "
                f"{{{name!r}: lambda p: p['beta'] / p['gamma']}}."
            )
        found[name] = values.transpose(*SAMPLE_DIMS, ...).rename(name)
        found[name].attrs = {"derived": 1}  # and not what was said of the parameters
    return found


def _scales(posterior: xr.Dataset) -> dict[str, str]:
    """Parameter -> "log" or "logit", where its support or its name says so."""
    found = {}
    for name, values in posterior.data_vars.items():
        named = next((scale for scale in SCALES if str(name).startswith(f"{scale}_")), "")
        if scale := values.attrs.get("scale", "") or named:
            found[str(name)] = scale
    return found


def _natural(name: str, draws: Values, scale: str) -> tuple[str, Values]:
    """What a parameter is called in natural units, and its draws in them: `log_rate` is the logarithm of `rate`."""
    if not scale or not name.startswith(f"{scale}_"):
        return name, draws
    _, back = SCALES[scale]
    return name.removeprefix(f"{scale}_"), back(draws)


def _numbers(draws: Values) -> dict[str, float]:
    low, middle, high = np.quantile(draws, [0.05, 0.5, 0.95]).tolist()
    spread = float(draws.std(ddof=min(1, draws.size - 1)))
    return {"mean": float(draws.mean()), "sd": spread, "5%": low, "95%": high, "median": middle}


def _with_truth(table: "pd.DataFrame", truth: Mapping[str, float]) -> "pd.DataFrame":
    names = dict(zip(table["name"], table.index, strict=True)) | {name: name for name in table.index}
    for name in truth:
        known("parameter", name, names)
    values = {names[name]: float(value) for name, value in truth.items()}
    for name, natural in zip(table["name"], table.index, strict=True):
        if name in truth and name != natural:  # the truth of a logarithm, as the model has it
            _, back = SCALES[str(table.loc[natural, "scale"])]
            values[natural] = float(back(np.array([truth[name]]))[0])
    table["truth"] = [values.get(name, np.nan) for name in table.index]
    inside = (table["5%"] <= table["truth"]) & (table["truth"] <= table["95%"])
    table["truth inside"] = [bool(at) if name in values else None for name, at in inside.items()]
    return table
