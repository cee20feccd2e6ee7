"""Rows of predictions run in blocks, here or in other processes, and kept in a folder if asked for."""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from causal_lpm import validate
from causal_lpm.inference.policies.predicted_rows import Array, PredictedRows
from causal_lpm.inference.runs.addresses import Where
from causal_lpm.inference.runs.run_folder import RunFolder
from causal_lpm.inference.runs.runner import Progress, alone, check_where, run_blocks

__all__ = ["run_rows"]

CELLS = 2_000_000  # agents x rows x worlds that are simulated at once
PARTS = 32  # at least so many blocks, where they run in parallel or are kept


def run_rows(
    task: PredictedRows,
    *,
    what: str,
    fewer: str,
    folder: str | os.PathLike[str] | None = None,
    executor: Where = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Mapping[str, Array]:
    """Every row in every world, outcome -> `[world, row, group, day]`.

    Args:
        task: What a block gives; its batch is 0 where the rows of a block are not asked for.
        what: What is run, for messages.
        fewer: What to ask for where it needs too much memory or time.
        folder: Keeps finished blocks.
        executor: Where blocks run.
        workers: Processes.
        progress: Called with (finished rows, all).

    Raises:
        ValueError: more than the memory holds, or than can be waited for.
        FileExistsError: the folder holds something else.
        RunError: a block failed, or a worker was killed.
    """
    shapes = [task.has.shapes[name] for name in task.outcomes]
    count, agents = len(task.worlds), max(1, task.has.agents)
    days = max(shape[1] for shape in shapes)
    validate.fits_in_memory(what, 8.0 * count * task.rows * sum(int(np.prod(shape)) for shape in shapes), fewer)
    validate.fits_in_time(what, count * task.rows * days * agents / CELLS, CELLS, fewer)
    if not task.batch:
        together = max(1, CELLS // (agents * (count if task.paired else 1)))
        in_parts = workers > 1 or executor is not None or folder is not None
        task = replace(task, batch=min(together, -(-task.rows // PARTS) if in_parts else task.rows))
    check_where(executor, workers, -(-task.rows // task.batch))
    store = None
    if folder is not None:
        with alone():
            store = RunFolder(Path(folder), task.manifest())
    found = run_blocks(
        task,
        task.rows,
        check=task.check,
        batch=task.batch,
        what="predictions",
        store=store,
        executor=executor,
        workers=workers,
        progress=progress,
    )
    return {name: np.concatenate([part[name] for part in found], 1) for name in task.outcomes}
