"""Run a study: all its worlds, many replicates, each kept as soon as it is finished.

Replicate r depends on the seed and on r alone, so it is the same for any number of replicates and workers,
and a run that was interrupted goes on where it stopped.
"""

import os
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import xarray as xr

from causal_lpm.handlers.checkpoints import Checkpoints
from causal_lpm.inference.runs.addresses import Where
from causal_lpm.inference.runs.run_folder import Arrays, Manifest, RunFolder, identity
from causal_lpm.inference.runs.runner import Progress, RunError, check_where, run_blocks, saying_how_to_go_on
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.inference.studies import study_tree as results
from causal_lpm.inference.studies.manifest import data_hashes, manifest
from causal_lpm.inference.studies.settings import check_experiment, whole_options
from causal_lpm.inference.studies.study import Options, References, Study, Worlds, variant
from causal_lpm.provenance import provenance
from causal_lpm.validate import whole_number

__all__ = ["one_replicate", "run_experiment"]


def run_experiment(
    study: Study,
    worlds: Worlds,
    references: References,
    replicates: int,
    seed: int,
    options: Options,
    out: str | os.PathLike[str] | None = None,
    workers: int = 2,
    progress: Progress | None = None,
    executor: Where = None,
    checkpoint_every: int | None = None,
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
        workers: processes at most, which share torch's threads; 1 runs in this process.
        progress: called with (finished, all) whenever a replicate is finished.
        executor: where replicates run, as of `simulate_set`: an executor, or a word or address that stands for one.
        checkpoint_every: days after which a replicate keeps its state in `out`, so that one that is cut off goes on
            from there; workers must reach that folder. None keeps finished replicates alone.

    Returns:
        The tree that `causal_lpm.inference.studies.study_tree` describes.

    Raises:
        ValueError: if something asked for is impossible; nothing has run.
        FileExistsError: if `out` holds something else; nothing has run.
        ConnectionError: if nothing answers at the executor's address; nothing has run.
        RunError: if a replicate fails or something cannot be written; the finished ones are kept.
        KeyboardInterrupt: on Ctrl-C, with a sentence that says how to go on.
    """
    study = variant(study, options.extra)
    check_experiment(study, worlds, references, replicates, seed, options, workers)
    check_where(executor, workers, replicates)
    if checkpoint_every is not None:
        whole_number("checkpoint_every", checkpoint_every)
        if out is None:
            raise ValueError("checkpoints are kept in the folder of the results, and there is none: give out.")
    options = whole_options(options)
    replicates, seed, workers = int(replicates), int(seed), int(workers)
    content, what = manifest(study, worlds, seed, options), "replicates"
    origin: Mapping[str, str] = provenance(seed=seed, data=data_hashes(options))
    store = None
    if out is not None:
        store = RunFolder(Path(out), content, "replicate", {"provenance": dict(origin)})
        results.remove_if_broken(Path(out) / "results.nc")  # the replicates can make it again
        results.check_target(Path(out) / "results.nc", identity(content), replicates)
        origin = store.notes.get("provenance", origin)
    kept = None if checkpoint_every is None or store is None else Kept(store.checkpoints, checkpoint_every, content)
    found = run_blocks(
        partial(one_replicate, study, worlds, options, seed, kept=kept),
        replicates,
        check=partial(_check_replicate, study, worlds, options),
        what=what,
        store=store,
        executor=executor,
        workers=workers,
        threads=None,
        progress=progress,
    )
    with saying_how_to_go_on(what, lambda: replicates, replicates, out):
        tree = results.build(study, worlds, references, found, seed, options, identity(content), origin)
        if out is not None:
            results.save(tree, Path(out) / "results.nc")
    return tree


@dataclass(frozen=True)
class Kept:
    """Where replicates keep their states on the way.

    Attributes:
        folder: Number of a replicate -> its folder.
        every: Days between two checkpoints.
        of: What the experiment is.
    """

    folder: Callable[[int], Path]
    every: int
    of: Manifest

    def handler(self, replicate: int) -> Checkpoints:
        """What keeps the states of a replicate."""
        of = {"experiment": identity(self.of), "replicate": replicate}
        return Checkpoints(self.folder(replicate), self.every, of)


def one_replicate(
    study: Study, worlds: Worlds, options: Options, seed: int, replicate: int, kept: Kept | None = None
) -> Arrays:
    """One replicate, checked; any failure is raised again with the replicate's number and seed."""
    own_seed = replicate_seed(seed, replicate)
    try:
        with nullcontext() if kept is None else kept.handler(replicate):
            simulated = study.simulate(worlds, options, own_seed)
        values = {name: np.asarray(value) for name, value in simulated.items()}
        _check_replicate(study, worlds, options, values)
    except Exception as error:
        raise RunError(
            f"replicate {replicate} (seed {own_seed}) failed with {type(error).__name__}: {error}."
        ) from error
    return {name: values[name] for name in study.outcomes}


def _check_replicate(study: Study, worlds: Worlds, options: Options, values: Arrays) -> None:
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
