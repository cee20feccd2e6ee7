"""Observations under several worlds: data belong to the factual world, and tell of the noise of individuals.

ChiRho's `FactualConditioningMessenger` looks at the type of an observed distribution: a transformed distribution is
inverted, so that other worlds keep its noise, and all else is drawn anew. The same is done here, with the same names of
sites, but:

- Replicates and draws are not worlds, while ChiRho takes every index plate for one.
- A site splits only over worlds that its distribution has.
- A density is counted once, in the factual world. ChiRho 0.3.0 counts that of inverted noise in every world, and its
  log Jacobian with the wrong sign.
- Responses (`event`, `choose`) are abducted, and transformed distributions inside of `to_event`, `mask` and `expand`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

import pyro
import pyro.distributions as dist
import torch
from chirho.counterfactual.handlers.ambiguity import FactualConditioningMessenger
from chirho.indexed.ops import IndexSet, gather, indexset_as_mask, indices_of, scatter
from pyro.distributions.torch_distribution import ExpandedDistribution, MaskedDistribution
from torch.distributions.transforms import ComposeTransform

from causal_lpm.ops.dimensions import world_dimensions
from causal_lpm.ops.responses import Response
from causal_lpm.ops.site_data import data_for

__all__ = ["FactualConditioning", "factual_indices"]

Wrapper: TypeAlias = Callable[[Any], Any]
"""What `to_event`, `mask` and `expand` do with a distribution."""


def factual_indices() -> IndexSet:
    """World 0 of every world dimension; replicates and draws are left whole."""
    return IndexSet(**{name: {0} for name in world_dimensions()})


class FactualConditioning:
    """A part of `Worlds`: how `observe` is answered where the distribution has worlds and the data have none."""

    def _pyro_observe(self, msg: Any) -> None:
        (rv, obs), name = msg["args"], msg["kwargs"].setdefault("name", msg["name"])  # ChiRho's observe loses the name
        if obs is None or callable(obs):
            return
        obs = data_for(name, rv, obs, in_all_worlds=True)
        msg["args"] = (rv, obs)
        if _worlds(rv) and not _worlds(obs, rv.event_dim):
            msg["value"], msg["done"], msg["stop"] = _observed(rv, obs, name), True, True


def _observed(rv: Any, obs: torch.Tensor, name: str) -> torch.Tensor:
    return _fixed(name, _in_all_worlds(rv, obs, name), rv.event_dim)


# Lets ChiRho's own world handlers, which dispatch on the type, abduct our responses too.
FactualConditioningMessenger._dispatched_observe.register(  # type: ignore[attr-defined]
    Response, lambda _, rv, obs, name: _observed(rv, obs, name)
)


def _worlds(value: Any, event_dim: int = 0) -> IndexSet:
    """World 0 of the worlds in which a distribution or a tensor differs."""
    known = indices_of(value, event_dim=event_dim)
    return IndexSet(**{name: {0} for name in world_dimensions() if name in known})


def _factual(rv: Any, device: torch.device) -> Any:
    """Whether a world is the factual one, bool, of a shape for the batch dimensions of `rv`."""
    sizes = {name: (dim, rv.batch_shape[dim]) for name, dim in world_dimensions().items() if name in indices_of(rv)}
    return indexset_as_mask(_worlds(rv), name_to_dim_size=sizes, device=device)


def _fixed(name: str, value: torch.Tensor, event_dim: int) -> torch.Tensor:
    """A site that records a value, and adds nothing to the density."""
    # Delta asks for a float; the site itself keeps the value as it is.
    point = value.to(torch.get_default_dtype()) if value.dtype == torch.bool else value
    fixed: torch.Tensor = pyro.sample(name, dist.Delta(point, event_dim=event_dim).mask(False), obs=value)
    return fixed


def _with_fact(value: torch.Tensor, obs: torch.Tensor, rv: Any) -> torch.Tensor:
    """`value` with the observation in the factual world."""
    dtype = torch.promote_types(value.dtype, obs.dtype)
    merged: torch.Tensor = scatter(obs.to(dtype), _worlds(rv), result=value.to(dtype).clone(), event_dim=rv.event_dim)
    return merged


def _in_all_worlds(rv: Any, obs: torch.Tensor, name: str) -> torch.Tensor:
    """The observation in the factual world, and what it says of the others."""
    if isinstance(rv, Response):
        return _of_response(rv, obs, name)
    core, wrapper = _unwrapped(rv)
    if isinstance(core, dist.TransformedDistribution) and all(each.bijective for each in core.transforms):
        return _of_transformed(core, wrapper, obs, name)
    return _drawn_anew(rv, obs, name)


def _of_response(rv: Response, obs: torch.Tensor, name: str) -> torch.Tensor:
    """The other worlds answer with noise from its posterior, given the observation."""
    worlds = _worlds(rv)
    factual = rv.like(gather(rv.parameter, worlds, event_dim=rv.parameter_dim))
    pyro.sample(f"{name}_factual", factual, obs=obs)
    possible = factual.possible(obs)
    value = rv.respond(factual.abduct(rv.noise(), possible))
    fact = torch.where(possible.isnan(), gather(value, worlds), possible.to(value.dtype))
    scattered: torch.Tensor = scatter(fact, worlds, result=value.clone())
    return scattered


def _drawn_anew(rv: Any, obs: torch.Tensor, name: str) -> torch.Tensor:
    """The other worlds draw: nothing is known of the noise of such a distribution."""
    rv = rv.expand(torch.broadcast_shapes(rv.batch_shape, obs.shape[: obs.dim() - rv.event_dim]))
    factual = _factual(rv, obs.device)
    with pyro.poutine.mask(mask=~factual):
        drawn: torch.Tensor = pyro.sample(f"{name}_counterfactual", rv)
    # Densities are computed in all worlds and then masked: others than the factual one get what they have drawn, since
    # the data may be impossible there.
    value = _with_fact(drawn, obs, rv)
    with pyro.poutine.mask(mask=factual):
        pyro.sample(f"{name}_factual", rv, obs=value)
    return value.to(drawn.dtype)


def _of_transformed(core: Any, wrapper: Wrapper, obs: torch.Tensor, name: str) -> torch.Tensor:
    """The other worlds transform the noise that the observation implies: y = 2 + n after y = x + n at x = 0.5."""
    base, transform = _of_pyro(core.base_dist), ComposeTransform(core.transforms)
    rv, prior = wrapper(core), wrapper(base)
    implied = transform.inv(obs)  # with the worlds of the transform: the noise that gives the observation in each
    unit = dist.TransformedDistribution(dist.Delta(implied, event_dim=base.event_dim).mask(False), core.transforms)
    likelihood = wrapper(unit)  # of the observation given its noise: the Jacobian
    with pyro.poutine.mask(mask=_factual(likelihood, obs.device)):
        pyro.sample(f"{name}_noise_likelihood", likelihood, obs=obs)
    noise = gather(implied, _worlds(rv), event_dim=prior.event_dim)
    # torch has given `prior` the worlds of the transform: its own are those in which the noise is not as likely.
    likely, within = base.log_prob(noise), prior.event_dim - base.event_dim
    factual = {key: gather(likely, IndexSet(**{key: {0}}), event_dim=within) for key in _worlds(prior)}
    own = [key for key in factual if not bool((likely == factual[key]).all())]
    if not own or _worlds(prior).keys() <= _worlds(implied, prior.event_dim).keys():
        density = gather(prior.log_prob(noise), _worlds(rv))  # one site without worlds, as for all noise
        noise = noise.expand(density.shape + prior.event_shape)
        pyro.sample(f"{name}_noise_prior", dist.Delta(noise, density, event_dim=prior.event_dim), obs=noise)
    else:
        drawn = _observed(prior, noise, f"{name}_noise_prior")
        shared = IndexSet(**{key: {0} for key in factual if key not in own})
        noise = gather(drawn, shared, event_dim=prior.event_dim)
    value = _fixed(f"{name}_cf_obs", transform(noise), rv.event_dim)
    return _with_fact(value, obs, rv).to(value.dtype)


def _unwrapped(rv: Any) -> tuple[Any, Wrapper]:
    """A distribution without `to_event`, `mask` and `expand`, and what puts them around another one."""
    wrap: Wrapper
    if isinstance(rv, dist.Independent):
        number = rv.reinterpreted_batch_ndims
        wrap = lambda inner: inner.to_event(number)  # noqa: E731
    elif isinstance(rv, MaskedDistribution):
        wrap = lambda inner: inner.mask(rv._mask)  # noqa: E731
    elif isinstance(rv, ExpandedDistribution):
        wrap = lambda inner: inner.expand(rv.batch_shape)  # noqa: E731
    else:
        return rv, lambda inner: inner
    core, within = _unwrapped(rv.base_dist)
    return core, lambda inner: wrap(within(inner))


def _of_pyro(base: Any) -> Any:
    """Pyro's `to_event`, where torch has put its own `Independent` around the base of a transform of vectors."""
    if isinstance(base, dist.Distribution):
        return base
    return _of_pyro(base.base_dist).to_event(base.reinterpreted_batch_ndims)
