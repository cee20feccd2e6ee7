"""The parameters of a model, read off one run of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch.distributions import biject_to

from causal_lpm.inference.program.series import distribution_name
from causal_lpm.inference.results.element_names import element_names
from causal_lpm.inference.results.sample_arrays import check_name
from causal_lpm.inference.results.series_layout import RESERVED

__all__ = ["Parameter", "check_names", "labels", "parameters_of"]


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


def check_names(what: str, names: Mapping[str, Any]) -> None:
    """Raises ValueError for a name that a result cannot hold."""
    for name in names:
        check_name(what, name)
        if name in RESERVED:
            raise ValueError(f"a {what} cannot be named {name!r}: that is a dimension of results; rename the site.")


def parameters_of(latent: Mapping[str, dict[str, Any]]) -> tuple[Parameter, ...]:
    """The parameters among the sites of a `dry_run`.

    Raises:
        ValueError: a prior that is discrete, or has more than one plate.
    """
    found: list[Parameter] = []
    start = 0
    for name, node in latent.items():
        fn = node["fn"]
        if getattr(fn.support, "is_discrete", False):
            raise ValueError(
                f"site {name!r} is discrete ({distribution_name(fn)}): a parameter needs a continuous prior; a data "
                "site needs data, or leave it out of the model."
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
    return tuple(found)


def labels(parameter: Parameter) -> list[str]:
    """One name an element of z: `beta`, or `beta[0]`, `beta[1]`."""
    return element_names(parameter.name, parameter.unconstrained)
