"""Files that are there whole or not at all: written to a temporary name beside their place, then put there.

A process that is killed leaves its temporary file. The name says whose it was, so that it never counts as content and
whoever comes next clears it away.
"""

import hashlib
import os
import platform
import re
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

__all__ = [
    "WriteError",
    "check_folder",
    "clear_leftovers",
    "holds_nothing",
    "leftovers",
    "numbered",
    "temporary_of",
    "write_error",
    "write_new",
    "write_whole",
]

SURELY_OVER = 86_400.0  # seconds after which no process can still be writing one file
_MACHINE = hashlib.sha256(platform.node().encode()).hexdigest()[:8]  # no name of a host stands in a file's name
# Of manifest.json: `.manifest.1a2b3c4d-42-43.json` (machine, process, thread); in earlier versions `.manifest.42.json`.
_TEMPORARY = re.compile(
    r"\.(?P<stem>.+)\.(?:(?P<machine>[0-9a-f]{8})-)?(?P<process>\d{1,9})(?:-\d+)?(?:\.(?:new|old))?(?P<suffix>\.\w+)?"
)


class WriteError(OSError):
    """A file could not be written, for example because the disk is full; what was there before is untouched."""


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary path beside `path` and renames it, so that no half file is ever seen.

    Raises:
        WriteError: it cannot be written.
    """
    _write(path, write, os.replace)


def write_new(path: Path, write: Callable[[Path], object]) -> None:
    """As `write_whole`, for a file that is not there yet: of two processes that write it at once, one succeeds.

    Raises:
        FileExistsError: it is there.
        WriteError: it cannot be written.
    """
    _write(path, write, _put_new)


def write_error(path: Path, error: OSError) -> WriteError:
    """What to raise where `path` cannot be written."""
    reason = error.strerror.lower() if error.strerror else str(error).rstrip(".")
    return WriteError(f"{path} could not be written: {reason}.")


def temporary_of(path: Path, what: str = "") -> Path:
    """The name under which this thread writes `path`; `what` tells several apart."""
    own = f"{_MACHINE}-{os.getpid()}-{threading.get_native_id()}"
    return path.with_name(f".{path.stem}.{own}{what}{path.suffix}")


def _write(path: Path, write: Callable[[Path], object], put: Callable[[Path, Path], None]) -> None:
    temporary = temporary_of(path)
    try:
        clear_leftovers(path.parent, re.escape(path.name))
        write(temporary)
        put(temporary, path)
    except FileExistsError:
        raise
    except OSError as error:
        raise write_error(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _put_new(temporary: Path, path: Path) -> None:
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        with path.open("xb") as file:
            file.write(temporary.read_bytes())


def _target(name: str) -> str | None:
    """The name of the file that a temporary one was to become; None for any other file."""
    match = _TEMPORARY.fullmatch(name)
    return f"{match['stem']}{match['suffix'] or ''}" if match else None


def check_folder(what: str, folder: Path) -> None:
    """Raises FileExistsError where something else than a folder has its name."""
    if (folder.exists() or folder.is_symlink()) and not folder.is_dir():
        there = "a file" if folder.exists() else "a link that leads nowhere"
        raise FileExistsError(f"{what} {folder} is {there}: give another folder.")


def numbered(folder: Path, digits: int, below: int) -> list[int]:
    """The numbers below a limit of which a folder has files such as 0012.npz, of at least so many digits, in order."""
    stems = (path.stem for path in folder.glob("*.npz") if re.fullmatch(rf"\d{{{digits},18}}", path.stem, re.ASCII))
    return sorted(number for number in map(int, stems) if number < below)


def holds_nothing(folder: Path, names: str) -> bool:
    """Whether a folder has nothing in it but temporaries of files of these names, a regular expression."""
    return all(re.fullmatch(names, _target(path.name) or "") for path in folder.iterdir())


def leftovers(folder: Path, names: str) -> list[Path]:
    """Temporaries that ended processes have left of files of these names, a regular expression."""
    found = [path for path in folder.iterdir() if re.fullmatch(names, _target(path.name) or "")]
    return [path for path in found if _is_left_over(path)]


def clear_leftovers(folder: Path, names: str) -> None:
    """Removes `leftovers`."""
    for path in leftovers(folder, names):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _is_left_over(temporary: Path) -> bool:
    match = _TEMPORARY.fullmatch(temporary.name)
    assert match is not None
    ours = match["machine"] in (None, _MACHINE)
    try:
        return (ours and _has_ended(int(match["process"]))) or time.time() - temporary.stat().st_mtime > SURELY_OVER
    except FileNotFoundError:  # its process has just put it in its place
        return False


def _has_ended(process: int) -> bool:
    if os.name != "posix":  # elsewhere signal 0 is no question
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (PermissionError, OverflowError):
        return False
    return False
