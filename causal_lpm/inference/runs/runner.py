"""Whatever takes long runs here: replicates of a study, sets of simulations, predictions.

Work is cut into blocks whose numbers depend on their number alone, so that the results are the same for any number of
workers and any executor, and a run that was interrupted goes on where it stopped.
"""

import os
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import BrokenExecutor
from contextlib import closing, contextmanager
from functools import partial

import torch

from causal_lpm.inference.runs.addresses import HERE, Where, check_address, opened
from causal_lpm.inference.runs.faults import LostWorker, RunError
from causal_lpm.inference.runs.loky_workers import LokyWorkers
from causal_lpm.inference.runs.run_folder import Arrays, RunFolder
from causal_lpm.inference.runs.sent_tasks import Task, alone, pickled, run_here, run_sent, sent
from causal_lpm.inference.runs.workers import Workers, run_all
from causal_lpm.validate import fits_in_memory
from causal_lpm.whole_files import WriteError

__all__ = ["Progress", "RunError", "Task", "alone", "check_where", "pickled", "run_blocks", "saying_how_to_go_on"]

BYTES_PER_WORKER = 2e8  # of a process that has imported torch

Progress = Callable[[int, int], None]
"""Called with (finished, all)."""


def run_blocks(
    task: Task,
    total: int,
    *,
    check: Callable[[Arrays], None],
    batch: int = 1,
    what: str = "simulations",
    store: RunFolder | None = None,
    executor: Where = None,
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
        executor: Where blocks run, anything with the interface of `concurrent.futures.Executor`, which is not shut
            down; or `"loky"`, `"dask"`, `"ray"` for worker processes of theirs here, `"dask://host:port"` or
            `"ray://host:port"` for a cluster.
        workers: Processes here; without an executor, 1 runs in this process. With an executor or a cluster: 256 blocks
            at most are handed to it at a time, or twice the workers where that is more.
        threads: Of torch, in each block, because sums of floats depend on how many there are. None shares those of this
            process, for what does not depend on them.
        progress: Called with (finished items, all) whenever a block is finished.

    Raises:
        ValueError: the task cannot be sent to other processes, or there is no such executor; nothing has run.
        ConnectionError: nothing answers at the address of a cluster; nothing has run.
        RunError: a block failed or could not be written, or killed its worker again and again; or a worker has other
            software, and nothing has run.
        KeyboardInterrupt: on Ctrl-C, with a sentence that says how to go on.
    """
    numbers = range(-(-total // batch))
    kept = {} if store is None else store.read(len(numbers), check)
    report = progress or (lambda done, total: None)

    def done() -> int:
        return sum(min(batch, total - number * batch) for number in kept)

    report(done(), total)
    todo = [number for number in numbers if number not in kept]
    if executor is None or isinstance(executor, str):
        workers = min(workers, max(1, len(todo)))
    where = executor or ("loky" if workers > 1 else None)
    data = b"" if where is None else pickled(task, f"the {what}")
    with (
        opened(where if todo else None, workers) as place,
        saying_how_to_go_on(what, done, total, None if store is None else store.path),
        # Closed by hand: an interrupt in this loop must stop the workers before it goes further.
        closing(_finished(task, data, todo, threads, place, workers)) as finished,
    ):
        for number, arrays in finished:
            check(arrays)
            if store is not None:
                store.write(number, arrays)
            kept[number] = arrays
            report(done(), total)
    return [kept[number] for number in numbers]


def check_where(executor: Where, workers: int, blocks: int) -> None:
    """Raises ValueError for what is no executor, or more processes than the memory holds."""
    if isinstance(executor, str):
        check_address(executor)
    elif executor is not None and not hasattr(executor, "submit"):
        raise ValueError(
            f"executor is a {type(executor).__name__} without `submit`: give an executor of concurrent.futures "
            '(of Dask: client.get_executor()), or an address such as "dask://host:port".'
        )
    if workers > 1 and (executor is None or executor in HERE):
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
    except LostWorker as error:
        raise RunError(f"{error}. {how()}") from error
    except BrokenExecutor as error:
        raise RunError(f"a worker process was killed (out of memory?): use fewer workers. {how()}") from error
    except (RunError, WriteError) as error:
        raise RunError(f"{error} {how()}") from error
    except Exception as error:
        raise RunError(f"the {what} stopped with {type(error).__name__}: {str(error).rstrip('.')}. {how()}") from error


def _finished(
    task: Task, data: bytes, todo: list[int], threads: int | None, place: Workers | None, workers: int
) -> Generator[tuple[int, Arrays], None, None]:
    """Yields each block as it is finished, in any order; `data` is the task as it is sent."""
    if place is None:
        yield from run_all(partial(run_here, task, threads), todo)
        return
    # How many cores the workers of a cluster have is not known here.
    share = max(1, torch.get_num_threads() // workers) if isinstance(place, LokyWorkers) else 1
    yield from run_all(run_sent, todo, place, place.at_once(workers), sent(data, threads or share, place))
