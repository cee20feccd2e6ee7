"""Observations under several worlds: data belong to the factual world, and tell us the luck of the individual.

ChiRho's `FactualConditioningMessenger` counts every index plate as a world, replicates and draws too, and it draws an
observed discrete site anew in the other worlds. These overrides count only worlds, and abduct the noise of responses.
"""

from typing import Any

import pyro
import pyro.distributions as dist
import torch
from chirho.counterfactual.handlers.ambiguity import FactualConditioningMessenger
from chirho.counterfactual.internals import no_ambiguity
from chirho.indexed.handlers import DependentMaskMessenger
from chirho.indexed.ops import IndexSet, gather, indexset_as_mask, scatter

from causal_lpm.ops.dimensions import world_dimensions
from causal_lpm.ops.responses import Response

__all__ = ["FactualConditioning", "factual_indices"]


def factual_indices() -> IndexSet:
    """World 0 of every world dimension; replicates and draws are left whole."""
    return IndexSet(**{name: {0} for name in world_dimensions()})


class _InFactualWorld(DependentMaskMessenger):
    """Log probabilities of the factual world only."""

    def get_mask(
        self,
        dist: Any,
        value: torch.Tensor | None,
        device: torch.device = torch.device("cpu"),  # noqa: B008
        name: str | None = None,
    ) -> torch.Tensor:
        mask: torch.Tensor = indexset_as_mask(factual_indices(), device=device)
        return mask


class FactualConditioning:
    """A part of `Worlds`: how `observe` is answered where the distribution has worlds and the data have none."""

    def _pyro_observe(self, msg: Any) -> None:
        if isinstance(msg["args"][0], Response) and msg["args"][1] is not None:
            msg["kwargs"].setdefault("name", msg["name"])
        super()._pyro_observe(msg)  # type: ignore[misc]

    def _dispatched_observe(self, rv: Any, obs: torch.Tensor, name: str) -> torch.Tensor:
        return _observed(rv, obs, name)


def _observed(rv: Any, obs: torch.Tensor, name: str) -> torch.Tensor:
    with pyro.poutine.infer_config(config_fn=no_ambiguity):
        value = _abducted(rv, obs, name) if isinstance(rv, Response) else _redrawn(rv, obs, name)
        # Delta asks for a float; the site itself keeps the value as it is.
        point = value.to(torch.get_default_dtype()) if value.dtype == torch.bool else value
        site = dist.Delta(point, event_dim=len(rv.event_shape)).mask(False)
        result: torch.Tensor = pyro.sample(name, site, obs=value)
        return result


def _observe_response(_: Any, rv: Response, obs: torch.Tensor, name: str) -> torch.Tensor:
    return _observed(rv, obs, name)


# ChiRho's own world handlers abduct our responses too: they dispatch on the type, and ours is new to them.
FactualConditioningMessenger._dispatched_observe.register(Response, _observe_response)  # type: ignore[attr-defined]


def _abducted(rv: Response, obs: torch.Tensor, name: str) -> torch.Tensor:
    """The observation in the factual world; the others answer with the noise that it implies."""
    worlds = factual_indices()
    factual = rv.like(gather(rv.parameter, worlds, event_dim=rv.parameter_dim))
    pyro.sample(f"{name}_factual", factual, obs=obs)
    value = rv.respond(factual.abduct(rv.noise(), obs))
    here = gather(value, worlds)
    fact = gather(obs.to(value.dtype), worlds).expand(here.shape)
    scattered: torch.Tensor = scatter(fact, worlds, result=value.clone())
    return scattered


def _redrawn(rv: Any, obs: torch.Tensor, name: str) -> torch.Tensor:
    """The observation in the factual world, a draw in the others: nothing is known of such a distribution's noise."""
    worlds, event_dim = factual_indices(), len(rv.event_shape)
    with _InFactualWorld():
        fact = pyro.sample(f"{name}_factual", rv, obs=obs)
    value = rv.sample()
    here = gather(fact.to(value.dtype).expand(value.shape), worlds, event_dim=event_dim)
    scattered: torch.Tensor = scatter(here, worlds, result=value.clone(), event_dim=event_dim)
    return scattered
