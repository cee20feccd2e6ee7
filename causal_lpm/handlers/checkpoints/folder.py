"""The files of checkpoints: a simulation after some of its days, each range of the agents in a file of its own."""

from __future__ import annotations

import json
import logging
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from causal_lpm.whole_files import check_folder, clear_leftovers, write_whole

__all__ = ["CheckpointFolder"]

_LOG = logging.getLogger("causal_lpm")
_UNREADABLE = (OSError, EOFError, KeyError, ValueError, TypeError, zipfile.BadZipFile)
_NAME = re.compile(r"(?P<day>\d{5,})(?:-(?P<first>\d+)-(?P<end>\d+))?\.npz")
_BITS = {1: torch.uint8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


class CheckpointFolder:
    """The checkpoints of one simulation: whole files, those of another simulation refused.

    `00030.npz` has what all agents share after 30 days, `00030-0-500000.npz` the entries of the first half million.

    Args:
        path: The folder; made if it is not there.
        of: What the simulation is, as JSON has it.

    Raises:
        FileExistsError: the folder holds something else, or the checkpoints of another simulation.
    """

    def __init__(self, path: Path, of: Mapping[str, Any]) -> None:
        self.path, self._of = path, json.loads(json.dumps(of))
        check_folder("the folder of checkpoints", path)
        path.mkdir(parents=True, exist_ok=True)
        clear_leftovers(path, _NAME.pattern.replace("?P<day>", "").replace("?P<first>", "").replace("?P<end>", ""))
        for file in path.iterdir():
            if not _NAME.fullmatch(file.name) and not file.name.startswith("."):
                raise FileExistsError(f"{path} holds {file.name}, which is no checkpoint: give a folder of its own.")

    def days(self, agents: int) -> list[int]:
        """The days after which all of so many agents were kept, ascending.

        Raises:
            FileExistsError: some are of another simulation.
        """
        parts: dict[int, list[tuple[int, int]]] = {}
        shared = set()
        for file in sorted(self.path.iterdir()):
            if (match := _NAME.fullmatch(file.name)) is None or not self._is_ours(file):
                continue
            if match["first"] is None:
                shared.add(int(match["day"]))
            else:
                parts.setdefault(int(match["day"]), []).append((int(match["first"]), int(match["end"])))
        return sorted(day for day in shared if _cover(parts.get(day, []), agents))

    def _is_ours(self, file: Path) -> bool:
        try:
            of = _header(file)["of"]
        except _UNREADABLE:
            _LOG.warning("%s cannot be read and counts as missing.", file)
            return False
        if of != self._of:
            different = next((name for name in (*self._of, *of) if of.get(name) != self._of.get(name)), "kind")
            raise FileExistsError(
                f"{self.path} has the checkpoints of another simulation (its {different} differs): give another "
                "folder, or remove it; nothing is written over."
            )
        return True

    def write(self, day: int, name: tuple[int, int] | None, values: Mapping[str, Tensor], more: object = None) -> None:
        """Keeps tensors, and anything that JSON has, after so many days.

        Args:
            day: How many.
            name: The first agent and the one after the last whose values they are; None for what all share.
            values: Plain tensors by name.
            more: Beside them.

        Raises:
            WriteError: they cannot be written.
        """
        about = {"of": self._of, "more": more, "types": {n: str(x.dtype)[6:] for n, x in values.items()}}
        arrays: dict[str, Any] = {f"value/{n}": _bits(x) for n, x in values.items()}
        arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
        # Through a handle: numpy would add a suffix to the temporary name.
        write_whole(self._file(day, name), lambda path: _save(path, arrays))

    def shared(self, day: int) -> tuple[dict[str, Tensor], Any]:
        """What all agents share after so many days: tensors, and what was beside them."""
        return _read(self._file(day, None))

    def entries(self, day: int, first: int, end: int) -> dict[str, Tensor]:
        """The values of the agents of a range after so many days, from whichever ranges were written."""
        found: dict[int, dict[str, Tensor]] = {}
        for file in self.path.iterdir():
            match = _NAME.fullmatch(file.name)
            if match is None or match["first"] is None or int(match["day"]) != day:
                continue
            low, high = int(match["first"]), int(match["end"])
            begin, stop = max(low, first), min(high, end)
            if begin < stop and begin not in found:
                values, _ = _read(file)
                found[begin] = {name: x[..., begin - low : stop - low] for name, x in values.items()}
        return {name: _joined(found, name, first, end) for name in next(iter(found.values()))}

    def forget_before(self, day: int, first: int) -> None:
        """Removes what was kept after fewer days: each range its own, the first one the rest."""
        for file in self.path.iterdir():
            match = _NAME.fullmatch(file.name)
            if match is None or int(match["day"]) >= day:
                continue
            if match["first"] is None or first == 0 or int(match["first"]) == first:
                file.unlink(missing_ok=True)

    def _file(self, day: int, name: tuple[int, int] | None) -> Path:
        return self.path / (f"{day:05d}.npz" if name is None else f"{day:05d}-{name[0]}-{name[1]}.npz")


def _save(path: Path, arrays: Mapping[str, Any]) -> None:
    with path.open("wb") as file:
        np.savez(file, **arrays)


def _bits(x: Tensor) -> Any:
    """The numbers of a tensor of any type, as integers of its width where numpy has no such type."""
    plain = x.detach().cpu().contiguous()
    return (plain if plain.dtype != torch.bfloat16 else plain.view(torch.int16)).numpy()


def _header(file: Path) -> dict[str, Any]:
    with file.open("rb") as raw, np.load(raw, allow_pickle=False) as whole:
        about: dict[str, Any] = json.loads(whole["about"].tobytes())
    return about


def _read(file: Path) -> tuple[dict[str, Tensor], Any]:
    with file.open("rb") as raw, np.load(raw, allow_pickle=False) as whole:
        about = json.loads(whole["about"].tobytes())
        values = {}
        for name, kind in about["types"].items():
            array, dtype = torch.from_numpy(whole[f"value/{name}"]), getattr(torch, kind)
            values[name] = array if array.dtype == dtype else array.view(dtype)
    return values, about["more"]


def _cover(parts: list[tuple[int, int]], agents: int) -> bool:
    """Whether ranges hold all agents."""
    reached = 0
    for first, end in sorted(parts):
        reached = max(reached, end) if first <= reached else reached
    return reached == agents


def _joined(found: Mapping[int, Mapping[str, Tensor]], name: str, first: int, end: int) -> Tensor:
    parts, at = [], first
    for begin in sorted(found):
        part = found[begin][name]
        if (known := at - begin) < part.shape[-1]:  # what ranges of two runs have in common is the same
            parts.append(part[..., known:])
            at = begin + part.shape[-1]
    return torch.cat(parts, -1) if len(parts) > 1 else parts[0].contiguous()
