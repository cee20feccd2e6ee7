"""`abduct`: from a model, the data of one epidemic and a first posterior to the paths that may have led there."""

import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch

from causal_lpm import validate
from causal_lpm.inference.abduction.abduction import Abduction
from causal_lpm.inference.abduction.filters import Filtered
from causal_lpm.inference.abduction.gates import abduction_gates, check_thresholds
from causal_lpm.inference.abduction.importance import are_known, in_rounds, resampled, walk_of
from causal_lpm.inference.abduction.rejuvenation import Rejuvenated
from causal_lpm.inference.abduction.stages import CELLS, FilterBlocks, MoveBlocks
from causal_lpm.inference.abduction.starting_draws import starting_draws
from causal_lpm.inference.abduction.windowed import Windowed
from causal_lpm.inference.diagnostics.report import Report
from causal_lpm.inference.individuals.line_list import LineList
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.program.series import numbers_of
from causal_lpm.inference.program.side_by_side import check_side_by_side
from causal_lpm.inference.runs.addresses import Where
from causal_lpm.inference.runs.run_folder import RunFolder, fingerprint
from causal_lpm.inference.runs.runner import Progress, check_where, run_blocks
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.provenance import versions

__all__ = ["abduct"]

REPEATS = 8  # filters with the same parameters, for the noise of log p-hat


def abduct(
    model: Model,
    data: Mapping[str, Any],
    posterior: Any,
    *,
    windows: int | Sequence[int] = 1,
    blocks: int = 20,
    particles: int = 64,
    filters: int = 40,
    rounds: int = 8,
    enough: float = 30.0,
    sweeps: int = 2,
    paths: int = 200,
    line_list: LineList | None = None,
    thresholds: Mapping[str, tuple[float, float]] | None = None,
    seed: int = 0,
    folder: str | os.PathLike[str] | None = None,
    workers: int = 1,
    executor: Where = None,
    progress: Progress | None = None,
) -> Abduction:
    """Infers which parameters and which luck produced the data, as paths that can be replayed under other policies.

    Particle filters find the luck of draws of the parameters, and weigh these draws; rounds of them learn where the
    weight lies. Moves of a Markov chain then spread the paths that were chosen. The gates say whether to believe it.

    Args:
        model: A Pyro program without arguments whose rollout has steps of a day.
        data: As of `fit`: site -> numbers, NaN where a day is missing or has not come yet.
        posterior: Where the parameters are looked for first: a `CalibrationResult`, an `Abduction`, or name -> draws
            `[draw, *shape]`. A single draw says that they are known.
        windows: Days in a window, of which each has luck of its own, or the first day of each.
        blocks: Ranges of agents that have luck of their own in a window.
        particles: In each filter.
        filters: Draws of the parameters in a round.
        rounds: At most; none is begun once there are `enough` effective filters.
        enough: Effective filters.
        sweeps: Of moves after the filters: each moves luck in twelve windows, and parameters three times.
        paths: How many are kept, of equal weight.
        line_list: What is known of single agents.
        thresholds: Gate -> where it warns and fails; those of k-hat and drift are fixed.
        seed: Of all draws. The numbers do not depend on workers.
        folder: Keeps finished work; the same call goes on where it stopped.
        workers: Processes.
        executor: Where blocks run, instead of processes of this machine.
        progress: Called with (finished, all) filters or paths of the stage that runs.

    Raises:
        ValueError: as of a problem of inference; unknown or missing parameters; a model that simulates several times,
            in steps that are no days, or with noise that no seed determines; windows beyond the days, more blocks than
            agents, fewer than two filters, more memory than there is; a number of the data, or of the line list, that
            no particle can produce.
        TypeError: a posterior, data or windows that are of another kind.
        FileExistsError: the folder holds something else.
        RunError: a block failed, or a worker was killed.

    Source: Tran, Scharth, Pitt and Kohn (2013), arXiv 1309.3339, for the weights; Pearl (2009), Causality, section 7.1,
    for abduction.

    >>> import pyro, pyro.distributions as dist
    >>> from causal_lpm import event, observed, policy, rollout, tally
    >>> def model():
    ...     rate, share = pyro.sample("rate", dist.LogNormal(-2.0, 0.5)), policy("share", 1.0)
    ...
    ...     def day(s):
    ...         tally("cases", event("infection", rate * s["share"], where=s["well"]))
    ...         return s
    ...
    ...     run = rollout(day, {"well": torch.ones(50, dtype=torch.bool), "share": share}, 3)
    ...     observed("reports", dist.Poisson(run.tallies["cases"] + 0.1).to_event(1))
    ...     return run
    >>> found = abduct(model, {"reports": [4, 9, 2]}, {"rate": [0.1, 0.11, 0.12]}, blocks=2, filters=20, paths=30)
    >>> found.seeds.shape
    torch.Size([30, 3, 2])
    """
    again = partial(
        abduct,
        model,
        windows=windows,
        blocks=blocks,
        particles=particles,
        filters=filters,
        rounds=rounds,
        enough=enough,
        sweeps=sweeps,
        paths=paths,
        line_list=line_list,
        thresholds=thresholds,
        seed=seed,
        workers=workers,
    )
    blocks, particles, filters, rounds, paths, workers = (
        validate.whole_number(name, value, low=2 if name == "filters" else 1)  # weights have a covariance
        for name, value in {
            "blocks": blocks,
            "particles": particles,
            "filters": filters,
            "rounds": rounds,
            "paths": paths,
            "workers": workers,
        }.items()
    )
    seed, sweeps = validate.whole_number("seed", seed, low=0), validate.whole_number("sweeps", sweeps, low=0)
    check_thresholds(thresholds or {})
    if line_list is not None and not isinstance(line_list, LineList):
        raise TypeError(f"the line list is a {type(line_list).__name__}: give LineList(table, model).")
    problem = Problem(model, data)
    start = starting_draws(problem, posterior, seed)
    check_side_by_side(problem)
    windowed = Windowed(problem, start, windows, blocks, line_list, seed)
    _check_memory(windowed, particles, filters * rounds, paths)
    check_where(executor, workers, filters)
    about = {
        "format": 2,
        "kind": "abduction",
        "seed": seed,
        "windows": list(windowed.first),
        "blocks": blocks,
        "particles": particles,
        "data": fingerprint(numbers_of({**problem.data, **problem.terms})),
        "line_list": "" if line_list is None else line_list.fingerprint(),
        "model": "" if folder is None else _told_by(windowed),
        "versions": versions(),
    }
    options: dict[str, Any] = {"executor": executor, "workers": workers, "progress": progress}

    def run(z: torch.Tensor, before: int) -> Filtered:
        task = FilterBlocks(windowed, z, [replicate_seed(seed, before + i) for i in range(len(z))], particles)
        parts = run_blocks(
            task,
            len(z),
            check=task.check,
            batch=task.batch,
            what="filters",
            store=_store(folder, f"filters_{before:05d}", {**about, "parameters": fingerprint({"z": z.numpy()})}),
            **options,
        )
        return Filtered.of([dict(part) for part in parts])

    def round_of(z: torch.Tensor, before: int) -> Filtered:
        filtered = run(z, before)
        if bool(filtered.log_evidence.isneginf().all()):
            raise ValueError(
                f"no particle can produce {windowed.impossible(z, filtered.seeds[:, 0])}: look at the data and at the "
                "prior of what makes them, or give more particles."
            )
        return filtered

    found = in_rounds(problem, start, round_of, filters=filters, rounds=rounds, enough=enough, seed=seed)
    _check_replay(windowed, found.z, found.filtered)
    best = found.z[int(found.log_weights.argmax())]
    noise = float(run(best.expand(REPEATS, -1), filters * rounds + 1).log_evidence.std())
    numbers, chosen = resampled(found, paths, seed)
    moves = MoveBlocks(
        windowed,
        found.z[numbers],
        found.filtered.seeds[numbers, chosen],
        walk_of(problem, start, found.z[numbers]),
        sweeps,
        seed,
    )
    parts = run_blocks(
        moves,
        paths,
        check=moves.check,
        batch=moves.batch,
        what="paths",
        store=_store(
            folder,
            "moves",
            {**about, "sweeps": sweeps, "parameters": fingerprint({"z": moves.z.numpy(), "s": moves.seeds.numpy()})},
        ),
        **options,
    )
    moved = Rejuvenated.of([dict(part) for part in parts])
    gates = abduction_gates(found, noise, numbers, moved, _distances(windowed, moved), thresholds)
    return Abduction(
        windowed.problem.coordinates.values(moved.z),
        moved.seeds,
        windowed.first,
        numbers,
        found.log_evidence,
        Report(gates),
        problem=problem,
        settings={
            "particles": particles,
            "filters": filters,
            "rounds": rounds,
            "sweeps": sweeps,
            "seed": seed,
            "known": int(are_known(problem, start)),
        },
        line_list=line_list,
        again=again,
    )


def _check_memory(windowed: Windowed, particles: int, filters: int, paths: int) -> None:
    agents = windowed.problem.agents
    at_once = max(CELLS, agents * particles)  # a filter is not divided
    needed = 60.0 * at_once + 8.0 * len(windowed) * (3 * filters * particles + 4 * paths * windowed.blocks)
    validate.fits_in_memory(
        f"abduction ({agents:,} agents, {particles} particles, {filters} filters, {paths} paths)",
        needed,
        "give fewer particles, filters, paths or blocks, or longer windows",
    )


def _told_by(windowed: Windowed) -> str:
    """A fingerprint of what the model makes of two draws of its prior and of some luck."""
    luck = torch.arange(2 * len(windowed)).reshape(2, -1)
    run = windowed.run(windowed.problem.prior.draw(2, 0), windowed.in_all_blocks(luck))
    series = {name: values.numpy() for name, values in run.kept[windowed.end].run.tallies.items()}
    return fingerprint({**series, "log p": run.log_p.numpy()})


def _check_replay(windowed: Windowed, z: torch.Tensor, filtered: Filtered) -> None:
    """A particle's log p must be that of its replay: else something of the model is in no seed and no entry."""
    best = int(filtered.log_evidence.argmax())
    seeds, log_p = filtered.seeds[best], filtered.log_p[best].sum(1)
    again = windowed.run(z[best].expand(len(seeds), -1), windowed.in_all_blocks(seeds)).log_p.sum(1)
    finite = log_p.isfinite()
    if not torch.allclose(again[finite], log_p[finite], rtol=1e-9, atol=1e-6):
        row = int((again - log_p).nan_to_num().abs().argmax())
        raise ValueError(
            f"a replay of the luck of a particle has log p {float(again[row]):.6f} where the filter had "
            f"{float(log_p[row]):.6f}: something in the model goes on from day to day outside of its state and its "
            "seeds; make it an entry of the state."
        )


def _distances(windowed: Windowed, moved: Rejuvenated) -> dict[str, torch.Tensor]:
    size = max(1, CELLS // windowed.problem.agents)
    each = [windowed.distances(*part) for part in zip(moved.z.split(size), moved.seeds.split(size), strict=True)]
    return {name: torch.stack([one[name] for one in each]).amin(0) for name in each[0]}


def _store(folder: str | os.PathLike[str] | None, name: str, manifest: Mapping[str, Any]) -> RunFolder | None:
    return None if folder is None else RunFolder(Path(folder) / name, manifest)
