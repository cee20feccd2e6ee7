"""The options that several commands have, each with its help."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from causal_lpm import __version__
from causal_lpm.cli.terminal import whole_option
from causal_lpm.inference.files.plain_numbers import number_or_text

__all__ = [
    "Acts",
    "Agents",
    "Cases",
    "CheckpointEvery",
    "Days",
    "Device",
    "Do",
    "Doses",
    "ExecutorName",
    "Extra",
    "Flocks",
    "JsonFile",
    "Mechanism",
    "Out",
    "Plots",
    "Population",
    "Prices",
    "Question",
    "Ranks",
    "Replicates",
    "Seed",
    "Settings",
    "StudyName",
    "Target",
    "Version",
    "Workers",
    "extra_options",
]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"causal-lpm {__version__}")
        raise typer.Exit


Version = Annotated[bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")]
Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="A name of `causal-lpm list`, or package.module:function of your own.")
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--setting", metavar='"[LABEL:] NAME=VALUE,..."', help="A world (repeatable), not the study's own."),
]
Acts = Annotated[list[str] | None, typer.Argument(metavar="[NAME=VALUE]...", help="More acts.")]
Do = Annotated[list[str] | None, typer.Option(metavar="NAME=VALUE", help="An act (repeatable).")]
StudyName = Annotated[str, typer.Argument(metavar="STUDY", help="Its name; see `causal-lpm list`.")]
Agents = Annotated[int | None, whole_option("Number of agents; the study has a default.")]
Days = Annotated[int | None, whole_option("Days to simulate; the study has a default.")]
Ranks = Annotated[int | None, whole_option("Processes that share the agents of a replicate; the numbers stay.")]
CheckpointEvery = Annotated[
    int | None, whole_option("Days after which a replicate keeps its state, to go on from there if it is cut off.")
]
Replicates = Annotated[int | None, whole_option("Replicates, each with fresh noise shared by all worlds.")]
Seed = Annotated[int, whole_option("With the same seed, the same numbers.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or cuda:1.")]
Out = Annotated[Path | None, typer.Option(help="Output folder; default ./results/STUDY-HASH. Runs are resumed.")]
JsonFile = Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Also write the numbers as JSON.")]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="loky|dask|ray|dask://HOST:PORT|ray://HOST:PORT",
        help="Where it is computed; the numbers do not depend on it. Without a host, on this machine.",
    ),
]
Workers = Annotated[int | None, whole_option("Processes; default 2, on a GPU 1.")]
Plots = Annotated[bool | None, typer.Option("--plots/--no-plots", help="Charts; default: if matplotlib is there.")]
Mechanism = Annotated[str | None, typer.Option(metavar="archived|described", help="Which model of the study.")]
Population = Annotated[str | None, typer.Option(help="A population of the study, such as nyc.")]
Doses = Annotated[Path | None, typer.Option(metavar="FILE", help="Daily doses that were really given.")]
Flocks = Annotated[Path | None, typer.Option(metavar="FILE", help="Flocks confirmed later, to score forecasts on.")]
Prices = Annotated[Path | None, typer.Option(metavar="FILE", help="Prices of later months, likewise.")]
Cases = Annotated[Path | None, typer.Option(metavar="FILE", help="Cases by week, on which the study is conditioned.")]
Question = Annotated[str | None, typer.Argument(metavar="[QUESTION]", help="Which one, of a study with several.")]
Extra = Annotated[list[str] | None, typer.Option("--option", metavar="KEY=VALUE", help="Any option of the study.")]


def extra_options(
    mechanism: str | None = None,
    population: str | None = None,
    doses: Path | None = None,
    options: Sequence[str] | None = None,
    question: str | None = None,
    **files: Path | None,
) -> dict[str, str | float]:
    """What a study is told beside agents and days; raises ValueError for what is no option, or given twice."""
    for name, file in (files := {"doses": doses, **files}).items():
        if file is not None and not file.is_file():
            raise ValueError(f"the file of {name} {file} does not exist, or is a folder.")
    named = {name: None if file is None else str(file) for name, file in files.items()}
    given = {"question": question, "mechanism": mechanism, "population": population, **named}
    extra: dict[str, str | float] = {key: value for key, value in given.items() if value is not None}
    for option in options or []:
        key, equals, value = (part.strip() for part in option.partition("="))
        if not (key and equals and value):
            raise ValueError(f"--option {option!r} is not of the form key=value.")
        if key in extra:
            raise ValueError(f"option {key!r} is given twice, again in --option {option!r}: give it once.")
        extra[key] = number_or_text(value)
    return extra
