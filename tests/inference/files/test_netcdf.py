from pathlib import Path

import h5py
import numpy as np
import pytest
import xarray as xr

from causal_lpm.inference.files.netcdf import is_broken, write_netcdf


@pytest.mark.parametrize("libver", ["earliest", "latest"])
def test_what_was_cut_short_is_broken_and_nothing_else(tmp_path: Path, libver: str) -> None:
    file = tmp_path / "a.nc"
    with h5py.File(file, "w", libver=libver) as content:
        content["a"] = np.arange(1000)
        content.flush()
        assert not is_broken(file)  # somebody is at it
    whole = file.read_bytes()
    assert not is_broken(file)
    for left in (0, 4, 8, 50, 100, 800, len(whole) - 1):
        file.write_bytes(whole[:left])
        assert is_broken(file), left
    for other in (b"a letter", b"CDF\x01", b"\x89PNG\r\n\x1a\n"):
        file.write_bytes(other)
        assert not is_broken(file)
    file.write_bytes(bytes(100))  # as a power cut leaves it
    assert is_broken(file)
    assert not is_broken(tmp_path)
    assert not is_broken(tmp_path / "none.nc")


def test_every_change_of_a_file_is_noticed_before_it_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.nc"
    tree = xr.DataTree.from_dict({"a": xr.Dataset({"x": ("t", np.arange(1000.0))})})
    write_netcdf(tree, file, {})
    assert not is_broken(file)
    with xr.open_datatree(file, engine="h5netcdf") as there:
        assert there.load().identical(tree)
    whole = file.read_bytes()
    for at in range(0, len(whole) - 60, 97):
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        assert is_broken(file), at
    file.write_bytes(whole)
    with h5py.File(file, "a") as content:  # other programs may add to it
        content["more"] = np.arange(1000)
    assert not is_broken(file)
