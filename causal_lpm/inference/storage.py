"""An experiment on disk: a manifest that says what it is, and one file for each finished replicate.

Everything is written to a temporary name and renamed, so that a file that is there is whole. A folder is only
ever continued by the experiment that began it: the manifest holds whatever can change a number.
"""

import hashlib
import json
import os
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.study import Options, Setting, Study, not_simulating, policy_values
from causal_lpm.provenance import sha256

__all__ = [
    "Manifest",
    "Replicate",
    "Store",
    "data_hashes",
    "identity",
    "manifest",
    "options_without_folders",
    "versions",
    "write_whole",
]

Manifest: TypeAlias = dict[str, Any]
Replicate: TypeAlias = Mapping[str, npt.NDArray[Any]]

_PACKAGES = ("torch", "numpy", "pyro-ppl", "chirho")
# What can move a number; a change of a plot or a table must not make a long run start anew.
_CODE = ("typing.py", "validate.py", "data.py", "ops", "ops.py", "kernels", "agents", "handlers", "inference/seeds.py")
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
    package = Path(__file__).resolve().parent.parent
    yield from _files_below(package / part for part in _CODE)
    module = sys.modules.get(type(study).__module__)
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


def versions() -> dict[str, str]:
    """Of Python and of the packages whose numbers enter ours."""
    found = {"python": f"{sys.version_info.major}.{sys.version_info.minor}"}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def manifest(study: Study, settings: Sequence[Setting], seed: int, options: Options) -> Manifest:
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
        "settings": [{"name": setting.name, "policy": policy_values(study, setting)} for setting in settings],
        "outcomes": list(study.outcomes),
        "groups": list(study.groups),
        "versions": versions(),
        "code": _code_hash(study),
    }


def identity(content: Manifest) -> str:
    """Twelve hexadecimal digits that name an experiment."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Calls `write` with a temporary path beside `path` and renames it, so that no half file is ever seen."""
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


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
        there = self._check(content)
        if there is None:
            folder.mkdir(parents=True, exist_ok=True)
            text = json.dumps({**content, "provenance": dict(origin)}, indent=2) + "\n"
            write_whole(folder / "manifest.json", lambda path: path.write_text(text, encoding="utf-8"))
        self.replicates.mkdir(exist_ok=True)
        self.origin: Mapping[str, str] = (there or {}).get("provenance", origin)

    def _check(self, content: Manifest) -> Manifest | None:
        """The manifest that is there, if any; an error if it is of something else."""
        if self.folder.exists() and not self.folder.is_dir():
            raise FileExistsError(f"the output folder {self.folder} is a file: give another folder.")
        file = self.folder / "manifest.json"
        if not file.exists():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise FileExistsError(
                    f"the output folder {self.folder} is not empty and holds no experiment: give another."
                )
            return None
        there = _read_manifest(file)
        expected = json.loads(json.dumps(content))
        for key in expected:
            if there.get(key) != expected[key]:
                raise FileExistsError(
                    f"the output folder {self.folder} holds another experiment "
                    f"({_differs(key, there, expected)}): give another folder."
                )
        return there

    def _path(self, replicate: int) -> Path:
        return self.replicates / f"{replicate:04d}.npz"

    def finished(self, replicates: int) -> list[int]:
        """The replicates below `replicates` that are already there."""
        return [replicate for replicate in range(replicates) if self._path(replicate).exists()]

    def write(self, replicate: int, values: Replicate) -> None:
        """Keeps one finished replicate."""
        arrays = {name: np.asarray(value) for name, value in values.items()}
        write_whole(self._path(replicate), lambda path: np.savez_compressed(path, **arrays))  # type: ignore[arg-type]

    def read(self, replicate: int) -> dict[str, npt.NDArray[Any]]:
        """One finished replicate, outcome -> `[world, group, day]`.

        Raises:
            ValueError: if its file cannot be read, for example after a crash of the machine.
        """
        try:
            with self._path(replicate).open("rb") as raw, np.load(raw) as file:
                return {name: file[name] for name in file.files}
        except (OSError, ValueError, TypeError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise ValueError(f"{self._path(replicate)} cannot be read") from error


def _read_manifest(file: Path) -> Manifest:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise FileExistsError(f"{file} cannot be read: give another folder.") from error
    if not isinstance(content, dict):
        raise FileExistsError(f"{file} is not the manifest of an experiment: give another folder.")
    return content


def _differs(key: str, there: Manifest, expected: Manifest) -> str:
    reasons = {
        "settings": "its settings differ",
        "code": "it was made with other code",
        "versions": "it was made with other versions of the software",
        "data": "it was made from other data",
    }
    return reasons.get(key, f"its {key} is {there.get(key)!r}, yours is {expected[key]!r}")
