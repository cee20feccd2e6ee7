"""How the command line speaks: one sentence when something is wrong, exit codes, tables and a progress bar."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from typer.core import TyperGroup

from causal_lpm.inference.experiment import ReplicateError

__all__ = ["OneSentence", "bad_input", "console", "fail", "failures", "progress_bar"]


class OneSentence(TyperGroup):
    """Reports what is wrong with the command line itself in one sentence, too."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        try:
            code = super().main(*args, **{**kwargs, "standalone_mode": False})
        except typer.TyperException as error:
            fail(error.format_message())
        except typer.Abort:
            fail("stopped.", 1)
        sys.exit(code if isinstance(code, int) else 0)


def fail(sentence: str, code: int = 2) -> NoReturn:
    """Ends the program with a sentence on standard error; code 2 is bad input."""
    typer.echo(f"causal-lpm: {' '.join(sentence.split())}", err=True)
    sys.exit(code)


@contextmanager
def bad_input() -> Iterator[None]:
    """Before a run: one sentence says what is wrong with what was asked for."""
    try:
        yield
    except (ValueError, OSError, ModuleNotFoundError) as error:
        fail(str(error))


@contextmanager
def failures() -> Iterator[None]:
    """During a run: what a user can act on; anything else is a fault and keeps its traceback."""
    try:
        yield
    except ReplicateError as error:
        fail(str(error), 1)
    except KeyboardInterrupt as error:
        fail(str(error) or "interrupted.", 130)
    except OSError as error:
        fail(str(error))


def console() -> Console:
    """Standard output for tables."""
    # A pipe has no width, and tables squeezed into 80 columns are hard to read and to search.
    return Console(width=None if sys.stdout.isatty() else 130)


@contextmanager
def progress_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error while the context lasts; call what it yields with (finished, all)."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(
        *columns, TimeElapsedColumn(), TimeRemainingColumn(), console=Console(stderr=True), transient=True
    ) as bar:
        task = bar.add_task(escape(text), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
