"""What determines the numbers of an experiment: its manifest, with hashes of code and data."""

import hashlib
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from causal_lpm.inference.studies.study import Options, Study, Worlds, not_simulating, policy_values
from causal_lpm.provenance import sha256, versions

__all__ = ["data_hashes", "manifest", "options_without_folders"]

# What can move a number; a change of a plot or a table must not make a long run start anew.
_CODE = ("typing.py", "validate.py", "data.py", "ops", "kernels", "agents", "handlers", "inference/runs/seeds.py")
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


def manifest(study: Study, worlds: Worlds, seed: int, options: Options) -> dict[str, Any]:
    """Everything that determines a replicate's numbers; the number of replicates is not part of it."""
    return {
        "format": 2,
        "kind": "experiment",
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
