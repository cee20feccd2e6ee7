"""Writes a report: one HTML file, whole or not at all, and never over another file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from causal_lpm.reports.contents import Contents, Reportable
from causal_lpm.reports.javascript import check_installed
from causal_lpm.whole_files import write_new, write_whole

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["check_report_file", "write_report"]

SUFFIXES = (".html", ".htm")


def write_report(
    thing: Reportable | Contents | xr.DataTree | str | os.PathLike[str],
    path: str | os.PathLike[str],
    *,
    overwrite: bool = False,
) -> Path:
    """Writes one HTML file that holds everything it shows, opens without a network, and prints.

    Args:
        thing: A simulation or anything else with `contents()`; the tree of a result; or where a result was saved, such
            as `results.nc` or its folder.
        path: Ends in `.html`; its folder must be there.
        overwrite: Whether a file that is there is replaced.

    Returns:
        The path.

    Raises:
        ModuleNotFoundError: the extra `pages` is not installed.
        ValueError: another suffix, or a result that is none.
        FileNotFoundError: there is no result, or no such folder.
        FileExistsError: there is a file, and `overwrite` is False.
        WriteError: it cannot be written.

    >>> contents = Contents("Measles", "What if schools close?", "paired", "all luck is shared")
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     "What if schools close?" in write_report(contents, Path(folder) / "out.html").read_text(encoding="utf-8")
    True
    """
    file = check_report_file(path, overwrite)
    check_installed()
    from causal_lpm.reports.page import page
    from causal_lpm.reports.results import contents_of

    if isinstance(thing, Contents):
        contents = thing
    elif isinstance(thing, Reportable):
        contents = thing.contents()
    else:
        contents = contents_of(thing)
    text = page(contents)
    write = write_whole if overwrite else write_new
    write(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))
    return file


def check_report_file(path: str | os.PathLike[str], overwrite: bool = False) -> Path:
    """The path as one that a report may be written to; raises as `write_report`, before anything is computed."""
    file = Path(path)
    if file.suffix.lower() not in SUFFIXES:
        raise ValueError(
            f"a report is an HTML file, and {file} ends in {file.suffix or 'nothing'!r}: give a name.html."
        )
    if not file.parent.is_dir():
        raise FileNotFoundError(f"the folder {file.parent} is not there: make it, or give another path.")
    if file.is_dir() or (file.exists() and not overwrite):
        what = "a folder" if file.is_dir() else "there already"
        raise FileExistsError(f"{file} is {what}: give another name, or say that it may be replaced (overwrite).")
    return file
