import contextlib
import multiprocessing
import os
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch

from causal_lpm import KeyedNoise, exogenous
from causal_lpm.inference.runs.addresses import opened
from causal_lpm.inference.runs.blocks import Simulator
from causal_lpm.inference.runs.loky_workers import stop_processes, worker_processes
from causal_lpm.inference.runs.ray_workers import RayExecutor
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.inference.runs.simulation_set import SimulationSet, simulate_set
from causal_lpm.inference.runs.workers import run_all
from tests.inference.calibration.toy_simulators import negative_is_an_error, normal, process_of
from tests.processes import group_ends

ROOT = Path(__file__).parents[3]
HOARD: list[np.ndarray] = []  # what a worker process keeps


class AtOnce(Executor):
    """An executor of somebody else: it has `submit` and nothing more, and can lose its workers."""

    def __init__(self, breaks_at: int | None = None, cancels_at: int | None = None) -> None:
        self.calls = 0
        self.breaks_at, self.cancels_at = breaks_at, cancels_at

    def submit(self, fn: Callable[..., object], /, *args: object, **kwargs: object) -> Future:  # type: ignore[override]
        future: Future[object] = Future()
        call, self.calls = self.calls, self.calls + 1
        if call == self.cancels_at:
            future.cancel()
            future.set_running_or_notify_cancel()
        elif call == self.breaks_at:
            future.set_exception(ConnectionError("the scheduler is gone"))
        else:
            future.set_result(fn(*args, **kwargs))
        return future


def same(one: SimulationSet, other: SimulationSet) -> None:
    np.testing.assert_array_equal(one.z, other.z)
    assert one.failures == other.failures
    for name in {**one.data, **other.data}:
        np.testing.assert_array_equal(one.data[name], other.data[name])


def keyed() -> Simulator:
    """A model in Pyro with our noise: handlers and generators belong to the process."""

    class Keyed:
        def identity(self) -> dict[str, object]:
            return {}

        def draw(self, n: int, seed: int) -> np.ndarray:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                return pyro.sample("z", dist.Normal(0.0, 1.0).expand([n, 1])).numpy()

        def simulate(self, z: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
            with torch.random.fork_rng(devices=[]), KeyedNoise(torch.as_tensor(seeds)[:, None]):
                torch.manual_seed(int(seeds[0]))
                luck = exogenous("luck", 500, "uniform")
                time.sleep(0.001)  # lets other threads in
                return {"x": (luck.mean(-1) + torch.rand(len(z))).numpy() + z[:, 0]}

    return Keyed()


@contextmanager
def dask(**options: object) -> Iterator[Executor]:
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(dashboard_address="127.0.0.1:0", silence_logs=50, **options)
    with cluster, distributed.Client(cluster) as client:
        yield client.get_executor()


@contextmanager
def ray() -> Iterator[Executor]:
    module = pytest.importorskip("ray")
    module.init(num_cpus=2, include_dashboard=False, log_to_driver=False, configure_logging=False)
    try:
        yield RayExecutor()
    finally:
        module.shutdown()


@pytest.mark.parametrize(
    "executor",
    [
        lambda: contextlib.nullcontext(AtOnce()),
        lambda: ThreadPoolExecutor(3),
        lambda: dask(processes=False, n_workers=1, threads_per_worker=2),
        pytest.param(lambda: dask(processes=True, n_workers=2, threads_per_worker=1), marks=pytest.mark.slow),
        pytest.param(lambda: ProcessPoolExecutor(2, multiprocessing.get_context("spawn")), marks=pytest.mark.slow),
        pytest.param(ray, marks=pytest.mark.slow),
        pytest.param(lambda: contextlib.nullcontext(worker_processes(2)), marks=pytest.mark.slow),
    ],
    ids=["minimal", "threads", "dask threads", "dask processes", "processes", "ray", "loky"],
)
def test_every_executor_gives_the_same_numbers(executor: Callable[[], AbstractContextManager[Executor]]) -> None:
    with executor() as given:
        for simulator, batch in ((normal(fault=negative_is_an_error), 1), (normal(fault=negative_is_an_error), 3)):
            found = simulate_set(simulator, 20, 3, batch=batch, executor=given)
            assert found.failures
            same(found, simulate_set(simulator, 20, 3, batch=batch))
        same(simulate_set(keyed(), 40, 0, batch=2, executor=given), simulate_set(keyed(), 40, 0, batch=2))


def wait_a_second(number: int) -> int:
    time.sleep(1)
    return number


def fail(number: int) -> None:
    raise KeyError("no such ward")


@pytest.mark.slow
def test_ray_tasks_are_cancelled_fail_and_end() -> None:
    with ray() as executor:
        tasks = run_all(wait_a_second, range(1000), executor, at_once=500)
        next(tasks)
        tasks.close()
        # Without cancelling, 2 cores would be busy for 250 seconds; and a cancelled task must not hold up the next.
        began = time.monotonic()
        with pytest.raises(KeyError, match="no such ward"):
            list(run_all(fail, range(3), executor, at_once=3))
        assert time.monotonic() - began < 60
        executor.shutdown()
        with pytest.raises(RuntimeError, match="make a new one"):
            executor.submit(abs, -1)


@pytest.mark.slow
def test_worker_processes_give_the_same_numbers_and_share_a_folder(tmp_path: Path) -> None:
    simulator = normal(fault=negative_is_an_error)
    alone = simulate_set(simulator, 20, 3, batch=3)
    same(simulate_set(simulator, 20, 3, batch=3, workers=2, folder=tmp_path), alone)
    same(simulate_set(simulator, 20, 3, batch=3, folder=tmp_path), alone)


@pytest.mark.slow
def test_worker_processes_are_other_processes_and_are_used_again() -> None:
    used = [set(simulate_set(normal(fault=process_of), 40, 0, workers=2).data["series"][:, 0]) for _ in range(2)]
    assert os.getpid() not in used[0] | used[1]
    assert used[0] & used[1]
    stop_processes(worker_processes(2))


def mark(folder: Path) -> None:
    (folder / secrets.token_hex(8)).touch()


def test_a_task_that_is_sent_again_begins_again_also_where_the_first_is_remembered(tmp_path: Path) -> None:
    with dask(processes=False, n_workers=1, threads_per_worker=1) as executor, opened(executor) as workers:
        assert workers is not None
        first, again = (workers.submit(mark, tmp_path) for _ in range(2))
        assert (first.result(60), again.result(60)) == (None, None)
        assert set(workers.ask(mark, tmp_path).values()) == {None}
    assert len(list(tmp_path.iterdir())) == 3


def hoarding(seed: int, row: np.ndarray) -> np.ndarray:
    if not HOARD:
        HOARD.append(np.ones(350 * 2**17))  # 350 MB; from 300 on loky takes what is kept for a leak
    time.sleep(1.1)  # it looks once a second
    return process_of(seed, row)


@pytest.mark.slow
def test_worker_processes_that_hold_much_go_on(recwarn: pytest.WarningsRecorder) -> None:
    used = set(simulate_set(normal(fault=hoarding), 6, 0, workers=2).data["series"][:, 0])
    stop_processes(worker_processes(2))
    assert len(used) <= 2
    assert not [str(warning.message) for warning in recwarn if "worker stopped" in str(warning.message)]


def test_one_worker_is_this_process() -> None:
    assert set(simulate_set(normal(fault=process_of), 4, 0).data["series"].ravel()) == {os.getpid()}


@pytest.mark.slow
def test_a_killed_process_is_reported_and_the_set_can_go_on(tmp_path: Path) -> None:
    stop = replicate_seed(replicate_seed(0, 5), 0)

    def fault(seed: int, row: np.ndarray) -> None:
        if seed == stop:
            time.sleep(0.5)  # others finish before
            os._exit(1)

    with pytest.raises(RuntimeError, match=r"worker process was killed .*of 12 simulations are kept in"):
        simulate_set(normal(fault=fault), 12, 0, workers=2, folder=tmp_path)
    assert 0 < len(list((tmp_path / "blocks").iterdir())) < 12
    same(simulate_set(normal(), 12, 0, workers=2, folder=tmp_path), simulate_set(normal(), 12, 0))


def test_what_cannot_be_sent_is_refused_before_anything_runs() -> None:
    lock = threading.Lock()

    def fault(seed: int, row: np.ndarray) -> None:
        lock.acquire()

    with pytest.raises(ValueError, match=r"cannot be sent to other processes \(cannot pickle '_thread.lock' object\)"):
        simulate_set(normal(fault=fault), 2, 0, workers=2)


@pytest.mark.parametrize("how", [{"breaks_at": 3}, {"cancels_at": 3}])
def test_an_executor_that_fails_loses_nothing_that_is_finished(tmp_path: Path, how: dict[str, int]) -> None:
    with pytest.raises(RuntimeError, match=r"stopped with .*(the scheduler is gone|was cancelled).*5 of 6 simulations"):
        simulate_set(normal(), 6, 0, executor=AtOnce(**how), folder=tmp_path)
    same(simulate_set(normal(), 6, 0, folder=tmp_path), simulate_set(normal(), 6, 0))


def test_an_executor_gets_few_tasks_at_a_time() -> None:
    executor = AtOnce()
    results = run_all(abs, range(100), executor, at_once=7)
    assert next(results) == (0, 0) or executor.calls == 7
    assert executor.calls == 7
    assert len(list(results)) == 99
    assert executor.calls == 100


def test_after_a_failure_nothing_new_begins() -> None:
    executor = AtOnce(breaks_at=2)
    finished = []
    with pytest.raises(ConnectionError):
        finished.extend(number for number, _ in run_all(abs, range(100), executor, at_once=4))
    assert executor.calls < 10


def test_an_executor_of_ours_is_not_shut_down() -> None:
    with ThreadPoolExecutor(1) as executor:
        simulate_set(normal(), 3, 0, executor=executor)
        assert executor.submit(abs, -1).result() == 1


SCRIPT = """
import sys, time
import numpy as np
from causal_lpm.inference.runs.simulation_set import simulate_set

class Slow:
    def identity(self): return {"model": "slow"}
    def draw(self, n, seed): return np.random.default_rng(seed).normal(size=(n, 1))
    def simulate(self, z, seeds):
        time.sleep(0.3)
        return {"x": z[:, 0]}

if __name__ == "__main__":
    try:
        simulate_set(Slow(), 400, 0, workers=2, folder=sys.argv[1], progress=lambda done, n: print(done, flush=True))
    except KeyboardInterrupt as error:
        sys.exit(str(error))
"""


@pytest.mark.slow
def test_ctrl_c_stops_the_processes_and_keeps_what_is_finished(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SCRIPT)
    # A group of its own gets the signal as a terminal sends it: to the processes, too.
    process = subprocess.Popen(
        [sys.executable, script, tmp_path / "set"],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    )
    assert process.stdout is not None
    while process.stdout.readline().strip() != "3":
        assert process.poll() is None
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "of 400 simulations are kept in" in errors
    assert "Traceback" not in errors
    assert group_ends(process.pid, seconds=10)
    assert 3 <= len(list((tmp_path / "set" / "blocks").glob("*.npz"))) < 100
