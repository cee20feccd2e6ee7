"""What a model asks about, read off one run of it: its parameters, its data sites, its series."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyro
import torch
from torch.distributions import biject_to

from causal_lpm.handlers import KeyedNoise, Rollout
from causal_lpm.inference.calibration.problems.evaluation import alone, torch_seed
from causal_lpm.inference.calibration.results.sample_arrays import check_name
from causal_lpm.inference.calibration.results.series_layout import RESERVED

__all__ = ["Model", "Parameter", "agents_of", "check_names", "dry_run", "labels", "parameters_of", "series_of"]

Model = Callable[[], Any]
"""A Pyro program without arguments that returns its series: a `Rollout`, or a mapping of names."""


@dataclass(frozen=True)
class Parameter:
    """A latent sample site.

    Attributes:
        name: The site.
        batch: Its batch shape, of plates; at most one dimension.
        event: Its event shape.
        where: Which elements of z it takes.
        unconstrained: Its shape without constraints, batch and event.
        support: Of its prior.
    """

    name: str
    batch: tuple[int, ...]
    event: tuple[int, ...]
    where: slice
    unconstrained: tuple[int, ...]
    support: Any

    @property
    def transform(self) -> Any:
        """From unconstrained values to the model's."""
        return biject_to(self.support)


def dry_run(model: Model) -> tuple[dict[str, dict[str, Any]], Any]:
    """One run without draws: the sample sites of the model, and what it returned."""
    with torch.no_grad(), torch_seed(0), alone(), KeyedNoise(0), pyro.poutine.trace() as traced:
        returned = model()
    nodes = {
        name: node
        for name, node in dict[str, Any](traced.trace.nodes).items()
        if node["type"] == "sample"
        and not node["infer"].get("_deterministic")
        and not pyro.poutine.util.site_is_subsample(node)
    }
    for name, node in nodes.items():
        if node["is_observed"]:
            raise ValueError(
                f"site {name!r} has data inside the model: leave them out of the model and give them to fit by name."
            )
    return nodes, returned


def check_names(what: str, names: Mapping[str, Any]) -> None:
    """Raises ValueError for a name that a result cannot hold."""
    for name in names:
        check_name(what, name)
        if name in RESERVED:
            raise ValueError(f"a {what} cannot be named {name!r}: that is a dimension of results; rename the site.")


def parameters_of(latent: Mapping[str, dict[str, Any]]) -> tuple[Parameter, ...]:
    """The parameters among the sites of a `dry_run`.

    Raises:
        ValueError: there is none; a prior that is discrete, or has more than one plate.
    """
    found: list[Parameter] = []
    start = 0
    for name, node in latent.items():
        fn = node["fn"]
        if getattr(fn.support, "is_discrete", False):
            raise ValueError(
                f"parameter {name!r} is discrete ({type(fn).__name__}): give it a continuous prior, or name it as data."
            )
        if len(fn.batch_shape) > 1:
            raise ValueError(
                f"parameter {name!r} has batch shape {tuple(fn.batch_shape)}: at most one plate, at -1; if it is a "
                "data site, give its data too."
            )
        batch, event = tuple(fn.batch_shape), tuple(fn.event_shape)
        unconstrained = tuple(biject_to(fn.support).inv(node["value"]).shape)
        size = int(np.prod(unconstrained, dtype=int))
        found.append(Parameter(name, batch, event, slice(start, start + size), unconstrained, fn.support))
        start += size
    if not found:
        raise ValueError("the model has no parameters: every unknown is a pyro.sample site with a continuous prior.")
    return tuple(found)


def labels(parameter: Parameter) -> list[str]:
    """One name an element of z: `beta`, or `beta[0]`, `beta[1]`."""
    if not parameter.unconstrained:
        return [parameter.name]
    return [f"{parameter.name}[{','.join(map(str, at))}]" for at in np.ndindex(*parameter.unconstrained)]


def series_of(returned: Any) -> dict[str, torch.Tensor]:
    """The series that a model returned: a `Rollout`'s tallies, or a mapping; none for anything else."""
    found = returned.tallies if isinstance(returned, Rollout) else returned
    return dict(found) if isinstance(found, Mapping) else {}


def agents_of(returned: Any) -> int:
    """Number of agents, where the model returned a `Rollout`; else 1."""
    state = returned.state if isinstance(returned, Rollout) else {}
    return max((value.shape[-1] for value in state.values() if value.dim()), default=1)
