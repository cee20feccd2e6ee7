"""What `.npz` files say they belong to, where the manifest beside them was lost."""

import zipfile
import zlib
from pathlib import Path

import numpy as np

__all__ = ["UNREADABLE", "is_lost_manifest"]

UNREADABLE = (OSError, KeyError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)
"""What reading a file may raise that is no whole `.npz`, or has not what it should have."""


def is_lost_manifest(manifest: Path, files: Path, name: str, mine: str) -> bool:
    """Whether a manifest that is gone or cannot be read, as after a power cut, was of `mine`.

    It was if all files that can be read say so; and an empty one beside none of them is in nobody's way.

    Args:
        manifest: The file.
        files: The folder of the `.npz` files.
        name: The array in which they say what they belong to.
        mine: What they should say.
    """
    owners = set()
    for path in files.glob("*.npz"):
        try:
            with path.open("rb") as raw, np.load(raw) as file:
                owners.add(str(file[name]) if name in file.files else "")
        except UNREADABLE:
            continue
    empty = manifest.exists() and not manifest.stat().st_size
    return owners == {mine} or (not owners and empty)
