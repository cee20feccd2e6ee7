"""Sets of simulations: parameters drawn from a prior or proposal, and what the exact model makes of them.

Every simulation has a seed, so a set is the same for any number of workers and any executor, and a longer set begins
with the shorter one. Failures are counted and kept, because leaving them out in silence would change the prior.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.runs.addresses import Where
from causal_lpm.inference.runs.blocks import Block, Simulator, block_seeds, join, run_block, same_outputs
from causal_lpm.inference.runs.run_folder import Arrays, RunFolder
from causal_lpm.inference.runs.runner import RunError, alone, check_where, run_blocks
from causal_lpm.provenance import versions
from causal_lpm.validate import fits_in_memory, whole_number

__all__ = ["Failure", "SimulationSet", "Simulator", "simulate_set"]

_LOG = logging.getLogger("causal_lpm")

LEAST_BYTES = 200.0  # of a simulation: parameters, seed, message, and the lists that hold them
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
    executor: Where = None,
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
        executor: Where blocks run: anything with the interface of `concurrent.futures.Executor`, such as Dask's
            `client.get_executor()` or `RayExecutor`, which is not shut down; or `"loky"`, `"dask"`, `"ray"` for worker
            processes here that end with the run, `"dask://host:port"` or `"ray://host:port"` for a cluster.
        workers: Processes here; without an executor they are loky's, and 1 runs in this process. With an executor or a
            cluster: 256 blocks at most are handed to it at a time, or twice the workers where that is more.
        folder: Keeps finished blocks; the same call goes on where it stopped, also with a larger `n`.
        progress: Called with (finished, n) whenever a block is finished.

    Returns:
        The set, with failures counted. A warning is logged where there are any.

    Raises:
        ValueError: something asked for is impossible; nothing has run.
        FileExistsError: `folder` holds something else; nothing has run.
        ConnectionError: nothing answers at the address of a cluster; nothing has run.
        RunError: all simulations failed, or a block could not be run; finished ones are kept. A worker has other
            software than this process, or cannot import what is run; nothing has run.
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
    fits_in_memory(f"{n} simulations in batches of {batch}", LEAST_BYTES * max(n, batch), FEWER)
    check_where(executor, workers, -(-n // batch))
    manifest = {"format": 2, "kind": "simulations", "seed": seed, "batch": batch, "versions": versions()}
    store = None
    if folder is not None:
        with alone():
            about = dict(simulator.identity())
        store = RunFolder(Path(folder), {**manifest, "simulator": about})
    first: dict[str, Array] = {}

    def check(arrays: Arrays) -> None:
        block = Block.of(arrays)
        lengths = {len(block.z), len(block.messages), *map(len, block.data.values())}
        if lengths != {batch} or bool(block.data) == all(block.messages):
            raise ValueError(f"has not {batch} simulations")
        same_outputs(first, block.data)
        if block.data and not first:
            first.update(block.data)
            one = sum(values[:1].nbytes for values in first.values())
            fits_in_memory(f"{n} simulations of {one} bytes", 2.0 * n * one, FEWER)

    found = run_blocks(
        partial(_block, simulator, seed, batch),
        n,
        check=check,
        batch=batch,
        store=store,
        executor=executor,
        workers=workers,
        progress=progress,
    )
    seeds = np.concatenate([block_seeds(seed, batch, number) for number in range(len(found))])
    return _assemble([Block.of(arrays) for arrays in found], seeds, n, folder)


def _block(simulator: Simulator, seed: int, batch: int, number: int) -> Arrays:
    return run_block(simulator, seed, batch, number).arrays()


def _assemble(
    blocks: list[Block], seeds: npt.NDArray[np.int64], n: int, folder: str | os.PathLike[str] | None
) -> SimulationSet:
    """The first n simulations of the blocks, and the warnings about those that failed."""
    messages = [message for block in blocks for message in block.messages][:n]
    failures = tuple(Failure(number, int(seeds[number]), message) for number, message in enumerate(messages) if message)
    alone = [block.alone.rstrip(".") for block in blocks if block.alone]
    if alone:
        _LOG.warning(
            f"{len(alone)} of {len(blocks)} blocks failed as a whole, and their simulations ran one by one; the first "
            f"with {alone[0]}."
        )
    if failures:
        first = failures[0]
        message = first.message.rstrip(".")
        if len(failures) == n:
            raise RunError(
                f"all {n} simulations failed, the first (seed {first.seed}) with {message}."
                + ("" if folder is None else f" They are kept in {folder}; a mended model needs another folder.")
            )
        _LOG.warning(
            f"{len(failures)} of {n} simulations failed and have no data; the first (number {first.number}, seed "
            f"{first.seed}) with {message}."
        )
    z = np.concatenate([block.z for block in blocks])[:n]
    data = join([block.data for block in blocks], [len(block.z) for block in blocks])
    ok = np.array([not message for message in messages])
    return SimulationSet(z, {name: values[:n] for name, values in data.items()}, ok, failures)
