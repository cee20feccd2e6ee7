"""A program on several ranks: processes that share one population out among themselves."""

from __future__ import annotations

import functools
import pickle
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, TypeVar

import cloudpickle

from causal_lpm import validate
from causal_lpm.ranks.processes import Processes

__all__ = ["RankExecutor", "on_ranks"]

Value = TypeVar("Value")


def on_ranks(ranks: int, program: Callable[..., Value], *args: Any) -> Value:
    """What a program computes where several processes of this machine share its population out among themselves.

    Each process runs the program under `Sharded` with one thread of torch; all see the same numbers, those of one
    process bit for bit, and those of rank 0 come back. Where one fails, all end, with its sentence. A script calls it
    under `if __name__ == "__main__":`, since processes import the script.

    Args:
        ranks: How many processes; more than there are cores do not help.
        program: A function, which is sent to the processes.
        args: What it is called with; tensors are copied to each process.

    Raises:
        ValueError: ranks below 1; what cannot be sent to other processes; whatever the program raises.
        RankFailed: a process has ended without a word, as one that is killed.

    >>> import torch
    >>> on_ranks(1, torch.arange, 3)
    tensor([0, 1, 2])
    """
    if validate.whole_number("ranks", ranks) == 1:
        return program(*args)
    with RankExecutor(ranks) as place:
        return place.submit(program, *args).result()


class RankExecutor(Executor):
    """Each task runs on all of its processes, which share its population out: one that needs several to be quick.

    Tasks run one after the other. After one that failed the processes begin anew.

    Args:
        ranks: How many processes, on this machine; they start with the first task.

    Raises:
        ValueError: ranks below 1.

    >>> with RankExecutor(2) as place:
    ...     place.submit(sum, [1, 2]).result()
    3
    """

    def __init__(self, ranks: int) -> None:
        self.ranks = validate.whole_number("ranks", ranks)
        self._processes: Processes | None = None
        self._queue = ThreadPoolExecutor(1)

    def submit(self, fn: Callable[..., Value], /, *args: Any, **kwargs: Any) -> Future[Value]:
        """Asks for `fn(*args, **kwargs)` on all ranks; the future has the value of rank 0."""
        try:
            task = cloudpickle.dumps(functools.partial(fn, *args, **kwargs))
        except (pickle.PicklingError, TypeError, ValueError) as error:
            raise ValueError(
                f"{getattr(fn, '__name__', fn)!r} goes to other processes with what it is called with, and cannot "
                f"({error}): give tensors, numbers or populations."
            ) from error
        return self._queue.submit(self._compute, task)

    def _compute(self, task: bytes) -> Any:
        if self._processes is None:
            self._processes = Processes(self.ranks)
        try:
            return self._processes.compute(task)
        except BaseException:
            self._end()
            raise

    def _end(self) -> None:
        processes, self._processes = self._processes, None
        if processes is not None:
            processes.end()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Ends the processes: after what was asked for, or at once where what waits is cancelled."""
        if cancel_futures:
            self._end()
        self._queue.shutdown(wait=wait, cancel_futures=cancel_futures)
        self._end()
