"""The workers of a Dask scheduler as those of a run."""

import importlib
import logging
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, wait
from typing import Any, TypeVar

from causal_lpm.extras import installing
from causal_lpm.inference.runs.faults import LostWorker, RunError
from causal_lpm.inference.runs.loky_workers import begin_worker
from causal_lpm.inference.runs.workers import ANSWERS, Workers

__all__ = ["DaskWorkers", "dask_setup", "the_distributed"]

T = TypeVar("T")

_LOG = logging.getLogger("causal_lpm")


def dask_setup(worker: Any) -> None:
    """What a worker of this machine does when it begins, also in the place of a lost one: Dask looks for this name."""
    begin_worker()


def the_distributed(who: str) -> Any:
    """Dask's schedulers; ModuleNotFoundError says how to install them for whoever needs them."""
    try:
        return importlib.import_module("distributed")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f"{who} needs distributed: {installing('cluster')}.") from error


class DaskWorkers(Workers):
    """The workers of a Dask scheduler.

    Args:
        name: What they are called in messages.
        client: Speaks with the scheduler.
        end: Called when the run has ended.
    """

    def __init__(self, name: str, client: Any, end: Callable[[], object] = lambda: None) -> None:
        super().__init__(client.get_executor(pure=False))  # or a task that is run again would find its earlier error
        self._distributed, self._client = the_distributed(name), client
        self._name, self._end = name, end
        self._held: dict[Any, Any] = {}  # key -> what `hold` gave

    def __str__(self) -> str:
        return self._name

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        try:
            return super().submit(fn, *args, **kwargs)
        except Exception as error:
            if self._client.status != "running":
                raise self._gone() from error
            raise

    def _gone(self) -> RunError:
        return RunError(f"the scheduler of {self} is gone.")

    def hold(self, data: bytes) -> Any:
        # A task of its own, which the scheduler runs again where all workers that have its result are lost.
        quiet = {"distributed.admin.large-graph-warning-threshold": "1 TB"}
        with importlib.import_module("dask.config").set(quiet):
            held = self._client.submit(bytes, data, pure=False)
        self._held[held.key] = held
        return held

    def ask(self, fn: Callable[..., T], *args: Any) -> Mapping[str, T | BaseException]:
        threads = self._client.nthreads()
        if not threads:
            _LOG.warning("no worker is at %s yet; the run begins with the first one.", self)
        elif max(threads.values()) > 1:
            _LOG.warning(
                "workers of %s have %s threads each, of which one simulates: start more with one (--nthreads 1).",
                self,
                max(threads.values()),
            )
        asked = {
            self._client.get_executor(workers=[address], pure=False).submit(fn, *args): address for address in threads
        }
        # Who computes for somebody else just now is asked with its first task.
        answered, busy = wait(asked, timeout=ANSWERS)
        for future in busy:
            future.cancel()
        found = {f"{asked[future]} of {self}": future.exception() or future.result() for future in answered}
        return found or super().ask(fn, *args)

    def fault(self, error: BaseException) -> BaseException:
        if isinstance(error, self._distributed.KilledWorker):
            # Data whose worker was killed as it made them stay an error until they are asked for again: each task that
            # needs them would fail, as if its worker had been killed, and none would begin.
            if lost := self._held.get(error.args[0] if error.args else None):
                lost.retry()
            # The scheduler may have run it elsewhere several times.
            deaths = int(getattr(error, "allowed_failures", 0)) + 1
            return LostWorker(f"a worker of {self} was killed (out of memory?)", deaths)
        if isinstance(error, CancelledError) and self._client.status != "running":
            return self._gone()
        return error

    def close(self, *, finished: bool) -> None:
        self._end()
