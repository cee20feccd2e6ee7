"""Real clusters on this machine: a scheduler and two workers, in processes of their own."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["ROOT", "dask_cluster", "dask_scheduler", "dask_workers", "free_port", "ray_cluster", "started"]

ROOT = Path(__file__).parents[1]
PATIENCE = 90.0  # seconds; the machine may be busy


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def started(*command: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process with a group of its own, which ends with the context, and so does all that it began."""
    own = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", **environment}
    process = subprocess.Popen(
        [sys.executable, *command],
        env=own,
        cwd="/",  # python -m imports from the current folder first
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def answers(port: int) -> None:
    """Waits until a port is listened to."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.1)
    pytest.fail(f"nothing listens to port {port}")


@contextmanager
def dask_scheduler() -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """`host:port` of a scheduler without workers, and its process."""
    pytest.importorskip("distributed")
    port = free_port()
    where = ("--host", "127.0.0.1", "--port", str(port), "--no-dashboard")
    with started("-m", "distributed.cli.dask_scheduler", *where) as process:
        answers(port)
        yield f"127.0.0.1:{port}", process


@contextmanager
def dask_workers(address: str, count: int = 2, **environment: str) -> Iterator[None]:
    """So many workers of a scheduler, of one thread each."""
    options = ("--nthreads", "1", "--nworkers", str(count), "--no-dashboard", "--memory-limit", "0")
    with (
        tempfile.TemporaryDirectory() as folder,
        started(
            "-m",
            "distributed.cli.dask_worker",
            f"tcp://{address}",
            *options,
            "--local-directory",
            folder,
            **environment,
        ),
    ):
        yield


@contextmanager
def dask_cluster(environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of a scheduler of Dask with two workers."""
    with dask_scheduler() as (address, _), dask_workers(address, **(environment or {})):
        yield f"dask://{address}"


@contextmanager
def ray_cluster(environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """The address of Ray's client server, with two cores."""
    pytest.importorskip("ray")
    folder, port = tempfile.mkdtemp(prefix="ray", dir="/tmp"), free_port()  # names of sockets are short
    ports = ("--port", str(free_port()), "--ray-client-server-port", str(port), "--node-ip-address", "127.0.0.1")
    quiet = ("--include-dashboard", "false", "--disable-usage-stats", "--temp-dir", folder)
    own = {"RAY_AUTH_MODE": "disabled", **(environment or {})}  # a token that lies in somebody's home plays no part
    main = "from ray.scripts.scripts import main; main()"
    try:
        with started("-c", main, "start", "--head", "--block", "--num-cpus", "2", *ports, *quiet, **own):
            answers(port)
            yield f"ray://127.0.0.1:{port}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)
