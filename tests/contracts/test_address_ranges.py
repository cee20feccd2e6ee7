"""A population cut into two ranges, each in a process of its own, is the population: to the bit, in every world."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import nullcontext
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pyro
import pytest
import torch
from chirho.interventional.handlers import do
from pyro.poutine.messenger import Messenger
from torch import distributed

from causal_lpm import KeyedNoise, Rollout, Seeds, Worlds
from tests.contracts.range_model import AGENTS, model

RANGES = [(0, 350), (350, 550)]
NOISE = {"keyed": partial(KeyedNoise, 7), "seeds": partial(Seeds, windows=(0, 9))}

pytestmark = pytest.mark.skipif(not distributed.is_available(), reason="torch has no processes that speak")


class Range(Messenger):
    """Says which agents this process holds, and speaks to the other one."""

    def __init__(self, first: int, here: int) -> None:
        super().__init__()
        self.first, self.here = first, here

    def _pyro_post_population(self, msg: Any) -> None:
        if msg["value"].here == self.here:
            msg["value"] = replace(msg["value"], first=self.first, total=AGENTS)

    def _pyro_sum_over_ranges(self, msg: Any) -> None:
        total = msg["args"][0].clone()
        distributed.all_reduce(total)
        msg["value"], msg["done"] = total, True

    def _pyro_join_ranges(self, msg: Any) -> None:
        parts: list[Any] = [None] * len(RANGES)
        distributed.all_gather_object(parts, msg["args"][0])
        msg["value"], msg["done"] = torch.cat(parts, -1), True


def run(noise: str, first: int, here: int) -> Rollout:
    pyro.set_rng_seed(3)  # of the seeds of `Seeds`, which the processes have in common
    held = nullcontext() if here == AGENTS else Range(first, here)
    with held, NOISE[noise](), Worlds(), do(actions={"supply": (torch.tensor(0.0), torch.tensor(40.0))}):
        return model(first, here)


def in_its_process(rank: int, meeting_place: str) -> dict[str, Rollout]:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", f"file://{meeting_place}", timedelta(minutes=3), world_size=2, rank=rank)
    return {noise: run(noise, *RANGES[rank]) for noise in NOISE}


@pytest.fixture(scope="module")
def ranges(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Rollout]]:
    place = str(tmp_path_factory.mktemp("ranges") / "meeting")
    with ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        return list(pool.map(in_its_process, (0, 1), (place, place)))


@pytest.mark.parametrize("noise", NOISE)
def test_ranges_add_up_to_the_whole(noise: str, ranges: list[dict[str, Rollout]]) -> None:
    whole, parts = run(noise, 0, AGENTS), [of[noise] for of in ranges]
    for name, series in whole.tallies.items():
        assert torch.equal(sum(part.tallies[name] for part in parts), series), name
        assert series.sum((-1, -2)).unique().numel() == 3, f"the worlds are as one in {name}"
    for entry in ("stage", "doses"):
        assert torch.equal(torch.cat([part.state[entry] for part in parts], -1), whole.state[entry]), entry
    assert float(whole.state["open"].sum()) < 3, "no world has closed, so nobody has read what all add up to"
    assert all(torch.equal(part.state["open"], whole.state["open"]) for part in parts)
