"""What is asked of a model, checked before anything runs: the kind of statement, worlds, draws, outcomes."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
import xarray as xr

from causal_lpm import validate
from causal_lpm.inference.policies.outcomes import Outcomes

__all__ = ["KINDS", "check_kind", "checked_draws", "chosen_outcomes", "named_worlds"]

KINDS = ("paired", "interventional")


def check_kind(kind: str) -> None:
    """Raises ValueError for what is no kind of prediction, or one that parameters cannot give."""
    if kind == "counterfactual":
        raise ValueError(
            "a counterfactual prediction needs the luck of the observed epidemic, which draws of parameters do not "
            "hold: abduct(model, data, posterior).predict(worlds) infers it; kind='paired' compares worlds of one new "
            "epidemic."
        )
    validate.known("kind of prediction", kind, KINDS)


def named_worlds(worlds: Mapping[str, Mapping[str, float]] | None) -> dict[str, dict[str, float]]:
    """Worlds with their policies as floats; by default the model as it stands."""
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


def checked_draws(parameters: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Draws of the parameters as tensors `[draw, ...]`, equally many of each."""
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


def chosen_outcomes(outcomes: Sequence[str] | None, found: Outcomes) -> list[str]:
    """The outcomes that are asked for; all, if none is named."""
    if outcomes is None:
        return list(found.shapes)
    if not outcomes:
        raise ValueError("outcomes is empty: name at least one, or leave it out for all.")
    validate.unique_entries("outcome", outcomes)
    for name in outcomes:
        validate.known("outcome", name, found.shapes)
    return list(outcomes)
