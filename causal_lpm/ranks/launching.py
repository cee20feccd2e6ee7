"""A program on several ranks of this machine: processes that share one population out among themselves."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Callable, Mapping
from dataclasses import is_dataclass, replace
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

import torch
from torch import distributed

from causal_lpm import validate
from causal_lpm.handlers.sharded.failures import RankFailed, killed
from causal_lpm.handlers.sharded.held import whole
from causal_lpm.handlers.sharded.meeting import meet, part
from causal_lpm.handlers.sharded.sharded import Sharded

__all__ = ["environment", "host", "on_ranks"]

Value = TypeVar("Value")


def on_ranks(ranks: int, program: Callable[..., Value], *args: Any) -> Value:
    """What a program computes where several processes of this machine share its population out among themselves.

    Each process runs the program under `Sharded` with one thread of torch; all see the same numbers, those of one
    process bit for bit, and those of rank 0 come back. Where one fails, all end, with its sentence.

    Args:
        ranks: How many processes; no more than cores help.
        program: A function of a module, which processes import by its name.
        args: What it is called with; tensors are copied to each process.

    Raises:
        ValueError: ranks below 1; a function that other processes cannot import; whatever the program raises.
        RankFailed: a process has ended without a word, as one that is killed.

    >>> import torch
    >>> on_ranks(1, torch.arange, 3)
    tensor([0, 1, 2])
    """
    ranks = validate.whole_number("ranks", ranks)
    if ranks == 1:
        return program(*args)
    try:
        work = pickle.dumps((program, args))
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"{getattr(program, '__name__', program)!r} and what it is called with go to other processes, and cannot: "
            f"{error}; give a function of a module, and tensors, numbers or populations."
        ) from error
    spawn = multiprocessing.get_context("spawn")
    store, processes = host(), []
    try:
        for rank in range(ranks):
            ours, theirs = spawn.Pipe(duplex=False)
            where = environment(store, rank, ranks)
            process = spawn.Process(target=_live, args=(work, where, theirs), daemon=True)
            process.start()
            theirs.close()
            processes.append((process, ours))
        value: Value = _answer(processes)
        return value
    finally:
        for process, ours in processes:
            process.kill()
            process.join()
            ours.close()


def host() -> Any:
    """A meeting place on this machine, which outlives every rank."""
    c10d: Any = distributed
    return c10d.TCPStore("127.0.0.1", 0, None, True, wait_for_workers=False)


def environment(store: Any, rank: int, ranks: int) -> dict[str, str]:
    """What tells a process that it is a rank, and where it meets the others: as torchrun does."""
    return {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(ranks),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(store.port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",
    }


def _live(work: bytes, where: Mapping[str, str], answer: Connection) -> None:
    """What a process does: meets the others, runs the program, and says what came of it."""
    os.environ.update(where)
    torch.set_num_threads(1)
    ranks = meet()
    try:
        with Sharded(ranks):
            value = in_whole(_run(work))
        answer.send_bytes(pickle.dumps((True, value if ranks.number == 0 else None)))
    except Exception as error:  # noqa: BLE001  # whatever it is, the one who asked is to see it
        part(ranks, error)
        answer.send_bytes(pickle.dumps((False, error)))


def _run(work: bytes) -> Any:
    program, args = pickle.loads(work)
    return program(*args)


def in_whole(value: Any) -> Any:
    """The same with tensors of all agents in the place of those that ranks hold in parts."""
    if isinstance(value, torch.Tensor):
        return whole(value)
    if isinstance(value, dict):
        return {name: in_whole(each) for name, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(in_whole(each) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        fields = {name: each for name, each in vars(value).items() if in_whole(each) is not each}
        return replace(value, **{name: in_whole(each) for name, each in fields.items()}) if fields else value
    return value


def _answer(processes: list[tuple[Any, Any]]) -> Any:
    """What rank 0 has computed, once all have ended well."""
    waiting: dict[Any, int] = {ours: rank for rank, (_, ours) in enumerate(processes)}
    value, errors = None, {}
    while waiting:
        ours: Any
        for ours in wait(list(waiting)):
            rank = waiting.pop(ours)
            try:
                well, said = pickle.loads(ours.recv_bytes())
            except EOFError:
                well, said = (
                    False,
                    killed(rank, len(processes)),
                )
            if not well:
                errors[rank] = said
            elif rank == 0:
                value = said
    if errors:
        raise errors[min(errors, key=lambda rank: (isinstance(errors[rank], RankFailed), rank))]
    return value
