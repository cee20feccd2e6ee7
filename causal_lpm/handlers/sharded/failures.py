"""Why a rank has ended: its sentence, where it left one, or its number, where it was killed."""

from __future__ import annotations

import json
import os
import socket
import time
from pathlib import Path
from typing import Any

__all__ = ["Failures", "RankFailed", "killed"]

PATIENCE = 5.0
"""Seconds in which a rank that ends says why."""


class RankFailed(RuntimeError):
    """Another rank has ended without a word."""


def killed(rank: int, ranks: int) -> RankFailed:
    """The error of a rank that is gone.

    >>> print(str(killed(2, 4))[:38])
    rank 2 of 4 ended without a word, as a
    """
    return RankFailed(
        f"rank {rank} of {ranks} ended without a word, as a process does that is killed or finds no memory: start all "
        "ranks again; a run that keeps checkpoints goes on from the last one."
    )


class Failures:
    """What ranks leave for each other, in a store that outlives them.

    Args:
        store: Of `torch.distributed`, such as a file that all ranks reach.
    """

    def __init__(self, store: Any) -> None:
        self._store = store

    def begin(self, rank: int) -> None:
        """Says that this process is a rank."""
        self._store.set(f"process of rank {rank}", f"{socket.gethostname()} {os.getpid()}")

    def leave(self, rank: int, error: BaseException) -> None:
        """Leaves the sentence with which this rank ends."""
        if not isinstance(error, RankFailed):
            told = {"rank": rank, "kind": type(error).__name__, "sentence": str(error)}
            self._store.set(f"end of rank {rank}", json.dumps(told))

    def of_another(self, own: int, ranks: int, cause: Exception) -> Exception:
        """The error of a rank that does not hear of the others any more: their own, where one has left it."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            for rank in range(ranks):
                if rank != own and self._store.check([f"end of rank {rank}"]):
                    return _error(json.loads(self._store.get(f"end of rank {rank}")), rank)
            if dead := [rank for rank in range(ranks) if rank != own and not self._lives(rank)]:
                time.sleep(0.1)
                if not self._store.check([f"end of rank {dead[0]}"]):
                    return killed(dead[0], ranks)
            time.sleep(0.05)
        return RankFailed(
            f"rank {own} of {ranks} does not hear the others any more, and all that can be seen from here are alive: "
            f"look for a broken network or a program that differs by rank ({str(cause).splitlines()[0][:200]})."
        )

    def _lives(self, rank: int) -> bool:
        """Whether the process of a rank lives, as far as it can be seen from this machine."""
        if not self._store.check([f"process of rank {rank}"]):
            return True
        host, number = self._store.get(f"process of rank {rank}").decode().split()
        if host != socket.gethostname():
            return True
        try:
            os.kill(int(number), 0)
        except ProcessLookupError:
            return False
        return not _is_zombie(int(number))


def _is_zombie(number: int) -> bool:
    """Whether a process has ended and waits for its parent to notice."""
    try:
        return Path(f"/proc/{number}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return False


def _error(told: dict[str, str], rank: int) -> Exception:
    kinds: dict[str, type[Exception]] = {"ValueError": ValueError, "TypeError": TypeError}
    if told["kind"] in kinds:
        return kinds[told["kind"]](told["sentence"])
    return RankFailed(f"rank {rank} ended with {told['kind']}: {told['sentence']}")
