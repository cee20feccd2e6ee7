"""Where an abduction looks for the parameters first: draws of a calibration, of another abduction, or by name."""

import math
from typing import Any

import torch

from causal_lpm import validate
from causal_lpm.inference.abduction.abduction import Abduction
from causal_lpm.inference.abduction.importance import are_known
from causal_lpm.inference.policies.question import checked_draws
from causal_lpm.inference.program.problem import Problem

__all__ = ["starting_draws"]


def starting_draws(problem: Problem, posterior: Any, seed: int) -> torch.Tensor:
    """Draws of all latent sites, z `[n, all]`.

    Args:
        problem: Model and data.
        posterior: A `CalibrationResult`, an `Abduction`, or name -> draws `[draw, *shape]`; a single draw is known.
        seed: Of nuisances that go with them.

    Raises:
        TypeError: something else.
        ValueError: parameters that are unknown, missing, of another shape, outside of the prior's support; fewer draws
            than there are numbers.
    """
    if not problem.coordinates.parameters:
        return torch.zeros(1, 0)
    own = getattr(posterior, "parameters", posterior)  # of an abduction
    own = own() if callable(own) else own  # of a calibration
    if not hasattr(own, "items"):
        raise TypeError(
            f"the posterior is a {type(posterior).__name__}: give a CalibrationResult, an Abduction, or name -> draws "
            "[draw, *shape]."
        )
    given = checked_draws(own)
    names = [p.name for p in problem.parameters]
    if isinstance(posterior, Abduction) and posterior.parameters.keys() >= {p.name for p in problem.nuisances}:
        names += [p.name for p in problem.nuisances]
    for name in given:
        validate.known("parameter", name, names)
    for name in names:
        if name not in given:
            raise ValueError(f"the posterior has no draws of parameter {name!r}: add them, [draw, *shape].")
    for p in problem.parameters:
        got, wanted = tuple(given[p.name].shape[1:]), (*p.batch, *p.event)
        if given[p.name][0].numel() != math.prod(wanted):
            raise ValueError(
                f"parameter {p.name!r} has draws of shape {got} and the model {wanted}: give [draw, *shape]."
            )
    z = problem.unconstrain({name: given[name] for name in names}).float() if names else torch.zeros(1, 0)
    if not bool(z.isfinite().all()):
        raise ValueError("the posterior has draws outside of the prior's support: leave them out.")
    if 1 < len(z) < z.shape[1] + 2:
        raise ValueError(
            f"the posterior has {len(z)} draws of {z.shape[1]} numbers: give {z.shape[1] + 2} at least, better some "
            "hundreds, or one draw if they are known."
        )
    if isinstance(posterior, Abduction) and names and are_known(problem, z) and not posterior.settings.get("known"):
        raise ValueError(
            "all paths of the abduction have the same parameters, which nobody knows for sure: start from the "
            "posterior that it started from."
        )
    return z if len(names) > len(problem.parameters) else problem.completed(z, seed)
