"""What a lost worker had is run again, and a task that ends its workers is told from its neighbours."""

import contextlib
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.inference import RunError
from causal_lpm.inference.runs.addresses import opened
from causal_lpm.inference.runs.faults import LostWorker
from causal_lpm.inference.runs.simulation_set import simulate_set
from causal_lpm.inference.runs.workers import DEATHS, Workers, run_all
from tests.clusters import ROOT, dask_scheduler, dask_workers, ray_cluster
from tests.inference.calibration.toy_simulators import normal


class Dying(Workers):
    """Workers who have all that came within a moment, and die together with whatever they have."""

    def __init__(self, kills: Mapping[int, int]) -> None:
        self.kills, self.begun, self.alone = Counter(kills), Counter[int](), set[int]()
        self.waiting: list[tuple[int, Future[int]]] = []
        self.lock = threading.Lock()

    def submit(self, fn: Callable[..., int], /, *args: int, **kwargs: int) -> Future[int]:  # type: ignore[override]
        future: Future[int] = Future()
        with self.lock:
            self.begun[args[0]] += 1
            self.waiting.append((args[0], future))
            if len(self.waiting) == 1:
                threading.Timer(0.002, self.work).start()
        return future

    def work(self) -> None:
        with self.lock:
            now, self.waiting = self.waiting, []
        if len(now) == 1:
            self.alone.add(now[0][0])
        killing = [number for number, _ in now if self.kills[number] > 0]
        self.kills.subtract(killing[:1])
        for number, future in now:
            if killing:
                future.set_exception(LostWorker("killed"))
            else:
                future.set_result(-number)


KILLS = st.dictionaries(st.integers(0, 14), st.integers(1, DEATHS - 1), max_size=1)


@given(st.integers(1, 15), st.integers(1, 6), KILLS)
@settings(deadline=None, max_examples=30)
def test_all_is_finished_once_where_no_task_kills_for_ever(n: int, size: int, kills: dict[int, int]) -> None:
    found = list(run_all(abs, range(n), Dying(kills), at_once=size))
    assert sorted(found) == [(number, -number) for number in range(n)]


@given(st.integers(1, 12), st.integers(2, 5), st.data())
@settings(deadline=None, max_examples=30)
def test_the_task_that_kills_is_named_and_not_its_neighbours(n: int, size: int, data: st.DataObject) -> None:
    killer = data.draw(st.integers(0, n - 1))
    workers = Dying({killer: 100})
    finished = []
    with pytest.raises(LostWorker, match=f"^task {killer} was begun {DEATHS} times, at last alone, and each time"):
        finished.extend(run_all(abs, range(n), workers, at_once=size))
    assert killer in workers.alone
    assert killer not in dict(finished)
    assert workers.begun[killer] == DEATHS


def test_a_lost_worker_is_told(caplog: pytest.LogCaptureFixture) -> None:
    list(run_all(abs, range(5), Dying({3: 1}), at_once=1))
    assert caplog.messages == ["killed; what it ran is run again (task 3)."]


def killing(seed: int, row: np.ndarray) -> None:
    if row[0] > 0.9:
        os.kill(os.getpid(), signal.SIGKILL)


@pytest.mark.slow
@pytest.mark.parametrize(("where", "library"), [("dask", "distributed"), ("ray", "ray")])
def test_a_simulation_that_kills_every_worker_is_one_sentence(where: str, library: str, tmp_path: Path) -> None:
    pytest.importorskip(library)
    assert (simulate_set(normal(), 12, 4).z[:, 0] > 0.9).sum() == 1
    with pytest.raises(RunError, match=r"^task 3 was begun \d+ times, at last alone.* of 12 simulations are kept in"):
        simulate_set(normal(fault=killing), 12, 4, executor=where, workers=2, folder=tmp_path)
    assert 0 < len(list((tmp_path / "blocks").iterdir())) < 12


class Heavy:
    """Data for which the worker that makes it is killed, the first time."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __bytes__(self) -> bytes:
        with contextlib.suppress(FileExistsError):
            self.marker.touch(exist_ok=False)
            os.kill(os.getpid(), signal.SIGKILL)
        return b"held"


def length(held: bytes, number: int) -> int:
    return len(held) * number


@pytest.mark.slow
def test_data_whose_worker_was_killed_as_it_made_them_are_made_again(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    with opened("dask", 2) as workers:
        assert workers is not None
        held = workers.hold(Heavy(tmp_path / "killed"))  # type: ignore[arg-type]
        assert sorted(run_all(length, range(5), workers, 5, (held,))) == [(n, 4 * n) for n in range(5)]
    assert (tmp_path / "killed").exists()


def slow(seed: int, row: np.ndarray) -> None:
    time.sleep(0.2)


@pytest.mark.slow
def test_a_scheduler_that_is_gone_is_one_sentence_soon_and_the_set_goes_on(tmp_path: Path) -> None:
    ended = []

    def end(done: int, total: int) -> None:
        if done >= 3 and not ended:
            ended.append(time.monotonic())
            scheduler.kill()

    gone = r"^the scheduler of dask://.* is gone\. \d+ of 200 simulations are kept in"
    with dask_scheduler() as (address, scheduler), dask_workers(address), pytest.raises(RunError, match=gone):
        simulate_set(normal(fault=slow), 200, 0, executor=f"dask://{address}", folder=tmp_path, progress=end)
    assert time.monotonic() - ended[0] < 60
    with ThreadPoolExecutor(1) as executor:
        found = simulate_set(normal(), 200, 0, executor=executor, folder=tmp_path)
    np.testing.assert_array_equal(found.data["series"], simulate_set(normal(), 200, 0).data["series"])


ASKING = """
import sys
from causal_lpm.inference import simulate_set
from tests.inference.calibration.toy_simulators import normal
try:
    found = simulate_set(normal(), 4, 1, executor=sys.argv[1])
    print((found.data["series"] == simulate_set(normal(), 4, 1).data["series"]).all())
except ConnectionError as error:
    print(error)
"""


@pytest.mark.slow
def test_a_cluster_of_ray_that_asks_for_a_token_gets_it_or_the_sentence_says_how() -> None:
    pytest.importorskip("ray", "2.52", reason="Ray has tokens from 2.52 on")
    token = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    with ray_cluster(token) as address:
        for shown, said in ((token, "True"), ({"RAY_AUTH_MODE": "disabled"}, "set RAY_AUTH_MODE=token and RAY_AUTH")):
            own = {**os.environ, "PYTHONPATH": str(ROOT), **shown}
            asked = [sys.executable, "-c", ASKING, address]
            told = subprocess.run(asked, env=own, capture_output=True, text=True, timeout=300, check=False)
            assert said in told.stdout, told.stderr
            assert len(told.stdout.splitlines()) == 1
