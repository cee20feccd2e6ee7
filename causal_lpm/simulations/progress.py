"""A bar that shows the days of a simulation while it runs, on a terminal and in a notebook."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from causal_lpm.handlers.handler import Handler

__all__ = ["counting_days"]


class _Days(Handler):
    """Says that a step was made; it changes nothing."""

    recorder = True

    def __init__(self, made: Callable[[], None]) -> None:
        super().__init__()
        self._made = made

    def _pyro_post_step(self, msg: Any) -> None:
        self._made()


@contextmanager
def counting_days(text: str, days: int, *, shown: bool) -> Iterator[None]:
    """Counts the days that are simulated inside the block, of so many in all; a log file gets no bar."""
    from rich.console import Console

    errors = Console(stderr=True)
    if not (shown and (errors.is_terminal or errors.is_jupyter)):
        yield
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn("days"))
    with Progress(*columns, TimeElapsedColumn(), TimeRemainingColumn(), console=errors, transient=True) as bars:
        task = bars.add_task(text, total=days)
        with _Days(lambda: bars.advance(task)):
            yield
