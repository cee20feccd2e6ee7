"""The command line: `causal-lpm demo | list | run STUDY | whatif STUDY --do name=value | calibrate TARGET | doctor`.

Bad input ends with one sentence on standard error and exit code 2, before anything is run or written; a run
that fails ends with 1, an interrupted one with 130.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, TypeVar

import typer
import xarray as xr
from rich.markup import escape
from rich.table import Table

from causal_lpm.cli.calibrate import calibrate
from causal_lpm.cli.doctor import examine
from causal_lpm.cli.terminal import (
    Once,
    OneSentence,
    bad_input,
    console,
    fail,
    failures,
    noting,
    progress_bar,
    whole_option,
)
from causal_lpm.inference.calibration.tables import calibrations_table
from causal_lpm.inference.charts.fan_charts import save_fan_charts
from causal_lpm.inference.files.plain_numbers import number_or_text
from causal_lpm.inference.studies import settings as typed
from causal_lpm.inference.studies import storage
from causal_lpm.inference.studies.catalogue import find_calibration, installed_calibrations
from causal_lpm.inference.studies.experiment import run_experiment
from causal_lpm.inference.studies.json_file import check_json_file, write_json
from causal_lpm.inference.studies.study import (
    Options,
    References,
    Study,
    Worlds,
    installed_studies,
    load_study,
    replicates_of,
    variant,
)
from causal_lpm.inference.studies.tables import policy_table, result_tables, studies_table
from causal_lpm.memory import reuse_freed_memory

__all__ = ["app"]

DEMO_STUDY = "second-dose"
DEMO_REPLICATES = 3

Loaded = TypeVar("Loaded")

app = typer.Typer(cls=OneSentence, add_completion=False, pretty_exceptions_enable=False)

StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="Its name; see `causal-lpm list`.")]
Agents = Annotated[int | None, whole_option("Number of agents; the study has a default.")]
Days = Annotated[int | None, whole_option("Days to simulate; the study has a default.")]
Replicates = Annotated[int | None, whole_option("Replicates, each with fresh noise shared by all worlds.")]
Seed = Annotated[int, whole_option("With the same seed, the same numbers.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")]
Out = Annotated[Path | None, typer.Option(help="Output folder; default ./results/STUDY-HASH. Runs are resumed.")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the numbers as JSON.")]
Workers = Annotated[int | None, whole_option("Processes; default 2, on a GPU 1.")]
Plots = Annotated[bool | None, typer.Option("--plots/--no-plots", help="Charts; default: if matplotlib is there.")]
Mechanism = Annotated[str | None, typer.Option(metavar="archived|described", help="Which model of the study.")]
Population = Annotated[str | None, typer.Option(help="A population of the study, such as nyc.")]
Doses = Annotated[Path | None, typer.Option(metavar="FILE", help="Daily doses that were really given.")]
Extra = Annotated[list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="Any option of the study.")]


@dataclass(frozen=True)
class _Request:
    """What to run and where its results go, as far as the command line says."""

    study: Study
    agents: int | None = None
    days: int | None = None
    replicates: int | None = None
    seed: int = 0
    device: str = "cpu"
    out: Path | None = None
    json_file: Path | None = None
    workers: int | None = None
    plots: bool | None = None
    extra: dict[str, str | float] = field(default_factory=dict)
    full: bool = False

    def options(self) -> Options:
        """The options with the study's defaults filled in; a zero is a mistake, not a missing value."""
        agents = self.study.default_agents if self.agents is None else self.agents
        days = self.study.default_days if self.days is None else self.days
        return Options(agents, days, self.device, self.extra)


def _extra(
    mechanism: str | None = None,
    population: str | None = None,
    doses: Path | None = None,
    options: Sequence[str] | None = None,
) -> dict[str, str | float]:
    if doses is not None and not doses.is_file():
        raise ValueError(f"the file of doses {doses} does not exist.")
    given = {"mechanism": mechanism, "population": population, "doses": None if doses is None else str(doses)}
    extra: dict[str, str | float] = {key: value for key, value in given.items() if value is not None}
    for option in options or []:
        key, equals, value = (part.strip() for part in option.partition("="))
        if not (key and equals and value):
            raise ValueError(f"--option {option!r} is not of the form key=value.")
        if key in extra:
            raise ValueError(f"option {key!r} is given twice, again in --option {option!r}: give it once.")
        extra[key] = number_or_text(value)
    return extra


def _execute(request: _Request, worlds: Worlds, references: References) -> None:
    study, options = request.study, request.options()
    replicates = replicates_of(study, request.full) if request.replicates is None else request.replicates
    workers = (2 if options.device == "cpu" else 1) if request.workers is None else request.workers
    with bad_input():
        typed.check_experiment(study, worlds, references, replicates, request.seed, options, workers)
        typed.check_differences(study, worlds, references)
        name = f"{study.name}-{storage.identity(storage.manifest(study, worlds, request.seed, options))}"
        out = request.out or Path("results") / name
        if request.json_file is not None:
            check_json_file(request.json_file, out, options.extra)
        if request.plots and find_spec("matplotlib") is None:
            raise ValueError("--plots needs matplotlib: install the extra 'plots', as in 'causal-lpm[plots]'.")
    reuse_freed_memory()  # the whole process is ours
    with failures():
        with progress_bar(f"{study.name}, {len(worlds)} worlds, replicates") as progress:
            tree = run_experiment(study, worlds, references, replicates, request.seed, options, out, workers, progress)
        _report(request, tree, out)


def _report(request: _Request, tree: xr.DataTree, out: Path) -> None:
    """The tables and where the results are come first: nothing that fails later may hide them."""
    problems: list[str] = []
    with noting("the tables", problems):
        for table in result_tables(tree):
            console().print(table, "")
    typer.echo(f"Results: {out / 'results.nc'}")
    if request.json_file is not None:
        with noting(f"the JSON file {request.json_file}", problems):
            write_json(tree, request.json_file)
            typer.echo(f"JSON: {request.json_file}")
    if request.plots is not False:
        with noting("the charts", problems):
            _draw(tree, out)
    if problems:
        fail(f"{' '.join(problems)} The results are complete.", 1)


def _draw(tree: xr.DataTree, out: Path) -> None:
    if find_spec("matplotlib") is None:
        typer.echo("Charts: none, because matplotlib is not installed; the extra 'plots' has it.")
        return
    files = save_fan_charts(tree, out / "charts")
    typer.echo(f"Charts: {len(files)} files (PNG, SVG) in {out / 'charts'}")


@app.callback(invoke_without_command=True)
def _help_alone(context: typer.Context) -> None:
    """Policy questions on populations of agents, in worlds that share every agent's luck."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


@app.command(cls=Once)
def demo(seed: Seed = 0, out: Out = None, workers: Workers = None, plots: Plots = None) -> None:
    """The second-dose question, small: three replicates of the main settings."""
    with bad_input():
        study = load_study(DEMO_STUDY)
    request = _Request(study, replicates=DEMO_REPLICATES, seed=seed, out=out, workers=workers, plots=plots)
    _execute(request, *study.worlds("demo"))


@app.command("list", cls=Once)
def list_(
    study: Annotated[str | None, typer.Argument(help="Show the policies of this study.")] = None,
    population: Population = None,
    option: Extra = None,
) -> None:
    """The installed studies and calibrations, or the policies of one study."""
    with bad_input():
        extra = _extra(population=population, options=option)
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
    with bad_input():
        extra = _extra(mechanism, population, doses, option)
        found = variant(load_study(study), extra)
        if setting and full:
            raise ValueError("--full runs the study's own settings: leave out either --full or --setting.")
        if setting:
            worlds: Worlds = typed.parse_worlds(setting, found.policies)
            references: References = typed.against_first(worlds)
        else:
            worlds, references = found.worlds("full" if full else "main")
    request = _Request(found, agents, days, replicates, seed, device, out, json, workers, plots, extra, full)
    _execute(request, worlds, references)


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
    with bad_input():
        extra = _extra(mechanism, population, doses, option)
        found = variant(load_study(study), extra)
        text = ", ".join([*(do or []), *(acts or [])])
        changed = typed.parse_acts(text, found.policies)
        if not changed:
            raise ValueError("there is no act: give at least one, as in --do name=value.")
    request = _Request(found, agents, days, replicates, seed, device, out, json, workers, plots, extra)
    _execute(request, {"factual": {}, text: changed}, {text: "factual"})


app.command(cls=Once)(calibrate)


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
