"""Processes are bounded, serve visitors in turn, and are there again after a cancellation or a crash."""

import asyncio
import time
from typing import Any

import numpy as np
import pytest

from causal_lpm.explore.processes import Processes
from causal_lpm.explore.question import Question, asked
from causal_lpm.explore.start import begin
from causal_lpm.inference import RunError, replicate_seed
from causal_lpm.inference.studies.experiment import one_replicate
from tests.explore.test_question import AS_IT_IS, NUMBERS
from tests.inference.fake_study import FakeStudy

pytestmark = pytest.mark.slow
CRASH = 99  # a seed that ends the process
PATIENT = 60.0  # seconds of a replicate


@pytest.fixture(scope="module")
def study() -> FakeStudy:
    return FakeStudy(exits_at=(replicate_seed(CRASH, 0),))


def question(study: FakeStudy, **numbers: int) -> Question:
    return asked(begin(study), {**AS_IT_IS, "efficacy": 0.9}, {**NUMBERS, **numbers})


def test_numbers_are_those_of_any_number_of_processes_and_a_crash_hurts_nobody_else(study: FakeStudy) -> None:
    told: list[tuple[int, int]] = []

    async def visit() -> list[Any]:
        processes = Processes(study, 2)
        try:
            one = processes.run(question(study, replicates=5), lambda done, all: told.append((done, all)))
            crash = processes.run(question(study, seed=CRASH, replicates=1), lambda done, all: None)
            found = await asyncio.gather(one, crash, return_exceptions=True)
            again = await processes.run(question(study, replicates=2), lambda done, all: None)
            return [*found, again]
        finally:
            processes.stop()

    found, crashed, again = asyncio.run(visit())
    asked_for = question(study, replicates=5)
    expected = [one_replicate(study, asked_for.worlds, asked_for.options, asked_for.seed, r) for r in range(5)]
    assert [np.array_equal(a["deaths"], b["deaths"]) for a, b in zip(found, expected, strict=True)] == [True] * 5
    assert told[-1] == (5, 5)
    assert isinstance(crashed, RunError)
    assert "was killed" in str(crashed)
    assert len(again) == 2, "both processes work again"


def test_what_is_cancelled_is_not_waited_for() -> None:
    slow = FakeStudy(seconds=PATIENT)

    async def visit() -> float:
        processes = Processes(slow, 1)
        try:
            begun = asyncio.Event()
            running = asyncio.ensure_future(processes.run(question(slow), lambda done, all: begun.set()))
            await begun.wait()
            await asyncio.sleep(1.0)
            at = time.monotonic()
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            took = time.monotonic() - at
            # The process is free, or replaced, in seconds and not in a minute.
            await asyncio.wait_for(processes._free.get(), timeout=PATIENT / 2)
            return took
        finally:
            processes.stop()

    assert asyncio.run(visit()) < 1.0
