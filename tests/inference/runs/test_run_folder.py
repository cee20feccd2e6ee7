"""Blocks on disk say of which set they are and which; what does not match is simulated again."""

import json
import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from causal_lpm.inference.runs import run_folder
from causal_lpm.inference.runs.run_folder import RunFolder
from causal_lpm.inference.runs.simulation_set import SimulationSet, simulate_set
from causal_lpm.provenance import versions
from tests.inference.calibration.toy_simulators import normal
from tests.test_whole_files import ended, killed_while_writing


def simulate(folder: Path | None = None, n: int = 6, **changes: Any) -> SimulationSet:
    return simulate_set(**{"simulator": normal(), "n": n, "seed": 0, "batch": 2, "folder": folder, **changes})


def manifest(seed: int) -> dict[str, Any]:
    """Of `simulate`."""
    about = {"format": 2, "kind": "simulations", "seed": seed, "batch": 2, "versions": versions()}
    return {**about, "simulator": normal().identity()}


def same(one: SimulationSet, other: SimulationSet) -> bool:
    return np.array_equal(one.z, other.z) and all(np.array_equal(one.data[name], other.data[name]) for name in one.data)


def _with(file: Path, *without: str, **changes: Any) -> None:
    arrays = {**dict(np.load(file)), **changes}
    np.savez_compressed(file, **{name: values for name, values in arrays.items() if name not in without})


def _of_another_set(file: Path) -> None:
    other = file.parent.parent.parent / "other"
    simulate(other, simulator=normal(identity={"model": "another"}))
    shutil.copy(other / "blocks" / file.name, file)


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a copy of another": (lambda file: shutil.copy(file.with_name("00000.npz"), file), "is of number 0, not of 1"),
    "of another set": (_of_another_set, "is of run"),
    "as earlier versions wrote it": (
        lambda file: _with(file, "stamp/run", "stamp/number"),
        "does not say of which run it is",
    ),
    "another seed": (lambda file: _with(file, **{"stamp/seed": np.array(5)}), "is of seed 5"),
    "a number of several": (lambda file: _with(file, **{"stamp/number": np.array([1, 1])}), "is of number"),
    "other simulations": (lambda file: _with(file, **{"data/z": np.zeros((3, 2))}), "has not 2 simulations"),
    "cut short": (lambda file: file.write_bytes(file.read_bytes()[:-200]), "cannot be read"),
    "empty": (lambda file: file.write_bytes(b""), "cannot be read"),
}


@pytest.mark.parametrize("how", CHANGES)
def test_a_block_that_is_not_what_it_should_be_is_simulated_again(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, reason = CHANGES[how]
    whole = simulate(tmp_path / "set")
    change(tmp_path / "set" / "blocks" / "00001.npz")
    with caplog.at_level(logging.WARNING, "causal_lpm"):
        assert same(simulate(tmp_path / "set"), whole)
    (message,) = caplog.messages
    assert message.startswith("Block 1 is simulated again: ")
    assert reason in message
    caplog.clear()
    assert same(simulate(tmp_path / "set"), whole)
    assert not caplog.messages


def test_a_folder_of_an_earlier_version_is_simulated_again_with_one_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = simulate(tmp_path, 20)
    for file in (tmp_path / "blocks").iterdir():
        _with(file, "stamp/run", "stamp/number")
    with caplog.at_level(logging.WARNING, "causal_lpm"):
        assert same(simulate(tmp_path, 20), whole)
    (message,) = caplog.messages
    assert message.endswith("does not say of which run it is; so are 9 more.")


def test_leftovers_of_killed_processes_are_in_nobodys_way(tmp_path: Path) -> None:
    killed_while_writing(tmp_path / "manifest.json")
    simulate(tmp_path)
    dead = ended()
    for name in (f".manifest.{dead}.json", f"blocks/.00001.{dead}.npz"):
        (tmp_path / name).touch()
    simulate(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json", "blocks"}
    assert sorted(path.name for path in (tmp_path / "blocks").iterdir()) == ["00000.npz", "00001.npz", "00002.npz"]


@pytest.mark.parametrize("content", [b"", b"{", b'{"a": NaN}'])
def test_a_lost_manifest_is_written_again_where_all_blocks_are_its_own(tmp_path: Path, content: bytes) -> None:
    whole, before = simulate(tmp_path / "set"), (tmp_path / "set" / "manifest.json").read_bytes()
    (tmp_path / "set" / "manifest.json").write_bytes(content)
    with pytest.raises(FileExistsError, match="cannot be read: give another folder"):
        simulate(tmp_path / "set", seed=1)
    reports: list[int] = []
    assert same(simulate(tmp_path / "set", progress=lambda done, n: reports.append(done)), whole)
    assert reports == [6]
    assert (tmp_path / "set" / "manifest.json").read_bytes() == before
    _of_another_set(tmp_path / "set" / "blocks" / "00001.npz")
    (tmp_path / "set" / "manifest.json").write_bytes(content)
    with pytest.raises(FileExistsError, match="cannot be read: give another folder"):
        simulate(tmp_path / "set")


@pytest.mark.parametrize(("seed", "fits"), [(0, True), (1, False)])
def test_two_first_sets_at_one_instant_do_not_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, fits: bool
) -> None:
    write_new = run_folder.write_new

    def late(path: Path, write: Callable[[Path], object]) -> None:
        monkeypatch.setattr(run_folder, "write_new", write_new)
        RunFolder(tmp_path, manifest(seed))
        write_new(path, write)

    monkeypatch.setattr(run_folder, "write_new", late)
    if fits:
        simulate(tmp_path)
    else:
        with pytest.raises(FileExistsError, match="seed is 1, yours is 0"):
            simulate(tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["seed"] == seed


def test_a_full_disk_is_one_sentence_and_keeps_what_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    savez = np.savez_compressed

    def full(file: Path, **arrays: Any) -> None:
        savez(file, **arrays)
        if file.name.startswith(".00001"):
            raise OSError(28, "No space left on device", str(file))

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", full)
        with pytest.raises(
            RuntimeError, match=r"00001\.npz could not be written: no space left on device\. 2 of 6 sim"
        ):
            simulate(tmp_path)
    assert [path.name for path in (tmp_path / "blocks").iterdir()] == ["00000.npz"]
    assert same(simulate(tmp_path), simulate())


@pytest.mark.parametrize("seed", [True, 1.5, 0.5, float("nan"), -1, 2**63, "1", None])
def test_seeds_are_whole_numbers_in_range(tmp_path: Path, seed: Any) -> None:
    with pytest.raises(ValueError, match=r"seed is .*: give a whole number from 0 to"):
        simulate(tmp_path / "set", seed=seed)
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    "changes",
    [{"n": 10**12}, {"n": 10**30}, {"batch": 10**12}, {"n": 10**7, "workers": 10**6}, {"n": 4.5}, {"n": True}],
)
def test_counts_beyond_memory_are_refused_at_once(tmp_path: Path, changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"need about .* GB; this machine has|give a whole number"):
        simulate(tmp_path / "set", **changes)
    assert not (tmp_path / "set").exists()


def test_simulations_too_large_for_memory_stop_after_the_first_block(tmp_path: Path) -> None:
    reports: list[int] = []
    with pytest.raises(RuntimeError, match=r"10000000 simulations of \d+ bytes need about \d+ GB; .* 0 of 10000000"):
        simulate(tmp_path, 10**7, simulator=normal(days=100_000), progress=lambda done, n: reports.append(done))
    assert reports == [0]
