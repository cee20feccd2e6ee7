"""Progress on standard error: bars on a terminal, a few lines anywhere else; in a notebook, one output anew."""

import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

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

__all__ = ["NotebookDisplay", "StageDisplay", "bars_on_errors", "stage_bars", "warnings_to"]

QUARTERS = 4
FULL = 24  # characters of a bar in a notebook


class StageDisplay:
    """What shows the stages of a calibration; called with (stage, done, all).

    A stage that is reported for the first time says how much of it was there before; without a terminal there are a few
    lines a stage.
    """

    def __init__(self, bars: Progress, errors: Console) -> None:
        self._bars, self._errors = bars, errors
        self._tasks: dict[str, TaskID] = {}
        self._shown: dict[str, tuple[int, int]] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        bars = self._bars
        if stage not in self._tasks:
            self._tasks[stage] = bars.add_task(escape(stage), total=total)
            if done and stage.startswith("simulating"):
                self.say(f"{stage}: {done} of {total} are there already.")
                self._shown[stage] = (QUARTERS * done // total, total)
        bars.update(self._tasks[stage], completed=done, total=total)
        quarter = (QUARTERS * done // max(total, 1), total)
        if bars.disable and total > 1 and quarter[0] and quarter != self._shown.get(stage):
            self.say(f"{stage}: {done} of {total}.")
        self._shown[stage] = quarter

    def say(self, text: str) -> None:
        """A line above the bars, which stays."""
        self._errors.print(text, markup=False)


class NotebookDisplay:
    """The same in a notebook, which needs no widgets: one output that is written anew.

    Args:
        show: Shows a text and returns what `update` is called on with the next one.
    """

    def __init__(self, show: Callable[[str], Any]) -> None:
        self._stages: dict[str, tuple[int, int]] = {}
        self._said: list[str] = []
        self._show = show
        self._handle: Any = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        before = self._stages.get(stage)
        self._stages[stage] = (done, total)
        # A notebook keeps up with some ten updates of a stage, and not with thousands.
        if before is None or done == total or FULL * done // max(total, 1) != FULL * before[0] // max(before[1], 1):
            self._update()

    def say(self, text: str) -> None:
        """A line below the stages, which stays."""
        self._said.append(text)
        self._update()

    def _update(self) -> None:
        width = max((len(stage) for stage in self._stages), default=0)
        lines = [
            f"{stage:{width}} |{'#' * (FULL * done // max(total, 1)):{FULL}}| {done} of {total}"
            for stage, (done, total) in self._stages.items()
        ]
        text = "\n".join([*lines, *self._said])
        if self._handle is None:
            self._handle = self._show(text)
        else:
            self._handle.update({"text/plain": text}, raw=True)


@contextmanager
def stage_bars() -> Iterator[StageDisplay | NotebookDisplay]:
    """Shows what `fit` reports while the context lasts; call what it yields with (stage, done, all).

    Warnings of the package go above the bars.
    """
    if (show := _notebook()) is not None:
        inside = NotebookDisplay(show)
        with warnings_to(inside.say):
            yield inside
        return
    with bars_on_errors() as (bars, errors):
        stages = StageDisplay(bars, errors)
        with warnings_to(stages.say):
            yield stages


@contextmanager
def bars_on_errors(unit: str = "") -> Iterator[tuple[Progress, Console]]:
    """Bars on standard error, where it is a terminal or a notebook; `unit` stands behind the numbers."""
    errors = Console(stderr=True, soft_wrap=True, highlight=False)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *[TextColumn(unit)] * bool(unit))
    times = (TimeElapsedColumn(), TimeRemainingColumn())
    shown = errors.is_terminal or errors.is_jupyter
    with Progress(*columns, *times, console=errors, transient=True, disable=not shown) as bars:
        yield bars, errors


def _notebook() -> Callable[[str], Any] | None:
    """What shows a text in the cell that runs; None outside of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return None
    from IPython.display import display

    shown: Callable[..., Any] = display
    return lambda text: shown({"text/plain": text}, raw=True, display_id=True)


@contextmanager
def warnings_to(say: Callable[[str], None]) -> Iterator[None]:
    """Shows warnings of the package by `say` while the context lasts."""
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: say(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger("causal_lpm")
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)
