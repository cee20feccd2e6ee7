"""Workers that cannot run a task are found out before anything runs; a large task is sent once."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from causal_lpm.inference import RunError
from causal_lpm.inference.runs import sent_tasks
from causal_lpm.inference.runs.blocks import Simulator
from causal_lpm.inference.runs.sent_tasks import pickled, run_sent, sent
from causal_lpm.inference.runs.simulation_set import simulate_set
from causal_lpm.inference.runs.workers import Workers
from tests.clusters import ROOT, dask_cluster, ray_cluster
from tests.inference.calibration.toy_simulators import normal

Cluster = Callable[..., AbstractContextManager[str]]

OWN = """
import numpy as np

class Own:
    def identity(self): return {}
    def draw(self, n, seed): return np.random.default_rng(seed).normal(size=(n, 1))
    def simulate(self, z, seeds): return {"x": z[:, 0]}
"""


def gives(number: int) -> dict[str, np.ndarray]:
    return {"number": np.array(number)}


def test_a_worker_with_other_software_is_refused_also_where_it_comes_later() -> None:
    with ThreadPoolExecutor(1) as executor:
        about, held = sent(pickled(gives, "it"), 1, Workers(executor))
    assert run_sent(about, held, 3)["number"] == 3
    later = replace(about, digest="another")
    with pytest.raises(RunError, match=r"^a worker on .* has torch 2\.\S+ and this process 0\.1: install the same"):
        run_sent(replace(later, versions={**about.versions, "torch": "0.1"}), held, 3)
    with pytest.raises(RunError, match="has another version of causal_lpm than this process: install the same there"):
        run_sent(replace(later, code={**about.code, "causal_lpm": "0"}), held, 3)
    with pytest.raises(RunError, match=f"has other code of {__name__} than this process: copy it there"):
        run_sent(replace(later, code={**about.code, __name__: "0"}), held, 3)
    with pytest.raises(RunError, match=r"cannot import what is run \(ModuleNotFoundError: No module named 'nowhere'\)"):
        run_sent(replace(later, digest="a third"), b"cnowhere\nmodel\n.", 3)


def test_code_is_that_of_modules_that_are_not_installed() -> None:
    found = sent_tasks._code_here()
    assert __name__ in found
    assert "causal_lpm" in found
    assert not {"numpy", "torch", "json", "causal_lpm.inference"} & set(found)


@contextmanager
def own_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    folder.mkdir()
    (folder / "my_model.py").write_text(OWN)
    monkeypatch.syspath_prepend(folder)
    import my_model  # type: ignore[import-not-found]

    try:
        yield my_model.Own()
    finally:
        del sys.modules["my_model"]


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [dask_cluster, ray_cluster])
def test_a_cluster_without_the_study_or_with_another_is_one_sentence(
    cluster: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = tmp_path / "there"
    there.mkdir()
    path = os.pathsep.join([str(ROOT), str(there)])
    with own_module(tmp_path / "here", monkeypatch) as simulator, cluster({"PYTHONPATH": path}) as address:
        missing = r"cannot import what is run \(ModuleNotFoundError: No module named 'my_model'\): install it there, or"
        with pytest.raises(RunError, match=missing):
            simulate_set(simulator, 4, 0, executor=address, folder=tmp_path / "set")
        (there / "my_model.py").write_text(OWN + "# changed\n")
        with pytest.raises(
            RunError, match="has other code of my_model than this process: copy it there, and start its"
        ):
            simulate_set(simulator, 4, 0, executor=address, folder=tmp_path / "set")
        assert not list((tmp_path / "set" / "blocks").iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [dask_cluster, ray_cluster])
@pytest.mark.parametrize("which", ["another", "none"])
def test_a_cluster_with_another_version_of_the_package_is_one_sentence(
    cluster: Cluster, which: str, tmp_path: Path
) -> None:
    if which == "another":
        shutil.copytree(ROOT / "causal_lpm", tmp_path / "causal_lpm", ignore=shutil.ignore_patterns("__pycache__"))
        (tmp_path / "causal_lpm" / "new.py").touch()
        sentence = "has another version of causal_lpm than this process: install the same there"
    else:
        (tmp_path / "causal_lpm.py").touch()  # no package, whose modules an editable installation would find
        sentence = (
            r"cannot run this \(ModuleNotFoundError: No module named 'causal_lpm.inference'.*\): install the same"
        )
    with cluster({"PYTHONPATH": str(tmp_path)}) as address, pytest.raises(RunError, match=sentence):
        simulate_set(normal(), 4, 0, executor=address)


class Heavy:
    """A simulator that holds more than fits into a message of its schedulers' defaults."""

    def __init__(self) -> None:
        self.people = np.random.default_rng(0).integers(0, 255, 50_000_000, dtype=np.uint8)

    def identity(self) -> dict[str, str]:
        return {"model": "heavy"}

    def draw(self, n: int, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).normal(size=(n, 1))

    def simulate(self, z: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
        threads = [float(os.environ.get("OMP_NUM_THREADS", "0"))] * len(z)
        return {"sum": z[:, 0] + float(self.people.sum()), "threads": np.array(threads), "process": 0 * z + os.getpid()}


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [dask_cluster, ray_cluster])
def test_a_large_simulator_gives_the_same_on_workers_with_one_thread(cluster: Cluster) -> None:
    alone = simulate_set(Heavy(), 12, 0)
    with cluster() as address:
        found = simulate_set(Heavy(), 12, 0, executor=address)
    np.testing.assert_array_equal(found.data["sum"], alone.data["sum"])
    assert set(found.data["threads"]) == {1.0}
    assert os.getpid() not in found.data["process"]
