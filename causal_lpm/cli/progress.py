"""Progress of a study's replicates on standard error: a bar on a terminal, a line for each anywhere else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from rich.markup import escape

from causal_lpm.inference.runs.stage_bars import bars_on_errors, warnings_to

__all__ = ["replicate_bar"]


@contextmanager
def replicate_bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Shows the replicates of a run while the context lasts; call what it yields with (finished, all).

    The first call says how many were there before. A terminal shows a bar, anything else gets a line for each.
    """
    with bars_on_errors() as (bars, errors):
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

        # A line for a worker that is lost, above the bar.
        with warnings_to(partial(errors.print, markup=False)):
            yield report
