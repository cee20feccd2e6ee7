"""Reproduces a study as the command line asks for it: all that its README shows, in a folder that says what it is."""

import json
from collections.abc import Mapping
from pathlib import Path

import typer

from causal_lpm.cli.terminal import bad_input, fail, failures
from causal_lpm.inference.files.json_object import read_object
from causal_lpm.inference.studies.study import BadInput, Reproduction
from causal_lpm.memory import reuse_freed_memory
from causal_lpm.provenance import sha256, versions
from causal_lpm.validate import whole_number
from causal_lpm.whole_files import check_folder, holds_nothing, write_whole

__all__ = ["run_reproduction"]

ABOUT, TABLES = "reproduction.json", "tables.md"


def run_reproduction(
    name: str,
    reproduce: Reproduction,
    *,
    quick: bool,
    agents: int | None,
    seed: int,
    workers: int,
    out: Path | None,
    extra: Mapping[str, str | float] | None = None,
) -> None:
    """Reproduces, and shows the tables; what is finished is only shown, and parts that were kept are used."""
    about = {"study": name, "quick": quick, "seed": seed, "versions": versions()}
    if agents is not None:
        about["agents"] = agents
    for key, value in (extra or {}).items():  # a file is what is in it
        about[key] = sha256(Path(str(value))) if Path(str(value)).is_file() else value
    given = dict(extra or {})
    question = given.pop("question", None)
    words = (name, question, "quick" if quick else None, agents, "later" if given else None, seed)
    folder = out or Path("results") / "-".join(str(word) for word in words if word is not None)
    with bad_input():
        whole_number("seed", seed, low=0)
        whole_number("workers", workers)
        _check_folder(folder, about)
    tables = folder / TABLES
    if tables.exists():
        typer.echo(f"{tables} is there already; nothing is computed again.", err=True)
    else:
        reuse_freed_memory()  # the whole process is ours
        with failures():
            folder.mkdir(parents=True, exist_ok=True)
            write_whole(folder / ABOUT, lambda file: file.write_text(json.dumps(about, indent=1) + "\n"))
            try:
                text = reproduce(folder, quick=quick, seed=seed, workers=workers, say=_say)
            except KeyboardInterrupt as error:
                fail(str(error) or f"interrupted: the same command goes on with what is kept in {folder}.", 130)
            except ModuleNotFoundError as error:
                fail(str(error), 1)
            except BadInput as error:
                if list(folder.iterdir()) == [folder / ABOUT]:
                    (folder / ABOUT).unlink()
                fail(str(error))
            write_whole(tables, lambda file: file.write_text(text + "\n", encoding="utf-8"))
    typer.echo(tables.read_text(encoding="utf-8"))
    typer.echo(f"Results: {folder}")


def _say(text: str) -> None:
    typer.echo(f"{text} ...", err=True)


def _check_folder(folder: Path, about: dict[str, object]) -> None:
    check_folder("the output folder", folder)
    file = folder / ABOUT
    if not file.exists():
        if folder.is_dir() and not holds_nothing(folder, r"reproduction\.json"):
            raise ValueError(f"the output folder {folder} is not empty and holds no reproduction: give another.")
        return
    there = read_object(file)
    for key in dict.fromkeys([*about, *there]):
        if there.get(key) != about.get(key):
            raise ValueError(
                f"the output folder {folder} holds another reproduction (its {key} is {there.get(key)!r}, yours is "
                f"{about.get(key)!r}): give another folder."
            )
