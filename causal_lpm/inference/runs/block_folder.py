"""Simulations on disk: a manifest that says what they are, and one file for each finished block.

As for experiments, a folder is only ever continued by the set that began it, and
every file says of which set it is and which block. How many simulations there are is no part of that: a set can be made
longer.
"""

import hashlib
import json
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from causal_lpm.inference.files.json_object import read_object
from causal_lpm.inference.files.stamps import UNREADABLE, is_lost_manifest
from causal_lpm.inference.files.whole_files import (
    check_folder,
    clear_leftovers,
    holds_nothing,
    numbered,
    write_new,
    write_whole,
)
from causal_lpm.inference.runs.blocks import Block, Simulator, block_seeds
from causal_lpm.provenance import versions

__all__ = ["BlockFolder", "manifest"]

_LOG = logging.getLogger("causal_lpm")
_DATA = "data/"  # before the names of outputs, so that they cannot be names of ours


def manifest(simulator: Simulator, seed: int, batch: int) -> dict[str, Any]:
    """Everything that determines the numbers of a set of simulations.

    Raises:
        ValueError: the simulator's identity is not JSON.
    """
    content = {
        "format": 1,
        "kind": "simulations",
        "simulator": dict(simulator.identity()),
        "seed": seed,
        "batch": batch,
        "versions": versions(),
    }
    try:
        parsed: dict[str, Any] = json.loads(json.dumps(content, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"the simulator's identity is not JSON ({error}): give numbers, texts, lists and mappings of them."
        ) from error
    return parsed


class BlockFolder:
    """The folder of a set: `manifest.json` and `blocks/00000.npz`, `00001.npz`, ...

    Args:
        folder: A new or empty folder, or one that this set began.
        content: What `manifest` says of the set.

    Raises:
        FileExistsError: the folder holds something else; nothing is written then.
    """

    def __init__(self, folder: Path, content: Mapping[str, Any]) -> None:
        self.folder = folder
        self.batch: int = content["batch"]
        self._seed: int = content["seed"]
        self._set = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]
        self._blocks = folder / "blocks"
        if not self._begun(content):
            self._begin(content)
        self._blocks.mkdir(exist_ok=True)
        clear_leftovers(folder, r"manifest\.json")
        clear_leftovers(self._blocks, r"\d+\.npz")

    def _begun(self, content: Mapping[str, Any]) -> bool:
        """Whether this set has begun the folder; an error where something else has."""
        check_folder("the folder", self.folder)
        file = self.folder / "manifest.json"
        # Before the manifest is looked for: another process may write it at this moment.
        empty = not self.folder.is_dir() or holds_nothing(self.folder, r"manifest\.json")
        if not file.exists():
            if not empty and not is_lost_manifest(file, self._blocks, "set", self._set):
                raise FileExistsError(
                    f"the folder {self.folder} is not empty and holds no simulations: give another folder."
                )
            return False
        try:
            there = read_object(file)
        except ValueError as error:
            if is_lost_manifest(file, self._blocks, "set", self._set):
                return False
            raise FileExistsError(f"{file} cannot be read: give another folder.") from error
        if there.get("kind") != content["kind"]:
            raise FileExistsError(f"the folder {self.folder} holds something else: give another folder.")
        if there != content:
            raise FileExistsError(
                f"the folder {self.folder} holds other simulations ({_difference(there, content)}): "
                "give another folder."
            )
        return True

    def _begin(self, content: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(content, indent=2) + "\n"
        file = self.folder / "manifest.json"
        put = write_whole if file.exists() else write_new
        try:
            put(file, lambda path: path.write_text(text, encoding="utf-8"))
        except FileExistsError:  # another process was quicker by a moment
            self._begun(content)

    def _path(self, number: int) -> Path:
        return self._blocks / f"{number:05d}.npz"

    def write(self, number: int, block: Block) -> None:
        """Keeps a finished block."""
        arrays = {
            "set": np.array(self._set),
            "number": np.array(number),
            "z": block.z,
            "seeds": block.seeds,
            "messages": np.array(block.messages),
            "alone": np.array(block.alone),
            **{_DATA + name: values for name, values in block.data.items()},
        }
        write_whole(self._path(number), lambda path: np.savez_compressed(path, **arrays))  # type: ignore[arg-type]

    def read(self, blocks: int) -> dict[int, Block]:
        """The finished ones of the first blocks; a warning says which files are not what they should be."""
        found: dict[int, Block] = {}
        wrong: list[str] = []
        for number in numbered(self._blocks, 5, blocks):
            path = self._path(number)
            try:
                found[number] = self._read(path, number)
            except UNREADABLE as error:
                wrong.append(f"Block {number} is simulated again: {path} cannot be used ({error})")
        if wrong:
            _LOG.warning("%s%s.", wrong[0], f"; so are {len(wrong) - 1} more" if len(wrong) > 1 else "")
        return found

    def _read(self, path: Path, number: int) -> Block:
        with path.open("rb") as raw, np.load(raw) as file:
            if "set" not in file.files:
                raise ValueError("it does not say of which set it is")
            if (str(file["set"]), int(file["number"])) != (self._set, number):
                raise ValueError(f"it is block {file['number']} of set {file['set']}, not {number} of {self._set}")
            data = {name.removeprefix(_DATA): file[name] for name in file.files if name.startswith(_DATA)}
            messages = tuple(str(message) for message in file["messages"])
            block = Block(file["z"], file["seeds"], data, messages, str(file["alone"]))
        if block.seeds.tolist() != block_seeds(self._seed, self.batch, number).tolist():
            raise ValueError("its seeds are others")
        lengths = {len(part) for part in (block.z, messages, *data.values())}
        if lengths != {self.batch} or bool(data) == all(messages):
            raise ValueError(f"not {self.batch} simulations")
        return block


def _difference(there: Mapping[str, Any], content: Mapping[str, Any]) -> str:
    key = next(key for key in (*content, *there) if there.get(key) != content.get(key))
    old, new = there.get(key), content.get(key)
    if key == "versions":
        return "they were made with other versions of the software"
    if isinstance(old, dict) and isinstance(new, dict):
        return f"in their {key}, {_difference(old, new)}"
    return f"{key} is {old!r}, yours is {new!r}"
