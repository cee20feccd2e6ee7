"""A party's own parts after each step, in its own folder: a run that was cut off goes on from there.

What is written are this party's parts and what is public. Together with the parts of all others it is the state, so the
folder is readable for its owner alone. Keys and masks are never written: a run that goes on agrees on new ones.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from causal_lpm.agents.columns import as_array
from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.share_layer import ShareLayer
from causal_lpm.ops.step import Running
from causal_lpm.ops.tally import tally
from causal_lpm.whole_files import write_new, write_whole

__all__ = ["Checkpointed", "Folder"]

KEPT = 3
"""States of so many steps are kept: no party is ahead of another by more than one."""


class Folder:
    """Where one run of one party keeps what it needs to go on.

    Args:
        path: A folder of its own; made if it is not there.
        settings: The hash of the agreement of all parties: another run's folder is refused.

    Raises:
        FileExistsError: the folder has something else in it, or the checkpoints of another run.
    """

    def __init__(self, path: Path, settings: str) -> None:
        self.path, self._about = path, path / "run.json"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run = ""
        if self._about.exists():
            about = json.loads(self._about.read_text(encoding="utf-8"))
            if about["settings"] != settings:
                raise FileExistsError(
                    f"{path} has the checkpoints of a run with another model or other settings: give another folder, "
                    "or remove it; nothing is written over."
                )
            self._run = str(about["run"])
        elif any(path.iterdir()):
            raise FileExistsError(f"{path} is not empty, and has no checkpoints: give a folder of its own.")
        self._settings = settings

    @property
    def run(self) -> str:
        """The name of the run that it belongs to; empty where none has begun."""
        return self._run

    def begin(self, run: str, luck: bytes) -> None:
        """Notes that a run begins, and the key of this party's own luck, which a run that goes on has again."""
        self.forget_after(0)
        about = json.dumps({"settings": self._settings, "run": run, "luck": luck.hex()})
        write_whole(self._about, lambda path: path.write_text(about, encoding="utf-8"))
        self._run = run

    def luck(self) -> bytes:
        """The key of this party's luck."""
        return bytes.fromhex(json.loads(self._about.read_text(encoding="utf-8"))["luck"])

    @property
    def steps(self) -> int:
        """After how many steps there is a state; 0 where there is none."""
        return max((int(path.stem.removeprefix("state-")) for path in self.path.glob("state-*.npz")), default=0)

    def has(self, steps: int) -> bool:
        """Whether there is a state after so many steps."""
        return steps == 0 or self._state(steps).exists()

    def forget_after(self, steps: int) -> None:
        """Removes what lies after so many steps: this party was ahead of others."""
        for path in self.path.glob("*-*.npz"):
            if int(path.stem.split("-")[1]) > steps:
                path.unlink()

    def keep(self, steps: int, state: Mapping[str, Tensor], tallies: Mapping[str, Tensor]) -> None:
        """Writes what a step has left, and removes old states."""
        write_new(self.path / f"tallies-{steps:06d}.npz", lambda path: _write(path, tallies))
        write_new(self._state(steps), lambda path: _write(path, state))
        self._state(steps - KEPT).unlink(missing_ok=True)

    def tallies(self, steps: int, layer: ShareLayer) -> dict[str, Tensor]:
        """The tallies of a step that has been kept."""
        return _read(self.path / f"tallies-{steps:06d}.npz", layer)

    def state(self, steps: int, layer: ShareLayer) -> dict[str, Tensor]:
        """The state after so many steps."""
        return _read(self._state(steps), layer)

    def remove(self) -> None:
        """Removes the folder: its run has been released, and going on would release it again."""
        shutil.rmtree(self.path)

    def _state(self, steps: int) -> Path:
        return self.path / f"state-{steps:06d}.npz"


class Checkpointed(Handler):
    """Keeps each step in a folder, and answers the steps that have been kept before from there.

    Args:
        folder: Of this party.
        layer: Of this party.
        done: How many steps all parties have kept.
    """

    def __init__(self, folder: Folder, layer: ShareLayer, done: int) -> None:
        super().__init__()
        self._folder, self._layer, self._done = folder, layer, done
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._steps = 0
        self._tallies: dict[str, Tensor] = {}

    def _pyro_step(self, msg: Any) -> None:
        self._steps, self._tallies = self._steps + 1, {}
        if self._steps <= self._done:
            msg["fn"] = self._again

    def _again(
        self, dynamics: object, state: Mapping[str, Tensor], number: int, time: object, prefix: str
    ) -> dict[str, Tensor]:
        with Running(number, prefix):
            for name, value in self._folder.tallies(self._steps, self._layer).items():
                with _Answered(value):
                    tally(name, torch.zeros(1))
        return self._folder.state(self._steps, self._layer) if self._steps == self._done else dict(state)

    def _pyro_post_tally(self, msg: Any) -> None:
        self._tallies[msg["args"][0]] = msg["value"]

    def _pyro_post_step(self, msg: Any) -> None:
        if self._steps > self._done:
            self._folder.keep(self._steps, msg["value"], self._tallies)


class _Answered(Messenger):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self._value = value

    def _pyro_tally(self, msg: Any) -> None:
        msg["value"], msg["done"] = self._value, True


def _write(path: Path, values: Mapping[str, Tensor]) -> None:
    arrays: dict[str, np.ndarray] = {}
    about: dict[str, list[object]] = {}
    for number, (name, x) in enumerate(values.items()):
        dtype = str(x.dtype).removeprefix("torch.")
        if isinstance(x, Secret):
            about[name] = [number, dtype, x.bits, str(x.low), str(x.high)]
            arrays[str(number)] = x.share.numpy()
        else:
            about[name] = [number, dtype]
            arrays[str(number)] = as_array(x)
    arrays["about"] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    np.savez(path, allow_pickle=False, **arrays)


def _read(path: Path, layer: ShareLayer) -> dict[str, Tensor]:
    values: dict[str, Tensor] = {}
    with np.load(path, allow_pickle=False) as file:
        about = json.loads(file["about"].tobytes())
        for name, (number, dtype, *secret) in about.items():
            array = torch.from_numpy(file[str(number)])
            kind = getattr(torch, dtype)
            if secret:
                bits, low, high = (int(x) for x in secret)
                values[name] = Secret(array, layer, kind, bits, low, high)
            else:
                values[name] = array.to(kind)
    return values
