"""Whatever takes long runs here: replicates of a study, sets of simulations, predictions.

Work is cut into blocks whose numbers depend on their number alone, so that the results are the same for any number of
workers and any executor, and a run that was interrupted goes on where it stopped.
"""

import functools
import os
import pickle
import threading
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import BrokenExecutor, Executor
from contextlib import closing, contextmanager
from functools import partial
from typing import Any

import cloudpickle
import torch

from causal_lpm.inference.runs.executors import run_all, stop_processes, worker_processes
from causal_lpm.inference.runs.run_folder import Arrays, RunFolder
from causal_lpm.validate import fits_in_memory
from causal_lpm.whole_files import WriteError

__all__ = ["Progress", "RunError", "Task", "alone", "check_where", "pickled", "run_blocks", "saying_how_to_go_on"]

IN_FLIGHT = 256  # blocks that a user's executor has at one time, unless `workers` asks for more
BYTES_PER_WORKER = 2e8  # of a process that has imported torch

Task = Callable[[int], Arrays]
"""Number of a block -> its arrays, from nothing else."""

Progress = Callable[[int, int], None]
"""Called with (finished, all)."""

# Pyro's handlers and torch's generator belong to the process, so blocks in threads (as Dask's workers have) take turns.
_ALONE = threading.RLock()


class RunError(RuntimeError):
    """A run stopped; the message says why and how to go on, and what is finished is kept where there is a folder."""


def run_blocks(
    task: Task,
    total: int,
    *,
    check: Callable[[Arrays], None],
    batch: int = 1,
    what: str = "simulations",
    store: RunFolder | None = None,
    executor: Executor | None = None,
    workers: int = 1,
    threads: int | None = 1,
    progress: Progress | None = None,
) -> list[Arrays]:
    """Runs all blocks that are not finished, wherever they are asked to run, and gives all of them in order.

    Args:
        task: Number of a block -> what it gives. Other processes get it pickled by value: it may hold closures.
        total: How many items there are; the last block may have more than are left.
        check: Raises ValueError for what is no such block, also of those that were kept.
        batch: Items in a block.
        what: What an item is called, for messages and in the plural.
        store: Keeps finished blocks.
        executor: Where blocks run, anything with the interface of `concurrent.futures.Executor`; not shut down.
        workers: Without an executor: processes, of loky; 1 runs in this process. With one: 256 blocks at most are
            handed to it at a time, or twice the workers where that is more.
        threads: Of torch, in each block, because sums of floats depend on how many there are. None shares those of this
            process, for what does not depend on them.
        progress: Called with (finished items, all) whenever a block is finished.

    Raises:
        ValueError: the task cannot be sent to other processes; nothing has run.
        RunError: a block failed or could not be written, or a worker was killed.
        KeyboardInterrupt: on Ctrl-C, with a sentence that says how to go on.
    """
    numbers = range(-(-total // batch))
    kept = {} if store is None else store.read(len(numbers), check)
    report = progress or (lambda done, total: None)

    def done() -> int:
        return sum(min(batch, total - number * batch) for number in kept)

    report(done(), total)
    todo = [number for number in numbers if number not in kept]
    workers = workers if executor is not None else min(workers, max(1, len(todo)))
    if executor is None and workers == 1:
        run = partial(_run, task, threads)
    else:
        share = threads or max(1, torch.get_num_threads() // workers)
        run = partial(_run_pickled, pickled(task, f"the {what}"), share)
    with (
        saying_how_to_go_on(what, done, total, None if store is None else store.path),
        # Closed by hand: an interrupt in this loop must stop the workers before it goes further.
        closing(_finished(run, todo, executor, workers)) as finished,
    ):
        for number, arrays in finished:
            check(arrays)
            if store is not None:
                store.write(number, arrays)
            kept[number] = arrays
            report(done(), total)
    return [kept[number] for number in numbers]


def check_where(executor: Executor | None, workers: int, blocks: int) -> None:
    """Raises ValueError for what is no executor, or more processes than the memory holds."""
    if executor is not None and not hasattr(executor, "submit"):
        raise ValueError(
            f"executor is a {type(executor).__name__} without `submit`: give an executor of concurrent.futures "
            "(of Dask: client.get_executor())."
        )
    if executor is None and workers > 1:
        started = min(workers, blocks)
        fits_in_memory(f"{started} worker processes", started * BYTES_PER_WORKER, "use fewer workers")


@contextmanager
def saying_how_to_go_on(
    what: str, done: Callable[[], int], total: int, folder: str | os.PathLike[str] | None
) -> Iterator[None]:
    """Whatever stops the run says how much is finished, and how to go on.

    Args:
        what: What is counted, in the plural.
        done: How many are finished.
        total: Of how many.
        folder: Where they are kept, if anywhere.
    """

    def how() -> str:
        if folder is None:
            return f"{done()} of {total} {what} were finished and are lost; a folder keeps them."
        return f"{done()} of {total} {what} are kept in {os.fspath(folder)}; run the same again to go on."

    try:
        yield
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"interrupted: {how()}") from error
    except BrokenExecutor as error:
        raise RunError(f"a worker process was killed (out of memory?): use fewer workers. {how()}") from error
    except (RunError, WriteError) as error:
        raise RunError(f"{error} {how()}") from error
    except Exception as error:
        raise RunError(f"the {what} stopped with {type(error).__name__}: {str(error).rstrip('.')}. {how()}") from error


def pickled(value: Any, what: str) -> bytes:
    """Anything, also with closures, as bytes that every kind of executor can send; ValueError where it cannot be."""
    try:
        found: bytes = cloudpickle.dumps(value)
    except (pickle.PicklingError, TypeError) as error:
        raise ValueError(
            f"{what} cannot be sent to other processes ({error}): make such things where they are used, or use one "
            "worker."
        ) from error
    return found


def _run(task: Task, threads: int | None, number: int) -> Arrays:
    with alone(threads):
        return task(number)


def _run_pickled(task: bytes, threads: int, number: int) -> Arrays:
    return _run(_unpickled(task), threads, number)


@functools.lru_cache(maxsize=1)
def _unpickled(task: bytes) -> Task:
    """The task, made once for all blocks of a worker: it may hold a large population."""
    found: Task = pickle.loads(task)
    return found


@contextmanager
def alone(threads: int | None = 1) -> Iterator[None]:
    """As blocks run: one at a time in a process, with so many threads of torch; None leaves them as they are."""
    with _ALONE:
        before = torch.get_num_threads()
        torch.set_num_threads(threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


def _finished(
    run: Task, todo: list[int], executor: Executor | None, workers: int
) -> Generator[tuple[int, Arrays], None, None]:
    """Yields each block as it is finished, in any order."""
    if executor is not None or workers == 1:
        yield from run_all(run, todo, executor, max(IN_FLIGHT, 2 * workers))
        return
    own = worker_processes(workers)
    finished = False
    try:
        yield from run_all(run, todo, own, 2 * workers)
        finished = True
    finally:
        if not finished:
            stop_processes(own)
