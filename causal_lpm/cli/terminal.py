"""How the command line speaks: one sentence when something is wrong, exit codes, tables and a progress bar."""

import io
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console
from typer.core import TyperCommand, TyperGroup

from causal_lpm.extras import installing
from causal_lpm.inference.files.plain_numbers import whole_number_of
from causal_lpm.inference.runs.signals import answering
from causal_lpm.whole_files import WriteError

__all__ = [
    "Once",
    "OneSentence",
    "bad_input",
    "check_plots",
    "console",
    "fail",
    "failures",
    "show",
    "whole_option",
]


class Once(TyperCommand):
    """A command that refuses an option given twice, of which the last would otherwise win silently."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        _, _, order = self.make_parser(ctx).parse_args(args=list(args))
        for parameter in order:
            if order.count(parameter) > 1 and not getattr(parameter, "multiple", False):
                raise typer.BadParameter(f"{parameter.opts[0]} is given twice: give it once.")
        rest: list[str] = super().parse_args(ctx, args)
        return rest


class OneSentence(TyperGroup):
    """Reports what is wrong with the command line itself in one sentence, too."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        for stream in (sys.stdout, sys.stderr):
            # A label that the terminal cannot show must not hide the numbers beside it.
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="replace")
        here = str(Path.cwd())
        sys.path.append(here)  # a model of the user's own lies in the current folder
        try:
            code = super().main(*args, **{**kwargs, "standalone_mode": False})
        except typer.TyperException as error:
            fail(error.format_message())
        except typer.Abort:
            fail("stopped.", 1)
        finally:
            sys.path.remove(here)
        sys.exit(code if isinstance(code, int) else 0)


def check_plots(wanted: bool | None) -> None:
    """Raises ValueError for charts that are asked for and cannot be drawn."""
    if wanted and find_spec("matplotlib") is None:
        raise ValueError(f"--plots needs matplotlib: install the extra 'plots', {installing('plots')}.")


def fail(sentence: str, code: int = 2) -> NoReturn:
    """Ends the program with a sentence on standard error; code 2 is bad input."""
    typer.echo(f"causal-lpm: {' '.join(sentence.split())}", err=True)
    sys.exit(code)


@contextmanager
def bad_input() -> Iterator[None]:
    """Before a run: one sentence says what is wrong with what was asked for."""
    try:
        yield
    except OSError as error:
        fail(_what_happened(error))
    except (ValueError, ModuleNotFoundError) as error:
        fail(str(error))


@contextmanager
def failures() -> Iterator[None]:
    """During a run: what a user can act on; anything else is a fault and keeps its traceback."""
    from causal_lpm.inference.runs.runner import RunError

    try:
        # A scheduler that ends a job sends SIGTERM: the replicates are kept and it is said how to go on, as for Ctrl-C.
        with answering(signal.SIGTERM, signal.default_int_handler):
            yield
    except (RunError, WriteError) as error:
        fail(str(error), 1)
    except KeyboardInterrupt as error:
        fail(str(error) or "interrupted.", 130)
    except OSError as error:
        fail(_what_happened(error))


def _what_happened(error: OSError) -> str:
    """Without the number of the error, which says nothing to a user."""
    if error.strerror is None:
        return str(error)
    return f"{error.filename or 'the output'}: {error.strerror.lower()}."


def show(
    tables: Callable[[], Iterable[object]],
    file: Path,
    draw: Callable[[Path], Sequence[Path]] | None,
    write_json: Callable[[Path], None] | None = None,
    json_file: Path | None = None,
) -> None:
    """Shows a finished result: nothing that fails on the way hides the rest, and what failed ends the program with 1.

    Args:
        tables: Makes them.
        file: Where the result is.
        draw: Draws the charts into a folder, which is that of the file; None for none.
        write_json: Writes the numbers.
        json_file: Where to, if they are asked for.
    """
    problems: list[str] = []
    with _noting("the tables", problems):
        for table in tables():
            console().print(table, "")
    typer.echo(f"Results: {file}")
    if json_file is not None and write_json is not None:
        with _noting(f"the JSON file {json_file}", problems):
            write_json(json_file)
            typer.echo(f"JSON: {json_file}")
    if draw is not None:
        with _noting("the charts", problems):
            if find_spec("matplotlib") is None:
                typer.echo(f"Charts: none, because matplotlib is not installed: {installing('plots')}.")
            else:
                folder = file.parent / "charts"
                typer.echo(f"Charts: {len(draw(folder))} files (PNG, SVG) in {folder}")
    if problems:
        fail(f"{' '.join(problems)} The results are complete.", 1)


@contextmanager
def _noting(what: str, problems: list[str]) -> Iterator[None]:
    """A form of the results that cannot be made is noted, and the others are still made."""
    try:
        yield
    except OSError as error:
        problems.append(f"{what} could not be made: {_what_happened(error)}")
    except (ArithmeticError, ImportError, LookupError, RuntimeError, TypeError, ValueError) as error:
        problems.append(f"{what} could not be made: {error}.")


def whole_option(description: str, *names: str) -> Any:
    """An option that is a whole number; typer's own parser would take "1_000" and digits of other scripts."""
    return typer.Option(*names, parser=_whole, metavar="INTEGER", help=description)


def _whole(text: object) -> int:
    try:
        return whole_number_of(str(text))
    except ValueError as error:
        raise typer.BadParameter(f"{error}.") from error


def console() -> Console:
    """Standard output for tables."""
    # A pipe has no width, and tables squeezed into 80 columns are hard to read and to search.
    return Console(width=None if sys.stdout.isatty() else 130)
