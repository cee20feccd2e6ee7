from pathlib import Path

import h5py
import numpy as np
import pytest

from causal_lpm.inference.netcdf import is_broken


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
    for other in (b"a letter", b"CDF\x01", b"\x89PNG\r\n\x1a\n", b"\x00" * 100):
        file.write_bytes(other)
        assert not is_broken(file)
    assert not is_broken(tmp_path)
    assert not is_broken(tmp_path / "none.nc")
