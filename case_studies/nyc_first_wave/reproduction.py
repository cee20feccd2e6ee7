"""Calibrate, forecast, ask what if, look for what happened, and do it again with four times the agents."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr

from case_studies.nyc_first_wave.data import (
    BOROUGHS,
    DAYS,
    FIRST_DAY,
    SERIES,
    TESTED,
    WEEK_STARTS,
    FirstWave,
    first_wave,
)
from case_studies.nyc_first_wave.happened import Search, looked_for, side_by_side
from case_studies.nyc_first_wave.model import first_wave_of
from case_studies.nyc_first_wave.parameters import PRIORS
from case_studies.nyc_first_wave.people import PERSONS_PER_AGENT, City, city
from case_studies.nyc_first_wave.pictures import draw
from case_studies.nyc_first_wave.question import WORLDS
from case_studies.nyc_first_wave.report import tables
from case_studies.nyc_first_wave.surrogate import renewal
from case_studies.page import four_digits, titled
from causal_lpm.inference import CalibrationResult, effects, fit, predict, summarise

__all__ = ["ANTICIPATION", "FULL", "ORIGIN", "QUICK", "SEEN", "Size", "Study", "coverage", "reported", "reproduce"]

ORIGIN = 7
"""Weeks of data: the forecast is made on 19 April."""
SEEN = 7 * ORIGIN
"""Days of data."""
TOLERANCE = {"posterior means, in their sd": 0.5, "coverage": 0.05, "shares of deaths averted": 0.06}
"""By how much another machine or version of torch may differ: networks are trained in floats."""
ANTICIPATION = (0.0, 0.25, 0.5, 0.75, 1.0)
AGENTS_AT_ONCE = 250_000

Note = Callable[[str], None]


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        persons_per_agent: Of the calibration; a quarter of it in the repetition.
        budget: Simulations to train on.
        gate: Simulations to check with.
        ensemble: Networks.
        draws: Posterior draws of the forecast; half of them are asked what if, a sixth of them at each anticipation.
        replicates: Of the luck of each draw, in the questions "what if".
        repeated: Whether all is calibrated again with four times the agents.
        search: How the epidemic that happened is looked for.
    """

    persons_per_agent: int = PERSONS_PER_AGENT
    budget: int = 1000
    gate: int = 200
    ensemble: int = 4
    draws: int = 200
    replicates: int = 2
    repeated: bool = True
    search: Search = field(default_factory=Search)


FULL = Size()
QUICK = Size(1600, 80, 0, 1, 40, 1, repeated=False, search=Search(particles=32, filters=12, rounds=1, paths=20))


@dataclass(frozen=True)
class Place:
    """Where simulations run and are kept; no number depends on it but by the seed.

    Attributes:
        folder: Of what is finished: a reproduction that was stopped goes on from there.
        seed: Of everything.
        workers: Processes.
    """

    folder: Path
    seed: int
    workers: int

    def of(self, name: str) -> "Place":
        """The same with a folder of its own."""
        return replace(self, folder=self.folder / name)


@dataclass(frozen=True)
class Study:
    """What the study found.

    Attributes:
        result: Posterior, diagnostics, predictions and effects.
        forecast: Reports that the posterior predicts for all 17 weeks.
        numbers: Everything that the README shows.
    """

    result: CalibrationResult
    forecast: xr.Dataset
    numbers: dict[str, Any]


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Note) -> str:
    """Writes calibration.nc, forecast.nc, numbers.json and pictures, and returns the tables."""
    torch.set_num_threads(1)  # the processes share the cores
    study = run(QUICK if quick else FULL, out, Place(out / "simulations", seed, workers), say)
    study.forecast.to_netcdf(out / "forecast.nc", engine="h5netcdf")
    (out / "numbers.json").write_text(json.dumps(study.numbers, indent=1) + "\n", encoding="utf-8")
    draw(study.result, study.forecast, study.numbers, first_wave(), out / "pictures")
    return titled(tables(study.numbers), study.result.banner)


def run(size: Size, out: Path, place: Place, note: Note) -> Study:
    """The whole study; the numbers do not depend on the number of workers."""
    began = time.monotonic()
    here = city(size.persons_per_agent)
    note(f"calibrating {here.people.size:,} agents")
    result = calibrated(here, size, place.of("calibration"))
    if not (out / "calibration.nc").exists():
        result.save(out / "calibration.nc")
    numbers: dict[str, Any] = {
        "study": "nyc-first-wave",
        "seed": place.seed,
        "size": asdict(size),
        "agents": here.people.size,
        "tolerance": TOLERANCE,
        "data": [str(FIRST_DAY.date()), ORIGIN],
        "status": result.status,
        "gates": {gate.name: [gate.verdict, four_digits(gate.value), gate.sentence] for gate in result.report.gates},
        "posterior": posterior(result),
    }
    note("forecasting")
    forecast = predicted(here, result.parameters(size.draws), {"as reported": {}}, size, place.of("forecast"))
    numbers["forecast"] = coverage(forecast, here.wave)
    numbers["infected"] = attack_rate(forecast, here.wave)
    note("asking what if")
    numbers["effects"] = what_if(here, result, size, place.of("what if"))
    numbers["anticipation"] = sensitivity(here, result, size, place)
    note("looking for the epidemic that happened")
    numbers["happened"] = happened(here, result, size, out, place.of("happened"))
    if size.repeated:
        note("calibrating again, with four times the agents")
        numbers["repeated"] = repeated(size, place.of("repeated"), numbers["posterior"])
    numbers["minutes"] = round((time.monotonic() - began) / 60, 1)
    return Study(result, forecast, numbers)


def reported(wave: FirstWave) -> dict[str, xr.DataArray]:
    """The weeks up to the forecast origin, by borough."""
    where = {"borough": list(BOROUGHS), "week": WEEK_STARTS[:ORIGIN]}
    return {name: xr.DataArray(values.numpy(), where, tuple(where)) for name, values in wave.until(ORIGIN).items()}


def calibrated(here: City, size: Size, place: Place) -> CalibrationResult:
    """The posterior given the weeks up to the forecast origin."""
    return fit(
        partial(first_wave_of, here, SEEN),
        reported(here.wave),
        surrogate=partial(renewal, here, SEEN),
        budget=size.budget,
        gate=size.gate,
        ensemble=size.ensemble,
        second_round=False,  # a focus on a few of fifteen dimensions, half of them unidentified, saves nothing
        batch=_batch(here),
        groups=dict.fromkeys(SERIES, BOROUGHS),
        **vars(place),
    )


def predicted(
    here: City, parameters: dict[str, torch.Tensor], worlds: dict[str, dict[str, float]], size: Size, place: Place
) -> xr.Dataset:
    """All 17 weeks of the exact model, paired by luck where there are several worlds."""
    program = partial(first_wave_of, here, DAYS)
    batch = max(1, _batch(here) // len(worlds))
    replicates = size.replicates if len(worlds) > 1 else 1
    asked: dict[str, Any] = {"replicates": replicates, "batch": batch, "group_labels": BOROUGHS, **vars(place)}
    return predict(program, parameters, worlds, **asked)


def coverage(forecast: xr.Dataset, wave: FirstWave) -> dict[str, Any]:
    """Shares of the reported weeks (borough x series x week) inside the 90% intervals, with the city's totals."""
    found: dict[str, Any] = {}
    inside_all = []
    for site, reported in wave.series.items():
        values = forecast[site].isel(world=0).stack(sample=("draw", "replicate")).transpose("sample", ...).values
        low, high = np.quantile(values, [0.05, 0.95], axis=0)
        inside = (reported.numpy() >= low) & (reported.numpy() <= high)
        city_low, city_mid, city_high = np.quantile(values.sum(1), [0.05, 0.5, 0.95], axis=0)
        found[site] = {
            "fitted": four_digits(inside[:, TESTED:ORIGIN].mean()),
            "held_out": four_digits(inside[:, ORIGIN:].mean()),
            "reported": reported.sum(0).int().tolist(),
            "median": city_mid.round().astype(int).tolist(),
            "low": city_low.round().astype(int).tolist(),
            "high": city_high.round().astype(int).tolist(),
        }
        inside_all.append(inside[:, ORIGIN:])
    cells = np.stack(inside_all)
    return {"series": found, "held_out": four_digits(cells.mean()), "cells": int(cells.size)}


def attack_rate(forecast: xr.Dataset, wave: FirstWave) -> dict[str, list[float]]:
    """Share of the residents infected from 1 March to 18 April, per cent: 5%, 50%, 95%."""
    until = forecast["infections"].isel(world=0, day=slice(0, ORIGIN)).sum("day").values.reshape(-1, len(BOROUGHS))
    shares = {"New York City": until.sum(1) / float(wave.persons.sum())}
    shares.update({name: until[:, i] / float(wave.persons[i]) for i, name in enumerate(BOROUGHS)})
    return {name: [four_digits(100 * x) for x in np.quantile(v, [0.05, 0.5, 0.95])] for name, v in shares.items()}


def posterior(result: CalibrationResult) -> dict[str, list[float]]:
    """Parameter -> mean, standard deviation, 5% and 95%."""
    told = result.summary(natural=False)[["mean", "sd", "5%", "95%"]]
    rows = {name: list(map(four_digits, values)) for name, *values in told.itertuples()}
    return {name: rows[name] for name in PRIORS}


def what_if(here: City, result: CalibrationResult, size: Size, place: Place) -> dict[str, dict[str, Any]]:
    """Deaths and infections averted by another day of the order, to 27 June."""
    parameters = result.parameters(max(2, size.draws // 2))
    worlds = predicted(here, parameters, WORLDS, size, place)
    found: dict[str, dict[str, Any]] = {}
    for outcome in ("expected_deaths", "infections"):
        for row in summarise(effects(worlds, "as it was", outcome), method="inverted_cdf"):
            if row.quantity in ("averted", "relative"):
                found[f"{row.name}: {outcome} {row.quantity}"] = {
                    "kind": row.kind,
                    "mean": four_digits(row.mean),
                    "median": four_digits(row.median),
                    "interval_90": list(map(four_digits, row.interval_90)),
                    "sd_parameter": four_digits(row.sd_parameter),
                    "sd_luck": four_digits(row.sd_luck),
                }
    deaths = worlds["expected_deaths"].sum(["group", "day"])
    for name in WORLDS:
        found[f"{name}: expected_deaths"] = {"mean": four_digits(float(deaths.sel(world=name).mean()))}
    return found


def sensitivity(here: City, result: CalibrationResult, size: Size, place: Place) -> dict[str, dict[str, list[float]]]:
    """Share of deaths averted (5%, 50%, 95%) where `anticipation` is known, world by world."""
    draws = max(5, size.draws // 6)
    one = replace(size, replicates=1)
    curve: dict[str, dict[str, list[float]]] = {name: {} for name in list(WORLDS)[1:]}
    for value in ANTICIPATION:
        parameters = result.parameters(draws)
        parameters["anticipation"] = torch.full_like(parameters["anticipation"], value)
        worlds = predicted(here, parameters, WORLDS, one, place.of(f"anticipation {value:g}"))
        relative = effects(worlds, "as it was", "expected_deaths")["relative"]
        for name, points in curve.items():
            own = relative.values[relative["world"].values == name]
            points[f"{value:g}"] = [four_digits(q) for q in np.quantile(own, [0.05, 0.5, 0.95])]
    return curve


def happened(here: City, result: CalibrationResult, size: Size, out: Path, place: Place) -> dict[str, Any]:
    """The order on other days in the epidemic of the reports, kept as abduction.nc."""
    data = reported(here.wave)
    found = looked_for(partial(first_wave_of, here, SEEN), data, result, size.search, vars(place.of("abduction")))
    if not (out / "abduction.nc").exists():
        found.save(out / "abduction.nc")
    return side_by_side(found, data, result.parameters(size.search.paths), vars(place))


def repeated(size: Size, place: Place, coarse: dict[str, list[float]]) -> dict[str, Any]:
    """The posterior and effects with four times the agents, beside the posterior `coarse`."""
    here = city(size.persons_per_agent // 4)
    result = calibrated(here, size, place.of("calibration"))
    fine = posterior(result)
    few = replace(size, draws=size.draws // 3, replicates=1)
    return {
        "agents": here.people.size,
        "status": result.status,
        "posterior": fine,
        "agreement": agreement(coarse, fine),
        "effects": what_if(here, result, few, place.of("what if")),
    }


def agreement(coarse: dict[str, list[float]], fine: dict[str, list[float]]) -> dict[str, list[float]]:
    """Parameter -> difference of the means in standard deviations of the finer posterior, and ratio of the latter."""
    return {
        name: [four_digits((mean - fine[name][0]) / fine[name][1]), four_digits(sd / fine[name][1])]
        for name, (mean, sd, *_) in coarse.items()
    }


def _batch(here: City) -> int:
    return max(1, AGENTS_AT_ONCE // here.people.size)
