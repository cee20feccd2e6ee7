"""Waiting threads sleep after the first large step: once a process, and nothing else changes."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import threading, torch
torch.set_num_threads({threads})
from causal_lpm import rollout
before = torch.get_num_threads()
count = lambda: sum(t.name == "causal_lpm waits" for t in threading.enumerate())
rollout(lambda s: {{"x": s["x"] + 1}}, {{"x": torch.zeros(10)}}, 2)
small = count()
for _ in range(2):
    run = rollout(lambda s: {{"x": s["x"] + 1}}, {{"x": torch.zeros(100_000)}}, 2)
assert torch.get_num_threads() == before and bool((run.state["x"] == 2).all())
print(small, count())
"""


def parked(threads: int, **more: str) -> list[int]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("OMP", "GOMP"))} | more
    script = SCRIPT.format(threads=threads)
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    return [int(x) for x in done.stdout.split()]


@pytest.mark.skipif(sys.platform != "linux", reason="GNU OpenMP")
def test_a_large_step_lets_threads_sleep_once() -> None:
    cores = len(os.sched_getaffinity(0))
    expected = 1 if cores > 1 else 0
    assert parked(cores) == [0, expected]


@pytest.mark.skipif(sys.platform != "linux", reason="GNU OpenMP")
def test_one_thread_and_whoever_has_decided_are_left_alone() -> None:
    assert parked(1) == [0, 0]
    assert parked(2, OMP_WAIT_POLICY="ACTIVE") == [0, 0]
