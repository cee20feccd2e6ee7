"""Progress on standard error: bars on a terminal, a few lines anywhere else."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

__all__ = ["replicate_bar", "stage_bars"]

QUARTERS = 4


@contextmanager
def _bars() -> Iterator[tuple[Progress, Console]]:
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, *times, console=errors, transient=True, disable=not errors.is_terminal) as bars:
        yield bars, errors


@contextmanager
def replicate_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Shows the replicates of a run while the context lasts; call what it yields with (finished, all).

    The first call says how many were there before. A terminal shows a bar, anything else gets a line for each.
    """
    with _bars() as (bars, errors):
        task = bars.add_task(escape(text), total=None)
        begun = False

        def report(done: int, total: int) -> None:
            nonlocal begun
            if not begun and done:
                errors.print(f"{done} of {total} replicates are there already.")
            elif begun and bars.disable:
                errors.print(f"{done} of {total} replicates are finished.")
            begun = True
            bars.update(task, completed=done, total=total)

        yield report


@contextmanager
def stage_bars() -> Iterator[Callable[[str, int, int], None]]:
    """Shows what `fit` reports while the context lasts; call what it yields with (stage, done, all).

    A stage that is reported for the first time says how much of it was there before; without a terminal there are a few
    lines a stage. Warnings of the package go above the bars.
    """
    with _bars() as (bars, errors), _warnings_to(errors):
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
            if bars.disable and total > 1 and quarter[0] and quarter != shown.get(stage):
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
