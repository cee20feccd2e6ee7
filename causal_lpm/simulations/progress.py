"""A bar that shows the days of a simulation while it runs, on a terminal and in a notebook."""

import contextlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from causal_lpm.handlers.handler import Handler
from causal_lpm.inference.runs.stage_bars import bars_on_errors

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
    with contextlib.ExitStack() as stack:
        if shown:
            bars, _ = stack.enter_context(bars_on_errors("days"))
            task = bars.add_task(text, total=days)
            stack.enter_context(_Days(lambda: bars.advance(task)))
        yield
