"""Where a result comes from: versions, machine kind, seed, data and commit, as attributes of every result.

Everything is a string, so that it can be stored in any file format. Nothing names a user, a host or a folder,
so that a result can be published as it is, and no time of day is in it: the same run, the same attributes.
"""

import hashlib
import platform
import re
import subprocess
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["provenance", "sha256", "versions"]

NUMERICAL = ("torch", "numpy", "pyro-ppl", "chirho")
PACKAGES = ("causal-lpm", *NUMERICAL)


def sha256(path: str | Path) -> str:
    """The SHA-256 of a file, as 64 hexadecimal digits.

    Raises:
        FileNotFoundError: There is no such file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "empty.csv"
        ...     file.touch()
        ...     sha256(file)[:16]
        'e3b0c44298fc1c14'
    """
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def provenance(seed: int | None = None, data: Mapping[str, str] | None = None) -> dict[str, str]:
    """The versions, the machine kind and, where given, the seed and the data that a result rests on.

    Args:
        seed: The seed of the run; None for results that have none.
        data: Name of each data set (no folders) -> its SHA-256, 64 hexadecimal digits, as `sha256` gives it.

    Returns:
        Name -> text: `causal-lpm`, `torch`, `pyro-ppl`, `chirho` and `numpy` (versions), `python`, `machine`
        (operating system and processor kind), `seed`, `sha256:NAME` of every data set, and `commit` where the
        package is run from a git checkout (with `-modified` at its end where files differ from that commit).

    Raises:
        ValueError: A name of a data set contains a folder, or a hash is not one.

    Example:
        >>> attributes = provenance(seed=7, data={"doses.csv": "0" * 64})
        >>> attributes["seed"], attributes["sha256:doses.csv"][:8]
        ('7', '00000000')
    """
    attributes = {package: _version(package) for package in PACKAGES}
    attributes["python"] = platform.python_version()
    attributes["machine"] = f"{platform.system()} {platform.machine()}"
    if seed is not None:
        attributes["seed"] = str(seed)
    for name, digest in sorted((data or {}).items()):
        if "/" in name or "\\" in name:
            raise ValueError(f"data set {name!r} is named with its folder: give the file name alone.")
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise ValueError(f"the hash of data set {name!r} is {digest!r}: give the 64 digits of sha256(path).")
        attributes[f"sha256:{name}"] = digest
    if commit := _commit(Path(__file__).parent.parent):
        attributes["commit"] = commit
    return attributes


def versions() -> dict[str, str]:
    """The versions that numbers depend on: of Python (bug-fix releases change none) and of the numerical packages."""
    python = ".".join(platform.python_version_tuple()[:2])
    return {"python": python, **{package: _version(package) for package in NUMERICAL}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _commit(checkout: Path) -> str | None:
    # An installed package may lie in an environment inside somebody else's checkout: ask only our own.
    if not ((checkout / ".git").exists() and (checkout / "pyproject.toml").is_file()):
        return None
    try:
        commit = _git(checkout, "rev-parse", "HEAD")
        changes = _git(checkout, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):  # no git here, no commit yet, or the folder of another user
        return None
    return f"{commit}-modified" if changes else commit


def _git(checkout: Path, *arguments: str) -> str:
    command = ["git", "-C", str(checkout), *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    return run.stdout.strip()
