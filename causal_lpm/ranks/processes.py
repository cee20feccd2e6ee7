"""The processes of an executor whose tasks run on several ranks: started, asked, and ended together."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Mapping
from multiprocessing.connection import Connection, wait
from typing import Any

import torch
from torch import distributed

from causal_lpm.handlers.sharded.failures import RankFailed, killed
from causal_lpm.handlers.sharded.meeting import meet, part
from causal_lpm.handlers.sharded.sharded import Sharded
from causal_lpm.memory import reuse_freed_memory
from causal_lpm.ranks.whole_values import in_whole

__all__ = ["Processes", "computed"]

LAST_WORDS = 10.0
"""Seconds in which ranks say why they end, once one of them has."""


class Processes:
    """So many ranks on this machine, one process each, with one thread of torch.

    Args:
        ranks: How many.
    """

    def __init__(self, ranks: int) -> None:
        c10d: Any = distributed
        # It lives here, and so outlives every rank.
        self._store = c10d.TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False)
        start = _starting()
        self._ranks: list[tuple[Any, Any]] = []
        for rank in range(ranks):
            ours, theirs = start.Pipe()
            where = _environment(self._store.port, rank, ranks)
            process = start.Process(target=_serve, args=(where, theirs), daemon=True)
            process.start()
            theirs.close()
            self._ranks.append((process, ours))

    def compute(self, task: bytes) -> Any:
        """What a pickled function of no arguments gives on rank 0, once all ranks have computed it.

        Raises:
            RankFailed: a rank has ended without a word.
            Exception: what the task has raised; the ranks have ended.
        """
        for _, ours in self._ranks:
            try:
                ours.send_bytes(task)
            except OSError:  # it is gone, which is read below
                continue
        waiting: dict[Any, int] = {ours: rank for rank, (_, ours) in enumerate(self._ranks)}
        value: Any = None
        errors: dict[int, Exception] = {}
        ready: list[Any]
        while waiting and (ready := _ready(list(waiting), LAST_WORDS if errors else None)):
            for ours in ready:
                rank = waiting.pop(ours)
                try:
                    well, said = pickle.loads(ours.recv_bytes())
                except (EOFError, OSError):
                    well, said = False, killed(rank, len(self._ranks))
                if not well:
                    errors[rank] = said
                elif rank == 0:
                    value = said
        if errors:
            # What a rank has said of itself goes before what others have heard of it.
            raise errors[min(errors, key=lambda rank: (isinstance(errors[rank], RankFailed), rank))]
        return value

    def pids(self) -> list[int]:
        """The numbers of the processes, by rank."""
        return [process.pid for process, _ in self._ranks]

    def end(self) -> None:
        """Ends all ranks, whatever they do."""
        for process, ours in self._ranks:
            process.kill()
            process.join()
            ours.close()
        self._ranks = []


def _starting() -> Any:
    """How processes start: forked off one that has imported the package and nothing else, where that can be done."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["causal_lpm.ranks.processes"])
    return forks


def _ready(connections: list[Any], seconds: float | None) -> list[Any]:
    """Those of the connections that have something to read; none after so many seconds."""
    return list(wait(connections, seconds))


def computed(task: bytes, sharded: Sharded) -> Any:
    """What a task gives under the handler, with whole tensors in the place of parts."""
    with sharded:
        return in_whole(pickle.loads(task)())


def _environment(port: int, rank: int, ranks: int) -> dict[str, str]:
    """What tells a process that it is a rank, and where it meets the others: as torchrun does."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }


def _serve(where: Mapping[str, str], asked: Connection) -> None:
    """What a process does: meets the others, and computes what it is asked for until nobody asks."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started the ranks ends them
    os.environ.update(where)
    torch.set_num_threads(1)
    reuse_freed_memory()  # the whole process is ours
    ranks = meet()
    while True:
        try:
            task = asked.recv_bytes()
        except EOFError:
            return
        try:
            value = computed(task, Sharded(ranks))
            answer = True, value if ranks.number == 0 else None
        except Exception as error:  # noqa: BLE001  whatever it is, the one who asked is to see it
            part(ranks, error)
            answer = False, error
        asked.send_bytes(_pickled(answer))


def _pickled(answer: tuple[bool, Any]) -> bytes:
    try:
        return pickle.dumps(answer)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError) as error:
        said = answer[1]
        what = f"{type(said).__name__}: {said}" if isinstance(said, Exception) else f"a {type(said).__name__}"
        return pickle.dumps((False, ValueError(f"what a rank has to say cannot be sent ({what}): {error}")))
