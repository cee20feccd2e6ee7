"""What is fitted: flocks and birds by quarter, and where and which flocks were hit."""

from typing import Any

import numpy as np
import pandas as pd
import torch

from case_studies.h5n1_eggs.inputs import calendar_quarter, counties, flocks, week_dates
from case_studies.h5n1_eggs.premises import LAYER, Country

__all__ = ["kinds_of", "quarterly", "reported"]

EDGES = (1e5, 1e6)
"""Birds that part small, middle and large layer flocks."""


def kinds_of(us: Country) -> torch.Tensor:
    """Of each layer farm, size (0 to 2) and, plus 3, whether wild birds press; -1 of others. int64 `[agents]`."""
    size = torch.bucketize(us.agents["birds"], torch.tensor(EDGES))
    return torch.where(us.of(LAYER), size + 3 * us.pressed, -1)


def quarterly(series: dict[str, torch.Tensor], quarter: Any) -> dict[str, tuple[torch.Tensor, float]]:
    """Data site -> what is seen of it, and the standard deviation with which: half a flock, a tenth of a million birds.

    Counts are confirmed and so all but exact; the width leaves densities and networks smooth.
    """
    of = torch.nn.functional.one_hot(torch.as_tensor(quarter)).double()

    def sums(name: str) -> torch.Tensor:
        return series[name].double() @ of

    return {
        "layers": (sums("flocks"), 0.5),
        "turkeys": (sums("turkey_flocks"), 0.5),
        "million_culled": (sums("culled") / 1e6, 0.1),
        "by_kind": (series["kinds"].double().sum(-1, keepdim=True), 0.5),
        "repeated": (sums("repeats"), 0.5),
    }


def reported(us: Country, weeks: int, recent: int) -> dict[str, "np.ndarray[Any, Any]"]:
    """The data of the first weeks, by site, as `quarterly` sums the model's."""
    seen = flocks()
    seen = seen[seen["week"] < weeks]
    layers = seen[seen["kind"] == "layer"]
    quarter = calendar_quarter(week_dates(weeks))
    quarters = int(quarter[-1]) + 1
    row = pd.Series(np.arange(len(counties())), index=counties().index)
    pressed = np.zeros(len(row), dtype=bool)
    pressed[us.agents["county"][us.pressed].numpy()] = True
    kind = np.digitize(layers["birds"], EDGES) + 3 * pressed[row.loc[layers["county_fips"]].to_numpy()]
    repeats = _repeats(seen, recent)

    def by_quarter(rows: pd.DataFrame, weights: Any = None) -> "np.ndarray[Any, Any]":
        return np.bincount(quarter[rows["week"].to_numpy()], weights, minlength=quarters).astype(float)

    return {
        "layers": by_quarter(layers),
        "turkeys": by_quarter(seen[seen["kind"] == "turkey"]),
        "million_culled": by_quarter(layers, layers["birds"].to_numpy() / 1e6),
        "by_kind": np.bincount(kind, minlength=6).astype(float)[:, None],
        "repeated": by_quarter(seen[repeats]),
    }


def _repeats(seen: pd.DataFrame, recent: int) -> "np.ndarray[Any, Any]":
    """Which flocks were found up to `recent` weeks after another one of their county."""
    weeks = {county: set(rows) for county, rows in seen.groupby("county_fips")["week"]}
    pairs = zip(seen["county_fips"], seen["week"], strict=True)
    return np.array([any(week - ago in weeks[county] for ago in range(1, recent + 1)) for county, week in pairs])
