"""An experiment on disk: a manifest that says what it is, and one file for each finished replicate.

Everything is written to a temporary name and renamed, so that a file that is there is whole. A folder is only
ever continued by the experiment that began it: the manifest holds whatever can change a number.
"""

import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.study import Options, Setting, Study, policy_values
from causal_lpm.provenance import sha256

__all__ = [
    "Manifest",
    "Replicate",
    "Store",
    "data_hashes",
    "identity",
    "manifest",
    "options_without_folders",
    "write_whole",
]

Manifest: TypeAlias = dict[str, Any]
Replicate: TypeAlias = Mapping[str, npt.NDArray[Any]]

_PACKAGES = ("torch", "numpy", "pyro-ppl", "chirho")
# What can move a number; a change of a plot or a table must not make a long run start anew.
_CODE = ("typing.py", "validate.py", "data.py", "ops", "ops.py", "kernels", "agents", "handlers")
_CODE_SUFFIXES = {".py", ".csv", ".json", ".parquet", ".npz"}


def data_hashes(options: Options) -> dict[str, str]:
    """File name -> SHA-256 of every file that the options name."""
    files = [Path(str(value)) for value in options.extra.values() if _is_file(value)]
    return {file.name: sha256(file) for file in files}


def options_without_folders(options: Options) -> dict[str, str | float]:
    """The study's options with files by their name alone: a file counts by its content, wherever it lies."""
    return {key: Path(str(value)).name if _is_file(value) else value for key, value in options.extra.items()}


def _is_file(value: str | float) -> bool:
    # A suffix is asked for, so that population="nyc" stays a name also beside a folder or file called nyc.
    return isinstance(value, str) and bool(Path(value).suffix) and Path(value).is_file()


def _code_files(study: Study) -> Iterable[Path]:
    package = Path(__file__).resolve().parent.parent
    module = sys.modules.get(type(study).__module__)
    roots = [package / part for part in _CODE]
    if module is not None and (file := getattr(module, "__file__", None)):
        roots.append(Path(file).parent if module.__package__ else Path(file))
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


def _versions() -> dict[str, str]:
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
        "data": data_hashes(options),
        "settings": [{"name": setting.name, "policy": policy_values(study, setting)} for setting in settings],
        "outcomes": list(study.outcomes),
        "groups": list(study.groups),
        "versions": _versions(),
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

    Raises:
        FileExistsError: if the folder holds something else; nothing is written then.
    """

    def __init__(self, folder: Path, content: Manifest) -> None:
        self.folder = folder
        self.replicates = folder / "replicates"
        self._check(content)
        self.replicates.mkdir(parents=True, exist_ok=True)
        if not (folder / "manifest.json").exists():
            text = json.dumps(content, indent=2) + "\n"
            write_whole(folder / "manifest.json", lambda path: path.write_text(text, encoding="utf-8"))

    def _check(self, content: Manifest) -> None:
        if self.folder.exists() and not self.folder.is_dir():
            raise FileExistsError(f"the output folder {self.folder} is a file: give another folder.")
        file = self.folder / "manifest.json"
        if not file.exists():
            if self.folder.is_dir() and any(self.folder.iterdir()):
                raise FileExistsError(
                    f"the output folder {self.folder} is not empty and holds no experiment: give another."
                )
            return
        try:
            there: Manifest = json.loads(file.read_text(encoding="utf-8"))
        except json.JSONDecodeError as error:
            raise FileExistsError(f"{file} cannot be read: give another folder.") from error
        expected = json.loads(json.dumps(content))
        for key in expected:
            if there.get(key) != expected[key]:
                raise FileExistsError(
                    f"the output folder {self.folder} holds another experiment "
                    f"({_differs(key, there, expected)}): give another folder."
                )

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
        """One finished replicate, outcome -> `[world, group, day]`."""
        with np.load(self._path(replicate)) as file:
            return {name: file[name] for name in file.files}


def _differs(key: str, there: Manifest, expected: Manifest) -> str:
    reasons = {
        "settings": "its settings differ",
        "code": "it was made with other code",
        "versions": "it was made with other versions of the software",
        "data": "it was made from other data",
    }
    return reasons.get(key, f"its {key} is {there.get(key)!r}, yours is {expected[key]!r}")
