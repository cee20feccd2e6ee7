"""The command line: `causal-lpm demo | list | run STUDY | whatif STUDY --do name=value | calibrate TARGET | doctor`.

Bad input ends with one sentence on standard error and exit code 2, before anything is run or written; a run
that fails ends with 1, an interrupted one with 130. What a command needs is imported when it is called: help, lists and
the doctor answer at once.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from rich.markup import escape
from rich.table import Table

from causal_lpm import __version__
from causal_lpm.cli.doctor import examine
from causal_lpm.cli.options import (
    Agents,
    Days,
    Device,
    Doses,
    Extra,
    JsonFile,
    Mechanism,
    Out,
    Plots,
    Population,
    Replicates,
    Seed,
    StudyName,
    Workers,
    extra_options,
)
from causal_lpm.cli.study_lists import calibrations_table, policy_table, studies_table
from causal_lpm.cli.terminal import Once, OneSentence, bad_input, console, fail, whole_option
from causal_lpm.inference.studies.catalogue import find_calibration, installed_calibrations
from causal_lpm.inference.studies.study import installed_studies, load_study, variant

__all__ = ["app"]

DEMO_STUDY = "second-dose"
DEMO_REPLICATES = 3

Loaded = TypeVar("Loaded")

app = typer.Typer(cls=OneSentence, pretty_exceptions_enable=False)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"causal-lpm {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _help_alone(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Policy questions on populations of agents, in worlds that share every agent's luck."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(cls=Once)
def demo(seed: Seed = 0, out: Out = None, workers: Workers = None, plots: Plots = None) -> None:
    """The second-dose question, small: three replicates of the main settings."""
    from causal_lpm.cli.study_run import StudyRun, run_study

    with bad_input():
        study = load_study(DEMO_STUDY)
    request = StudyRun(study, replicates=DEMO_REPLICATES, seed=seed, out=out, workers=workers, plots=plots)
    run_study(request, *study.worlds("demo"))


@app.command("list", cls=Once)
def list_(
    study: Annotated[str | None, typer.Argument(help="Show the policies of this study.")] = None,
    population: Population = None,
    option: Extra = None,
) -> None:
    """The installed studies and calibrations, or the policies of one study."""
    with bad_input():
        extra = extra_options(population=population, options=option)
        if study in installed_calibrations():
            console().print(calibrations_table({study: _or_reason(find_calibration, study)}))
        elif study is not None:
            console().print(policy_table(variant(load_study(study), extra)))
        elif extra:
            raise ValueError("--population and --option belong to one study: name it, as in `causal-lpm list STUDY`.")
        else:
            console().print(studies_table({name: _or_reason(load_study, name) for name in installed_studies()}), "")
            calibrations = {name: _or_reason(find_calibration, name) for name in installed_calibrations()}
            console().print(calibrations_table(calibrations))


def _or_reason(load: Callable[[str], Loaded], name: str) -> Loaded | str:
    try:
        return load(name)
    except ValueError as error:
        return str(error)


@app.command(cls=Once)
def run(
    study: StudyName,
    setting: Annotated[
        list[str] | None,
        typer.Option(metavar='"[LABEL:] NAME=VALUE,..."', help="One world (repeatable), instead of the study's own."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="All tables of the study.")] = False,
    agents: Agents = None,
    days: Days = None,
    replicates: Replicates = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Out = None,
    json: JsonFile = None,
    workers: Workers = None,
    plots: Plots = None,
    mechanism: Mechanism = None,
    population: Population = None,
    doses: Doses = None,
    option: Extra = None,
) -> None:
    """Run a study: its own settings, or yours, each compared with the first."""
    from causal_lpm.cli.study_run import StudyRun, run_study, typed_worlds

    with bad_input():
        extra = extra_options(mechanism, population, doses, option)
        found = variant(load_study(study), extra)
        if setting and full:
            raise ValueError("--full runs the study's own settings: leave out either --full or --setting.")
        worlds = typed_worlds(found, setting) if setting else found.worlds("full" if full else "main")
    request = StudyRun(found, agents, days, replicates, seed, device, out, json, workers, plots, extra, full)
    run_study(request, *worlds)


@app.command(cls=Once)
def whatif(
    study: StudyName,
    acts: Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="More acts.")] = None,
    do: Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="An act (repeatable).")] = None,
    agents: Agents = None,
    days: Days = None,
    replicates: Replicates = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Out = None,
    json: JsonFile = None,
    workers: Workers = None,
    plots: Plots = None,
    mechanism: Mechanism = None,
    population: Population = None,
    doses: Doses = None,
    option: Extra = None,
) -> None:
    """One question: the study's defaults, and the same with these acts."""
    from causal_lpm.cli.study_run import StudyRun, question_worlds, run_study

    with bad_input():
        extra = extra_options(mechanism, population, doses, option)
        found = variant(load_study(study), extra)
        worlds = question_worlds(found, [*(do or []), *(acts or [])])
    request = StudyRun(found, agents, days, replicates, seed, device, out, json, workers, plots, extra)
    run_study(request, *worlds)


@app.command(cls=Once)
def calibrate(
    target: Annotated[
        str,
        typer.Argument(metavar="TARGET", help="A name of `causal-lpm list`, or package.module:function of your own."),
    ],
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv", help="A column date or day, and one for each data site; perhaps a column group."
        ),
    ] = None,
    surrogate: Annotated[
        str | None, typer.Option(metavar="MODULE:FUNCTION", help="A differentiable program with the same sites.")
    ] = None,
    method: Annotated[
        str, typer.Option(metavar="svi+npe|npe|nle|abc|svi|gradient", help="How; svi and gradient only optimise.")
    ] = "svi+npe",
    budget: Annotated[
        int | None, whole_option("Simulations to train on; default 1000, or the calibration's own.")
    ] = None,
    gate: Annotated[
        int | None, whole_option("Further simulations for the gates; default 200. With 0, no verdict.", "--gate")
    ] = None,
    ensemble: Annotated[int | None, whole_option("Networks of the ensemble; default 5.")] = None,
    seed: Seed = 0,
    workers: Annotated[int, whole_option("Processes that simulate; the numbers do not depend on it.")] = 1,
    draws: Annotated[int, whole_option("Draws of the posterior in the result.")] = 1000,
    out: Annotated[
        Path | None, typer.Option(help="Output folder; default ./results/TARGET-HASH. Simulations are resumed.")
    ] = None,
    json: JsonFile = None,
    plots: Plots = None,
) -> None:
    """Calibrate a model to data, and say whether the result can be trusted.

    The exit code is 0 for a calibrated (or optimised) result, 3 for an uncalibrated one, 2 for bad input, 1 for a
    failure, 130 if interrupted; the same command then goes on.
    """
    from causal_lpm.cli.calibration_run import run_calibration

    simulating = {"budget": budget, "gate": gate, "ensemble": ensemble}
    run_calibration(
        target,
        file=data,
        surrogate=surrogate,
        method=method,
        simulating=simulating,
        seed=seed,
        draws=draws,
        out=out,
        workers=workers,
        json_file=json,
        plots=plots,
    )


@app.command(cls=Once)
def doctor() -> None:
    """What is installed, and whether anything needed is missing (exit code 1)."""
    table = Table(title="causal-lpm doctor", title_justify="left")
    for column in ("what", "found", ""):
        table.add_column(column)
    findings = examine()
    for finding in findings:
        table.add_row(escape(finding.what), escape(finding.found), "ok" if finding.ok else "MISSING")
    console().print(table)
    if not all(finding.ok for finding in findings):
        fail("something that runs need is missing, see the table.", 1)
