"""Trees as NetCDF files, whole or not at all."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import xarray as xr

from causal_lpm.inference.whole_files import write_whole

__all__ = ["is_broken", "write_netcdf"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"  # of HDF5, in which NetCDF is written
_SUPERBLOCK = 96  # bytes at the beginning, which say how long the file is


def write_netcdf(tree: xr.DataTree, path: Path, encoding: Mapping[str, Any]) -> None:
    """Writes a tree through h5netcdf.

    Raises:
        WriteError: it cannot be written.
    """
    # Into memory first: on a full disk HDF5 can neither write its file nor close it, and the process crashes.
    content = tree.to_netcdf(engine="h5netcdf", encoding=dict(encoding))
    write_whole(path, lambda file: file.write_bytes(content))


def is_broken(path: Path) -> bool:
    """Whether a file was begun as NetCDF and is not whole: it is empty, or its end is missing. Other files are not.

    >>> is_broken(Path("no_such_file.nc"))
    False
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        begin = file.read(len(_SIGNATURE))
    if not _SIGNATURE.startswith(begin):
        return False
    try:
        h5py.File(path, "r").close()
    except OSError as error:
        # Not for any other reason: somebody else may have the file open.
        return path.stat().st_size < _SUPERBLOCK or "truncated file" in str(error)
    return False
