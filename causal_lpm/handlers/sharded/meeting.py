"""Where ranks meet: at the address that whoever started them has put into their environment, as torchrun does."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

import torch
from torch import distributed

from causal_lpm.handlers.sharded.failures import Failures, RankFailed
from causal_lpm.handlers.sharded.ranks import Ranks

__all__ = ["meet", "part"]

_MET: list[Ranks] = []
_PARTED: list[Ranks] = []
_c10d: Any = distributed


def meet(patience: timedelta = timedelta(minutes=30)) -> Ranks:
    """The ranks that this process was started among; they meet once and stay together.

    On CPUs they speak by gloo; tensors on GPUs go by NCCL.

    Args:
        patience: How long a rank waits for one that is late before it gives up.

    Raises:
        ValueError: this process was not started as a rank.
        RankFailed: the ranks have parted, after an error of one of them.
    """
    if _PARTED:
        raise RankFailed("the ranks have parted after an error of one of them: start all of them again.")
    if _MET:
        return _MET[0]
    lacking = [name for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT") if not os.environ.get(name)]
    if lacking or not distributed.is_available():
        raise ValueError(
            f"this process is no rank: {lacking[0] if lacking else 'torch.distributed'} is missing; start it by "
            "torchrun, by `causal-lpm run --ranks`, or by causal_lpm.ranks.on_ranks."
        )
    gpu = torch.cuda.is_available()
    if gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")) % torch.cuda.device_count())
    store, rank, count = next(iter(_c10d.rendezvous("env://", timeout=patience)))
    failures = Failures(_c10d.PrefixStore("failures", store))
    failures.begin(rank)
    distributed.init_process_group(
        "cpu:gloo,cuda:nccl" if gpu else "gloo",
        store=_c10d.PrefixStore("exchange", store),
        rank=rank,
        world_size=count,
        timeout=patience,
    )
    _MET.append(Ranks(failures))
    return _MET[0]


def part(ranks: Ranks, error: BaseException) -> None:
    """Leaves the others with a sentence: whoever waits for this rank hears at once that it does not come."""
    ranks.failures.leave(ranks.number, error)
    if ranks in _MET:
        _MET.remove(ranks)
        _PARTED.append(ranks)
        distributed.destroy_process_group()
