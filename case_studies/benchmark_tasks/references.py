"""Observations, reference posteriors and published scores of the tasks of sbibm."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from causal_lpm import data

__all__ = ["OBSERVATIONS", "SHAPES", "observation", "published", "reference"]

TABLES = Path(__file__).with_name("data")
OBSERVATIONS = (1, 2, 3)
SHAPES = {"sir": (10,), "lotka_volterra": (2, 10)}
"""Task -> shape of its data."""

Array = npt.NDArray[np.float64]


def observation(task: str, number: int) -> Array:
    """The data of observation `number`, of the shape of the task's data site."""
    rows = data.table(TABLES / "sbibm_observations.csv")
    chosen = rows[(rows["task"] == task) & (rows["num_observation"] == number) & (rows["kind"] == "obs")]
    values: Array = chosen.sort_values("index")["value"].to_numpy(float)
    return values.reshape(SHAPES[task])


def reference(task: str, number: int) -> Array:
    """1,000 draws of the reference posterior, `[1000, parameters]`."""
    rows = data.table(TABLES / f"sbibm_{task}_reference_posterior_1000.csv")
    draws: Array = rows[rows["obs"] == number].drop(columns=["task", "obs"]).to_numpy(float)
    return draws


def published(task: str) -> pd.DataFrame:
    """Mean C2ST over ten observations by algorithm (rows) and number of simulations (columns)."""
    rows = data.table(TABLES / "sbibm_published_c2st_sir_lv.csv")
    table = rows[rows["task"] == task].pivot_table(index="algorithm", columns="num_simulations", values="C2ST_mean")
    return table.rename(columns={"10³": 1_000, "10⁴": 10_000, "10⁵": 100_000})
