"""Simulations on disk: a manifest that says what they are, and one file for each finished block.

As for experiments (`causal_lpm.inference.storage`), files are written whole, and a folder is only ever continued by the
set that began it. How many simulations there are is no part of what it is: a set can be made longer.
"""

import json
import logging
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from causal_lpm.inference.calibration.simulations.blocks import Block, Simulator
from causal_lpm.inference.storage import versions, write_whole

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
        self._blocks = folder / "blocks"
        file = folder / "manifest.json"
        if not self._begun(file, content):
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps(content, indent=2) + "\n"
            write_whole(file, lambda path: path.write_text(text, encoding="utf-8"))
        self._blocks.mkdir(exist_ok=True)

    def _begun(self, file: Path, content: Mapping[str, Any]) -> bool:
        """Whether this set has begun the folder; an error where something else has."""
        if self.folder.exists() and not self.folder.is_dir():
            raise FileExistsError(f"the folder {self.folder} is a file: give another folder.")
        if not file.exists():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise FileExistsError(
                    f"the folder {self.folder} is not empty and holds no simulations: give another folder."
                )
            return False
        try:
            there = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError) as error:
            raise FileExistsError(f"{file} cannot be read: give another folder.") from error
        if not isinstance(there, dict) or there.get("kind") != content["kind"]:
            raise FileExistsError(f"the folder {self.folder} holds something else: give another folder.")
        if there != content:
            raise FileExistsError(
                f"the folder {self.folder} holds other simulations ({_difference(there, content)}): "
                "give another folder."
            )
        return True

    def _path(self, number: int) -> Path:
        return self._blocks / f"{number:05d}.npz"

    def write(self, number: int, block: Block) -> None:
        """Keeps a finished block."""
        arrays = {
            "z": block.z,
            "seeds": block.seeds,
            "messages": np.array(block.messages),
            "alone": np.array(block.alone),
            **{_DATA + name: values for name, values in block.data.items()},
        }
        write_whole(self._path(number), lambda path: np.savez_compressed(path, **arrays))  # type: ignore[arg-type]

    def read(self, number: int) -> Block | None:
        """A finished block; None, with a warning, where its file is broken, and None where there is none."""
        path = self._path(number)
        if not path.exists():
            return None
        try:
            return self._read(path)
        except (OSError, KeyError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            _LOG.warning("Block %d is simulated again: %s cannot be read (%s).", number, path, error)
            return None

    def _read(self, path: Path) -> Block:
        with path.open("rb") as raw, np.load(raw) as file:
            data = {name.removeprefix(_DATA): file[name] for name in file.files if name.startswith(_DATA)}
            messages = tuple(str(message) for message in file["messages"])
            block = Block(file["z"], file["seeds"], data, messages, str(file["alone"]))
        lengths = {len(part) for part in (block.z, block.seeds, messages, *data.values())}
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
