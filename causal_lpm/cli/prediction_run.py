"""Predicts as the command line asks for it: worlds under the posterior of a saved calibration."""

import json
from collections.abc import Iterator, Sequence
from functools import partial
from math import isnan
from pathlib import Path
from typing import Any

import typer
import xarray as xr
from rich.markup import escape
from rich.table import Table

from causal_lpm.cli.calibration_request import FILE, slug_of
from causal_lpm.cli.study_run import question_worlds, typed_worlds
from causal_lpm.cli.terminal import bad_input, check_plots, failures, show
from causal_lpm.cli.where import connected, processes_of
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.calibration.simulator import ProblemSimulator
from causal_lpm.inference.policies.effects import effects, totals
from causal_lpm.inference.policies.statements import OUTBREAK, kind_of_totals, said_of_predictions
from causal_lpm.inference.policies.summaries import summarise
from causal_lpm.inference.posteriors.focus import FocusedPrior
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.run_folder import fingerprint, identity
from causal_lpm.inference.runs.stage_bars import stage_bars
from causal_lpm.inference.studies.catalogue import load_study, simulated, with_data
from causal_lpm.inference.studies.study import HasData, Study, Worlds
from causal_lpm.memory import reuse_freed_memory
from causal_lpm.provenance import sha256
from causal_lpm.validate import known, whole_number

__all__ = ["run_prediction"]

PREDICTIONS = "predictions.nc"


def run_prediction(
    target: str,
    *,
    acts: Sequence[str],
    settings: Sequence[str],
    calibration: Path | None,
    draws: int,
    replicates: int,
    given: str | None,
    seed: int,
    out: Path | None,
    workers: int | None,
    executor: str | None,
    plots: bool | None,
) -> None:
    """Predicts the worlds that were typed, or the study's own, keeps and shows them; arguments are the command's."""
    with bad_input():
        study = with_data(load_study(target))
        worlds = _worlds(simulated(study), acts, settings)
        file = _file_of(target, calibration)
        for name, number in (("draws", draws), ("replicates", replicates)):
            whole_number(name, number)
        processes = processes_of(executor, workers, 1)
        whole_number("seed", seed, low=0)
        if given is not None:
            known("condition", given, (OUTBREAK,))
        check_plots(plots)
        result = CalibrationResult.load(file, study.horizon)
        _check_model(result, target, study)
    sites = list(result.tree["observed_data"].data_vars)
    with failures(), bad_input():
        # What the model says now: predictions of a changed one are not those that are kept.
        now = result.predict(draws=1, seed=0, data_sites=sites)
    with bad_input():
        model = fingerprint({str(name): values.values for name, values in now.data_vars.items()})
        asked = {
            "target": target,
            "model": model,
            "calibration": sha256(file),
            "worlds": worlds,
            "draws": draws,
            "replicates": replicates,
            "seed": seed,
            **({} if given is None else {"given": given}),
        }
        mine = identity(asked)
        folder = out or Path("results") / f"{slug_of(target)}-predicted-{mine}"
        kept = _kept(folder / PREDICTIONS, mine)
    if kept is None:
        reuse_freed_memory()  # the whole process is ours
        with failures(), connected(executor, processes) as place, stage_bars() as report:
            options: dict[str, Any] = {
                "given": given,
                "group_labels": study.group_labels or None,
                "data_sites": sites,
                "workers": processes,
                "executor": place,
                "folder": folder / "simulations",
                "progress": partial(report, "simulating predictions"),
            }
            with bad_input():
                result.predict(worlds, draws=draws, replicates=replicates, seed=seed, **options)
            result.tree.attrs["predicted"] = mine
            result.save(folder / PREDICTIONS)
    else:
        typer.echo(f"{folder / PREDICTIONS} is there already; nothing is computed again.", err=True)
        result = kept
    predictions = result.tree["predictions"].to_dataset()
    draw = None if plots is False else result.plots
    show(lambda: _tables(result, predictions, next(iter(worlds))), folder / PREDICTIONS, draw)


def _worlds(study: Study, acts: Sequence[str], settings: Sequence[str]) -> Worlds:
    if acts and settings:
        raise ValueError("--do and --setting are two ways to say what to predict: leave out either.")
    if acts:
        return question_worlds(study, acts)[0]
    return typed_worlds(study, settings)[0] if settings else study.worlds("main")[0]


def _file_of(target: str, given: Path | None) -> Path:
    """The calibration that was given, or the only one of the target."""
    if given is not None:
        file = given / FILE if given.is_dir() else given
        if not file.exists():
            raise ValueError(f"{file} does not exist: give a result of causal-lpm calibrate, or its folder.")
        return file
    found = sorted(Path("results").glob(f"{slug_of(target)}-*/{FILE}"))
    if not found:
        raise ValueError(
            f"no calibration of {target} is in ./results: run `causal-lpm calibrate {target}` first, or give its "
            "folder with --calibration."
        )
    if len(found) > 1:
        raise ValueError(
            f"there are {len(found)} calibrations of {target}: give one, as in --calibration {found[0].parent}."
        )
    return found[0]


def _check_model(result: CalibrationResult, target: str, study: HasData) -> None:
    """Raises ValueError where the calibration is of another model, or of this one as it was before a change."""
    request = json.loads(result.tree.attrs.get("request", "{}"))
    calibrated = request.get("target", target)
    if calibrated != target:
        raise ValueError(f"that is a calibration of {calibrated}, not of {target}: give one of {target}.")
    if "model" in request:
        data = {str(name): values.values for name, values in result.tree["observed_data"].data_vars.items()}
        problem = Problem(study.model, data)
        if ProblemSimulator(problem, FocusedPrior(problem)).identity()["fingerprint"] != request["model"]:
            raise ValueError(
                f"{target} gives other numbers than when it was calibrated, because it or the software has changed: "
                "calibrate it again."
            )


def _kept(file: Path, mine: str) -> CalibrationResult | None:
    if not file.exists():
        return None
    there = CalibrationResult.load(file)
    if there.tree.attrs.get("predicted") != mine:
        raise ValueError(f"{file} holds other predictions: give another folder with --out.")
    return there


def _tables(result: CalibrationResult, predictions: xr.Dataset, reference: str) -> Iterator[Table]:
    """Totals of each world, and what each averts against the first."""
    kind, coupling = predictions.attrs["kind"], predictions.attrs["coupling"]
    banner = f"[bold red]{escape(result.banner)}[/] " if result.banner else ""
    banner += f"{escape(about)} " if (about := said_of_predictions(predictions)) else ""
    outcomes = [str(name) for name in predictions.data_vars]
    table = _table(
        f"Totals, parameters {result.status} ({kind_of_totals(predictions)})",
        ("world", "outcome", "median", "90% interval"),
        banner,
    )
    rows = [summarise(totals(predictions, outcome)) for outcome in outcomes]
    for each in zip(*rows, strict=True):
        for number, (outcome, row) in enumerate(zip(outcomes, each, strict=True)):
            low, high = row.interval_90
            table.add_row(
                "" if number else escape(row.name), outcome, f"{row.median:,.0f}", f"{low:,.0f} to {high:,.0f}"
            )
    yield table
    if predictions.sizes["world"] < 2:
        return
    columns = ("contrast", "outcome", "mean", "90% interval", "share", "sd: parameters", "sd: luck")
    caption = f"{banner}Statement: {kind}. Coupling: {escape(coupling)}."
    table = _table("Averted: as it was minus what if", columns, caption)
    found = {(row.name, row.outcome, row.quantity): row for row in summarise(effects(predictions, reference, outcomes))}
    for contrast in dict.fromkeys(name for name, _, _ in found):
        for number, outcome in enumerate(outcomes):
            row, share = found[contrast, outcome, "averted"], found[contrast, outcome, "relative"].mean
            interval = " to ".join(f"{end:+,.0f}" for end in row.interval_90)
            cells = (f"{row.mean:+,.0f}", interval, "not known" if isnan(share) else f"{share:+.0%}")
            spread = ("not known" if isnan(x) else f"{x:,.0f}" for x in (row.sd_parameter, row.sd_luck))
            table.add_row("" if number else escape(contrast), outcome, *cells, *spread)
    yield table


def _table(title: str, columns: Sequence[str], caption: str) -> Table:
    table = Table(title=title, title_justify="left", caption=caption or None, caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number < 2 else "right")
    return table
