"""A task as it is sent to workers: as bytes, once where that can be done, and only to those that can run it."""

import functools
import hashlib
import pickle
import pkgutil
import platform
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cloudpickle
import torch

from causal_lpm.inference.runs.faults import LostWorker, RunError
from causal_lpm.inference.runs.run_folder import Arrays
from causal_lpm.inference.runs.workers import Workers
from causal_lpm.provenance import versions

__all__ = ["Sent", "Task", "alone", "pickled", "run_here", "run_sent", "sent"]

Task = Callable[[int], Arrays]
"""Number of a block -> its arrays, from nothing else."""

PACKAGE = "causal_lpm"
INSTALLED = {"site-packages", "dist-packages"}

# Pyro's handlers and torch's generator belong to the process, so blocks in threads (as Dask's workers have) take turns.
_ALONE = threading.RLock()


@dataclass(frozen=True)
class Sent:
    """What a worker is told of a task beside its bytes.

    Attributes:
        digest: Of the bytes.
        threads: Of torch.
        versions: Of the software here.
        code: Module -> hash of its code, of those that are not installed; the package counts as one.
    """

    digest: str
    threads: int
    versions: Mapping[str, str] = field(compare=False)
    code: Mapping[str, str] = field(compare=False)


def pickled(value: Any, what: str) -> bytes:
    """Anything, also with closures, as bytes that every kind of executor can send; ValueError where it cannot be."""
    try:
        found: bytes = cloudpickle.dumps(value)
    except (pickle.PicklingError, TypeError) as error:
        raise ValueError(
            f"{what} cannot be sent to other processes ({error}): make such things where they are used, or use one "
            "worker."
        ) from error
    return found


def sent(data: bytes, threads: int, workers: Workers) -> tuple[Sent, Any]:
    """Sends a pickled task, and asks workers whether they can run it; gives the first arguments of `run_sent`.

    Raises:
        RunError: a worker has other software, or cannot import what the task needs.
    """
    about = Sent(hashlib.sha256(data).hexdigest(), threads, versions(), _code_here())
    # By a function of Python: a worker without this package cannot even be sent one of ours.
    _refuse(
        workers,
        {name: _fault(found) for name, found in workers.ask(pkgutil.resolve_name, f"{__name__}:__doc__").items()},
    )
    held = workers.hold(data)
    _refuse(workers, workers.ask(_lacking, about, held))
    return about, held


def _fault(found: Any) -> BaseException | str:
    return found if isinstance(found, BaseException) else ""


def _refuse(workers: Workers, answers: Mapping[str, BaseException | str]) -> None:
    """Raises RunError for the first worker that cannot run a task, and says why."""
    for worker, answer in answers.items():
        if isinstance(answer, BaseException):
            fault = workers.fault(answer)
            if isinstance(fault, LostWorker | RunError):
                raise fault
            answer = f"cannot run this ({_last_line(fault)}): install the same version of {PACKAGE} there"
        if answer:
            raise RunError(f"{worker} {answer}.")


def run_sent(about: Sent, data: Any, number: int) -> Arrays:
    """Runs a block of a task that was sent; RunError where this worker, which may have come later, cannot."""
    if lacking := _lacking(about, data):
        raise RunError(f"a worker on {platform.node()} {lacking}.")
    return run_here(_unpickled(_Parcel(about.digest, data)), about.threads, number)


def run_here(task: Task, threads: int | None, number: int) -> Arrays:
    """Runs a block in this process."""
    with alone(threads):
        return task(number)


@contextmanager
def alone(threads: int | None = 1) -> Iterator[None]:
    """As blocks run: one at a time in a process, with so many threads of torch; None leaves them as they are."""
    with _ALONE:
        before = torch.get_num_threads()
        torch.set_num_threads(threads or before)
        try:
            yield
        finally:
            torch.set_num_threads(before)


@dataclass(frozen=True)
class _Parcel:
    digest: str
    data: Any = field(compare=False)


@functools.lru_cache(maxsize=1)
def _unpickled(parcel: _Parcel) -> Task:
    """The task, made once for all blocks of a worker: it may hold a large population."""
    found: Task = pickle.loads(parcel.data)
    return found


_FITS: set[str] = set()  # tasks that this process can run


def _lacking(about: Sent, data: Any) -> str:
    """What this process lacks to run a task, as the end of a sentence; nothing if it can."""
    if about.digest in _FITS:
        return ""
    here = versions()
    for name, version in about.versions.items():
        if here.get(name) != version:
            return f"has {name} {here.get(name)} and this process {version}: install the same there"
    own = _package_hash()
    if own != about.code[PACKAGE]:
        return f"has another version of {PACKAGE} than this process: install the same there"
    with alone():
        try:
            _unpickled(_Parcel(about.digest, data))
        except Exception as error:  # noqa: BLE001  importing somebody's modules may raise anything
            return f"cannot import what is run ({_last_line(error)}): install it there, or put it on PYTHONPATH there"
    for name, found in _code_here().items():
        if about.code.get(name, found) != found:
            return f"has other code of {name} than this process: copy it there, and start its workers anew"
    _FITS.add(about.digest)
    return ""


def _last_line(error: BaseException) -> str:
    """The kind and message of an error; of one that holds a traceback, that in its last line."""
    last = (str(error).strip().splitlines() or [""])[-1].strip().rstrip(".")
    kind = type(error).__name__
    return last if "Error: " in last else f"{kind}: {last}" if last else kind


def _code_here() -> dict[str, str]:
    """Module -> hash of its code, of modules that are loaded here and not installed; the package counts as one."""
    found = {PACKAGE: _package_hash()}
    standard = Path(sysconfig.get_paths()["stdlib"])
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if not file or name.split(".")[0] in (PACKAGE, "__main__", "__mp_main__"):
            continue
        path = Path(file)
        if path.suffix == ".py" and not INSTALLED & set(path.parts) and standard not in path.parents and path.is_file():
            found[name] = _module_hash(path)
    return found


@functools.cache
def _module_hash(path: Path) -> str:
    """As it was when the module was loaded, or soon after it: a file that has changed since changes no process."""
    return _hash_of([path])


@functools.cache
def _package_hash() -> str:
    return _hash_of(sorted(Path(sys.modules[PACKAGE].__path__[0]).rglob("*.py")))


def _hash_of(files: list[Path]) -> str:
    digest = hashlib.sha256()
    for file in files:
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:16]
