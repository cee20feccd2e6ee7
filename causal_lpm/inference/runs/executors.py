"""Where blocks of simulations run: in this process, in worker processes, or wherever an executor sends them.

An executor is what `concurrent.futures` calls one. Its standard ones, `mpi4py.futures` and Dask's
(`client.get_executor()`) work as they are; Ray has none, so `RayExecutor` is one.
"""

import importlib
import os
import signal
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future
from concurrent.futures import wait as wait_for
from functools import partial
from itertools import islice
from typing import Any, TypeVar

import torch
from joblib.externals.loky import ProcessPoolExecutor, get_reusable_executor

from causal_lpm.extras import installing
from causal_lpm.inference.runs.signals import answering
from causal_lpm.memory import reuse_freed_memory

__all__ = ["RayExecutor", "own_process", "run_all", "stop_processes", "worker_processes"]

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


def _start_worker() -> None:
    # The parent alone answers Ctrl-C.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    reuse_freed_memory()
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


def run_all(
    task: Callable[[int], T], numbers: Iterable[int], executor: Executor | None = None, at_once: int = 1
) -> Generator[tuple[int, T], None, None]:
    """Yields `(number, task(number))` as they finish, in any order.

    After the first failure nothing new begins; what is running is still yielded before the failure is raised. Close the
    generator to cancel what has not begun.

    Args:
        task: What to run; an executor of processes must be able to pickle it.
        numbers: What to run it with.
        executor: Where; None runs in this process.
        at_once: Tasks that an executor has at one time, so that a queue of thousands does not fill its memory.

    >>> list(run_all(abs, [-1, 2]))
    [(-1, 1), (2, 2)]
    """
    if executor is None:
        for number in numbers:
            yield number, task(number)
        return
    waiting = iter(numbers)
    running: dict[Future[T], int] = {}
    failure: BaseException | None = None
    try:
        while True:
            try:
                for number in islice(waiting, at_once - len(running) if failure is None else 0):
                    running[executor.submit(task, number)] = number
            except BrokenExecutor as error:
                failure = error
            if not running:
                break
            for future in wait_for(running, return_when=FIRST_COMPLETED).done:
                number = running.pop(future)
                fault = CancelledError("its task was cancelled") if future.cancelled() else future.exception()
                if fault is None:
                    yield number, future.result()
                elif failure is None:
                    failure = fault
                    # Not every executor tells those that wait that a future was cancelled.
                    running = {other: number for other, number in running.items() if not other.cancel()}
    finally:
        for future in running:
            future.cancel()
    if failure is not None:
        raise failure


class RayExecutor(Executor):
    """Ray as an executor of `concurrent.futures`: each task is a Ray task.

    Begin Ray with `ray.init(...)` before; without that it begins on this machine.

    Args:
        options: Of `ray.remote`, such as `num_cpus=1` or `max_retries=3`.

    Raises:
        ModuleNotFoundError: ray is not installed.

    >>> with RayExecutor(num_cpus=1) as executor:  # doctest: +SKIP
    ...     executor.submit(abs, -3).result()
    3
    """

    def __init__(self, **options: Any) -> None:
        try:
            self._ray = importlib.import_module("ray")
        except ModuleNotFoundError as error:
            raise ModuleNotFoundError(f"RayExecutor needs ray: {installing('ray')}.") from error
        self._call = self._ray.remote(**{"num_cpus": 1, **options})(_call)
        self._pending: set[Future[Any]] = set()
        self._closed = False

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Hands one call to Ray."""
        if self._closed:
            raise RuntimeError("this RayExecutor is shut down: make a new one.")
        reference = self._call.remote(fn, *args, **kwargs)
        # Not Ray's own future, which must not be cancelled: Ray would wait for ever to give it its result.
        future: Future[T] = Future()
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        future.add_done_callback(lambda done: self._ray.cancel(reference) if done.cancelled() else None)
        reference.future().add_done_callback(partial(_pass_on, future))
        return future

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Takes no more tasks; Ray itself goes on until `ray.shutdown()`."""
        self._closed = True
        pending = list(self._pending)
        if cancel_futures:
            for future in pending:
                future.cancel()
        if wait:
            wait_for(pending)


def _pass_on(future: Future[T], source: Future[T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    error = source.exception()
    if error is None:
        future.set_result(source.result())
    else:
        future.set_exception(error)


def _call(fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    return fn(*args, **kwargs)
