"""Runs a calibration as the command line asks for it: a model and data in, a posterior with a verdict out."""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from causal_lpm.cli.calibration_request import FILE, Request, checked_request, is_damaged
from causal_lpm.cli.terminal import bad_input, check_plots, fail, failures, show
from causal_lpm.cli.where import connected, processes_of
from causal_lpm.inference.calibration.fit import fit
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.calibration.tables import gates_table, parameter_table, write_json
from causal_lpm.inference.files.netcdf import clear_away
from causal_lpm.inference.runs.stage_bars import stage_bars
from causal_lpm.inference.studies.json_file import check_json_file
from causal_lpm.memory import reuse_freed_memory
from causal_lpm.whole_files import WriteError

__all__ = ["run_calibration"]

UNCALIBRATED = 3  # exit code


def run_calibration(
    target: str,
    *,
    workers: int | None,
    executor: str | None,
    json_file: Path | None,
    plots: bool | None,
    **asked: Any,
) -> None:
    """Calibrates what `checked_request` makes of what was asked, keeps it, shows it; ends the program with its code."""
    with bad_input():
        processes = processes_of(executor, workers, 1)
        request = checked_request(target, **asked)
        if json_file is not None:
            own, ours = (FILE, "simulations", "charts"), ("calibration", "gates")
            check_json_file(json_file, request.out, [asked["file"]], own, ours)
        check_plots(plots)
    _say_groups(request)
    reuse_freed_memory()  # the whole process is ours
    result = _kept(request) or _run(request, executor, processes)
    draw = None if plots is False else result.plots
    show(lambda: _tables(result), request.file, draw, partial(write_json, result, target), json_file)
    if result.status == "uncalibrated":
        sys.exit(UNCALIBRATED)


def _say_groups(request: Request) -> None:
    """The order of groups in a file is taken for the model's, and nothing but a reader can see that it is not."""
    for site, labels in (request.groups or {}).items():
        if len(labels) > 1:
            typer.echo(f"Groups of {site}, in the model's order: {', '.join(map(str, labels))}.", err=True)


def _kept(request: Request) -> CalibrationResult | None:
    """The result of the same command, if it is there."""
    if is_damaged(request.out):
        typer.echo(f"{request.file} is not whole and is computed again.", err=True)
        return None
    if not request.file.exists():
        return None
    typer.echo(f"{request.file} is there already; nothing is computed again.", err=True)
    return CalibrationResult.load(request.file, request.study.model)


def _run(request: Request, executor: str | None, processes: int) -> CalibrationResult:
    simulations = request.out / "simulations"
    how_to_go_on = f" Simulations are kept in {simulations}; run the same again to go on."
    begun = False
    with failures():
        try:
            with connected(executor, processes) as place, stage_bars() as show:

                def progress(stage: str, done: int, total: int) -> None:
                    nonlocal begun
                    begun = True
                    show(stage, done, total)

                result = fit(
                    request.study.model,
                    request.data,
                    **request.options,
                    workers=processes,
                    executor=place,
                    groups=request.groups,
                    folder=simulations,
                    progress=progress,
                )
        except (ValueError, ModuleNotFoundError) as error:
            if begun:
                raise  # a fault, which keeps its traceback
            fail(str(error))
        except RuntimeError as error:
            fail(str(error), 1)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(str(error) or f"interrupted.{how_to_go_on * begun}") from error
        result.tree.attrs["request"] = json.dumps(request.identity)
        if is_damaged(request.out):
            clear_away(request.file)
        try:
            result.save(request.file)
        except WriteError as error:
            raise WriteError(f"{error}{how_to_go_on * simulations.exists()}") from error
    return result


def _tables(result: CalibrationResult) -> list[Table]:
    return [parameter_table(result), *([gates_table(result)] if result.report.gates else [])]
