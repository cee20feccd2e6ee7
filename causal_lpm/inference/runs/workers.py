"""Tasks on workers: so many at a time, and again elsewhere where a worker was lost.

Workers are processes of this machine or of a cluster. `Workers` serves any executor of `concurrent.futures` as it is;
`loky_workers`, `dask_workers` and `ray_workers` know more about theirs.
"""

import logging
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, Executor, Future
from concurrent.futures import wait as wait_for
from itertools import islice
from typing import Any, TypeVar

from causal_lpm.inference.runs.faults import LostWorker

__all__ = ["Workers", "run_all"]

T = TypeVar("T")

_LOG = logging.getLogger("causal_lpm")

IN_FLIGHT = 256  # tasks that an executor has at one time, unless more are asked for
DEATHS = 3  # of workers that had one task, before it is given up
ANSWERS = 60.0  # seconds for workers to answer that may be busy with something else


class Workers(Executor):
    """Workers behind any executor, of which nothing is known but that it takes tasks.

    Args:
        executor: It is not shut down.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    def __str__(self) -> str:
        return f"the executor {type(self._executor).__name__}"

    def submit(self, fn: Callable[..., T], /, *args: Any, **kwargs: Any) -> Future[T]:
        """Hands over one task; arguments may be what `hold` gave."""
        return self._executor.submit(fn, *args, **kwargs)

    def hold(self, data: bytes) -> Any:
        """What tasks get for the same data: where the executor can, it is sent once and not with each task."""
        return data

    def ask(self, fn: Callable[..., T], *args: Any) -> Mapping[str, T | BaseException]:
        """Worker -> its answer or error, of all workers that are known and answer soon; of one at least."""
        future = self.submit(fn, *args)
        return {f"a worker of {self}": future.exception() or future.result()}

    def fault(self, error: BaseException) -> BaseException:
        """What a failed task means: `LostWorker` where another worker may finish it."""
        return error

    def at_once(self, workers: int) -> int:
        """How many tasks are with the executor at one time, where so many workers were asked for."""
        return max(IN_FLIGHT, 2 * workers)

    def close(self, *, finished: bool) -> None:
        """Ends what was begun for this run; what is not finished is stopped."""


def run_all(
    task: Callable[..., T],
    numbers: Iterable[int],
    workers: Executor | None = None,
    at_once: int = 1,
    given: Sequence[Any] = (),
) -> Generator[tuple[int, T], None, None]:
    """Yields `(number, task(*given, number))` as they finish, in any order.

    What a lost worker had is run again: once beside other tasks, then alone, so that a task that ends its workers is
    told from its neighbours. After the first failure nothing new begins; what is running is still yielded before the
    failure is raised. Close the generator to cancel what has not begun.

    Args:
        task: What to run; an executor of processes must be able to pickle it.
        numbers: What to run it with.
        workers: Where; None runs in this process.
        at_once: Tasks that an executor has at one time, so that a queue of thousands does not fill its memory.
        given: Arguments before the number, such as what `Workers.hold` gave.

    Raises:
        LostWorker: a task ended its worker, again and again.

    >>> list(run_all(abs, [-1, 2]))
    [(-1, 1), (2, 2)]
    """
    if workers is None:
        for number in numbers:
            yield number, task(*given, number)
        return
    place = workers if isinstance(workers, Workers) else Workers(workers)
    queue = _Queue(numbers, at_once)
    running: dict[Future[T], int] = {}
    failure: BaseException | None = None
    try:
        while True:
            try:
                for number in queue.next(len(running)) if failure is None else ():
                    running[place.submit(task, *given, number)] = number
            except BrokenExecutor as error:
                failure = error
            if not running:
                break
            lost: dict[int, LostWorker] = {}
            done = wait_for(running, return_when=FIRST_COMPLETED).done
            for future, number in [(future, running.pop(future)) for future in done]:
                fault = CancelledError("its task was cancelled") if future.cancelled() else future.exception()
                if fault is None:
                    yield number, future.result()
                elif isinstance(meant := place.fault(fault), LostWorker):
                    lost[number] = meant
                elif failure is None:
                    failure = meant
                    # Not every executor tells those that wait that a future was cancelled.
                    running = {other: number for other, number in running.items() if not other.cancel()}
            if lost and failure is None:
                failure = queue.again(lost)
    finally:
        for future in running:
            future.cancel()
    if failure is not None:
        raise failure


class _Queue:
    """The numbers that have not begun, and those that begin again."""

    def __init__(self, numbers: Iterable[int], at_once: int) -> None:
        self._fresh, self._at_once = iter(numbers), at_once
        self._again: deque[int] = deque()
        self._alone: deque[int] = deque()
        self._deaths: Counter[int] = Counter()
        self._one = False  # whether what runs runs alone

    def next(self, running: int) -> Iterable[int]:
        """What begins beside so many that are running."""
        if running and (self._one or self._alone):
            return ()
        self._one = bool(self._alone)
        return (self._alone.popleft(),) if self._one else self._several(self._at_once - running)

    def _several(self, room: int) -> Iterable[int]:
        while self._again and room > 0:
            room -= 1
            yield self._again.popleft()
        yield from islice(self._fresh, max(room, 0))

    def again(self, lost: Mapping[int, LostWorker]) -> LostWorker | None:
        """Notes what workers had that were lost; gives the reason to stop, if there is one."""
        for number, error in sorted(lost.items()):
            self._deaths[number] += error.deaths
            if self._one and self._deaths[number] >= DEATHS:
                return LostWorker(
                    f"task {number} was begun {self._deaths[number]} times, at last alone, and each time its worker "
                    "process was killed (out of memory?): give workers more memory, or tasks less to do"
                )
            (self._alone if self._deaths[number] >= DEATHS - 1 else self._again).append(number)
        first = next(iter(lost.values()))
        _LOG.warning("%s; what it ran is run again (%s).", first, _named(sorted(lost)))
        return None


def _named(numbers: Sequence[int]) -> str:
    """A few numbers of tasks, in words."""
    shown = ", ".join(map(str, numbers[:4]))
    return f"task {shown}" if len(numbers) == 1 else f"tasks {shown}{', ...' if len(numbers) > 4 else ''}"
