"""The command line where something breaks: one sentence, an exit code, and nothing is lost or written over."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from typer.testing import Result

from causal_lpm.inference import load
from tests.cli.test_commands import FAST, call, home
from tests.inference.conftest import installed
from tests.test_whole_files import ended

__all__ = ["home", "installed"]


def sentence(result: Result) -> str:
    """The last line on standard error, which is the only one with more than progress."""
    lines = [line for line in result.stderr.splitlines() if "replicates are" not in line or line.startswith("causal")]
    assert len(lines) == 1, result.stderr
    return lines[0]


@contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file can grow beyond so many bytes: what a full disk is to those who write."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


RUN = ["run", "fake", "--replicates", "3", "--out", "out", *FAST]


def test_no_room_for_the_result_is_one_sentence_and_keeps_the_replicates(home: Path) -> None:
    with files_up_to(15_000):  # a replicate takes 1 kB, the result 30
        result = call(*RUN)
    assert result.exit_code == 1
    assert sentence(result) == (
        "causal-lpm: out/results.nc could not be written: file too large. 3 of 3 replicates are kept in out; run the "
        "same again to go on."
    )
    assert sorted(path.name for path in (home / "out").iterdir()) == ["manifest.json", "replicates"]
    again = call(*RUN)
    assert again.exit_code == 0
    assert "3 of 3 replicates are there already." in again.stderr


def test_no_room_for_anything_is_one_sentence() -> None:
    with files_up_to(300):
        result = call(*RUN)
    assert result.exit_code == 1
    assert sentence(result) == "causal-lpm: out/manifest.json could not be written: file too large."
    assert call(*RUN).exit_code == 0


def test_a_result_without_predictions_is_written_again(home: Path) -> None:
    assert call(*RUN).exit_code == 0
    file = home / "out" / "results.nc"
    whole = load(file)
    xr.DataTree(xr.Dataset(attrs=whole.attrs)).to_netcdf(file, engine="h5netcdf")
    assert call(*RUN).exit_code == 0
    assert load(file).equals(whole)


def test_a_temporary_of_a_killed_run_blocks_nothing(home: Path) -> None:
    (home / "out").mkdir()
    (home / "out" / f".manifest.{ended()}.json").write_text("{")
    assert call(*RUN).exit_code == 0
    assert sorted(path.name for path in (home / "out").iterdir()) == ["manifest.json", "replicates", "results.nc"]


@pytest.mark.parametrize(
    ("arguments", "there"),
    [
        (["--json", "loop"], "loop is there and is not the JSON of an earlier run"),
        (["--json", "nowhere"], "the JSON file nowhere cannot be written"),
        (["--json", "folder"], "folder is there and is not the JSON of an earlier run"),
        (["--json", "letter/numbers.json"], "cannot be written"),
        (["--json", "twice.json"], "twice.json is there and is not the JSON of an earlier run"),
        (["--out", "loop"], "the folder loop is a link that leads nowhere"),
        (["--out", "letter"], "the folder letter is a file"),
        (["--out", "loop/out"], "loop/out: "),
        (["--doses", "loop"], "the file of doses loop does not exist"),
    ],
)
def test_paths_that_lead_nowhere_are_refused_and_left_alone(home: Path, arguments: list[str], there: str) -> None:
    (home / "loop").symlink_to("loop")
    (home / "nowhere").symlink_to("no/such/file.json")
    (home / "folder").mkdir()
    (home / "letter").write_text("dear")
    (home / "twice.json").write_text('{"study": "fake", "contrasts": [], "contrasts": []}')
    before = sorted(path.name for path in home.rglob("*"))
    result = call("run", "fake", "--replicates", "1", *FAST, *arguments)
    assert result.exit_code == 2, result.stderr
    assert there in sentence(result)
    assert sorted(path.name for path in home.rglob("*")) == before


def test_a_json_of_an_earlier_run_is_replaced_also_through_a_link(home: Path) -> None:
    (home / "elsewhere").mkdir()
    assert call(*RUN, "--json", "elsewhere/numbers.json").exit_code == 0
    (home / "link.json").symlink_to("elsewhere/numbers.json")
    assert call(*RUN, "--json", "link.json").exit_code == 0
    assert json.loads((home / "link.json").read_text())["study"] == "fake"


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["run", "fake", "--days", "100000000000"], "4 replicates of 2 worlds, 100000000000 days need about"),
        (["run", "fake", "--days", "999999999999999999999999999999"], "give a whole number from 1 to 2**63 - 1"),
        (
            ["run", "fake", "--replicates", "1000000000000"],
            "1000000000000 replicates of 2 worlds, 30 days need about",
        ),
        (["run", "fake", "--agents", "1000000000000000"], "would take"),
        (["run", "fake", "--workers", "100000", "--replicates", "1000000"], "100000 worker processes need about"),
        (["whatif", "fake", "--do", "efficacy=0.9", "--days", "100000000000"], "100000000000 days need about"),
        (["run", "fake", "--days", "1000000"], "1000000 days from 2021-01-30 on end after 2261"),
    ],
)
def test_counts_beyond_memory_and_time_are_refused_at_once(home: Path, arguments: list[str], reason: str) -> None:
    result = call(*arguments)
    assert result.exit_code == 2, result.stderr
    assert reason in sentence(result)
    assert list(home.iterdir()) == []


NUMBERS = ["1_000", "١٠", "+5", " 5 ", "5.0", "1e3", "0x10", "nan", "inf", "½", "1" * 5000]


@pytest.mark.parametrize(
    ("option", "text"),
    [
        *(("agents", text) for text in NUMBERS),
        ("days", "1_0"),
        ("replicates", "1_0"),
        ("seed", "1_0"),
        ("workers", "1_0"),
    ],
)
def test_whole_numbers_are_digits(home: Path, option: str, text: str) -> None:
    result = call("run", "fake", f"--{option}", text)
    assert result.exit_code == 2
    assert f"Invalid value for '--{option}': " in sentence(result)
    assert "is not a whole number like 12" in sentence(result)
    assert list(home.iterdir()) == []


@pytest.mark.parametrize("text", ["1_0", "٠", "0x0", "nan", "inf", "-inf", "1e39", "1e400", "½", "0,5", "NaN", "+0.5"])
def test_policies_are_numbers_in_their_range(home: Path, text: str) -> None:
    for arguments in (["whatif", "fake", "--do", f"efficacy={text}"], ["run", "fake", "--setting", f"efficacy={text}"]):
        result = call(*arguments)
        assert result.exit_code == 2
        assert "policy 'efficacy' is" in sentence(result) or "is not of the form name=value" in sentence(result)
    assert list(home.iterdir()) == []


def test_options_that_are_no_plain_numbers_stay_texts() -> None:
    result = call("run", "fake", "--replicates", "1", "--out", "out", "--option", "x=1_000", "--option", "y=1e3", *FAST)
    assert result.exit_code == 0, result.stderr
    assert json.loads(load("out/results.nc").attrs["options"]) == {"x": "1_000", "y": 1000.0}


def test_settings_that_set_the_same_are_not_compared(home: Path) -> None:
    for arguments in (
        ["whatif", "fake", "--do", "efficacy=0.5"],  # the default
        ["run", "fake", "--setting", "a: efficacy=0.9", "--setting", "b: efficacy=0.90, interval=21"],
    ):
        result = call(*arguments)
        assert result.exit_code == 2
        assert "set the same policies, so that they cannot differ" in sentence(result)
    assert list(home.iterdir()) == []


def test_a_replicate_copied_over_another_is_simulated_again(home: Path) -> None:
    assert call(*RUN).exit_code == 0
    before = load("out/results.nc")
    (home / "out" / "replicates" / "00001.npz").write_bytes((home / "out" / "replicates" / "00000.npz").read_bytes())
    (home / "out" / "results.nc").unlink()
    result = call(*RUN)
    assert result.exit_code == 0
    after = load("out/results.nc")
    np.testing.assert_array_equal(after["predictions"]["deaths"], before["predictions"]["deaths"])
