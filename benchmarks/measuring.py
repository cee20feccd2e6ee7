"""One measurement is one fresh process: starting it, reading what it prints, and what is to be known of the machine.

Standard library only: a child begins with the memory of the process that started it on its account.
"""

from __future__ import annotations

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent
PACKAGES = ("torch", "numba", "numpy", "pyro-ppl", "chirho", "causal-lpm")
Line = dict[str, Any]  # what a script prints
Command = Sequence[object]  # a script of this folder and its arguments


def without_paths(text: str) -> str:
    """The text with paths as seen from the root of the repository: results are committed."""
    return text.replace(f"{ROOT}{os.sep}", "")


def printed(command: Command) -> str:
    """What a script prints on standard output.

    Raises:
        RuntimeError: it fails.
    """
    script, *arguments = map(str, command)
    return _run([str(HERE / script), *arguments])


def _run(arguments: Sequence[str], folder: Path | None = None) -> str:
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0:
        words = without_paths(" ".join(arguments)).removeprefix(f"{HERE.name}{os.sep}")
        last = without_paths("\n".join(done.stderr.strip().splitlines()[-3:]))
        raise RuntimeError(f"{words} failed (exit status {done.returncode}): {last}")
    return done.stdout


def line(command: Command) -> Line:
    """The last line of JSON that a script prints.

    Raises:
        RuntimeError: it fails, or prints none.
    """
    found = [text for text in printed(command).splitlines() if text.startswith("{")]
    if not found:
        raise RuntimeError(f"{' '.join(map(str, command))} printed no line of JSON.")
    values: Line = json.loads(found[-1])
    return values


def module_lines(command: Command) -> list[Line]:
    """All lines of JSON that a module of the project, and its arguments, print.

    Raises:
        RuntimeError: it fails.
    """
    return [json.loads(text) for text in _run(["-m", *map(str, command)], ROOT).splitlines() if text.startswith("{")]


def in_turn(commands: Mapping[Any, Command], repeats: int) -> dict[Any, list[Line]]:
    """All commands in turn, A B C, A B C, ..., each in a process of its own: what each printed each time."""
    lines: dict[Any, list[Line]] = {name: [] for name in commands}
    for _ in range(repeats):
        for name, command in commands.items():
            lines[name].append(line(command))
    return lines


def median(lines: Iterable[Line], key: str) -> float:
    """The median of one entry; a list, such as the seconds of every day, counts with its sum."""
    values = (entry[key] for entry in lines)
    return statistics.median(sum(value) if isinstance(value, list) else value for value in values)


def gb(megabytes: float) -> float:
    """GB of 10**9 bytes from MB of 2**20 bytes."""
    return round(megabytes * 2**20 / 1e9, 3)


def versions() -> dict[str, str]:
    """Python and the libraries that the numbers depend on; "missing" where one is not installed."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            found[package] = "missing"
    return found


def thread_settings() -> dict[str, str]:
    """The variables of the environment that change how threads are used."""
    names = ("OMP_", "KMP_", "MKL_", "NUMBA_", "OPENBLAS_", "MALLOC_", "GLIBC_")
    return {name: value for name, value in sorted(os.environ.items()) if name.startswith(names)}


def load_average() -> float:
    """Processes that wanted to run, over the last minute."""
    return round(os.getloadavg()[0], 2)
