"""What the calibrated model predicts, in as many worlds as are asked for: every posterior draw, with luck of its own.

Two kinds of statement, never mixed. `interventional`: each world by itself, with fresh noise. `paired`: the worlds of a
draw and replicate share every agent's noise and the noise of the reports, so that a difference of two worlds has the
same mean and less variance.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import xarray as xr

from causal_lpm import validate
from causal_lpm.handlers import KeyedNoise, Worlds, comparing
from causal_lpm.inference.files.dates import calendar
from causal_lpm.inference.policies.outcomes import Outcomes, outcomes_of
from causal_lpm.inference.policies.predictions import check_labels, predictions_dataset
from causal_lpm.inference.program.evaluation import ELEMENTWISE, Given, torch_seed
from causal_lpm.inference.program.program import Model, series_of
from causal_lpm.inference.program.site_noise import SiteNoise
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["COUPLING", "KINDS", "predict", "row_seeds"]

KINDS = ("paired", "interventional")

COUPLING = {
    "paired": "worlds of a draw and replicate share the noise of every agent and of the data sites",
    "interventional": "none: every world has noise of its own",
}
"""What the worlds have in common beside the parameters, by kind."""

CELLS = 2_000_000  # agents x rows x worlds that are simulated at once
FEWER = "ask for fewer worlds, draws or replicates"

Array = npt.NDArray[Any]


def predict(
    model: Model,
    parameters: Mapping[str, Any],
    worlds: Mapping[str, Mapping[str, float]] | None = None,
    *,
    kind: str = "paired",
    replicates: int = 1,
    seed: int = 0,
    outcomes: Sequence[str] | None = None,
    batch: int | None = None,
    start_date: str | None = None,
    group_labels: Sequence[str] | None = None,
    data_sites: Collection[str] = (),
) -> xr.Dataset:
    """Runs the exact model for every draw of the parameters, replicate of the luck, and world.

    Args:
        model: A Pyro program without arguments that returns its series: a `Rollout`, or name -> `[*dims, 1 or groups,
            days]`. Data sites draw reports; those before the simulation are no outcomes.
        parameters: Name -> draws `[draw, *shape of the site]` of every parameter, on the device of the agents; none,
            of a model that samples none, are one draw.
        worlds: Name of the world -> policy -> value; a policy that a world does not name keeps the model's own value.
            `{}` is the model as it stands. By default one world, `{"factual": {}}`.
        kind: `"paired"` or `"interventional"`.
        replicates: Runs with different luck of each draw. One suffices for means; at least two tell luck from
            parameters.
        seed: Of all noise. Numbers of a draw, replicate and world do not depend on how many others there are.
        outcomes: Names of the series and data sites to keep; all, if not given.
        batch: Rows (draw and replicate) that run side by side; by default so many that agents x rows x worlds stay
            below 2,000,000. It does not change the numbers.
        start_date: Date of day 0, as `"2020-03-01"`; adds a coordinate `date`.
        group_labels: One a group.
        data_sites: Names of data sites before the simulation that are no sites of `observed`, and so look like
            parameters; `result.predict` knows them.

    Returns:
        Each outcome with dimensions (world, draw, replicate, group, day) and attributes `kind`, `seed`, `coupling`.
        Where outcomes differ in their numbers of groups or days, the largest number keeps the names `group` and `day`;
        the others have `OUTCOME_group`, `OUTCOME_day`.

    Raises:
        TypeError: worlds that are not named, or do not say what they set; parameters as a data set.
        ValueError: an unknown kind, policy, parameter or outcome; no draws, or different numbers of them; a parameter
            of the model without draws; a model with data in it; series without days.

    >>> import pyro, pyro.distributions as dist
    >>> from causal_lpm import event, policy, rollout, tally
    >>> def model():
    ...     rate = pyro.sample("rate", dist.LogNormal(-2.0, 0.5))
    ...     share = policy("share", 1.0)
    ...
    ...     def day(s):
    ...         tally("cases", event("infection", rate * s["share"]) & (s["well"] > 0))
    ...         return s
    ...
    ...     return rollout(day, {"well": torch.ones(50), "share": share}, 3)
    >>> found = predict(model, {"rate": torch.tensor([0.1, 0.2])}, {"all": {}, "none": {"share": 0.0}}, replicates=4)
    >>> dict(found.sizes)
    {'world': 2, 'draw': 2, 'replicate': 4, 'group': 1, 'day': 3}
    >>> int(found["cases"].sel(world="none").sum()), found.attrs["kind"]
    (0, 'paired')
    """
    _check_kind(kind)
    replicates, seed = validate.whole_number("replicates", replicates), validate.whole_number("seed", seed, low=0)
    batch = None if batch is None else validate.whole_number("batch", batch)
    settings = _settings(worlds)
    given = _draws(parameters)
    draws = len(next(iter(given.values()), [None]))
    found = outcomes_of(model, given, settings.values(), seed, data_sites)
    chosen = _chosen(outcomes, found)
    check_labels(group_labels, max(found.shapes[name][0] for name in chosen))
    if start_date is not None:
        calendar(start_date, max(found.shapes[name][1] for name in chosen))
    cells = sum(int(np.prod(found.shapes[name])) for name in chosen)
    simulated, days = len(settings) * draws * replicates, max(found.shapes[name][1] for name in chosen)
    what = f"the predictions ({len(settings)} worlds, {draws} draws, {replicates} replicates)"
    validate.fits_in_memory(what, 8.0 * simulated * cells, FEWER)
    validate.fits_in_time(what, simulated * days * max(1, found.agents) / CELLS, CELLS, FEWER)

    runs = [settings] if kind == "paired" else [{name: acts} for name, acts in settings.items()]
    values: dict[str, list[Array]] = {name: [] for name in chosen}
    for number, together in enumerate(runs):
        seeds = row_seeds(seed if kind == "paired" else replicate_seed(seed, number), draws, replicates)
        rows = batch or max(1, CELLS // (max(1, found.agents) * len(together)))
        parts = [
            _simulate(model, given, seeds, at, together, found, chosen) for at in _batches(len(seeds), rows, replicates)
        ]
        for name in chosen:
            values[name].append(np.concatenate([part[name] for part in parts], axis=1))
    shape = (len(settings), draws, replicates)
    return predictions_dataset(
        {name: _shaped(values[name], shape) for name in chosen},
        list(settings),
        kind=kind,
        seed=seed,
        coupling=COUPLING[kind if len(settings) > 1 else "interventional"],
        start_date=start_date,
        group_labels=group_labels,
    )


def row_seeds(seed: int, draws: int, replicates: int) -> list[int]:
    """The seeds of all rows, draw by draw; the first rows of more draws are the same.

    >>> row_seeds(3, 2, 1) == row_seeds(3, 5, 1)[:2]
    True
    """
    return [
        replicate_seed(replicate_seed(seed, draw), replicate)
        for draw in range(draws)
        for replicate in range(replicates)
    ]


# --- what is asked ---------------------------------------------------------------------------------------------------


def _check_kind(kind: str) -> None:
    if kind == "counterfactual":
        raise ValueError(
            "a counterfactual prediction needs the luck of the observed epidemic, which these draws of parameters do "
            "not hold: ask for kind='paired', which compares worlds of one new epidemic."
        )
    validate.known("kind of prediction", kind, KINDS)


def _settings(worlds: Mapping[str, Mapping[str, float]] | None) -> dict[str, dict[str, float]]:
    if worlds is None:
        return {"factual": {}}
    if not isinstance(worlds, Mapping) or not all(isinstance(acts, Mapping) for acts in worlds.values()):
        raise TypeError(
            f"the worlds are {worlds!r}: name each and what it sets, as "
            "{'open': {}, 'closed': {'closure_day': 10}}."
        )
    if not worlds:
        raise ValueError("there is no world: give at least the model as it stands, as {'factual': {}}.")
    settings = {
        str(name): {policy: _policy(str(name), policy, value) for policy, value in acts.items()}
        for name, acts in worlds.items()
    }
    validate.unique_entries("world", map(str, worlds))
    return settings


def _policy(world: str, policy: str, value: Any) -> float:
    try:
        number = float("nan") if isinstance(value, str | bytes) else float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if np.isnan(number) or torch.finfo(torch.float32).max < abs(number) < np.inf:
        given = "NaN" if isinstance(value, float) and np.isnan(value) else repr(value)
        raise ValueError(f"world {world!r} sets policy {policy!r} to {given}: give a number that float32 holds.")
    return number


def _draws(parameters: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    if isinstance(parameters, xr.Dataset | xr.DataTree):
        raise TypeError(
            f"the parameters are a {type(parameters).__name__}: give name -> draws [draw, ...], as result.parameters()."
        )
    given = {name: torch.as_tensor(value) for name, value in parameters.items()}
    first, draws = next(((name, value.shape[0] if value.dim() else 0) for name, value in given.items()), ("", 1))
    for name, value in given.items():
        if not value.dim() or not len(value):
            raise ValueError(f"parameter {name!r} has shape {tuple(value.shape)}: give at least one draw, [draw, ...].")
        if len(value) != draws:
            raise ValueError(f"parameter {name!r} has {len(value)} draws where {first!r} has {draws}: give as many.")
        if not bool(value.isfinite().all()):
            raise ValueError(f"the draws of parameter {name!r} contain NaN or infinity: leave those draws out.")
    # As Pyro's priors draw them: a posterior that was computed in float64 would change the types of the model's state.
    single = torch.get_default_dtype()
    return {name: value.to(single) if value.is_floating_point() else value for name, value in given.items()}


def _chosen(outcomes: Sequence[str] | None, found: Outcomes) -> list[str]:
    if outcomes is None:
        return list(found.shapes)
    if not outcomes:
        raise ValueError("outcomes is empty: name at least one, or leave it out for all.")
    validate.unique_entries("outcome", outcomes)
    for name in outcomes:
        validate.known("outcome", name, found.shapes)
    return list(outcomes)


# --- runs ------------------------------------------------------------------------------------------------------------


def _batches(rows: int, size: int, replicates: int) -> Iterator[tuple[range, torch.Tensor]]:
    """Ranges of rows, each with the draw of every row."""
    for first in range(0, rows, size):
        at = range(first, min(first + size, rows))
        yield at, torch.arange(at.start, at.stop) // replicates


def _simulate(
    model: Model,
    given: Mapping[str, torch.Tensor],
    seeds: Sequence[int],
    at: tuple[range, torch.Tensor],
    settings: Mapping[str, Mapping[str, float]],
    found: Outcomes,
    chosen: Sequence[str],
) -> dict[str, Array]:
    """One batch: outcome -> `[world, row, group, day]`."""
    here, draw = at
    own = [seeds[row] for row in here]
    values = {name: value[draw.to(value.device)] for name, value in given.items()}
    device = next((value.device for value in values.values()), None)
    keyed = KeyedNoise(torch.tensor(own, dtype=torch.int64, device=device)[:, None])
    with (
        torch.no_grad(),
        torch_seed(own[0]),  # of data sites that are no outcomes
        keyed,
        SiteNoise(found.event_dims, own) as reports,
        comparing(settings, draws=len(own)) as worlds,
        Given(values),
    ):
        series = series_of(model())
    for name, value in reports.values.items():
        series[name] = value if found.event_dims[name] else value[..., None]
    shape = (len(settings), len(own))
    return {name: _by_world(name, series[name], worlds, (*shape, *found.shapes[name])) for name in chosen}


def _by_world(name: str, value: torch.Tensor, worlds: Worlds, shape: tuple[int, int, int, int]) -> Array:
    """`[world, row, group, day]` of a series; what does not differ by world or row is repeated."""
    count, rows, *series = shape
    parts = []
    for world in range(count):
        one = worlds.take(value, world, event_dim=1)
        if list(one.shape[-2:]) != series or one.numel() not in (np.prod(series), rows * np.prod(series)):
            raise ValueError(
                f"outcome {name!r} came out with shape {tuple(value.shape)} for {rows} draws and {count} worlds of "
                f"{tuple(series)}: {ELEMENTWISE}"
            )
        parts.append(one.reshape(-1, *series).expand(rows, *series))
    array: Array = torch.stack(parts).cpu().numpy()
    return array


def _shaped(parts: Sequence[Array], shape: tuple[int, int, int]) -> Array:
    """`[world, draw, replicate, group, day]` of what each run left, `[world, row, group, day]`."""
    whole = np.concatenate(parts, axis=0)
    return whole.reshape(*shape, *whole.shape[-2:])
