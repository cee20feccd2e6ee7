"""The parameters of a model: their priors, their places in one vector, and their names."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pyro.distributions as dist
import torch
from torch.distributions import biject_to, constraints

from causal_lpm.inference.program.program import Site
from causal_lpm.inference.program.series import distribution_name
from causal_lpm.inference.results.sample_arrays import check_name, element_names
from causal_lpm.inference.results.series_layout import RESERVED

__all__ = ["Parameter", "check_names", "parameters_of", "valued"]


@dataclass(frozen=True)
class Parameter:
    """A latent sample site, or a policy, with one value.

    Attributes:
        name: Of the site.
        fn: Its prior.
        value: In the shape of one sample, `[*batch, *event]`.
        where: Which elements it takes of the vector that all parameters are in.
        entries: Labels along its last dimension, where its site has some.
    """

    name: str
    fn: Any
    value: torch.Tensor
    where: slice
    entries: tuple[str, ...] = ()

    @property
    def batch(self) -> tuple[int, ...]:
        """Its batch shape, of plates."""
        return tuple(self.fn.batch_shape)

    @property
    def event(self) -> tuple[int, ...]:
        """Its event shape."""
        return tuple(self.fn.event_shape)

    @property
    def transform(self) -> Any:
        """From unconstrained values to the model's."""
        return biject_to(self.fn.support)

    def possible(self, value: torch.Tensor) -> torch.Tensor:
        """A value of the transform, the least positive number in the place of 0 where that is outside of the support.

        exp(-120) is 0 in single precision: one such draw would be refused, and those beside it too.

        >>> rate = Parameter("rate", dist.LogNormal(0.0, 1.0), torch.tensor(1.0), slice(0, 1))
        >>> bool(rate.possible(torch.zeros(1)) > 0)
        True
        """
        support = self.fn.support
        while hasattr(support, "base_constraint"):
            support = support.base_constraint
        if isinstance(support, type(constraints.positive)) and support.lower_bound == 0:
            return value.clamp(min=torch.finfo(value.dtype).tiny)
        return value

    @property
    def unconstrained(self) -> tuple[int, ...]:
        """Its shape without constraints, batch and event."""
        return tuple(self.transform.inv(self.value).shape)

    @property
    def names(self) -> list[str]:
        """One name an element of z: `beta`, or `beta[0]`, `beta[1]`."""
        return element_names(self.name, self.unconstrained)

    @property
    def labels(self) -> list[str]:
        """One name an entry of the value: `beta`, or `beta[0]`, `beta[1]` where it has several."""
        return element_names(self.name, () if self.value.shape == (1,) else self.value.shape)

    def placed(self, entries: torch.Tensor) -> torch.Tensor:
        """`[*dims, entries]` in the shape that Pyro gives a sample with `dims` left of the agents.

        A number becomes `[*dims, 1]`, entries in a plate at dimension -1 (one an agent or group) `[*dims, entries]`,
        and an event `[*dims, 1, entries]`.
        """
        return entries.reshape((*entries.shape[:-1], *(self.batch or (1,)), *self.event))

    def check(self, entries: torch.Tensor, why: str) -> None:
        """Raises ValueError when the prior excludes one of the values `[n, entries]`."""
        if isinstance(self.fn, dist.Delta):  # a policy
            return
        if not bool(self.fn.support.check(self.placed(entries)).all()):
            raise ValueError(
                f"{self.name!r} is {self.value.tolist()}{why}, which its prior {self.fn} excludes: give a value "
                "inside its support, or a smaller step."
            )


def check_names(what: str, names: Mapping[str, Any]) -> None:
    """Raises ValueError for a name that a result cannot hold."""
    for name in names:
        check_name(what, name)
        if name in RESERVED:
            raise ValueError(f"a {what} cannot be named {name!r}: that is a dimension of results; rename the site.")


def parameters_of(latent: Mapping[str, Site], start: int = 0) -> tuple[Parameter, ...]:
    """Latent sites as parameters, whose elements of z, which is without constraints, begin at `start`.

    Raises:
        ValueError: a prior that is discrete, or has more than one plate.
    """
    found: list[Parameter] = []
    for name, site in latent.items():
        if getattr(site.fn.support, "is_discrete", False):
            raise ValueError(
                f"site {name!r} is discrete ({distribution_name(site.fn)}): a parameter needs a continuous prior; a "
                "data site needs data, or leave it out of the model."
            )
        if len(site.fn.batch_shape) > 1:
            raise ValueError(
                f"parameter {name!r} has batch shape {tuple(site.fn.batch_shape)}: at most one plate, at -1; if it is "
                "a data site, give its data too."
            )
        end = start + biject_to(site.fn.support).inv(site.value).numel()
        found.append(Parameter(name, site.fn, site.value, slice(start, end), site.entries))
        start = end
    return tuple(found)


def valued(name: str, fn: Any, value: Any) -> Parameter:
    """A parameter or policy at a value: one number for all of its entries, or one each.

    Raises:
        ValueError: a value of another size than the site has, or outside the support of its prior.
    """
    shape = fn.batch_shape + fn.event_shape
    value = torch.as_tensor(value, dtype=torch.float32).detach()
    if value.numel() not in (1, shape.numel()):
        raise ValueError(f"the value of {name!r} has shape {tuple(value.shape)}: its prior has {tuple(shape)}.")
    value = value.reshape(shape) if value.numel() == shape.numel() else value.expand(shape)
    parameter = Parameter(name, fn, value, slice(0, value.numel()))
    parameter.check(value.reshape(1, -1), "")
    return parameter
