"""A folder believes what its own run has written, and nothing else; what is lost is made again."""

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from causal_lpm.inference import Options, load, run_experiment
from causal_lpm.inference.runs import run_folder
from causal_lpm.inference.runs.run_folder import RunFolder
from causal_lpm.inference.runs.runner import RunError
from causal_lpm.inference.studies import manifest as manifests
from tests.inference.fake_study import FakeStudy
from tests.test_whole_files import ended, killed_while_writing

OPTIONS = Options(1000, 30)


def run(out: Path | None = None, replicates: int = 3, seed: int = 7, **knobs: Any) -> xr.DataTree:
    study = FakeStudy(**knobs)
    return run_experiment(study, *study.worlds("demo"), replicates, seed, OPTIONS, out, workers=1)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of the code and the commit are no matter here, and take most of the time."""
    monkeypatch.setattr("causal_lpm.inference.studies.experiment.provenance", lambda **_: {"commit": "this"})
    monkeypatch.setattr(manifests, "_code_hash", lambda study: "code")


@pytest.fixture
def no_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of replicates alone: a NetCDF file takes a quarter of a second."""
    monkeypatch.setattr("causal_lpm.inference.studies.study_tree.save", lambda tree, path: None)


@pytest.fixture
def out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with three replicates, and without their result."""
    with monkeypatch.context() as patch:
        patch.setattr("causal_lpm.inference.studies.study_tree.save", lambda tree, path: None)
        run(tmp_path / "out")
    return tmp_path / "out"


def _of_another_seed(file: Path) -> None:
    run(file.parent.parent.parent / "other", seed=8)
    shutil.copy(file.parent.parent.parent / "other" / "replicates" / file.name, file)


def _with(file: Path, **changes: Any) -> None:
    arrays = dict(np.load(file))
    np.savez_compressed(file, **{**arrays, **changes})


def _as_before(file: Path) -> None:
    """As version 29f308f wrote it: outcomes alone."""
    arrays = dict(np.load(file))
    np.savez_compressed(file, **{name: values for name, values in arrays.items() if not name.startswith("stamp/")})


CHANGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a copy of another": (lambda file: shutil.copy(file.with_name("00000.npz"), file), "is of number 0, not of 1"),
    "of another experiment": (_of_another_seed, "is of run"),
    "as earlier versions wrote it": (_as_before, "does not say of which run it is"),
    "another seed": (lambda file: _with(file, **{"stamp/seed": np.array(5)}), "is of seed 5"),
    "a stamp of several": (lambda file: _with(file, **{"stamp/number": np.ones(3)}), "is of number"),
    "cut short": (lambda file: file.write_bytes(file.read_bytes()[:-200]), "cannot be read"),
    "empty": (lambda file: file.write_bytes(b""), "cannot be read"),
    "one array": (lambda file: (np.save(file, np.zeros(3)), file.with_suffix(".npz.npy").replace(file)), "cannot be"),
    "texts": (lambda file: _with(file, **{"data/deaths": np.full((2, 2, 30), "x")}), "no numbers"),
}


@pytest.mark.usefixtures("no_result")
@pytest.mark.parametrize("how", CHANGES)
def test_a_replicate_that_is_not_what_it_should_be_is_simulated_again(
    out: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    change, reason = CHANGES[how]
    change(out / "replicates" / "00001.npz")
    with caplog.at_level(logging.WARNING, "causal_lpm"):
        again = run(out)
    xr.testing.assert_identical(again["predictions"].to_dataset(), run()["predictions"].to_dataset())
    (message,) = caplog.messages
    assert message.startswith("Replicate 1 is simulated again: ")
    assert reason in message
    caplog.clear()
    run(out)
    assert not caplog.messages


@pytest.mark.usefixtures("no_result")
def test_whole_numbers_of_every_type_are_one_experiment(out: Path) -> None:
    """NumPy's are what a sweep over seeds or sizes gives, and JSON has none of them."""
    study, sizes = FakeStudy(), Options(np.int64(1000), np.uint16(30))  # type: ignore[arg-type]
    seven, three = np.int64(7), np.int32(3)
    again = run_experiment(study, *study.worlds("demo"), three, seven, sizes, out, workers=1)  # type: ignore[arg-type]
    assert again.identical(run())


@pytest.mark.usefixtures("no_result")
def test_a_copied_replicate_does_not_count_twice(out: Path) -> None:
    error = run()["causal_effect"]["averted"].values.std(ddof=1)
    shutil.copy(out / "replicates" / "00000.npz", out / "replicates" / "00002.npz")
    assert run(out)["causal_effect"]["averted"].values.std(ddof=1) == error


@pytest.mark.usefixtures("no_result")
@pytest.mark.parametrize("content", [None, b"", b"{", b"\x00" * 50, b'{"seed": 1, "seed": 7}'])
def test_a_lost_manifest_is_written_again_where_all_replicates_are_its_own(out: Path, content: bytes | None) -> None:
    before = (out / "manifest.json").read_bytes()
    if content is None:
        (out / "manifest.json").unlink()
    else:
        (out / "manifest.json").write_bytes(content)
    simulated = {file: file.stat().st_mtime_ns for file in (out / "replicates").iterdir()}
    with pytest.raises(FileExistsError, match=r"cannot be read: give another folder|holds no run: give another folder"):
        run(out, seed=8)
    assert run(out).equals(run())
    assert (out / "manifest.json").read_bytes() == before
    assert {file: file.stat().st_mtime_ns for file in (out / "replicates").iterdir()} == simulated


@pytest.mark.usefixtures("no_result")
def test_a_lost_manifest_of_a_mixed_folder_is_refused(out: Path) -> None:
    _of_another_seed(out / "replicates" / "00001.npz")
    (out / "manifest.json").write_bytes(b"")
    with pytest.raises(FileExistsError, match="cannot be read"):
        run(out)


@pytest.mark.usefixtures("no_result")
def test_an_empty_manifest_alone_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").touch()
    assert run(tmp_path).equals(run())


def test_killed_while_the_manifest_is_written(tmp_path: Path) -> None:
    killed_while_writing(tmp_path / "manifest.json")
    assert run(tmp_path).equals(run())
    assert {path.name for path in tmp_path.iterdir()} == {"manifest.json", "replicates", "results.nc"}


def test_leftovers_of_killed_runs_are_cleared_and_files_of_others_are_not(out: Path) -> None:
    dead = ended()
    for name in (f".manifest.{dead}.json", f".results.{dead}.nc", f"replicates/.00001.{dead}.npz", ".notes.1.txt"):
        (out / name).touch()
    run(out)
    assert {path.name for path in out.iterdir()} == {"manifest.json", "replicates", "results.nc", ".notes.1.txt"}
    assert sorted(path.name for path in (out / "replicates").iterdir()) == ["00000.npz", "00001.npz", "00002.npz"]


@pytest.mark.usefixtures("no_result")
@pytest.mark.parametrize(("seed", "fits"), [(7, True), (8, False)])
def test_two_first_runs_at_one_instant_do_not_mix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, fits: bool
) -> None:
    """The other run begins after this one has seen an empty folder, and before it has written its manifest."""
    study, write_new = FakeStudy(), run_folder.write_new
    mine, other = (manifests.manifest(study, study.worlds("demo")[0], number, OPTIONS) for number in (7, seed))

    def late(path: Path, write: Callable[[Path], object]) -> None:
        monkeypatch.setattr(run_folder, "write_new", write_new)
        RunFolder(tmp_path, other, "replicate", {"commit": "the other"})
        write_new(path, write)

    monkeypatch.setattr(run_folder, "write_new", late)
    if fits:
        assert RunFolder(tmp_path, mine, "replicate", {"commit": "mine"}).notes == {"commit": "the other"}
    else:
        with pytest.raises(FileExistsError, match="holds another run"):
            RunFolder(tmp_path, mine, "replicate")
    assert json.loads((tmp_path / "manifest.json").read_text())["seed"] == seed
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("left", [0, 4, 100, 3000])
def test_a_result_that_was_cut_short_is_written_again(out: Path, left: int, caplog: pytest.LogCaptureFixture) -> None:
    whole = run(out)
    file = out / "results.nc"
    file.write_bytes(file.read_bytes()[:left])
    with caplog.at_level(logging.WARNING, "causal_lpm"):
        assert run(out).equals(whole)
    assert caplog.messages == [f"{file} is not whole and is written again."]
    assert load(file).equals(whole)


def test_a_result_without_predictions_is_written_again(out: Path) -> None:
    whole = run(out)
    xr.DataTree(xr.Dataset(attrs=whole.attrs)).to_netcdf(out / "results.nc", engine="h5netcdf")
    run(out)
    assert load(out / "results.nc").equals(whole)


def test_what_is_no_result_is_left_alone(out: Path) -> None:
    xr.Dataset({"a": 1}).to_netcdf(out / "results.nc", engine="h5netcdf")
    content = (out / "results.nc").read_bytes()
    with pytest.raises(FileExistsError, match=r"holds another result|is not a result that can be read"):
        run(out)
    assert (out / "results.nc").read_bytes() == content


@pytest.mark.parametrize("content", [bytes(5000), b"a letter", bytes(4096) + b"x"])
def test_what_a_power_cut_leaves_of_a_result_is_written_again_and_no_text_is_lost(out: Path, content: bytes) -> None:
    (out / "results.nc").write_bytes(content)
    whole = run(out)
    assert load(out / "results.nc").equals(whole)
    aside = [path.read_bytes() for path in out.glob("results.nc.damaged-*")]
    assert aside == ([content] if content.strip(b"\0") else [])


def test_a_result_that_was_damaged_inside_is_never_read(out: Path) -> None:
    """With zeros in some places HDF5 runs for ever and no interrupt reaches it."""
    whole = run(out)
    file = out / "results.nc"
    content = file.read_bytes()
    file.write_bytes(content[:1000] + bytes(3000) + content[4000:])
    with pytest.raises(ValueError, match=r"results\.nc is not whole, or damaged: make it again"):
        load(file)
    assert run(out).equals(whole)
    assert load(file).equals(whole)


@pytest.mark.parametrize("name", ["results.nc", "00001.npz"])
def test_a_full_disk_is_one_sentence_and_keeps_what_is_written(
    out: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = run_folder.write_whole.__globals__["os"].replace
    (out / "replicates" / "00001.npz").unlink()

    def full(source: Path, target: Path) -> None:
        if Path(target).name == name:
            raise OSError(28, "No space left on device", str(source))
        replace(source, target)

    kept = 3 if name == "results.nc" else 2
    sentence = rf"{name} could not be written: no space left on device\. {kept} of 3 replicates are kept in .*; run the"
    with monkeypatch.context() as patch:
        patch.setattr("causal_lpm.whole_files.os.replace", full)
        with pytest.raises(RunError, match=sentence):
            run(out)
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]
    assert run(out).equals(run())


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_ends_with_the_numbers_of_one_that_is_not(
    tmp_path: Path, installed: Path
) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "causal_lpm.cli", "run", "slow", "--replicates", "12", "--out", str(out)]
    command += ["--workers", "1", "--no-plots"]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(installed), str(Path(__file__).parents[3])]),
        "OMP_NUM_THREADS": "1",
    }
    for milliseconds in (0, 37, 411, 803):  # after the first file
        before = len(list(out.glob("**/*")))
        process = subprocess.Popen(command, env=environment, cwd=tmp_path, stderr=subprocess.DEVNULL)
        while len(list(out.glob("**/*"))) == before and process.poll() is None:
            time.sleep(0.001)
        time.sleep(milliseconds / 1000)
        process.kill()
        process.wait()
    assert subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    study = FakeStudy(name="slow")
    whole = run_experiment(study, *study.worlds("main"), 12, 0, OPTIONS, workers=1)
    np.testing.assert_array_equal(load(out / "results.nc")["predictions"]["deaths"], whole["predictions"]["deaths"])
    assert not [path for path in out.rglob("*") if path.name.startswith(".")]
