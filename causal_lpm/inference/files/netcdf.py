"""Trees as NetCDF files, whole or not at all.

A file ends with a digest of all that is before it, which HDF5 does not read: in some damaged files HDF5 never ends.
"""

import hashlib
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from itertools import count
from pathlib import Path
from typing import Any

import h5py
import xarray as xr

from causal_lpm.whole_files import write_whole

__all__ = ["clear_away", "is_broken", "is_netcdf", "write_netcdf"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"  # of HDF5, in which NetCDF is written
_SUPERBLOCK = 96  # bytes at the beginning, which say how long the file is
_MARK = b"causal_lpm sha256 "  # between the content and its digest
_DIGEST = hashlib.sha256().digest_size


def write_netcdf(tree: xr.DataTree, path: Path, encoding: Mapping[str, Any]) -> None:
    """Writes a tree through h5netcdf.

    Raises:
        WriteError: it cannot be written.
    """
    # Into memory first: on a full disk HDF5 can neither write its file nor close it, and the process crashes.
    with _without_a_scheduler():
        content = bytes(tree.to_netcdf(engine="h5netcdf", encoding=dict(encoding)))
    whole = content + _MARK + hashlib.sha256(content).digest()
    write_whole(path, lambda file: file.write_bytes(whole))


def _without_a_scheduler() -> AbstractContextManager[object]:
    """Where this process has a client of Dask, xarray asks its scheduler for a lock, which no file in memory gets."""
    dask = sys.modules.get("dask")
    return nullcontext() if dask is None else dask.config.set(scheduler="synchronous")


def clear_away(path: Path) -> None:
    """Removes a broken file; any other gets a name of its own beside its place, in case somebody wants it."""
    if is_broken(path):
        path.unlink()
        return
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in count(1))
    path.rename(next(name for name in names if not name.exists()))


def is_netcdf(path: Path) -> bool:
    """Whether a file begins as NetCDF does, or as much as is there of it.

    >>> is_netcdf(Path("no_such_file.nc"))
    False
    """
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return _SIGNATURE.startswith(file.read(len(_SIGNATURE)))


def is_broken(path: Path) -> bool:
    """Whether a file was begun as NetCDF and is not whole, or is nothing but zeros, as after a power cut.

    It is not whole if it is empty, its end is missing, or it is not what its digest says. Files of other programs, and
    of earlier versions, have no digest.

    >>> is_broken(Path("no_such_file.nc"))
    False
    """
    if not path.is_file():
        return False
    content = path.read_bytes()
    end = len(content) - _DIGEST
    if content[max(end - len(_MARK), 0) : max(end, 0)] == _MARK:
        return hashlib.sha256(content[: end - len(_MARK)]).digest() != content[end:]
    if not content.strip(b"\0"):
        return True
    if not is_netcdf(path):
        return False
    try:
        h5py.File(path, "r").close()
    except OSError as error:
        # Not for any other reason: somebody else may have the file open.
        return path.stat().st_size < _SUPERBLOCK or "truncated file" in str(error)
    return False
