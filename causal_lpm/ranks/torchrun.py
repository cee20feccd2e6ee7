"""Ranks that torchrun has started, on one machine or several: rank 0 runs the program, the others do what it asks."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, TypeVar

import cloudpickle
import torch

from causal_lpm.handlers.sharded.failures import RankFailed
from causal_lpm.handlers.sharded.meeting import meet
from causal_lpm.handlers.sharded.sharded import Sharded
from causal_lpm.memory import reuse_freed_memory
from causal_lpm.ranks.processes import computed

__all__ = ["AmongRanks", "dismiss", "follow", "number"]

Value = TypeVar("Value")


def number() -> int | None:
    """The rank of this process among several; None where it is alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) < 2 or "RANK" not in os.environ:
        return None
    return int(os.environ["RANK"])


class AmongRanks(Executor):
    """Each task runs on all ranks, of which this process is rank 0."""

    def submit(self, fn: Callable[..., Value], /, *args: Any, **kwargs: Any) -> Future[Value]:
        """Computes `fn(*args, **kwargs)` on all ranks, here and now."""
        future: Future[Value] = Future()
        ranks, task = meet(), cloudpickle.dumps(functools.partial(fn, *args, **kwargs))
        try:
            future.set_result(computed(ranks.told(task), Sharded(ranks)))
        except Exception as error:  # noqa: BLE001  whatever it is, the one who asked is to see it
            future.set_exception(error)
        return future


def follow() -> None:
    """What other ranks do: compute what rank 0 asks for, until it dismisses them.

    Raises:
        RankFailed: a rank has ended without a word.
        Exception: what a task has raised, here or on another rank; rank 0 has it too.
    """
    torch.set_num_threads(1)
    reuse_freed_memory()  # the whole process is ours
    ranks = meet()
    while task := ranks.told(b""):
        computed(task, Sharded(ranks))


def dismiss() -> None:
    """Lets the other ranks end: nothing is left to do."""
    try:
        meet().told(b"")
    except RankFailed:  # they have ended
        return
