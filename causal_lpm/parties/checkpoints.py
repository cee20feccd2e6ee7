"""A party's own parts after each step, in its own folder: a run that was cut off goes on from there.

What is written are this party's parts and what is public. Together with the parts of all others it is the state, so the
folder is readable for its owner alone. Keys and masks are never written: a run that goes on agrees on new ones.
"""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.private.numbers import is_secret
from causal_lpm.handlers.private.share_layer import ShareLayer
from causal_lpm.ops.step import Running
from causal_lpm.ops.tally import tally
from causal_lpm.parties.kept_numbers import read_numbers, write_numbers
from causal_lpm.whole_files import write_new, write_whole

__all__ = ["Checkpointed", "Folder"]

KEPT = 3
"""States of so many steps are kept: no party is ahead of another by more than one."""


class Folder:
    """Where one run of one party keeps what it needs to go on.

    Args:
        path: A folder of its own; made if it is not there, and closed to others if it is.
        settings: The hash of the agreement of all parties and of this party's rows: another run's folder is refused.

    Raises:
        FileExistsError: the folder has something else in it, or the checkpoints of another run.
    """

    def __init__(self, path: Path, settings: str) -> None:
        self.path, self._about = path, path / "run.json"
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._run, self._luck = "", b""
        self._sessions: list[tuple[int, str]] = []
        if self._about.exists():
            self._read_about(settings)
        elif any(path.iterdir()):
            raise FileExistsError(f"{path} is not empty, and has no checkpoints: give a folder of its own.")
        path.chmod(0o700)
        self._settings = settings

    def _read_about(self, settings: str) -> None:
        try:
            about = json.loads(self._about.read_text(encoding="utf-8"))
            self._run, self._luck = str(about["run"]), bytes.fromhex(about["luck"])
            self._sessions = [(int(after), str(name)) for after, name in about["sessions"]]
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"{self._about} cannot be read: remove the checkpoints of all parties and begin anew."
            ) from error
        if about["settings"] != settings:
            raise FileExistsError(
                f"{self.path} has the checkpoints of a run with another model or other settings, or of other rows: "
                "give another folder, or remove it; nothing is written over."
            )

    @property
    def run(self) -> str:
        """The name of the run that it belongs to; empty where none has begun."""
        return self._run

    def begin(self, run: str, luck: bytes) -> None:
        """Notes that a run begins, and the key of this party's own luck, which a run that goes on has again."""
        self.forget_after(0)
        self._run, self._luck, self._sessions = run, luck, [(0, run)]
        self._write_about()

    def go_on(self, steps: int, session: str) -> None:
        """Notes that the steps after so many are computed anew, under other masks: parts before and after don't mix."""
        self.forget_after(steps)
        self._sessions = [*self.sessions(steps), (steps, session)]
        self._write_about()

    def sessions(self, steps: int) -> list[tuple[int, str]]:
        """In which sessions so many steps were computed: after how many steps each began, and its name."""
        return [(after, name) for after, name in self._sessions if after < steps]

    def _write_about(self) -> None:
        about = {"settings": self._settings, "run": self._run, "luck": self._luck.hex(), "sessions": self._sessions}
        write_whole(self._about, lambda path: path.write_text(json.dumps(about), encoding="utf-8"))

    def luck(self) -> bytes:
        """The key of this party's luck."""
        return self._luck

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

    def keep(
        self,
        steps: int,
        state: Mapping[str, Tensor],
        tallies: Mapping[str, Tensor],
        groups: Mapping[str, tuple[int, str | None, int]] | None = None,
    ) -> None:
        """Writes what a step has left, and removes old states.

        Args:
            steps: How many there were.
            state: After the last one.
            tallies: Of the last one.
            groups: Name of a tally -> how many agents it is over, which groups (`keep_groups`), and how many.
        """
        of = self._of(steps)
        write_new(self.path / f"tallies-{steps:06d}.npz", lambda path: write_numbers(path, tallies, of, groups or {}))
        write_new(self._state(steps), lambda path: write_numbers(path, state, of))
        self._state(steps - KEPT).unlink(missing_ok=True)

    def keep_groups(self, steps: int, number: int, by: Tensor) -> str:
        """Writes the groups of tallies that a step has met first; gives their name."""
        name = f"groups-{steps:06d}-{number}"
        path = self.path / f"{name}.npz"
        path.unlink(missing_ok=True)
        write_new(path, lambda path: write_numbers(path, {"by": by}, self._of(steps)))
        return name

    def groups(self, name: str, layer: ShareLayer) -> Tensor:
        """Groups of tallies, by their name."""
        of = self._of(int(name.split("-")[1]))
        return read_numbers(self.path / f"{name}.npz", layer, of)[0]["by"]

    def tallies(self, steps: int, layer: ShareLayer) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """The tallies of a step that has been kept, and the groups of each."""
        return read_numbers(self.path / f"tallies-{steps:06d}.npz", layer, self._of(steps))

    def state(self, steps: int, layer: ShareLayer) -> dict[str, Tensor]:
        """The state after so many steps."""
        return read_numbers(self._state(steps), layer, self._of(steps))[0]

    def _of(self, steps: int) -> list[object]:
        """What the files of a step are of."""
        sessions = self.sessions(steps)
        return [steps, sessions[-1][1] if sessions else ""]

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
        self._over: dict[str, tuple[int, str | None, int]] = {}
        self._groups: dict[str, Tensor] = {}  # that are kept, by name

    def _pyro_step(self, msg: Any) -> None:
        self._steps, self._tallies, self._over = self._steps + 1, {}, {}
        if self._steps <= self._done:
            msg["fn"] = self._again

    def _again(
        self, dynamics: object, state: Mapping[str, Tensor], number: int, time: object, prefix: str
    ) -> dict[str, Tensor]:
        tallies, over = self._folder.tallies(self._steps, self._layer)
        with Running(number, prefix):
            for name, value in tallies.items():
                agents, by, groups = over[name]
                with _Answered(value):  # whoever counts the agents of its groups sees them again
                    tally(name, torch.zeros(agents), self._known(by), groups=None if by is None else groups)
        return self._folder.state(self._steps, self._layer) if self._steps == self._done else dict(state)

    def _known(self, by: str | None) -> Tensor | None:
        if by is not None and by not in self._groups:
            self._groups[by] = self._folder.groups(by, self._layer)
        return None if by is None else self._groups[by]

    def _pyro_post_tally(self, msg: Any) -> None:
        name, values, by, groups = msg["args"]
        if self._steps > self._done:
            self._tallies[name] = msg["value"]
            self._over[name] = values.shape[-1], self._name(by), groups

    def _name(self, by: Tensor | None) -> str | None:
        if by is None:
            return None
        for name, other in self._groups.items():
            if other is by or (not is_secret(by) and not is_secret(other) and torch.equal(by, other)):
                return name
        name = self._folder.keep_groups(self._steps, len(self._groups), by)
        self._groups[name] = by
        return name

    def _pyro_post_step(self, msg: Any) -> None:
        if self._steps > self._done:
            self._folder.keep(self._steps, msg["value"], self._tallies, self._over)


class _Answered(Messenger):
    def __init__(self, value: Tensor) -> None:
        super().__init__()
        self._value = value

    def _pyro_tally(self, msg: Any) -> None:
        msg["value"], msg["done"] = self._value, True
