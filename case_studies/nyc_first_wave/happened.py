"""The epidemic that happened: which parameters and which luck led to the reports, and the order on other days in it."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
import xarray as xr

from case_studies.nyc_first_wave.data import BOROUGHS
from case_studies.nyc_first_wave.question import WORLDS
from case_studies.page import four_digits
from causal_lpm.inference import Abduction, CalibrationResult, abduct, effects, predict, summarise

__all__ = ["FACT", "KINDS", "Search", "looked_for", "side_by_side"]

KINDS = ("counterfactual", "paired", "interventional")
FACT = "as reported"
"""The world of the reports, in which mobility is the observed one."""
OUTCOMES = ("expected_deaths", "infections")


@dataclass(frozen=True)
class Search:
    """How parameters and luck are looked for, as of `abduct`.

    Attributes:
        windows: Days in a window: the reports are of weeks.
        blocks: Ranges of agents with luck of their own.
        particles: In each filter.
        filters: In each round.
        rounds: At most.
        sweeps: Of moves.
        paths: That are kept.
    """

    windows: int = 7
    blocks: int = 20
    particles: int = 128
    filters: int = 20
    rounds: int = 2
    sweeps: int = 1
    paths: int = 60


def looked_for(
    program: Callable[[], Any],
    reported: Mapping[str, xr.DataArray],
    result: CalibrationResult,
    search: Search,
    where: Mapping[str, Any],
) -> Abduction:
    """The abduction of the reports, from the posterior of the calibration.

    Args:
        program: The model, as it was calibrated.
        reported: The data of the calibration.
        result: The calibration.
        search: How it is looked for.
        where: Folder, seed and workers.
    """
    return abduct(program, reported, result, **asdict(search), **where)


def side_by_side(
    found: Abduction,
    reported: Mapping[str, xr.DataArray],
    posterior: Mapping[str, torch.Tensor],
    where: Mapping[str, Any],
) -> dict[str, Any]:
    """What another day of the order would have averted until the last reported week, as three kinds of statement.

    The parameters of an abduction that was refused are those of too few filters: the two other kinds have those of the
    calibration then.

    Args:
        found: The abduction.
        reported: Its data.
        posterior: Draws of the calibration.
        where: Folder, seed and workers.
    """
    deaths = reported["deaths"]
    weeks = np.flatnonzero(~np.isnan(deaths.values).any(0))
    asked, answers = {FACT: {}, **WORLDS}, dict[str, Any]()
    for kind in KINDS:
        own = {**where, "folder": where["folder"] / kind, "kind": kind, "group_labels": BOROUGHS}
        believed = kind == "counterfactual" or found.status == "abducted"
        worlds = found.predict(asked, **own) if believed else predict(found.model, posterior, asked, **own)
        fact = worlds["expected_deaths"].sel(world=FACT).isel(day=weeks).sum(["group", "day"])
        answers[kind] = {"deaths as reported": _spread(fact), **_averted(worlds)}
    return {
        "status": found.status,
        "reason": found.reason,
        "gates": {gate.name: [gate.verdict, four_digits(gate.value), gate.sentence] for gate in found.report.gates},
        "paths": len(found),
        "filters": len(found.filters.unique()),
        "reported deaths": float(deaths.values[:, weeks].sum()),
        "answers": answers,
    }


def _averted(worlds: xr.Dataset) -> dict[str, list[float]]:
    """Mean, 5% and 95%."""
    asked = worlds.sel(world=list(WORLDS))
    rows = summarise(effects(asked, "as it was", OUTCOMES), method="inverted_cdf")
    return {
        f"{row.name}: {row.outcome} {row.quantity}": [*map(four_digits, (row.mean, *row.interval_90))]
        for row in rows
        if row.quantity == "averted"
    }


def _spread(values: xr.DataArray) -> list[float]:
    return [*map(four_digits, (values.mean(), *np.quantile(values, [0.05, 0.95], method="inverted_cdf")))]
