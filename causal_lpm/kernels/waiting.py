"""How the threads of torch wait for each other: asleep, so that they keep no core from whom they wait for.

Between two operations the threads of GNU OpenMP look at a flag three hundred thousand times before they sleep. Where
another process is busy, a thread that looks keeps the core from the thread that works: a day took six times as long.
With more threads than cores OpenMP looks a hundred times instead (its manual, GOMP_SPINCOUNT), and there are more once
a thread that does nothing has threads of its own.
"""

import functools
import os
import sys
import threading

import torch

__all__ = ["let_threads_sleep"]

_MOST = 3  # threads that do nothing, each with as many of its own as torch has
_ENOUGH = 1 << 20  # elements of which torch gives each thread some


def let_threads_sleep() -> None:
    """Makes waiting threads of this process sleep, once; nothing where the environment says how they wait.

    It takes a few sleeping threads, and changes neither the number of threads nor any result.

    >>> let_threads_sleep()
    """
    said = {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"} & os.environ.keys()
    if sys.platform == "linux" and not said:
        _park(os.getpid(), torch.get_num_threads())


def parked(threads: int, cores: int) -> int:
    """How many threads must do nothing, so that with those of their own there are more than cores.

    >>> parked(2, cores=2), parked(8, cores=16), parked(1, cores=2), parked(2, cores=64)
    (1, 2, 0, 0)
    """
    if threads < 2:
        return 0
    needed = max(0, cores - threads) // (threads - 1) + 1
    return needed if needed <= _MOST else 0  # with so few threads there is room for others


@functools.cache
def _park(process: int, threads: int) -> None:
    for _ in range(parked(threads, len(os.sched_getaffinity(0)))):
        ready = threading.Event()
        threading.Thread(target=_sleep, args=(ready,), name="causal_lpm waits", daemon=True).start()
        ready.wait()


def _sleep(ready: threading.Event) -> None:
    torch.zeros(_ENOUGH).add_(1.0)  # gives this thread threads of its own
    ready.set()
    threading.Event().wait()
