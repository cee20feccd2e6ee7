"""An experiment on disk: a manifest that says what it is, and one file for each finished replicate.

A folder is only ever continued by the experiment that began it: the manifest holds whatever can change a number. Every
replicate says of which experiment it is, and which one; what does not match is never believed, however it came there.
"""

import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

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
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.inference.studies.study import Options, Study, Worlds, not_simulating, policy_values
from causal_lpm.provenance import sha256, versions

__all__ = [
    "Manifest",
    "Replicate",
    "Store",
    "data_hashes",
    "identity",
    "manifest",
    "options_without_folders",
]

Manifest: TypeAlias = dict[str, Any]
Replicate: TypeAlias = Mapping[str, npt.NDArray[Any]]

# What can move a number; a change of a plot or a table must not make a long run start anew.
_CODE = ("typing.py", "validate.py", "data.py", "ops", "kernels", "agents", "handlers", "inference/runs/seeds.py")
_STAMP = "stamp/"  # before what a file says of itself: no outcome in a NetCDF file can have such a name
_CODE_SUFFIXES = {".py", ".csv", ".json", ".parquet", ".npz"}


def _data_files(options: Options) -> dict[str, Path]:
    """Option -> file, for every option whose value names a file that is there."""
    texts = {key: value for key, value in options.extra.items() if isinstance(value, str)}
    return {key: Path(value) for key, value in texts.items() if Path(value).is_file()}


def data_hashes(options: Options) -> dict[str, str]:
    """File name -> SHA-256 of every file that the options name."""
    return {file.name: sha256(file) for file in _data_files(options).values()}


def options_without_folders(options: Options) -> dict[str, str | float]:
    """The study's options with files by their name alone: a file counts by its content, wherever it lies."""
    return {**options.extra, **{key: file.name for key, file in _data_files(options).items()}}


def _code_files(study: Study) -> Iterable[Path]:
    package = Path(__file__).resolve().parents[2]
    yield from _files_below(package / part for part in _CODE)
    module = sys.modules.get(str(getattr(study, "code_module", type(study).__module__)))
    if module is not None and (file := getattr(module, "__file__", None)):
        folder = Path(file).parent
        left_out = {folder / name for name in not_simulating(study)}
        root = folder if module.__package__ else Path(file)
        yield from (path for path in _files_below([root]) if path not in left_out)


def _files_below(roots: Iterable[Path]) -> Iterable[Path]:
    for root in roots:
        yield from (root.rglob("*") if root.is_dir() else [root] if root.is_file() else [])


def _code_hash(study: Study) -> str:
    """One hash of the code and tables that produce the numbers, independent of where they are installed."""
    digest = hashlib.sha256()
    for path in sorted(set(_code_files(study))):
        # expected.json is written from results, so it cannot be part of what makes them.
        if path.suffix in _CODE_SUFFIXES and path.name != "expected.json":
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def manifest(study: Study, worlds: Worlds, seed: int, options: Options) -> Manifest:
    """Everything that determines a replicate's numbers; the number of replicates is not part of it."""
    return {
        "format": 1,
        "study": study.name,
        "seed": seed,
        "agents": options.agents,
        "days": options.days,
        "device": options.device,
        "options": options_without_folders(options),
        "data": {key: sha256(file) for key, file in _data_files(options).items()},
        "worlds": [{"name": name, "policy": policy_values(study, policies)} for name, policies in worlds.items()],
        "outcomes": list(study.outcomes),
        "groups": list(study.groups),
        "versions": versions(),
        "code": _code_hash(study),
    }


def identity(content: Manifest) -> str:
    """Twelve hexadecimal digits that name an experiment."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


class Store:
    """The folder of one experiment: `manifest.json` and `replicates/0000.npz`, `0001.npz`, ...

    Args:
        folder: a new or empty folder, or one that this experiment began.
        content: the manifest of the experiment.
        origin: its provenance; kept beside the manifest, and no part of what the experiment is.

    Attributes:
        origin: the provenance of the run that began the folder.

    Raises:
        FileExistsError: if the folder holds something else; nothing is written then.
    """

    def __init__(self, folder: Path, content: Manifest, origin: Mapping[str, str]) -> None:
        self.folder = folder
        self.replicates = folder / "replicates"
        self._experiment, self._seed = identity(content), int(content["seed"])
        there = self._begun(content) or self._begin(content, origin)
        self.replicates.mkdir(exist_ok=True)
        clear_leftovers(folder, r"manifest\.json|results\.nc")
        clear_leftovers(self.replicates, r"\d+\.npz")
        kept = there.get("provenance")
        self.origin: Mapping[str, str] = kept if isinstance(kept, dict) else origin

    def _begun(self, content: Manifest) -> Manifest | None:
        """The manifest that is there, if any; an error if it is of something else."""
        check_folder("the output folder", self.folder)
        file = self.folder / "manifest.json"
        # Before the manifest is looked for: another run may write it at this moment.
        empty = not self.folder.is_dir() or holds_nothing(self.folder, r"manifest\.json")
        if not file.exists():
            if not empty and not is_lost_manifest(file, self.replicates, _STAMP + "experiment", self._experiment):
                raise FileExistsError(
                    f"the output folder {self.folder} is not empty and holds no experiment: give another."
                )
            return None
        try:
            there = read_object(file)
        except ValueError as error:
            if is_lost_manifest(file, self.replicates, _STAMP + "experiment", self._experiment):
                return None
            raise FileExistsError(f"{file} cannot be read: give another folder.") from error
        expected = json.loads(json.dumps(content))
        for key in expected:
            if there.get(key) != expected[key]:
                raise FileExistsError(
                    f"the output folder {self.folder} holds another experiment "
                    f"({_differs(key, there, expected)}): give another folder."
                )
        return there

    def _begin(self, content: Manifest, origin: Mapping[str, str]) -> Manifest:
        self.folder.mkdir(parents=True, exist_ok=True)
        whole = {**content, "provenance": dict(origin)}
        text = json.dumps(whole, indent=2) + "\n"
        file = self.folder / "manifest.json"
        put = write_whole if file.exists() else write_new
        try:
            put(file, lambda path: path.write_text(text, encoding="utf-8"))
        except FileExistsError:  # another run was quicker by a moment
            return self._begun(content) or whole
        return whole

    def _path(self, replicate: int) -> Path:
        return self.replicates / f"{replicate:04d}.npz"

    def _stamp(self, replicate: int) -> dict[str, npt.NDArray[Any]]:
        stamp = {
            "experiment": self._experiment,
            "replicate": replicate,
            "seed": replicate_seed(self._seed, replicate),
        }
        return {_STAMP + name: np.array(value) for name, value in stamp.items()}

    def finished(self, replicates: int) -> list[int]:
        """The replicates below `replicates` that are already there."""
        return numbered(self.replicates, 4, replicates)

    def write(self, replicate: int, values: Replicate) -> None:
        """Keeps one finished replicate."""
        arrays = {**{name: np.asarray(value) for name, value in values.items()}, **self._stamp(replicate)}
        write_whole(self._path(replicate), lambda path: np.savez_compressed(path, **arrays))  # type: ignore[arg-type]

    def read(self, replicate: int) -> dict[str, npt.NDArray[Any]]:
        """One finished replicate, outcome -> `[world, group, day]`.

        Raises:
            ValueError: if its file cannot be read, for example after a crash of the machine, or is another replicate or
                one of another experiment.
        """
        path = self._path(replicate)
        found = _read(path)
        for name, expected in self._stamp(replicate).items():
            there = found.pop(name, None)
            what = name.removeprefix(_STAMP)
            if there is None:
                raise ValueError(f"{path} does not say of which {what} it is")
            if there.shape or there.item() != expected.item():
                raise ValueError(f"{path} is of {what} {there}, not of {expected}")
        return found


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    try:
        with path.open("rb") as raw, np.load(raw) as file:
            return {name: file[name] for name in file.files}
    except UNREADABLE as error:
        raise ValueError(f"{path} cannot be read") from error


def _differs(key: str, there: Manifest, expected: Manifest) -> str:
    reasons = {
        "worlds": "its worlds differ",
        "code": "it was made with other code",
        "versions": "it was made with other versions of the software",
        "data": "it was made from other data",
    }
    return reasons.get(key, f"its {key} is {there.get(key)!r}, yours is {expected[key]!r}")
