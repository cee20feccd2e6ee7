"""`causal-lpm calibrate` where something breaks: one sentence, and no simulation is lost or believed wrongly."""

import shutil
from pathlib import Path

import pytest
import xarray as xr

from causal_lpm.inference.calibration.result import CalibrationResult
from tests.cli.test_calibrate import QUICK, call, csv, home
from tests.cli.test_calibrate import _table as table
from tests.test_whole_files import ended

__all__ = ["home"]

ABC = [*QUICK, "--method", "abc"]


def test_a_result_that_was_cut_short_is_computed_again_from_the_kept_simulations(home: Path) -> None:
    first = call("normal", *ABC, "--out", "out")
    file = home / "out" / "calibration.nc"
    for left in (1000, 0):
        file.write_bytes(file.read_bytes()[:left])
        again = call("normal", *ABC, "--out", "out")
        assert again.exit_code == 3, again.stderr
        assert "out/calibration.nc is not whole and is computed again." in again.stderr
        assert "simulating, first: 40 of 40 are there already." in again.stderr
        assert table(again) == table(first) != []


def test_a_damaged_result_is_computed_again_from_the_kept_simulations(home: Path) -> None:
    first = call("normal", *ABC, "--out", "out")
    file = home / "out" / "calibration.nc"
    content = file.read_bytes()
    for left in (content[:1000] + bytes(3000) + content[4000:], bytes(3000), b"dear"):
        file.write_bytes(left)
        again = call("normal", *ABC, "--out", "out")
        assert "out/calibration.nc is not whole and is computed again." in again.stderr
        assert table(again) == table(first) != []
    assert [path.read_bytes() for path in file.parent.glob("*.damaged-*")] == [b"dear"]


def test_what_is_no_result_is_left_alone(home: Path) -> None:
    assert call("normal", *ABC, "--out", "out").exit_code == 3
    file = home / "out" / "calibration.nc"
    tree = CalibrationResult.load(file).tree
    xr.DataTree(xr.Dataset(attrs=tree.attrs)).to_netcdf(file, engine="h5netcdf")
    before = file.read_bytes()
    result = call("normal", *ABC, "--out", "out")
    assert result.exit_code == 2
    assert "give another folder" in result.stderr
    assert file.read_bytes() == before


def test_no_room_for_the_result_is_one_sentence_and_keeps_the_simulations(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device", str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        result = call("normal", *ABC, "--out", "out")
    assert result.exit_code == 1
    assert result.stderr.splitlines()[-1] == (
        "causal-lpm: out/calibration.nc could not be written: no space left on device. Simulations are kept in "
        "out/simulations; run the same again to go on."
    )
    assert [path.name for path in (home / "out").iterdir()] == ["simulations"]
    assert "are there already" in call("normal", *ABC, "--out", "out").stderr


def test_a_temporary_of_a_killed_run_blocks_nothing(home: Path) -> None:
    (home / "out").mkdir()
    (home / "out" / f".calibration.{ended()}.nc").touch()
    assert call("normal", "--method", "gradient", "--no-plots", "--out", "out").exit_code == 0
    assert [path.name for path in (home / "out").iterdir()] == ["calibration.nc"]


def test_a_block_copied_over_another_is_simulated_again(home: Path) -> None:
    batches = ["--budget", "240", *ABC[2:]]  # three blocks
    first = call("normal", *batches, "--out", "out")
    blocks = home / "out" / "simulations" / "first" / "blocks"
    shutil.copy(blocks / "00000.npz", blocks / "00001.npz")
    (home / "out" / "calibration.nc").unlink()
    again = call("normal", *batches, "--out", "out")
    assert "Block 1 is simulated again: " in " ".join(again.stderr.split())
    assert table(again) == table(first) != []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--budget", "1000000000000"], "1000000000200 simulations need about"),
        (["--gate", "1000000000000"], "simulations need about"),
        (["--draws", "1000000000000"], "1000000000000 draws need about"),
        (["--ensemble", "1000000000000"], "the training of 1000000000000 networks would take"),
        (["--workers", "1000000000000", "--budget", "100000000"], "need about"),
        (["--budget", "1_000"], "'1_000' is not a whole number"),
        (["--draws", "1e3"], "'1e3' is not a whole number"),
        (["--seed", "9223372036854775808"], "seed is 9223372036854775808"),
        (["--seed", "٣"], "'٣' is not a whole number"),
        (["--json", "loop"], "loop is there and is not the JSON of an earlier run"),
        (["--out", "loop"], "the output folder loop is a link that leads nowhere"),
        (["--data", "loop"], "loop: too many levels of symbolic links"),
    ],
)
def test_counts_numbers_and_paths_are_refused_at_once(home: Path, arguments: list[str], sentence: str) -> None:
    (home / "loop").symlink_to("loop")
    result = call("normal", *arguments)
    assert result.exit_code == 2, result.stderr
    assert sentence in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert [path.name for path in home.iterdir()] == ["loop"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            "day,x\n" + "".join(f"{day},1\n" for day in range(5, 11)),
            "begin with day 5, and a simulation begins with day 0",
        ),
        ("day,x\n" + "".join(f"{day},1\n" for day in range(5, -1, -1)), "line 3: day 4 comes after day 5"),
        (
            "date,x\n" + "".join(f"2020-03-0{day},1\n" for day in range(6, 0, -1)),
            "out of order: 2020-03-05 comes after",
        ),
        ("date,x\n" + "".join(f"0{day}/03/2020,1\n" for day in range(1, 7)), "'01/03/2020' is not a date like"),
    ],
)
def test_time_is_read_in_one_direction_and_from_its_beginning(home: Path, content: str, sentence: str) -> None:
    result = call("normal", "--data", csv(home, content))
    assert result.exit_code == 2
    assert sentence in result.stderr
