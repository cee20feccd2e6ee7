"""The tree of a calibration on disk: a NetCDF file or a Zarr folder, whole or not at all, and never over another."""

import os
import re
import shutil
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import xarray as xr

from causal_lpm.extras import installing
from causal_lpm.inference.files.netcdf import is_broken, is_netcdf, write_netcdf
from causal_lpm.whole_files import clear_leftovers, leftovers, temporary_of, write_error

__all__ = ["load", "save", "write"]

COMPRESSED_FROM = 1000  # elements; below, compression only costs


def save(tree: xr.DataTree, path: str | os.PathLike[str]) -> None:
    """Writes the tree as NetCDF (`.nc`, through h5netcdf) or as Zarr (`.zarr`, a folder), whole or not at all.

    A result that is there may grow by further groups, such as predictions; nothing in it is changed or lost.

    Args:
        tree: a result.
        path: ends in `.nc` or `.zarr`; its folder is made if need be.

    Raises:
        ValueError: another suffix.
        WriteError: it cannot be written.
        FileExistsError: the path holds something that the tree does not contain.
        ModuleNotFoundError: zarr is not installed.
    """
    path = Path(path)
    _check_suffix(path)
    _put_back(path)
    _check_nothing_lost(tree, path)
    path.parent.mkdir(parents=True, exist_ok=True)
    write(tree, path)


def write(tree: xr.DataTree, path: Path) -> None:
    """Writes the tree in place of whatever is there, whole or not at all; WriteError where it cannot."""
    if path.suffix == ".zarr":
        _write_folder_whole(path, lambda folder: tree.to_zarr(folder, mode="w", zarr_format=2))
    else:
        write_netcdf(tree, path, _compression(tree))


def load(path: str | os.PathLike[str]) -> xr.DataTree:
    """Reads a saved tree into memory.

    Raises:
        ValueError: the path ends in neither `.nc` nor `.zarr`, or the file is not whole, or of another format.
        FileNotFoundError: there is nothing.
        ModuleNotFoundError: zarr is not installed.
    """
    path = Path(path)
    _check_suffix(path)
    _put_back(path)
    if not path.exists():
        raise FileNotFoundError(f"there is no result at {path}: give the path that it was saved to.")
    if path.suffix == ".nc" and is_broken(path):
        raise ValueError(f"{path} is not whole, or damaged: make it again, or take it from a copy.")
    if path.suffix == ".nc" and not is_netcdf(path):
        raise ValueError(f"{path} is no NetCDF file: give a file that save has written.")
    engine = "zarr" if path.suffix == ".zarr" else "h5netcdf"
    with xr.open_datatree(path, engine=engine) as tree:
        return tree.load()


def _check_suffix(path: Path) -> None:
    if path.suffix not in (".nc", ".zarr"):
        raise ValueError(f"{path} ends in neither .nc (NetCDF) nor .zarr (a folder): choose one of them.")
    if path.suffix == ".zarr" and find_spec("zarr") is None:
        raise ModuleNotFoundError(
            f"Zarr needs the package zarr: install the extra 'inference', {installing('inference')}, or save as .nc."
        )


def _check_nothing_lost(tree: xr.DataTree, path: Path) -> None:
    if not path.exists():
        return
    try:
        there = load(path)
    except (OSError, ValueError, KeyError) as error:
        raise FileExistsError(f"{path} is not a result that can be read: give another path.") from error
    for group in there.groups:
        if group not in tree.groups or not there[group].to_dataset().identical(tree[group].to_dataset()):
            what = "another result" if group == "/" else f"a group {group.lstrip('/')!r} that is not this result's"
            raise FileExistsError(f"{path} holds {what}: give another path.")


def _compression(tree: xr.DataTree) -> dict[str, dict[str, dict[str, object]]]:
    return {
        node.path: {
            str(name): {"zlib": True, "complevel": 1}
            for name, values in node.data_vars.items()
            if values.dtype.kind in "iuf" and values.size >= COMPRESSED_FROM
        }
        for node in tree.subtree
    }


def _put_back(path: Path) -> None:
    """Where a process was killed while it replaced a folder, the old one still lies aside."""
    if path.suffix == ".zarr" and path.parent.is_dir() and not path.exists():
        for aside in leftovers(path.parent, re.escape(path.name)):
            if aside.stem.endswith(".old"):
                aside.rename(path)
                return


def _write_folder_whole(path: Path, write: Callable[[Path], object]) -> None:
    """As `write_whole`, for a folder: what was there is moved aside and removed once the new one is in its place."""
    new, old = (temporary_of(path, what) for what in (".new", ".old"))
    try:
        clear_leftovers(path.parent, re.escape(path.name))
        write(new)
        if path.exists():
            path.rename(old)
        new.rename(path)
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        if old.exists() and not path.exists():
            old.rename(path)
        for folder in (new, old):
            shutil.rmtree(folder, ignore_errors=True)
