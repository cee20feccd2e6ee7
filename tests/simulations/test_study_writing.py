import os
import subprocess
import sys
from pathlib import Path

import pytest

from causal_lpm.cli import app
from causal_lpm.simulations.study_writing import new_study

ROOT = Path(__file__).parents[2]


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"}
    return subprocess.run([sys.executable, "-m", *command], cwd=folder, env=environment, capture_output=True, text=True)


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "my_study").mkdir()
    with pytest.raises(FileExistsError, match="is there already, and nothing is written over"):
        new_study("my_study", tmp_path)
    assert not list((tmp_path / "my_study").iterdir())


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("my study", "the name 'my study' cannot be imported: give letters, digits and _, as in my_study"),
        ("class", "the name 'class' cannot be imported"),
        ("", "the name '' cannot be imported"),
        ("json", "the name 'json' is that of a package of Python's: give another one, as in my_json"),
    ],
)
def test_a_name_that_cannot_be_imported_is_one_sentence(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        new_study(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="is not there"):
        new_study("my_study", tmp_path / "nowhere")


def test_the_command_refuses_with_one_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        app(["new", "my-study", "--in", str(tmp_path)])
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("causal-lpm: the name 'my-study' cannot be imported")


@pytest.mark.slow
def test_the_study_that_is_written_runs_at_once_and_passes_its_own_test(tmp_path: Path) -> None:
    files = new_study("my_study", tmp_path)
    assert {file.name for file in files} >= {"model.py", "policies.py", "study.py", "data.csv", "test_my_study.py"}
    tested = run(tmp_path, "pytest", "-q", "-p", "no:cacheprovider", "my_study")
    assert tested.returncode == 0, tested.stdout
    small = ("--replicates", "2", "--workers", "1", "--no-plots")
    for command in (("run",), ("whatif", "--do", "school_closure_day=20")):
        ended = run(tmp_path, "causal_lpm.cli", command[0], "my_study.study:study", *command[1:], *small)
        assert ended.returncode == 0, ended.stderr
        assert "infections" in ended.stdout
    learning = ("--budget", "60", "--gate", "0", "--ensemble", "1", "--no-plots")
    ended = run(tmp_path, "causal_lpm.cli", "calibrate", "my_study.study:study", *learning)
    assert ended.returncode == 3, ended.stderr  # without a gate there is no verdict
