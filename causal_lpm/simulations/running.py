"""Runs a model in several worlds, once a seed: worlds of a seed share its parameters and every agent's luck."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch

from causal_lpm.inference.policies.counted import WORDS
from causal_lpm.inference.policies.dying_out import said_of_dying_out
from causal_lpm.inference.policies.outcomes import Outcomes, outcomes_of
from causal_lpm.inference.policies.predicted_rows import PredictedRows
from causal_lpm.inference.policies.predictions import predictions_dataset
from causal_lpm.inference.policies.predictive import COUPLING
from causal_lpm.inference.policies.question import checked_draws, named_worlds
from causal_lpm.inference.policies.row_blocks import CELLS, run_rows
from causal_lpm.inference.program.program import read
from causal_lpm.inference.runs.runner import alone
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.simulations.bound_models import BoundModel
from causal_lpm.simulations.progress import counting_days

if TYPE_CHECKING:
    import xarray as xr

    from causal_lpm.inference.runs.addresses import Where

__all__ = ["prior_draws", "simulate_worlds"]


def simulate_worlds(
    model: BoundModel,
    worlds: Mapping[str, Mapping[str, float]],
    *,
    seeds: int,
    seed: int,
    units: Mapping[str, str],
    places: tuple[str, ...] | None,
    sizes: torch.Tensor,
    start_date: str | None,
    workers: int,
    executor: Where,
    progress: bool,
    short: bool,
) -> xr.Dataset:
    """All series in every world, once a seed, as `predict` gives them.

    Args:
        model: Over the days that are wanted.
        worlds: Name -> policy -> value.
        seeds: How many runs; where parameters have priors, each has a draw of its own.
        seed: That determines all of them.
        units: Series -> "new" or "stock".
        places: Labels of the groups of the series.
        sizes: Agents of each group.
        start_date: Of day 0.
        workers: Processes.
        executor: Where it is computed, instead of processes of this machine.
        progress: Whether a bar shows the days.
        short: Whether one day tells the shapes of all: its series have one number a day.
    """
    settings = named_worlds(worlds)
    with alone():
        drawn = prior_draws(model, seeds, seed)
        given = checked_draws(drawn)
        has = _outcomes(model, {name: value[:1] for name, value in given.items()}, settings, seed, short)
    replicates = 1 if drawn else seeds
    here = workers == 1 and executor is None
    batch = max(1, CELLS // (max(1, has.agents) * len(settings))) if here else 0
    task = PredictedRows(model, given, settings, True, replicates, seed, batch, has, tuple(has.shapes))
    what = f"the simulation ({len(settings)} worlds, {seeds} seeds, {model.days} days)"
    with counting_days(what, model.days * -(-seeds // max(1, batch)), shown=progress and here):
        found = run_rows(
            task, what=what, fewer="ask for fewer agents, seeds or worlds", workers=workers, executor=executor
        )
    groups = max(shape[0] for shape in has.shapes.values())
    labelled = places is not None and len(places) == groups
    dataset = predictions_dataset(
        {name: found[name].reshape(len(settings), -1, replicates, *has.shapes[name]) for name in has.shapes},
        list(settings),
        seed=seed,
        coupling=COUPLING["paired" if len(settings) > 1 else "interventional"],
        start_date=start_date,
        group_labels=places if labelled else None,
        group_size=None
        if sizes is None or not (labelled or groups == 1)
        else (sizes if labelled else [int(sizes.sum())]),
    )
    for name, kind in units.items():
        if name in dataset:
            dataset[name].attrs["units"] = WORDS[kind]
    if has.agents:
        dataset.attrs["agents"] = has.agents
    text = said_of_dying_out(dataset, next(iter(settings)))
    return dataset.assign_attrs({"died_out": text} if text else {})


def prior_draws(model: BoundModel, draws: int, seed: int) -> dict[str, Any]:
    """Draws of the parameters that have priors, `[draws, *shape]`; no agent moves for them.

    Draw number n does not depend on how many there are.
    """
    first = read(model.over(1), simulate=False, seed=replicate_seed(seed, 0)).of("parameter")
    if not first:
        return {}
    rows = [read(model.over(1), simulate=False, seed=replicate_seed(seed, n)).of("parameter") for n in range(1, draws)]
    return {name: torch.stack([site.value, *(row[name].value for row in rows)]) for name, site in first.items()}


def _outcomes(
    model: BoundModel, draw: Mapping[str, Any], worlds: Mapping[str, Mapping[str, float]], seed: int, short: bool
) -> Outcomes:
    """What the model has to show: of a template one day tells, since its series have one number a day."""
    if not (short and model.takes_days):
        return outcomes_of(model, draw, worlds.values(), seed)
    one = outcomes_of(model.over(1), draw, worlds.values(), seed)
    return replace(one, shapes={name: (groups, model.days * days) for name, (groups, days) in one.shapes.items()})
