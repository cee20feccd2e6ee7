"""What killed processes leave beside a result."""

from pathlib import Path

import pytest
import xarray as xr

from causal_lpm.inference.results.calibration_tree import build_tree, load, save, with_group
from tests.inference.results.test_calibration_tree import ABOUT, SUFFIXES
from tests.test_whole_files import ended


def test_a_folder_that_a_killed_process_had_moved_aside_is_put_back(tmp_path: Path) -> None:
    pytest.importorskip("zarr")
    tree = build_tree(ABOUT, {"b": [1.0]})
    dead = ended()
    for act in (load, lambda path: save(with_group(tree, "predictions", xr.Dataset({"infections": 1})), path)):
        save(tree, path := tmp_path / "result.zarr")
        path.rename(tmp_path / f".result.{dead}.old.zarr")  # killed before the new one was in its place
        save(build_tree(ABOUT, {"b": [2.0]}), path_of_new := tmp_path / "new.zarr")
        path_of_new.rename(tmp_path / f".result.{dead}.new.zarr")
        act(path)
        assert load(path)["posterior"].identical(tree["posterior"])
        save(load(path), path)  # the next one who writes clears the rest
        assert [file.name for file in tmp_path.iterdir()] == ["result.zarr"]


@SUFFIXES
def test_a_temporary_of_a_killed_process_is_cleared(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("zarr")
    left = tmp_path / f".result.{ended()}{'.new' if suffix == '.zarr' else ''}{suffix}"
    left.mkdir()
    (left / "half").touch()
    save(build_tree(ABOUT, {"b": [1.0]}), tmp_path / f"result{suffix}")
    assert [file.name for file in tmp_path.iterdir()] == [f"result{suffix}"]


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.nc").write_text("hello")
    with pytest.raises(ValueError, match=r"notes\.nc is no NetCDF file"):
        load(tmp_path / "notes.nc")
