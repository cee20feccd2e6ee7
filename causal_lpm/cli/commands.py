"""The command line: what its commands are called, and which options they have.

`causal-lpm demo | list | run STUDY | whatif STUDY --do name=value | calibrate TARGET | predict TARGET | doctor`

Bad input ends with one sentence on standard error and exit code 2, before anything is run or written; a run that fails
ends with 1, an interrupted one with 130. What a command needs is imported when it is called: help answers at once.
"""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from causal_lpm.cli.doctor import examine
from causal_lpm.cli.options import (
    Acts,
    Agents,
    Cases,
    CheckpointEvery,
    Days,
    Device,
    Do,
    Doses,
    ExecutorName,
    Extra,
    Flocks,
    JsonFile,
    Mechanism,
    Out,
    Plots,
    Population,
    Prices,
    Question,
    Ranks,
    Replicates,
    Seed,
    Settings,
    StudyName,
    Target,
    Version,
    Workers,
    extra_options,
)
from causal_lpm.cli.study_lists import policy_table, studies_table, study_or_reason
from causal_lpm.cli.terminal import Once, OneSentence, bad_input, console, fail, whole_option
from causal_lpm.inference.studies.catalogue import installed_studies, load_study, refuse, reproduction_of, simulated
from causal_lpm.inference.studies.study import variant

__all__ = ["app"]

DEMO_STUDY = "second-dose"
DEMO_REPLICATES = 3

app = typer.Typer(cls=OneSentence, pretty_exceptions_enable=False)


@app.callback(invoke_without_command=True)
def _help_alone(context: typer.Context, version: Version = False) -> None:
    """Policy questions on populations of agents, in worlds that share every agent's noise."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(cls=Once)
def demo(seed: Seed = 0, out: Out = None, workers: Workers = None, plots: Plots = None) -> None:
    """The second-dose question, small: three replicates of the main settings."""
    run(DEMO_STUDY, quick=True, seed=seed, out=out, workers=workers, plots=plots)


@app.command("list", cls=Once)
def list_(
    study: Annotated[str | None, typer.Argument(help="Show the policies of this study.")] = None,
    population: Population = None,
    option: Extra = None,
) -> None:
    """The installed studies, or the policies of one."""
    with bad_input():
        extra = extra_options(population=population, options=option)
        if study is not None:
            found = load_study(study)
            chosen = variant(simulated(found), extra) if hasattr(found, "simulate") else None
            console().print(studies_table({study: chosen or found}), "")
            if chosen is not None and chosen.policies:
                console().print(policy_table(chosen))
        elif extra:
            raise ValueError("--population and --option belong to one study: name it, as in `causal-lpm list STUDY`.")
        else:
            console().print(studies_table({name: study_or_reason(name) for name in installed_studies()}))


@app.command(cls=Once)
def run(
    study: StudyName,
    question: Question = None,
    setting: Settings = None,
    quick: Annotated[bool, typer.Option("--quick", help="Small, in about a minute; the numbers are poor.")] = False,
    full: Annotated[bool, typer.Option("--full", help="All tables of the study.")] = False,
    agents: Agents = None,
    days: Days = None,
    replicates: Replicates = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Out = None,
    json: JsonFile = None,
    workers: Workers = None,
    executor: ExecutorName = None,
    ranks: Ranks = None,
    checkpoint_every: CheckpointEvery = None,
    plots: Plots = None,
    mechanism: Mechanism = None,
    population: Population = None,
    doses: Doses = None,
    flocks: Flocks = None,
    prices: Prices = None,
    cases: Cases = None,
    option: Extra = None,
) -> None:
    """Run a study: all that it reproduces, or its own settings, or yours, each compared with the first."""
    with bad_input():
        extra = extra_options(mechanism, population, doses, option, question, flocks=flocks, prices=prices, cases=cases)
        found = load_study(study)
        if bool(setting) + quick + full > 1:
            raise ValueError("--setting, --quick and --full say what to run: leave out all but one.")
        reproduce = None if setting else reproduction_of(found, agents, extra)
        if reproduce is not None:
            given = {"days": days, "replicates": replicates, "json": json, "executor": executor, "ranks": ranks}
            given |= {"checkpoint-every": checkpoint_every, "plots": plots, "device": device}
            for name, value in given.items():
                if value not in (None, "cpu"):
                    refuse(found, name)
    if reproduce is not None:
        from causal_lpm.cli.reproduction_run import run_reproduction

        processes = 2 if workers is None else workers
        run_reproduction(
            study, reproduce, quick=quick, agents=agents, seed=seed, workers=processes, out=out, extra=extra
        )
        return
    from causal_lpm.cli.study_run import run_study, typed_worlds

    with bad_input():
        own = variant(simulated(found), extra)
        size = "full" if full else "demo" if quick else "main"
        worlds = typed_worlds(own, setting) if setting else own.worlds(size)
    number = DEMO_REPLICATES if quick and replicates is None else replicates
    where = workers, executor, ranks, checkpoint_every
    run_study(own, *worlds, agents, days, number, seed, device, out, json, where, plots, extra, full)


@app.command(cls=Once)
def whatif(
    study: StudyName,
    acts: Acts = None,
    do: Do = None,
    agents: Agents = None,
    days: Days = None,
    replicates: Replicates = None,
    seed: Seed = 0,
    device: Device = "cpu",
    out: Out = None,
    json: JsonFile = None,
    workers: Workers = None,
    executor: ExecutorName = None,
    ranks: Ranks = None,
    checkpoint_every: CheckpointEvery = None,
    plots: Plots = None,
    mechanism: Mechanism = None,
    population: Population = None,
    doses: Doses = None,
    option: Extra = None,
) -> None:
    """One question: the study's defaults, and the same with these acts."""
    from causal_lpm.cli.study_run import question_worlds, run_study

    with bad_input():
        extra = extra_options(mechanism, population, doses, option)
        found = variant(simulated(load_study(study)), extra)
        worlds = question_worlds(found, [*(do or []), *(acts or [])])
    where = workers, executor, ranks, checkpoint_every
    run_study(found, *worlds, agents, days, replicates, seed, device, out, json, where, plots, extra)


@app.command(cls=Once)
def calibrate(
    target: Target,
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
        str, typer.Option(metavar="svi+npe|npe|nle|abc|nuts|svi|gradient", help="How; svi and gradient only optimise.")
    ] = "svi+npe",
    budget: Annotated[int | None, whole_option("Simulations to train on; default 1000, or the study's own.")] = None,
    gate: Annotated[
        int | None, whole_option("Further simulations for the gates; default 200. With 0, no verdict.", "--gate")
    ] = None,
    ensemble: Annotated[int | None, whole_option("Networks of the ensemble; default 5.")] = None,
    seed: Seed = 0,
    workers: Annotated[
        int | None, whole_option("Processes that simulate; default 1. The numbers do not depend on it.")
    ] = None,
    executor: ExecutorName = None,
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
        executor=executor,
        json_file=json,
        plots=plots,
    )


@app.command(cls=Once)
def predict(
    target: Target,
    acts: Acts = None,
    do: Do = None,
    setting: Settings = None,
    calibration: Annotated[
        Path | None,
        typer.Option(help="A result of calibrate, or its folder; default: the one in ./results."),
    ] = None,
    draws: Annotated[int, whole_option("Draws of the posterior.")] = 100,
    replicates: Annotated[int, whole_option("Runs of each draw; at least 2 tell noise from parameters.")] = 2,
    given: Annotated[
        str | None, typer.Option(metavar="outbreak", help="Only epidemics that take off in the first world.")
    ] = None,
    seed: Seed = 0,
    out: Annotated[Path | None, typer.Option(help="Output folder; default ./results/TARGET-predicted-HASH.")] = None,
    workers: Annotated[
        int | None, whole_option("Processes that simulate; default 1. The numbers do not depend on it.")
    ] = None,
    executor: ExecutorName = None,
    plots: Plots = None,
) -> None:
    """What a calibrated model predicts: as it is and with these acts, or in worlds that share every agent's noise."""
    from causal_lpm.cli.prediction_run import run_prediction

    run_prediction(
        target,
        acts=[*(do or []), *(acts or [])],
        settings=setting or [],
        calibration=calibration,
        draws=draws,
        replicates=replicates,
        given=given,
        seed=seed,
        out=out,
        workers=workers,
        executor=executor,
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
