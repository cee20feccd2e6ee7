"""Predictions given an outbreak: of each draw of the parameters, epidemics that take off in the first world.

The posterior of the parameters knows already that the observed epidemic took off. So each draw keeps its weight, and
only the luck is conditioned: where an epidemic dies out, the draw gets other luck until one takes off. Leaving such
rows out instead would count the outbreak twice, and prefer the draws that spread fast.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from causal_lpm.inference.policies.dying_out import died_out, share_interval
from causal_lpm.inference.policies.outcomes import Outcomes
from causal_lpm.inference.policies.predicted_rows import Array, PredictedRows
from causal_lpm.inference.policies.row_blocks import run_rows
from causal_lpm.inference.policies.statements import OUTBREAK
from causal_lpm.validate import known

__all__ = ["check_given", "taken_off"]

ATTEMPTS = 100  # of a row; at 0.955 an epidemic dies out so often with a probability of 1%


def check_given(given: str | None, kind: str, infections: str, outcomes: list[str], has: Outcomes) -> None:
    """Raises ValueError for what predictions cannot be given, and for an outcome of infections that is not there."""
    if given is None:
        return
    known("condition", given, (OUTBREAK,))
    if kind != "paired":
        raise ValueError(
            f"given={given!r} is about epidemics that worlds share, and in {kind!r} predictions each world has its own "
            "luck: choose kind='paired'."
        )
    if infections not in outcomes:
        raise ValueError(
            f"given={given!r} needs the new infections of each day, and {infections!r} is none of the outcomes "
            f"{', '.join(outcomes)}: name the one that counts them, as in infections={outcomes[0]!r}."
        )
    if not has.agents:
        raise ValueError(
            f"given={given!r} needs simulated agents, of whom an outbreak infects a share, and the model has none."
        )


def taken_off(
    task: PredictedRows,
    found: Mapping[str, Array],
    infections: str,
    *,
    folder: str | os.PathLike[str] | None = None,
    **how: Any,
) -> tuple[dict[str, Array], str]:
    """Rows in which no epidemic died out in the first world, and what to say of those that did.

    Args:
        task: Of the rows.
        found: Its first attempt, outcome -> `[world, row, group, day]`.
        infections: The outcome that counts them.
        folder: Keeps the blocks of further attempts, each in a folder of its own.
        how: As of `run_rows`.

    Raises:
        ValueError: a row whose epidemic died out in each of a hundred attempts.
    """
    whole = {name: values.copy() for name, values in found.items()}
    left = _dead(task, whole[infections])
    dead, made = left.size, task.rows
    for attempt in range(1, ATTEMPTS):
        if not left.size:
            break
        again = replace(task, chosen=tuple(left.tolist()), attempt=attempt)
        kept = None if folder is None else Path(folder) / f"attempt-{attempt}"
        more = run_rows(again, folder=kept, **how)
        for name, values in whole.items():
            values[:, left] = more[name]
        made += left.size
        left = left[_dead(task, more[infections])]
        dead += left.size
    if left.size:
        raise ValueError(
            f"the epidemic of draw {int(left[0]) // task.replicates} died out {ATTEMPTS} times in a row in "
            f"{next(iter(task.worlds))!r}: an outbreak is next to impossible there; leave given= out."
        )
    low, high = share_interval(dead, made)
    share = f"{dead / made:.0%}, 95% interval {low:.0%} to {high:.0%}"
    return whole, f"{dead} of {made} epidemics of {next(iter(task.worlds))!r} died out ({share}) and were drawn again"


def _dead(task: PredictedRows, infections: Array) -> Array:
    """Which of some rows died out in the first world."""
    dims = ("world", "draw", "replicate", "group", "day")
    seen = xr.DataArray(infections[:1, :, None], dims=dims).rename("infections")
    flags = died_out(xr.Dataset({"infections": seen}, attrs={"agents": task.has.agents}))
    return np.flatnonzero(flags.values[:, 0])
