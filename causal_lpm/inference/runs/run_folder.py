"""A run on disk: a manifest that says what it is, and one file for each finished block.

A folder is only ever continued by the run that began it: the manifest holds whatever can change a number, but not how
many there are, so that a run can be made longer. Every file says of which run it is, and which block; what does not
match is never believed, however it came there.
"""

import hashlib
import json
import logging
import shutil
import zipfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.files.json_object import read_object
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.whole_files import (
    check_folder,
    clear_leftovers,
    holds_nothing,
    numbered,
    write_new,
    write_whole,
)

__all__ = ["Arrays", "Manifest", "RunFolder", "fingerprint", "identity"]

Arrays: TypeAlias = Mapping[str, npt.NDArray[Any]]
Manifest: TypeAlias = Mapping[str, Any]

_LOG = logging.getLogger("causal_lpm")
# What reading a file may raise that is no whole `.npz`, or has not what it should have.
UNREADABLE = (OSError, KeyError, ValueError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, zlib.error)
# Before all names in a file, so that none of an output can be one of ours.
_STAMP, _DATA = "stamp/", "data/"


def identity(manifest: Manifest) -> str:
    """Twelve hexadecimal digits that name a run.

    Raises:
        ValueError: the manifest is not JSON.
    """
    try:
        text = json.dumps(manifest, sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"what identifies the run is not JSON ({error}): give numbers, texts, lists and mappings of them."
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def fingerprint(arrays: Arrays) -> str:
    """Sixteen hexadecimal digits of names and numbers, in their order."""
    digest = hashlib.sha256()
    for name, values in arrays.items():
        digest.update(name.encode() + np.ascontiguousarray(values).tobytes())
    return digest.hexdigest()[:16]


class RunFolder:
    """The folder of a run: `manifest.json` and, for blocks, `blocks/00000.npz`, `blocks/00001.npz`, ...

    Args:
        folder: A new or empty folder, or one that this run began.
        manifest: Everything that determines the numbers, with a `seed`; JSON.
        unit: What a file holds: a "block", a "replicate".
        notes: What else the manifest file says, such as the provenance, and is no part of what the run is.

    Attributes:
        path: The folder.
        notes: Those of the run that began the folder.

    Raises:
        FileExistsError: the folder holds something else; nothing is written then.
        ValueError: the manifest is not JSON.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, unit: str = "block", notes: Mapping[str, Any] | None = None
    ) -> None:
        self.path, self._unit = folder, unit
        self._run, self._seed = identity(manifest), int(manifest["seed"])
        self._files, self._manifest = folder / f"{unit}s", folder / "manifest.json"
        content: dict[str, Any] = json.loads(json.dumps(manifest))
        there = self._begun(content) or self._begin(content, dict(notes or {}))
        self.notes = {name: value for name, value in there.items() if name not in content}
        self._files.mkdir(exist_ok=True)
        clear_leftovers(folder, r"manifest\.json|results\.nc")
        clear_leftovers(self._files, r"\d+\.npz")

    def _begun(self, content: Manifest) -> dict[str, Any] | None:
        """What the manifest file says, if there is one; an error if it is of something else."""
        check_folder("the folder", self.path)
        # Before the manifest is looked for: another process may write it at this moment.
        empty = not self.path.is_dir() or holds_nothing(self.path, r"manifest\.json")
        if not self._manifest.exists():
            if not empty and not self._is_lost():
                raise FileExistsError(f"the folder {self.path} is not empty and holds no run: give another folder.")
            return None
        try:
            there = read_object(self._manifest)
        except ValueError as error:
            if self._is_lost():
                return None
            raise FileExistsError(f"{self._manifest} cannot be read: give another folder.") from error
        for name in content:
            if there.get(name) != content[name]:
                difference = _difference(name, there.get(name), content[name])
                raise FileExistsError(f"the folder {self.path} holds another run ({difference}): give another folder.")
        return there

    def _is_lost(self) -> bool:
        """Whether a manifest that is gone or cannot be read, as after a power cut, was of this run.

        It was if all files that can be read say so; and an empty one beside none of them is in nobody's way.
        """
        owners = set()
        for path in self._files.glob("*.npz"):
            try:
                with path.open("rb") as raw, np.load(raw) as file:
                    owners.add(str(file[_STAMP + "run"]) if _STAMP + "run" in file.files else "")
            except UNREADABLE:
                continue
        empty = self._manifest.exists() and not self._manifest.stat().st_size
        return owners == {self._run} or (not owners and empty)

    def _begin(self, content: Manifest, notes: Mapping[str, Any]) -> dict[str, Any]:
        self.path.mkdir(parents=True, exist_ok=True)
        whole = {**content, **notes}
        text = json.dumps(whole, indent=2) + "\n"
        put = write_whole if self._manifest.exists() else write_new
        try:
            put(self._manifest, lambda path: path.write_text(text, encoding="utf-8"))
        except FileExistsError:  # another process was quicker by a moment
            return self._begun(content) or whole
        return whole

    def _file(self, number: int) -> Path:
        return self._files / f"{number:05d}.npz"

    def _stamp(self, number: int) -> dict[str, Any]:
        return {"run": self._run, "number": number, "seed": replicate_seed(self._seed, number)}

    def write(self, number: int, arrays: Arrays) -> None:
        """Keeps a finished block, and removes its checkpoints; WriteError where it cannot."""
        stamp = {_STAMP + name: np.array(value) for name, value in self._stamp(number).items()}
        whole: dict[str, Any] = stamp | {_DATA + name: values for name, values in arrays.items()}
        write_whole(self._file(number), lambda path: np.savez_compressed(path, **whole))
        shutil.rmtree(self.checkpoints(number), ignore_errors=True)
        if self.checkpoints(number).parent.is_dir() and not any(self.checkpoints(number).parent.iterdir()):
            self.checkpoints(number).parent.rmdir()

    def checkpoints(self, number: int) -> Path:
        """The folder for what a block keeps on its way."""
        return self.path.resolve() / "checkpoints" / f"{number:05d}"

    def read(self, blocks: int, check: Callable[[Arrays], None]) -> dict[int, Arrays]:
        """The finished ones of the first blocks; a warning says which files are not what they should be.

        Args:
            blocks: How many there are.
            check: Raises ValueError for what is no such block.
        """
        found: dict[int, Arrays] = {}
        wrong: list[str] = []
        for number in numbered(self._files, 5, blocks):
            try:
                arrays = self._read(number)
                check(arrays)
            except UNREADABLE as error:
                wrong.append(f"{self._unit.capitalize()} {number} is simulated again: {self._file(number)} {error}")
            else:
                found[number] = arrays
        if wrong:
            _LOG.warning("%s%s.", wrong[0], f"; so are {len(wrong) - 1} more" if len(wrong) > 1 else "")
        return found

    def _read(self, number: int) -> dict[str, npt.NDArray[Any]]:
        try:
            with self._file(number).open("rb") as raw, np.load(raw) as file:
                whole = {name: file[name] for name in file.files}
        except UNREADABLE as error:
            raise ValueError("cannot be read") from error
        for name, expected in self._stamp(number).items():
            there = whole.get(_STAMP + name)
            if there is None:
                raise ValueError(f"does not say of which {name} it is")
            if there.shape or there.item() != expected:
                raise ValueError(f"is of {name} {there}, not of {expected}")
        return {name.removeprefix(_DATA): values for name, values in whole.items() if name.startswith(_DATA)}


def _difference(name: str, old: Any, new: Any) -> str:
    made = {
        "versions": "with other versions of the software",
        "code": "with other code",
        "data": "from other data",
        "model": "by another model, or for other outcomes",
        "line_list": "with another line list",
        "parameters": "with other draws of the parameters",
    }
    if name in made:
        return f"it was made {made[name]}"
    if isinstance(old, dict) and isinstance(new, dict):
        key = next(key for key in (*new, *old) if old.get(key) != new.get(key))
        return f"in its {name}, {_difference(key, old.get(key), new.get(key))}"
    if isinstance(new, list):
        return f"its {name} differ"
    return f"its {name} is {old!r}, yours is {new!r}"
