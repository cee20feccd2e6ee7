"""Ray as an executor, and its workers as those of a run."""

import importlib
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from concurrent.futures import wait as wait_for
from functools import partial
from typing import Any, TypeVar

import numpy as np

from causal_lpm.extras import installing
from causal_lpm.inference.runs.faults import LostWorker
from causal_lpm.inference.runs.workers import ANSWERS, Workers

__all__ = ["RayExecutor", "RayWorkers", "the_ray"]

T = TypeVar("T")


def the_ray(who: str) -> Any:
    """Ray; ModuleNotFoundError says how to install it for whoever needs it."""
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{who} needs ray: {installing('cluster')}.") from error


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
        self._ray = the_ray("RayExecutor")
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
        # Ray's own error holds that of the task, and says it with a traceback.
        cause = getattr(error, "cause", None)
        future.set_exception(cause if isinstance(cause, BaseException) else error)


def _call(fn: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    return fn(*args, **kwargs)


class RayWorkers(Workers):
    """The workers of Ray, one task for each core.

    Args:
        name: What they are called in messages.
        executor: Sends tasks.
        end: Called when the run has ended.
    """

    def __init__(self, name: str, executor: RayExecutor, end: Callable[[], object] = lambda: None) -> None:
        super().__init__(executor)
        self._ray, self._name, self._end = the_ray(name), name, end

    def __str__(self) -> str:
        return self._name

    def hold(self, data: bytes) -> Any:
        # An array is read where it lies, in memory that all workers of a machine share; bytes would be copied.
        return self._ray.put(np.frombuffer(data, np.uint8))

    def ask(self, fn: Callable[..., T], *args: Any) -> Mapping[str, T | BaseException]:
        affinity = importlib.import_module("ray.util.scheduling_strategies").NodeAffinitySchedulingStrategy
        found: dict[str, T | BaseException] = {}
        asked = {}
        for node in self._ray.nodes():
            if node["Alive"] and node["Resources"].get("CPU"):
                where = affinity(node_id=node["NodeID"], soft=False)
                # No core of its own, so that it answers while others compute; and no function of this package around
                # `fn`, which a worker without the package could not be sent.
                call = self._ray.remote(num_cpus=0, scheduling_strategy=where)(fn)
                asked[call.remote(*args)] = f"{node['NodeManagerAddress']} of {self}"
        ready, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=ANSWERS) if asked else ([], [])
        for reference in ready:
            try:
                found[asked[reference]] = self._ray.get(reference)
            except Exception as error:  # noqa: BLE001  whatever it is, a worker cannot run this
                found[asked[reference]] = getattr(error, "cause", None) or error
        return found or super().ask(fn, *args)

    def fault(self, error: BaseException) -> BaseException:
        kinds = self._ray.exceptions
        lost = (kinds.WorkerCrashedError, kinds.NodeDiedError, kinds.LocalRayletDiedError, kinds.OutOfMemoryError)
        if isinstance(error, (*lost, kinds.ObjectLostError)):
            return LostWorker(f"a worker of {self} was killed (out of memory?)")
        return error

    def close(self, *, finished: bool) -> None:
        self._executor.shutdown(wait=False, cancel_futures=not finished)
        self._end()
