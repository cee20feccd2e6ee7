import importlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from causal_lpm.inference import (
    Options,
    RunError,
    installed_studies,
    load,
    load_study,
    replicate_seed,
    run_experiment,
)
from causal_lpm.inference.runs import seeds
from causal_lpm.inference.runs.run_folder import identity
from causal_lpm.inference.studies import manifest as manifests
from causal_lpm.inference.studies.manifest import manifest
from tests.inference.fake_study import FakeStudy
from tests.processes import group_ends

ROOT = Path(__file__).parents[3]
OPTIONS = Options(1000, 30)


def run(study: FakeStudy, replicates: int, out: Path | None = None, **kwargs: object) -> xr.DataTree:
    worlds, references = study.worlds("demo")
    given = {"seed": 7, "options": OPTIONS, "workers": 1, **kwargs}
    return run_experiment(study, worlds, references, replicates, out=out, **given)  # type: ignore[arg-type]


def kept(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "replicates").iterdir())


def test_seeds_are_those_of_splitmix64() -> None:
    # The first outputs of the reference stream begun at 1234567, without their last bit.
    reference = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert [replicate_seed(1234567, replicate) for replicate in range(3)] == [x >> 1 for x in reference]


def test_seeds_differ_and_are_valid_for_torch_and_numpy() -> None:
    seeds = {replicate_seed(seed, replicate) for seed in range(50) for replicate in range(200)}
    assert len(seeds) == 10_000
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_replicate_does_not_depend_on_how_many_there_are() -> None:
    few, many = run(FakeStudy(), 2), run(FakeStudy(), 5)
    xr.testing.assert_identical(
        few["predictions"].to_dataset(), many["predictions"].to_dataset().isel(replicate=slice(2))
    )


def test_processes_give_the_same_numbers_and_report_progress(tmp_path: Path) -> None:
    reports: list[tuple[int, int]] = []
    alone = run(FakeStudy(), 3)
    together = run(FakeStudy(), 3, tmp_path / "out", workers=2, progress=lambda *report: reports.append(report))
    assert together.equals(alone)
    assert reports == [(0, 3), (1, 3), (2, 3), (3, 3)]
    assert kept(tmp_path / "out") == ["00000.npz", "00001.npz", "00002.npz"]
    assert load(tmp_path / "out" / "results.nc").equals(alone)


def test_a_run_goes_on_where_it_stopped_also_with_more_replicates(tmp_path: Path) -> None:
    run(FakeStudy(), 2, tmp_path)
    before = {name: (tmp_path / "replicates" / name).stat().st_mtime_ns for name in kept(tmp_path)}
    reports: list[int] = []
    tree = run(FakeStudy(), 4, tmp_path, progress=lambda done, total: reports.append(done))
    assert reports == [2, 3, 4]
    assert all((tmp_path / "replicates" / name).stat().st_mtime_ns == ns for name, ns in before.items())
    assert tree.equals(run(FakeStudy(), 4))
    assert load(tmp_path / "results.nc").equals(tree)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"seed": 8}, "its seed is 7, yours is 8"),
        ({"options": Options(2000, 30)}, "its agents is 1000, yours is 2000"),
        (
            {"options": Options(1000, 30, extra={"mechanism": "described"})},
            "in its options, its mechanism is None",
        ),
    ],
)
def test_a_folder_of_another_experiment_is_refused_and_left_alone(
    tmp_path: Path, changes: dict[str, object], reason: str
) -> None:
    run(FakeStudy(), 2, tmp_path)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(FileExistsError, match="another"):
        run(FakeStudy(), 2, tmp_path, **changes)
    (tmp_path / "results.nc").unlink()
    with pytest.raises(FileExistsError, match=reason):
        run(FakeStudy(), 2, tmp_path, **changes)
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after == {path: content for path, content in before.items() if path.name != "results.nc"}


def test_other_worlds_are_refused(tmp_path: Path) -> None:
    study = FakeStudy()
    run(study, 1, tmp_path)
    (tmp_path / "results.nc").unlink()
    with pytest.raises(FileExistsError, match="its worlds differ"):
        run_experiment(study, {"standard": {"efficacy": 0.1}}, {}, 1, 7, OPTIONS, tmp_path, 1)


def test_a_file_of_data_counts_by_its_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a" / "doses.csv", tmp_path / "b" / "doses.csv"
    for file in (first, second):
        file.parent.mkdir()
        file.write_text("date,doses\n")
    out = tmp_path / "out"
    run(FakeStudy(), 1, out, options=Options(1000, 30, extra={"doses": str(first)}))
    tree = run(FakeStudy(), 1, out, options=Options(1000, 30, extra={"doses": str(second)}))
    assert len(tree.attrs["provenance_sha256:doses.csv"]) == 64
    second.write_text("date,doses\n2021-01-01,5\n")
    with pytest.raises(FileExistsError, match="another"):
        run(FakeStudy(), 1, out, options=Options(1000, 30, extra={"doses": str(second)}))
    assert str(tmp_path) not in (out / "manifest.json").read_text()
    assert tree.attrs["options"] == '{"doses": "doses.csv"}'


def test_a_file_counts_whatever_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = Options(1000, 30, extra={"population": "nyc"})
    codes = [identity(manifest(FakeStudy(), {}, 7, options))]
    for content in ("one", "two"):
        (tmp_path / "nyc").write_text(content)
        codes.append(identity(manifest(FakeStudy(), {}, 7, options)))
    assert len(set(codes)) == 3


def test_the_code_of_a_study_counts_unless_it_says_that_it_simulates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "a_study"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "study.py").write_text("class Study:\n    not_simulating = ('report.py',)\n")
    monkeypatch.syspath_prepend(tmp_path)
    study = importlib.import_module("a_study.study").Study()
    codes = [manifests._code_hash(study)]
    (package / "report.py").write_text("tables = 1")
    codes.append(manifests._code_hash(study))
    (package / "model.py").write_text("rate = 1")
    codes.append(manifests._code_hash(study))
    assert codes[0] == codes[1] != codes[2]
    assert Path(seeds.__file__) in map(Path, manifests._code_files(study))


def test_a_replicate_that_cannot_be_read_is_simulated_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    expected = run(FakeStudy(), 5, tmp_path)
    (tmp_path / "results.nc").unlink()
    files = [tmp_path / "replicates" / name for name in kept(tmp_path)]
    files[0].write_bytes(files[0].read_bytes()[:-200])
    files[1].write_bytes(b"")
    files[2].write_text("a letter")
    np.savez_compressed(files[3], deaths=np.zeros((2, 2, 29)))
    reports: list[int] = []
    again = run(FakeStudy(), 5, tmp_path, progress=lambda done, total: reports.append(done))
    assert again.equals(expected)
    assert reports[0] == 1
    (message,) = caplog.messages
    assert re.fullmatch(r"Replicate 0 is simulated again: .*00000\.npz cannot be read; so are 3 more\.", message)


def test_results_have_the_provenance_of_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(FakeStudy(), 1, tmp_path)
    assert json.loads((tmp_path / "manifest.json").read_text())["provenance"]["seed"] == "7"
    monkeypatch.setattr("causal_lpm.inference.studies.experiment.provenance", lambda **_: {"commit": "later"})
    assert "provenance_numpy" in run(FakeStudy(), 2, tmp_path).attrs
    assert run(FakeStudy(), 2).attrs["provenance_commit"] == "later"


@pytest.mark.parametrize("content", ["a letter", "no json", "[]", "\udcff"])
def test_a_folder_of_something_else_is_refused(tmp_path: Path, content: str) -> None:
    name = "letter.txt" if content == "a letter" else "manifest.json"
    (tmp_path / name).write_text(content, encoding="utf-8", errors="surrogateescape")
    with pytest.raises(FileExistsError, match="give another"):
        run(FakeStudy(), 1, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_fewer_replicates_do_not_replace_more(tmp_path: Path) -> None:
    run(FakeStudy(), 3, tmp_path)
    with pytest.raises(FileExistsError, match="already holds 3 replicates"):
        run(FakeStudy(), 2, tmp_path)
    assert load(tmp_path / "results.nc")["predictions"].sizes["replicate"] == 3


@pytest.mark.parametrize("workers", [1, 2])
def test_a_failing_replicate_is_named_and_the_others_are_kept(tmp_path: Path, workers: int) -> None:
    seed = replicate_seed(7, 2)
    with pytest.raises(RunError, match=rf"replicate 2 \(seed {seed}\) failed with Zero") as caught:
        run(FakeStudy(fails_at=(seed,)), 3, tmp_path, workers=workers)
    assert "2 of 3 replicates are kept" in str(caught.value)
    assert kept(tmp_path) == ["00000.npz", "00001.npz"]
    assert not (tmp_path / "results.nc").exists()


@pytest.mark.parametrize(
    ("outcomes", "sentence"),
    [(("deaths", "births"), "no 'births'"), (("deaths",), "")],
)
def test_replicates_are_checked(outcomes: tuple[str, ...], sentence: str) -> None:
    if sentence:
        with pytest.raises(RunError, match=sentence):
            run(FakeStudy(outcomes=outcomes), 1)
    else:
        assert list(run(FakeStudy(outcomes=outcomes), 1)["predictions"].data_vars) == ["deaths"]


def test_wrong_shapes_and_counts_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for values, sentence in ((np.zeros((2, 2, 29)), "has shape"), (np.full((2, 2, 30), -1.0), "negative")):
        monkeypatch.setattr(FakeStudy, "simulate", lambda *_, v=values: {"deaths": v, "infections": v})
        with pytest.raises(RunError, match=sentence):
            run(FakeStudy(), 1)


def test_an_interrupt_keeps_what_is_finished_and_says_how_to_go_on(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt, match=r"2 of 4 replicates are kept in .*; run the same again"):
        run(FakeStudy(interrupts_at=(replicate_seed(7, 2),)), 4, tmp_path)
    assert kept(tmp_path) == ["00000.npz", "00001.npz"]
    assert run(FakeStudy(), 4, tmp_path).equals(run(FakeStudy(), 4))


def test_studies_are_found_by_name(installed: Path) -> None:
    assert load_study("fake").name == "fake"
    assert {"fake", "slow"} <= set(installed_studies())
    with pytest.raises(ValueError, match="unknown study 'fakke': did you mean 'fake'"):
        load_study("fakke")


@pytest.mark.slow
def test_a_killed_process_is_reported(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="killed"):
        run(FakeStudy(exits_at=(replicate_seed(7, 1),)), 2, tmp_path, workers=2)


def _started(out: Path, tmp_path: Path, installed: Path) -> subprocess.Popen[str]:
    """A run of the slow study in a process group of its own, as soon as the first replicate is finished."""
    path = os.pathsep.join([str(installed), str(ROOT)])
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "causal_lpm.cli", "run", "slow", "--replicates", "60", "--out", str(out)]
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # tests in the background ignore it
    )
    deadline = time.monotonic() + 60
    while not list(out.glob("replicates/?????.npz")) and time.monotonic() < deadline:
        time.sleep(0.1)
    return process


@pytest.mark.slow
def test_processes_end_with_a_parent_that_is_killed(tmp_path: Path, installed: Path) -> None:
    process = _started(tmp_path / "out", tmp_path, installed)
    process.kill()
    process.communicate(timeout=30)
    assert group_ends(process.pid, seconds=10)


@pytest.mark.slow
def test_sigterm_to_the_parent_alone_is_an_interrupt(tmp_path: Path, installed: Path) -> None:
    process = _started(tmp_path / "out", tmp_path, installed)
    time.sleep(1)  # until it says that a replicate is finished, which is after its file is there
    process.terminate()
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "of 60 replicates are kept in" in errors
    assert " of 60 replicates are finished." in errors
    assert "Traceback" not in errors
    assert group_ends(process.pid, seconds=10)


@pytest.mark.slow
def test_ctrl_c_stops_the_processes_and_the_run_can_go_on(tmp_path: Path, installed: Path) -> None:
    out = tmp_path / "out"
    # A group of its own gets the signal as a terminal sends it: to the processes, too.
    process = _started(out, tmp_path, installed)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    assert process.returncode == 130, errors
    assert "replicates are kept in" in errors
    assert "Traceback" not in errors
    assert group_ends(process.pid, seconds=10)
    assert all(np.load(file)["data/deaths"].shape == (2, 2, 30) for file in out.glob("replicates/*.npz"))
    assert json.loads((out / "manifest.json").read_text())["study"] == "slow"
