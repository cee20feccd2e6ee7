"""Paths that were inferred, replayed in other worlds: the same parameters and the same luck under other policies.

A path is a draw of the parameters with the seeds of its luck. Where a world changes nothing, its series are those of
the path, to the last bit, and its reports are the data.
"""

import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
import xarray as xr

from causal_lpm import validate
from causal_lpm.handlers import Seeds
from causal_lpm.inference.abduction.reports import Reports
from causal_lpm.inference.abduction.windowed import LUCK, luck
from causal_lpm.inference.files.dates import calendar
from causal_lpm.inference.individuals.line_list import LineList
from causal_lpm.inference.policies.outcomes import outcomes_of
from causal_lpm.inference.policies.predicted_rows import PredictedRows
from causal_lpm.inference.policies.predictions import check_labels, predictions_dataset
from causal_lpm.inference.policies.question import checked_draws, chosen_outcomes, named_worlds
from causal_lpm.inference.policies.row_blocks import run_rows
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.program.site_noise import SiteNoise
from causal_lpm.inference.runs.addresses import Where
from causal_lpm.inference.runs.run_folder import fingerprint
from causal_lpm.inference.runs.runner import Progress, alone

__all__ = ["REPLAYED", "replays"]

REPLAYED = (
    "a path has the same parameters and the same noise of every agent in all worlds; a report stands at the quantile "
    "of its datum"
)
"""What the worlds have in common."""


def replays(
    model: Model,
    parameters: Mapping[str, Any],
    seeds: torch.Tensor,
    first_days: Sequence[int],
    worlds: Mapping[str, Mapping[str, float]] | None = None,
    *,
    outcomes: Sequence[str] | None = None,
    data: Mapping[str, Any] | None = None,
    line_list: LineList | None = None,
    batch: int | None = None,
    start_date: str | None = None,
    group_labels: Sequence[str] | None = None,
    seed: int = 0,
    workers: int = 1,
    executor: Where = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Runs the exact model on every path in every world, with the luck of the path.

    A report of a world in which its distribution is another one stands at the quantile that its datum has in the
    factual world, at a place within the step of a count that is drawn once a row: higher means never give fewer
    reports. A number that is missing is drawn, at one quantile in all worlds.

    Args:
        model: As of `predict`.
        parameters: Name -> `[path, *shape of the site]`.
        seeds: int64 `[path, windows, blocks]`, as those of `Seeds`.
        first_days: The first day of each window.
        worlds: Name -> policy -> value; `{}` is what was done. By default one world, `{"factual": {}}`.
        outcomes: Names of series and data sites; by default all series.
        data: Site -> what was reported, NaN where missing. A data site without data is drawn anew in each row, with the
            same noise in all worlds.
        line_list: What was known of single agents when the paths were found: the luck of those agents goes by it.
        batch: As of `predict`, and so are the other arguments.
        start_date: Date of day 0.
        group_labels: One a group.
        seed: Of what is drawn of reports.
        workers: Processes.
        executor: Where blocks run.
        folder: Keeps finished blocks.
        progress: Called with (finished rows, all).

    Returns:
        As `predict`, a draw being a path, with one replicate and `kind="counterfactual"`.

    Raises:
        ValueError: as `predict`; seeds of another shape than windows and paths; data of sites that the model does not
            have, or that are impossible there; a data site among the outcomes whose quantiles are not known.
        TypeError: as `predict`.
        FileExistsError: the folder holds something else.
        RunError: a block failed, or a worker was killed.

    Source: Pearl (2009), Causality, section 7.1, for abduction, action and prediction; Nelsen (2006), An Introduction
    to Copulas, section 2.5, for the comonotone coupling of the reports.

    >>> import pyro, pyro.distributions as dist
    >>> from causal_lpm import event, observed, policy, rollout, tally
    >>> def model():
    ...     share = policy("share", 1.0)
    ...
    ...     def day(s):
    ...         tally("cases", event("infection", 0.2 * s["share"], where=s["well"]))
    ...         return s
    ...
    ...     run = rollout(day, {"well": torch.ones(50, dtype=torch.bool), "share": share}, 3)
    ...     observed("reports", dist.Poisson(run.tallies["cases"] + 0.1).to_event(1))
    ...     return run
    >>> told, ask = {"reports": [8, 11, 9]}, {"fact": {}, "half": {"share": 0.5}}
    >>> found = replays(model, {}, torch.tensor([[[7]]]), [0], ask, data=told, outcomes=["reports"])
    >>> found["reports"].sel(world="fact").values.ravel().tolist(), found.attrs["kind"]
    ([8.0, 11.0, 9.0], 'counterfactual')
    """
    seed, workers = validate.whole_number("seed", seed, low=0), validate.whole_number("workers", workers)
    batch = 0 if batch is None else validate.whole_number("batch", batch)
    settings, given, told = named_worlds(worlds), checked_draws(parameters), dict(data or {})
    first_days = [validate.whole_number("the first day of a window", day, low=0) for day in first_days]
    _check_seeds(seeds, first_days, given)
    with alone():
        has = outcomes_of(model, given, settings.values(), seed, list(told))
    if seeds.shape[2] > max(1, has.agents):
        raise ValueError(
            f"the seeds have {seeds.shape[2]} blocks and there are {has.agents} agents: give at most as many blocks."
        )
    latent = [name for name in has.shapes if name not in has.event_dims]
    chosen = chosen_outcomes(latent or None if outcomes is None else outcomes, has)
    shapes = {name: has.shapes[name] for name in chosen}
    check_labels(group_labels, max(shape[0] for shape in shapes.values()))
    if start_date is not None:
        calendar(start_date, max(shape[1] for shape in shapes.values()))

    # What was seen belongs to the factual world, which stands first, also where nobody asks for it.
    asked = settings if latent == chosen and line_list is None else _fact_first(settings)
    paths = _Paths(seeds, tuple(first_days), told, line_list)
    task = _ReplayedRows(model, given, asked, True, 1, seed, batch, has, chosen, paths=paths)
    with alone():
        replace(task, batch=1)(0)  # what is wrong with the data is said before anything runs long
    what = f"the replays ({len(settings)} worlds, {task.draws} paths)"
    fewer = "ask for fewer worlds or paths"
    found = run_rows(task, what=what, fewer=fewer, folder=folder, executor=executor, workers=workers, progress=progress)
    order, shape = [list(asked).index(name) for name in settings], (len(settings), task.draws, 1)
    return predictions_dataset(
        {name: found[name][order].reshape(*shape, *shapes[name]) for name in chosen},
        list(settings),
        kind="counterfactual",
        seed=seed,
        coupling=REPLAYED,
        start_date=start_date,
        group_labels=group_labels,
    )


@dataclass(frozen=True)
class _Paths:
    """What a replay has beside the parameters.

    Attributes:
        seeds: int64 `[path, windows, blocks]`.
        first_days: First day of each window.
        data: Site -> what was reported.
        line_list: What was known of single agents.
    """

    seeds: torch.Tensor
    first_days: tuple[int, ...]
    data: Mapping[str, Any]
    line_list: LineList | None


@dataclass(frozen=True)
class _ReplayedRows(PredictedRows):
    """Rows whose luck is that of paths."""

    paths: _Paths = field(kw_only=True)

    @property
    def draws(self) -> int:
        return len(self.paths.seeds)

    def manifest(self) -> dict[str, Any]:
        known = {
            "paths": {"seeds": self.paths.seeds.numpy(), "first_days": np.array(self.paths.first_days)},
            "data": {name: np.asarray(values, dtype=float) for name, values in self.paths.data.items()},
        }
        told = {name: fingerprint(arrays) for name, arrays in known.items()}
        people = self.paths.line_list
        told["line_list"] = fingerprint({}) if people is None else people.fingerprint()
        return super().manifest() | {"statement": "counterfactual"} | told

    def luck(
        self, rows: range, seeds: Sequence[int], device: torch.device | None
    ) -> AbstractContextManager[object, bool | None]:
        stack = luck(self.paths.seeds[rows.start : rows.stop], self.paths.first_days)
        if self.paths.line_list is not None:
            stack.enter_context(self.paths.line_list.conditioning(refuse=False))
        return stack

    def reports(self, seeds: Sequence[int]) -> SiteNoise:
        data = self.paths.data
        drawn = [name for name in self.has.event_dims if name in self.outcomes or name not in data]
        return Reports([*drawn, *self.has.nuisances], seeds, data)


def _check_seeds(seeds: torch.Tensor, first_days: Sequence[int], parameters: Mapping[str, torch.Tensor]) -> None:
    if seeds.dtype != torch.int64 or seeds.dim() != 3 or not seeds.numel():
        raise ValueError(
            f"the seeds are {seeds.dtype} of shape {tuple(seeds.shape)}: give int64 [path, windows, blocks], with one "
            "path at least."
        )
    for name, value in parameters.items():
        if len(value) != len(seeds):
            raise ValueError(
                f"parameter {name!r} has {len(value)} draws and the seeds {len(seeds)} paths: give one of each a path."
            )
    if seeds.shape[1] != len(first_days):
        raise ValueError(
            f"the seeds have {seeds.shape[1]} windows and {len(first_days)} first days are given: give one a window."
        )
    Seeds(LUCK, (0, *first_days[1:]), blocks=seeds.shape[2])  # says what is wrong with the windows


def _fact_first(worlds: Mapping[str, Mapping[str, float]]) -> dict[str, Mapping[str, float]]:
    """The worlds, before them what was done; it may be one of them."""
    name = next((name for name, acts in worlds.items() if not acts), "as it was")
    while worlds.get(name):
        name += " in fact"
    return {name: {}, **worlds}
