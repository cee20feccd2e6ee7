"""Run a study: all its worlds, many replicates, each kept as soon as it is finished.

Replicate r depends on the seed and on r alone, so it is the same for any number of replicates and workers,
and a run that was interrupted goes on where it stopped.
"""

import logging
import multiprocessing
import multiprocessing.connection
import os
import signal
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import torch
import xarray as xr

from causal_lpm.inference.files.whole_files import WriteError
from causal_lpm.inference.runs.executors import FOR_LARGE_RUNS
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.inference.runs.signals import answering
from causal_lpm.inference.studies import storage
from causal_lpm.inference.studies import study_tree as results
from causal_lpm.inference.studies.settings import check_experiment, whole_options
from causal_lpm.inference.studies.storage import Replicate, Store
from causal_lpm.inference.studies.study import (
    Options,
    Policy,
    References,
    Study,
    Worlds,
    variant,
)
from causal_lpm.memory import reuse_freed_memory
from causal_lpm.provenance import provenance

__all__ = [
    "Options",
    "Policy",
    "ReplicateError",
    "Study",
    "replicate_seed",
    "run_experiment",
]

_LOG = logging.getLogger("causal_lpm")


class ReplicateError(RuntimeError):
    """A replicate failed; the message names it and its seed, and the finished ones are kept."""


def run_experiment(
    study: Study,
    worlds: Worlds,
    references: References,
    replicates: int,
    seed: int,
    options: Options,
    out: str | os.PathLike[str] | None = None,
    workers: int = 2,
    progress: Callable[[int, int], None] | None = None,
) -> xr.DataTree:
    """Simulates all worlds in every replicate, which share their noise, and compares them.

    Args:
        study: what to simulate.
        worlds: name -> policy -> value, in the order in which results name them.
        references: world -> the world that it is compared with.
        replicates: how many times, each with fresh noise.
        seed: an integer; with `replicate_seed` it determines every number.
        options: agents, days, device and what the study adds.
        out: a folder for the finished replicates and `results.nc`; an earlier run of the same experiment
            there is continued. Without it nothing is written.
        workers: processes at most, which share torch's threads; 1 runs in this process, more never do. A script that
            uses more must guard its entry with `if __name__ == "__main__":`, because the processes import it.
        progress: called with (finished, all) whenever a replicate is finished.

    Returns:
        The tree that `causal_lpm.inference.studies.study_tree` describes.

    Raises:
        ValueError: if something asked for is impossible; nothing has run.
        FileExistsError: if `out` holds something else; nothing has run.
        ReplicateError: if a replicate fails; the finished ones are kept.
        WriteError: if something finished cannot be written, as when the disk is full; what is written is kept.
        KeyboardInterrupt: on Ctrl-C, with a sentence that says how to go on.
    """
    study = variant(study, options.extra)
    check_experiment(study, worlds, references, replicates, seed, options, workers)
    options = whole_options(options)
    replicates, seed, workers = int(replicates), int(seed), int(workers)
    content = storage.manifest(study, worlds, seed, options)
    origin: Mapping[str, str] = provenance(seed=seed, data=storage.data_hashes(options))
    kept: dict[int, Replicate] = {}
    store = None
    if out is not None:
        store = Store(Path(out), content, origin)
        results.remove_if_broken(Path(out) / "results.nc")  # the replicates can make it again
        results.check_target(Path(out) / "results.nc", storage.identity(content), replicates)
        origin = store.origin
        kept = dict(_read_kept(store, study, worlds, options, replicates))
    report = progress or (lambda done, total: None)
    report(len(kept), replicates)
    todo = [replicate for replicate in range(replicates) if replicate not in kept]
    try:
        # Closed by hand: an interrupt in this loop must stop the worker processes before it goes further.
        with closing(_simulate_all(study, worlds, options, seed, todo, workers)) as finished:
            for replicate, values in finished:
                if store is not None:
                    store.write(replicate, values)
                kept[replicate] = values
                report(len(kept), replicates)
        ordered = [kept[replicate] for replicate in range(replicates)]
        tree = results.build(study, worlds, references, ordered, seed, options, storage.identity(content), origin)
        if out is not None:
            results.save(tree, Path(out) / "results.nc")
    except (ReplicateError, WriteError) as error:
        raise type(error)(f"{error} {_kept_sentence(len(kept), replicates, out)}") from error
    except KeyboardInterrupt as error:
        raise KeyboardInterrupt(f"interrupted: {_kept_sentence(len(kept), replicates, out)}") from error
    return tree


def _read_kept(
    store: Store, study: Study, worlds: Worlds, options: Options, replicates: int
) -> Iterator[tuple[int, Replicate]]:
    """The finished replicates of an earlier run; one that cannot be used counts as unfinished."""
    for replicate in store.finished(replicates):
        try:
            values = store.read(replicate)
            _check_replicate(study, worlds, options, values)
        except ValueError as error:
            _LOG.warning("Replicate %d is simulated again: %s.", replicate, error)
        else:
            yield replicate, values


def _kept_sentence(done: int, replicates: int, out: str | os.PathLike[str] | None) -> str:
    if out is None:
        return f"{done} of {replicates} replicates were finished and are lost; an output folder keeps them."
    return f"{done} of {replicates} replicates are kept in {os.fspath(out)}; run the same again to go on."


def _replicate(study: Study, worlds: Worlds, options: Options, seed: int, replicate: int) -> Replicate:
    """One replicate, checked; any failure is raised again with the replicate's number and seed."""
    own_seed = replicate_seed(seed, replicate)
    try:
        values = {name: np.asarray(value) for name, value in study.simulate(worlds, options, own_seed).items()}
        _check_replicate(study, worlds, options, values)
    except Exception as error:
        raise ReplicateError(
            f"replicate {replicate} (seed {own_seed}) failed with {type(error).__name__}: {error}."
        ) from error
    return {name: values[name] for name in study.outcomes}


def _check_replicate(study: Study, worlds: Worlds, options: Options, values: Replicate) -> None:
    shape = (len(worlds), len(study.groups), options.days)
    for name in study.outcomes:
        if name not in values:
            raise ValueError(f"the study returned no {name!r}")
        if values[name].shape != shape:
            raise ValueError(f"{name!r} has shape {values[name].shape}, not (world, group, day) = {shape}")
        if values[name].dtype.kind not in "biuf":
            raise ValueError(f"{name!r} holds {values[name].dtype}, no numbers")
        if not np.isfinite(values[name]).all() or (values[name] < 0).any():
            raise ValueError(f"{name!r} has negative or non-finite counts")


def _simulate_all(
    study: Study, worlds: Worlds, options: Options, seed: int, todo: Sequence[int], workers: int
) -> Generator[tuple[int, Replicate], None, None]:
    """Yields each replicate as it is finished, in any order."""
    if workers > 1 and todo:
        yield from _simulate_in_processes(study, worlds, options, seed, todo, min(workers, len(todo)))
    else:
        for replicate in todo:
            yield replicate, _replicate(study, worlds, options, seed, replicate)


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Variables for the processes that start inside the block; what the user has set stays."""
    added = {name: value for name, value in wanted.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]


def _start_worker(threads: int) -> None:
    # The parent alone answers Ctrl-C; processes side by side share the cores.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(threads)
    reuse_freed_memory()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A parent that was killed cannot stop its workers; they would compute on for nobody.
    parent = multiprocessing.parent_process()
    if parent is not None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)


def _simulate_in_processes(
    study: Study, worlds: Worlds, options: Options, seed: int, todo: Sequence[int], workers: int
) -> Generator[tuple[int, Replicate], None, None]:
    """After the first failure nothing new starts; what is running is still yielded before it is raised."""
    others = set(multiprocessing.active_children())
    threads = max(1, torch.get_num_threads() // workers)
    pool = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker, (threads,))
    failure: BaseException | None = None
    finished = False
    try:
        # A child inherits this until `_start_worker` says the same; otherwise it would print a traceback.
        with answering(signal.SIGINT, signal.SIG_IGN), _environment(FOR_LARGE_RUNS):
            futures = {pool.submit(_replicate, study, worlds, options, seed, number): number for number in todo}
        for future in as_completed(futures):
            if future.cancelled():
                continue
            error = future.exception()
            if error is None:
                yield futures[future], future.result()
            elif failure is None:
                failure = error
                for pending in futures:
                    pending.cancel()
        finished = True
    finally:
        pool.shutdown(wait=finished, cancel_futures=True)
        if not finished:
            for child in set(multiprocessing.active_children()) - others:
                child.terminate()
    if isinstance(failure, BrokenProcessPool):
        raise ReplicateError("a worker process was killed (out of memory?); use fewer workers.") from failure
    if failure is not None:
        raise failure
