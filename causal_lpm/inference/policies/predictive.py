"""What the calibrated model predicts, in as many worlds as are asked for: every posterior draw, with luck of its own.

Two kinds of statement, never mixed. `interventional`: each world by itself, with fresh noise. `paired`: the worlds of a
draw and replicate share every agent's noise and the noise of the reports, so that a difference of two worlds has the
same mean and less variance. A third one, `counterfactual`, needs the luck of the observed epidemic, which `abduct`
infers.
"""

import os
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import xarray as xr

from causal_lpm import validate
from causal_lpm.inference.files.dates import calendar
from causal_lpm.inference.policies.counted import counted_by
from causal_lpm.inference.policies.dying_out import INFECTIONS, said_of_dying_out
from causal_lpm.inference.policies.outbreaks import check_given, taken_off
from causal_lpm.inference.policies.outcomes import outcomes_of
from causal_lpm.inference.policies.predicted_rows import PredictedRows
from causal_lpm.inference.policies.predictions import check_labels, predictions_dataset
from causal_lpm.inference.policies.question import check_kind, checked_draws, chosen_outcomes, named_worlds
from causal_lpm.inference.policies.row_blocks import run_rows
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.runs.addresses import Where
from causal_lpm.inference.runs.runner import Progress, alone

__all__ = ["COUPLING", "predict"]

COUPLING = {
    "paired": "worlds of a draw and replicate share the noise of every agent and of the data sites",
    "interventional": "none: every world has noise of its own",
}
"""What the worlds have in common beside the parameters, by kind."""


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
    given: str | None = None,
    infections: str = INFECTIONS,
    counts: Mapping[str, str] | None = None,
    workers: int = 1,
    executor: Where = None,
    folder: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
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
        batch: Rows (draw and replicate) that run side by side as one block; by default so many that agents x rows x
            worlds stay below 2,000,000, and a 32nd of all rows where they run in parallel or are kept. It does not
            change the numbers.
        start_date: Date of day 0, as `"2020-03-01"`; adds a coordinate `date`.
        group_labels: One a group.
        data_sites: Names of data sites before the simulation that are no sites of `observed`, and so look like
            parameters; `result.predict` knows them.
        given: `"outbreak"` for epidemics that take off in the first world: where one dies out there, its draw of the
            parameters gets other luck. By default nothing: some die out as chance has it.
        counts: Outcome -> "new" (of each day) or "stock" (at its end, as prevalence, which is never summed); by default
            what the model tallies with `stock=True`, and what its module says in `UNITS`.
        infections: The outcome that counts new infections, by which it is known which epidemics died out.
        workers: Processes, as of `simulate_set`, and so are `executor` and `folder`. The numbers do not depend on them.
        executor: Where blocks run, instead of processes of this machine.
        folder: Keeps finished blocks; the same call goes on where it stopped.
        progress: Called with (finished rows, all) whenever a block is finished.

    Returns:
        Each outcome with dimensions (world, draw, replicate, group, day) and attributes `kind`, `seed`, `coupling`;
        `agents`, and `died_out` in words, where these are known; `given`.
        Where outcomes differ in their numbers of groups or days, the largest number keeps the names `group` and `day`;
        the others have `OUTCOME_group`, `OUTCOME_day`.

    Raises:
        TypeError: worlds that are not named, or do not say what they set; parameters as a data set.
        FileExistsError: the folder holds something else.
        RunError: a block failed, or a worker was killed; finished blocks are kept in the folder.
        ValueError: an unknown kind, policy, parameter or outcome; no draws, or different numbers of them; a parameter
            of the model without draws; a model with data in it; series without days; `given` where worlds do not share
            their luck, or infections are not known, or a draw of whose epidemics nearly all die out.

    >>> import pyro, torch, pyro.distributions as dist
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
    check_kind(kind)
    replicates, workers = (
        validate.whole_number(name, value) for name, value in {"replicates": replicates, "workers": workers}.items()
    )
    seed = validate.whole_number("seed", seed, low=0)
    batch = 0 if batch is None else validate.whole_number("batch", batch)
    settings = named_worlds(worlds)
    draws = checked_draws(parameters)
    with alone():
        has = outcomes_of(model, draws, settings.values(), seed, data_sites)
    chosen = chosen_outcomes(outcomes, has)
    shapes = {name: has.shapes[name] for name in chosen}
    days = max(shape[1] for shape in shapes.values())
    check_labels(group_labels, max(shape[0] for shape in shapes.values()))
    if start_date is not None:
        calendar(start_date, days)

    units = counted_by(model, {**dict.fromkeys(has.stocks, "stock"), **(counts or {})})
    check_given(given, kind, infections, chosen, has)

    task = PredictedRows(model, draws, settings, kind == "paired", replicates, seed, batch, has, chosen)
    what = f"the predictions ({len(settings)} worlds, {task.draws} draws, {replicates} replicates)"
    fewer = "ask for fewer worlds, draws or replicates"
    where: dict[str, Any] = {"executor": executor, "workers": workers, "progress": progress}
    found = run_rows(task, what=what, fewer=fewer, folder=folder, **where)
    about: dict[str, Any] = {} if infections == INFECTIONS else {"infections": infections}
    if has.agents:
        about["agents"] = has.agents
    if given is not None:
        found, again = taken_off(task, found, infections, what=what, fewer=fewer, folder=folder, **where)
        about |= {"given": given, "died_out": again}
    shape = (len(settings), task.draws, replicates)
    dataset = predictions_dataset(
        {name: found[name].reshape(*shape, *shapes[name]) for name in chosen},
        list(settings),
        kind=kind,
        seed=seed,
        coupling=COUPLING[kind if len(settings) > 1 else "interventional"],
        start_date=start_date,
        group_labels=group_labels,
        units=units,
    ).assign_attrs(about)
    text = "" if given is not None else said_of_dying_out(dataset, next(iter(settings)))
    return dataset.assign_attrs({"died_out": text} if text else {})
