"""Worker processes of this machine, by loky."""

import os
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Executor, Future
from typing import Any, TypeVar

import torch
from joblib.externals.loky import ProcessPoolExecutor, get_reusable_executor, process_executor

from causal_lpm.inference.runs.faults import LostWorker
from causal_lpm.inference.runs.signals import answering
from causal_lpm.inference.runs.workers import Workers
from causal_lpm.memory import reuse_freed_memory

__all__ = ["FOR_LARGE_RUNS", "LokyWorkers", "begin_worker", "own_process", "stop_processes", "worker_processes"]

T = TypeVar("T")

FOR_LARGE_RUNS = {"OMP_WAIT_POLICY": "PASSIVE", "GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
"""What libraries read once, when a process begins: threads that wait must not keep a core from those that work (on a
busy machine 52 s instead of 4), and large arrays come in large pages."""

IDLE_SECONDS = 60  # after which a worker process ends; training a network between two sets is often shorter


def worker_processes(workers: int) -> Executor:
    """So many worker processes of loky, each with one thread; asked again within a minute, the same ones."""
    # A child inherits this until `_start_worker` says the same; otherwise Ctrl-C would print its traceback.
    with answering(signal.SIGINT, signal.SIG_IGN):
        pool: Executor = get_reusable_executor(
            max_workers=workers,
            timeout=IDLE_SECONDS,
            initializer=_start_worker,
            env=_environment(),
        )
        pool.submit(os.getpid)  # processes start with the first task
    return pool


def own_process() -> Executor:
    """One process of loky that serves nobody else and stays until it is stopped, with one thread."""
    with answering(signal.SIGINT, signal.SIG_IGN):
        pool: Executor = ProcessPoolExecutor(max_workers=1, initializer=_start_worker, env=_environment())
        pool.submit(os.getpid)
    return pool


def _environment() -> dict[str, str]:
    wanted = {"OMP_NUM_THREADS": "1", **FOR_LARGE_RUNS}
    return {name: os.environ.get(name, value) for name, value in wanted.items()}


def begin_worker() -> None:
    """Makes a process of this machine a worker: one thread, and memory that is used again."""
    # The parent alone answers Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    reuse_freed_memory()


def _start_worker() -> None:
    begin_worker()
    # loky takes 300 MB more than after its first task for a leak: it would end a worker that holds a large population
    # after each task, begin another one, and warn of it.
    process_executor._USE_PSUTIL = False
    threading.Thread(target=_end_with_parent, args=(os.getppid(),), daemon=True).start()


def _end_with_parent(parent: int) -> None:
    # A parent that was killed cannot stop its workers; they would compute on for nobody.
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(1)


def stop_processes(executor: Executor) -> None:
    """Ends `worker_processes`, whatever they are doing."""
    # Not kill_workers=True: where tasks were cancelled, loky's thread can end in an error before it has killed them.
    for process in list(getattr(executor, "_processes", {}).values()):
        process.terminate()
    executor.shutdown(wait=True)


class LokyWorkers(Workers):
    """So many worker processes, which are begun anew where one of them was killed: loky then ends all.

    Args:
        count: How many.
    """

    def __init__(self, count: int) -> None:
        super().__init__(worker_processes(count))
        self._count = count

    def __str__(self) -> str:
        return "this machine"

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        try:
            return super().submit(fn, *args, **kwargs)
        except BrokenExecutor:
            self._executor = worker_processes(self._count)
            return super().submit(fn, *args, **kwargs)

    def fault(self, error: BaseException) -> BaseException:
        if isinstance(error, BrokenExecutor):
            return LostWorker("a worker process was killed (out of memory?), and with it all others ended")
        return error

    def at_once(self, workers: int) -> int:
        return 2 * self._count

    def close(self, *, finished: bool) -> None:
        if not finished:  # otherwise they end by themselves, unless they are asked for again
            stop_processes(self._executor)
