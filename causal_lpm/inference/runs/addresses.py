"""Where a run computes, in a word: `loky`, `dask`, `dask://host:port`, `ray`, `ray://host:port`."""

import importlib
import os
import socket
import sys
import warnings
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

from causal_lpm.inference.runs.dask_workers import DaskWorkers, the_distributed
from causal_lpm.inference.runs.loky_workers import FOR_LARGE_RUNS, LokyWorkers
from causal_lpm.inference.runs.ray_workers import RayExecutor, RayWorkers, the_ray
from causal_lpm.inference.runs.workers import Workers

__all__ = ["Where", "check_address", "opened"]

Where = Executor | str | None
"""An executor, a word or address that stands for one, or None."""

HERE = ("loky", "dask", "ray")
FORMS = "loky, dask, dask://host:port, ray or ray://host:port"
PORTS = {"dask": 8786, "ray": 10001}  # those that both choose themselves
SECONDS = 10.0  # to reach a scheduler
TRIES = 3  # to reach a cluster of Ray


def check_address(text: str) -> tuple[str, str]:
    """What an address says: the kind, and `host:port`, which is empty for this machine.

    Raises:
        ValueError: it is none.

    >>> check_address("dask://node7:8786")
    ('dask', 'node7:8786')
    >>> check_address("dask://node7")
    Traceback (most recent call last):
    ValueError: executor 'dask://node7' has no port: give it as well, as in dask://node7:8786.
    """
    if text in HERE:
        return text, ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"executor {text!r} is no address ({error}): give {FORMS}.") from error
    if parts.scheme not in PORTS or not host or "@" in parts.netloc or parts.path or parts.query or parts.fragment:
        raise ValueError(f"executor is {text!r}: give {FORMS}.")
    if not port:
        example = f"{parts.scheme}://{host}:{PORTS[parts.scheme]}"
        raise ValueError(f"executor {text!r} has no port: give it as well, as in {example}.")
    return parts.scheme, parts.netloc


@contextmanager
def opened(where: Where, workers: int = 1) -> Iterator[Workers | None]:
    """The workers behind an executor, a word or an address; None for None.

    What a word begins here has so many worker processes and ends with the context; a cluster goes on.

    Raises:
        ValueError: there is no such executor.
        ModuleNotFoundError: the library that it needs is not installed.
        ConnectionError: nothing answers at the address.
    """
    if where is None or isinstance(where, Workers):
        yield where  # whoever opened it closes it
        return
    place = _workers_at(where, workers) if isinstance(where, str) else _workers_of(where)
    finished = False
    try:
        yield place
        finished = True
    finally:
        place.close(finished=finished)


def _workers_of(executor: Executor) -> Workers:
    """Those of somebody else's executor, which stays as it is."""
    if isinstance(executor, RayExecutor):
        return _NotClosed("Ray", executor)
    if type(executor).__module__.startswith("distributed."):
        return DaskWorkers("Dask", executor._client)  # type: ignore[attr-defined]
    return Workers(executor)


class _NotClosed(RayWorkers):
    def close(self, *, finished: bool) -> None:
        pass


def _workers_at(text: str, workers: int) -> Workers:
    kind, address = check_address(text)
    if kind == "loky":
        return LokyWorkers(workers)
    if address:
        # Both libraries wait long for a host that is not there.
        _knock(text, address)
    return (_dask if kind == "dask" else _ray)(text, address, workers)


def _knock(text: str, address: str) -> None:
    parts = urlsplit(f"//{address}")
    try:
        socket.create_connection((str(parts.hostname), int(parts.port or 0)), timeout=SECONDS).close()
    except OSError as error:
        reason = str(error.strerror or error).lower()
        raise ConnectionError(f"nothing answers at {text} ({reason}): start it, or look at the address.") from error


def _dask(text: str, address: str, workers: int) -> Workers:
    distributed = the_distributed(f"executor {text!r}")
    if not address:
        # Tasks of lost workers are run again in one place, `run_all`, for all kinds of workers.
        once = importlib.import_module("dask.config").set({"distributed.scheduler.allowed-failures": 0})
        with once, _environment(FOR_LARGE_RUNS):
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                memory_limit=0,  # as other processes here: what a replicate needs, it needs
                preload=DaskWorkers.__module__,
                dashboard_address="127.0.0.1:0",  # None is port 8787, which another run may have
                silence_logs=50,
            )
        client = distributed.Client(cluster, set_as_default=False)
        return DaskWorkers("Dask on this machine", client, lambda: (client.close(), cluster.close()))
    try:
        client = distributed.Client(f"tcp://{address}", timeout=SECONDS, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConnectionError(f"what answers at {text} is no scheduler of Dask: look at the port.") from error
    return DaskWorkers(text, client, client.close)


def _ray(text: str, address: str, workers: int) -> Workers:
    ray = the_ray(f"executor {text!r}")
    if ray.is_initialized():
        raise ValueError(f"Ray runs in this process already: give RayExecutor() in place of {text!r}.")
    quiet: dict[str, Any] = {"log_to_driver": False, "configure_logging": False}
    if address:
        try:
            _reach(ray, text, quiet)
        except (ConnectionError, RuntimeError, ValueError) as error:
            first = str(error).strip().splitlines()[0].rstrip(".")
            raise ConnectionError(
                f"Ray at {text} cannot be used ({first}): look at the address; where the cluster asks for a token, set "
                "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH, as there."
            ) from error
    else:
        # Workers get the environment of this process, and nobody is told that Ray is used.
        own = {"RAY_USAGE_STATS_ENABLED": "0", "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), **FOR_LARGE_RUNS}
        with _environment(own):
            ray.init("local", num_cpus=workers, include_dashboard=False, **quiet)
    # No retries of Ray's, as above.
    return RayWorkers(text if address else "Ray on this machine", RayExecutor(max_retries=0), ray.shutdown)


def _reach(ray: Any, text: str, options: Mapping[str, Any]) -> None:
    """Connects to a cluster of Ray.

    Its client server forks a process for each client beside threads of gRPC; now and then that ends as it begins, and
    the next one does not.
    """
    for left in reversed(range(TRIES)):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # what goes wrong is said once
                ray.init(text, **options)
            return
        except ConnectionAbortedError:
            ray.shutdown()
            if not left:
                raise


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
