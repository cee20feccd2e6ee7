"""Sets of simulations: parameters drawn from a prior or proposal, and what the exact model makes of them.

Every simulation has a seed, so a set is the same for any number of workers and any executor, and a longer set begins
with the shorter one. Failures are counted and kept, because leaving them out in silence would change the prior.
"""

import logging
import os
from collections.abc import Callable, Generator
from concurrent.futures import BrokenExecutor, Executor
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.files.whole_files import WriteError
from causal_lpm.inference.runs.block_folder import BlockFolder, manifest
from causal_lpm.inference.runs.blocks import (
    Block,
    Simulator,
    join,
    pickled,
    run_block,
    run_pickled,
    same_outputs,
)
from causal_lpm.inference.runs.executors import run_all, stop_processes, worker_processes
from causal_lpm.validate import fits_in_memory, whole_number

__all__ = ["Failure", "SimulationSet", "Simulator", "simulate_set"]

_LOG = logging.getLogger("causal_lpm")

IN_FLIGHT = 256  # blocks that a user's executor has at one time, unless `workers` asks for more

LEAST_BYTES = 200.0  # of a simulation: parameters, seed, message, and the lists that hold them
BYTES_PER_WORKER = 2e8  # of a process that has imported torch
FEWER = "ask for fewer simulations, or smaller batches"

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Failure:
    """A simulation that raised an error, or gave NaN or infinity.

    Attributes:
        number: Which one, from 0.
        seed: Its seed.
        message: The error.
    """

    number: int
    seed: int
    message: str


@dataclass(frozen=True)
class SimulationSet:
    """Simulations, in the order of their numbers.

    Attributes:
        z: Parameters, float64 `[n, size]`.
        data: name -> floats `[n, ...]`, NaN where the simulation failed.
        ok: Which succeeded, bool `[n]`.
        failures: The others.
    """

    z: Array
    data: dict[str, Array]
    ok: npt.NDArray[np.bool_]
    failures: tuple[Failure, ...]

    def successful(self) -> tuple[Array, dict[str, Array]]:
        """Parameters and data of the simulations that succeeded."""
        return self.z[self.ok], {name: values[self.ok] for name, values in self.data.items()}


def simulate_set(
    simulator: Simulator,
    n: int,
    seed: int,
    *,
    batch: int = 1,
    executor: Executor | None = None,
    workers: int = 1,
    folder: str | os.PathLike[str] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> SimulationSet:
    """Draws `n` parameters and simulates each.

    Simulations run in blocks of `batch`; the last block is simulated whole, so that a longer set begins with this one.
    Block b has the seed `replicate_seed(seed, b)`, and in it simulation i has number i of that seed. Another `batch`
    gives other, equally good, numbers.

    Args:
        simulator: Draws and simulates; see `Simulator`. It may hold closures.
        n: Number of simulations.
        seed: In [0, 2**63); determines every number together with `batch` and the simulator.
        batch: Simulations that the simulator gets at one time, as draws. More are faster where a model is small.
        executor: Where blocks run, anything with the interface of `concurrent.futures.Executor`: Dask's
            `client.get_executor()`, `RayExecutor`, ... It is not shut down.
        workers: Without an executor: processes, of loky; 1 runs in this process. With one: 256 blocks at most are
            handed to it at a time, or twice the workers where that is more.
        folder: Keeps finished blocks; the same call goes on where it stopped, also with a larger `n`.
        progress: Called with (finished, n) whenever a block is finished.

    Returns:
        The set, with failures counted. A warning is logged where there are any.

    Raises:
        ValueError: something asked for is impossible; nothing has run.
        ModuleNotFoundError: joblib is not installed, and other processes are asked for.
        FileExistsError: `folder` holds something else; nothing has run.
        RuntimeError: all simulations failed, or a block could not be run; finished ones are kept.
        KeyboardInterrupt: on Ctrl-C, with a sentence that says how to go on.

    >>> class Normal:
    ...     def identity(self):
    ...         return {"model": "normal"}
    ...
    ...     def draw(self, n, seed):
    ...         return np.random.default_rng(seed).normal(size=(n, 1))
    ...
    ...     def simulate(self, z, seeds):
    ...         return {"x": np.array([np.random.default_rng(seed).normal(mu) for (mu,), seed in zip(z, seeds)])}
    >>> few, many = simulate_set(Normal(), 2, seed=0), simulate_set(Normal(), 5, seed=0)
    >>> many.data["x"].shape, (many.data["x"][:2] == few.data["x"]).all(), many.failures
    ((5,), np.True_, ())
    """
    n, batch, workers = (
        whole_number(name, value) for name, value in {"n": n, "batch": batch, "workers": workers}.items()
    )
    seed = whole_number("seed", seed, low=0)
    _check(n, batch, executor, workers)
    store = None if folder is None else BlockFolder(Path(folder), manifest(simulator, seed, batch))
    numbers = range(-(-n // batch))
    kept = {} if store is None else store.read(len(numbers))
    report = progress or (lambda done, total: None)
    report(_count(kept, n, batch), n)
    todo = [number for number in numbers if number not in kept]
    if executor is None and (workers == 1 or len(todo) < 2):
        task, workers = partial(run_block, simulator, seed, batch), 1
    else:
        task = partial(run_pickled, pickled(simulator), seed, batch)
    first: dict[str, Array] = next((block.data for block in kept.values() if block.data), {})
    _check_size(first, n)
    try:
        # Closed by hand: an interrupt in this loop must stop the workers before it goes further.
        with closing(_run(task, todo, executor, workers)) as finished:
            for number, block in finished:
                same_outputs(first, block.data)
                if not first:
                    first = block.data
                    _check_size(first, n)
                if store is not None:
                    store.write(number, block)
                kept[number] = block
                report(_count(kept, n, batch), n)
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"interrupted: {_how_to_go_on(kept, n, batch, folder)}") from error
    except BrokenExecutor as error:
        raise RuntimeError(
            f"a worker process was killed (out of memory?): use fewer workers. {_how_to_go_on(kept, n, batch, folder)}"
        ) from error
    except WriteError as error:
        raise RuntimeError(f"{error} {_how_to_go_on(kept, n, batch, folder)}") from error
    except Exception as error:
        raise RuntimeError(
            f"the simulations stopped with {type(error).__name__}: {str(error).rstrip('.')}. "
            f"{_how_to_go_on(kept, n, batch, folder)}"
        ) from error
    return _assemble([kept[number] for number in numbers], n, folder)


def _check(n: int, batch: int, executor: Executor | None, workers: int) -> None:
    if executor is not None and not hasattr(executor, "submit"):
        raise ValueError(
            f"executor is a {type(executor).__name__} without `submit`: give an executor of concurrent.futures "
            "(of Dask: client.get_executor())."
        )
    fits_in_memory(f"{n} simulations in batches of {batch}", LEAST_BYTES * max(n, batch), FEWER)
    if executor is None and workers > 1:
        started = min(workers, -(-n // batch))
        fits_in_memory(f"{started} worker processes", started * BYTES_PER_WORKER, "use fewer workers")


def _check_size(data: dict[str, Array], n: int) -> None:
    """As soon as one block says how large a simulation is."""
    one = sum(values[:1].nbytes for values in data.values())
    fits_in_memory(f"{n} simulations of {one} bytes", 2.0 * n * one, FEWER)


def _run(
    task: Callable[[int], Block], todo: list[int], executor: Executor | None, workers: int
) -> Generator[tuple[int, Block], None, None]:
    """Yields each block as it is finished, in any order."""
    if executor is not None or workers == 1:
        yield from run_all(task, todo, executor, max(IN_FLIGHT, 2 * workers))
        return
    own = worker_processes(min(workers, len(todo)))
    finished = False
    try:
        yield from run_all(task, todo, own, 2 * workers)
        finished = True
    finally:
        if not finished:
            stop_processes(own)


def _count(kept: dict[int, Block], n: int, batch: int) -> int:
    """How many of the n simulations are finished; the last block may have more."""
    return sum(min(batch, n - number * batch) for number in kept)


def _how_to_go_on(kept: dict[int, Block], n: int, batch: int, folder: str | os.PathLike[str] | None) -> str:
    done = _count(kept, n, batch)
    if folder is None:
        return f"{done} of {n} simulations were finished and are lost; a folder keeps them."
    return f"{done} of {n} simulations are kept in {os.fspath(folder)}; run the same again to go on."


def _assemble(blocks: list[Block], n: int, folder: str | os.PathLike[str] | None) -> SimulationSet:
    """The first n simulations of the blocks, and the warnings about those that failed."""
    messages = [message for block in blocks for message in block.messages][:n]
    seeds = np.concatenate([block.seeds for block in blocks])
    failures = tuple(Failure(number, int(seeds[number]), message) for number, message in enumerate(messages) if message)
    if len(failures) == n:
        raise RuntimeError(
            f"all {n} simulations failed, the first (seed {failures[0].seed}) with {failures[0].message.rstrip('.')}."
            + ("" if folder is None else f" They are kept in {os.fspath(folder)}; a mended model needs another folder.")
        )
    alone = [block.alone for block in blocks if block.alone]
    if alone:
        _LOG.warning(
            "%d of %d blocks failed as a whole, and their simulations ran one by one; the first with %s.",
            len(alone),
            len(blocks),
            alone[0].rstrip("."),
        )
    if failures:
        _LOG.warning(
            "%d of %d simulations failed and have no data; the first (number %d, seed %d) with %s.",
            len(failures),
            n,
            failures[0].number,
            failures[0].seed,
            failures[0].message.rstrip("."),
        )
    z = np.concatenate([block.z for block in blocks])[:n]
    data = join([block.data for block in blocks], [len(block.z) for block in blocks])
    ok = np.array([not message for message in messages])
    return SimulationSet(z, {name: values[:n] for name, values in data.items()}, ok, failures)
