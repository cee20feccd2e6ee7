"""Runs a calibration as the command line asks for it: a model and data in, a posterior with a verdict out."""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer

from causal_lpm.cli.calibration_request import Request, check_json, checked_request, is_damaged
from causal_lpm.cli.stage_bars import stage_bars
from causal_lpm.cli.terminal import bad_input, console, fail, failures, noting
from causal_lpm.inference.calibration.fit import fit
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.calibration.tables import gates_table, parameter_table, write_json
from causal_lpm.inference.files.netcdf import clear_away
from causal_lpm.inference.files.whole_files import WriteError
from causal_lpm.memory import reuse_freed_memory

__all__ = ["run_calibration"]

UNCALIBRATED = 3  # exit code


def run_calibration(target: str, *, workers: int, json_file: Path | None, plots: bool | None, **asked: Any) -> None:
    """Calibrates what `checked_request` makes of what was asked, keeps it, shows it; ends the program with its code."""
    with _modules_from_here():
        with bad_input():
            request = checked_request(target, **asked)
            if json_file is not None:
                check_json(json_file, request.out, asked["file"])
            if plots and find_spec("matplotlib") is None:
                raise ValueError("--plots needs matplotlib: install the extra 'plots', as in 'causal-lpm[plots]'.")
        _say_groups(request)
        reuse_freed_memory()  # the whole process is ours
        result = _kept(request) or _run(request, workers)
    _report(request, result, json_file, plots)
    if result.status == "uncalibrated":
        sys.exit(UNCALIBRATED)


@contextmanager
def _modules_from_here() -> Iterator[None]:
    """While it lasts, modules of the current folder can be imported, also by worker processes."""
    here = str(Path.cwd())
    sys.path.append(here)
    try:
        yield
    finally:
        sys.path.remove(here)


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
    return CalibrationResult.load(request.file, request.calibration.model)


def _run(request: Request, workers: int) -> CalibrationResult:
    simulations = request.out / "simulations"
    begun = False
    with failures():
        try:
            with stage_bars() as show:

                def progress(stage: str, done: int, total: int) -> None:
                    nonlocal begun
                    begun = True
                    show(stage, done, total)

                result = fit(
                    request.calibration.model,
                    request.data,
                    **request.options,
                    workers=workers,
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
            kept = f" Simulations are kept in {simulations}; run the same again to go on." if begun else ""
            raise KeyboardInterrupt(str(error) or f"interrupted.{kept}") from error
        result.tree.attrs["request"] = json.dumps(request.identity)
        if is_damaged(request.out):
            clear_away(request.file)
        try:
            result.save(request.file)
        except WriteError as error:
            kept = (
                f" Simulations are kept in {simulations}; run the same again to go on." if simulations.exists() else ""
            )
            raise WriteError(f"{error}{kept}") from error
    return result


def _report(request: Request, result: CalibrationResult, json_file: Path | None, plots: bool | None) -> None:
    """The tables and where the result is come first: nothing that fails later may hide them."""
    problems: list[str] = []
    with noting("the tables", problems):
        console().print(parameter_table(result), "")
        if result.report.gates:
            console().print(gates_table(result), "")
    typer.echo(f"Result: {request.file}")
    if json_file is not None:
        with noting(f"the JSON file {json_file}", problems):
            write_json(result, request.target, json_file)
            typer.echo(f"JSON: {json_file}")
    if plots is not False:
        with noting("the charts", problems):
            _draw(result, request.out / "charts")
    if problems:
        fail(f"{' '.join(problems)} The result is complete.", 1)


def _draw(result: CalibrationResult, folder: Path) -> None:
    if find_spec("matplotlib") is None:
        typer.echo("Charts: none, because matplotlib is not installed; the extra 'plots' has it.")
        return
    files = result.plots(folder)
    typer.echo(f"Charts: {len(files)} files (PNG, SVG) in {folder}")
