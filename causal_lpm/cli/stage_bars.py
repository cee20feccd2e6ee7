"""Progress of a calibration on standard error: a bar a stage on a terminal, a few lines a stage anywhere else."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

__all__ = ["stage_bars"]

QUARTERS = 4


@contextmanager
def stage_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Shows what `fit` reports while the context lasts; call what it yields with (stage, done, all).

    A stage that is reported for the first time says how much of it was there before. Warnings of the package go above
    the bars.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    disable = not errors.is_terminal
    with Progress(*columns, console=errors, transient=True, disable=disable) as bars, _warnings_to(errors):
        tasks: dict[str, TaskID] = {}
        shown: dict[str, tuple[int, int]] = {}

        def report(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(escape(stage), total=total)
                if done and stage.startswith("simulating"):
                    errors.print(f"{stage}: {done} of {total} are there already.")
                    shown[stage] = (QUARTERS * done // total, total)
            bars.update(tasks[stage], completed=done, total=total)
            quarter = (QUARTERS * done // max(total, 1), total)
            if disable and total > 1 and quarter[0] and quarter != shown.get(stage):
                errors.print(f"{stage}: {done} of {total}.")
            shown[stage] = quarter

        yield report


@contextmanager
def _warnings_to(console: Console) -> Iterator[None]:
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: console.print(record.getMessage(), markup=False)  # type: ignore[method-assign]
    log = logging.getLogger("causal_lpm")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
