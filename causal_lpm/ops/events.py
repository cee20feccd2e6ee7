"""What happens to an agent, and what it chooses: thresholds on exogenous noise, never draws of their own."""

from typing import Any, get_args

import pyro
import pyro.distributions as dist
import torch
from chirho.observational.internals import ObserveNameMessenger
from chirho.observational.ops import observe

from causal_lpm import validate
from causal_lpm.kernels.extremes import extremes
from causal_lpm.kernels.quick_mode import without_quick_mode
from causal_lpm.ops.exogenous import agent_plate
from causal_lpm.ops.number_types import common_shape, numbers, single_precision
from causal_lpm.ops.outcomes import data_of, unknown
from causal_lpm.ops.population import population
from causal_lpm.ops.pyro_stack import effectful, listeners, vouches
from causal_lpm.ops.responses import Choice, Coupling, Event, Response
from causal_lpm.ops.site_data import data_for
from causal_lpm.ops.step import running_step
from causal_lpm.typing import Hazard

__all__ = ["checked_logits", "choose", "decided_by_noise", "event", "hazard_of", "observed"]


def _site(name: str, fn: dist.TorchDistribution, obs: torch.Tensor | None) -> torch.Tensor:
    if obs is None:
        value: torch.Tensor = pyro.sample(name, fn)
        return value
    data = data_for(name, fn, obs)
    with ObserveNameMessenger():  # ChiRho's observe loses its name without it
        known: torch.Tensor = observe(fn, data, name=name)
    return known


def _data_site(name: str, fn: dist.TorchDistribution, obs: torch.Tensor | None) -> torch.Tensor:
    if obs is not None:
        return _site(name, fn, obs)
    marked: Any = {"observed": True}  # tells readers of a model that it is not a parameter
    value: torch.Tensor = pyro.sample(name, fn, infer=marked)
    return value


_observed = effectful(type="observed")(_data_site)


def observed(name: str, fn: dist.TorchDistribution, obs: torch.Tensor | None = None) -> torch.Tensor:
    """A sample site whose data belong to the factual world.

    `pyro.sample(name, fn, obs=data)` would force the data on every world and count them once a world. This counts
    them once, in the factual world; the other worlds draw.

    Args:
        name: Name of the site.
        fn: Distribution, with worlds, draws and replicates as batch dimensions.
        obs: Numbers of the shape of `fn`, replicates, draws and worlds left out; None to draw.

    Returns:
        The value of the site, data in the factual world.

    Raises:
        ValueError: data that are NaN, that `fn` cannot give, that differ by world, or of another shape than `fn`.

    >>> import pyro.distributions as dist, torch
    >>> float(observed("reported", dist.Poisson(torch.tensor([3.0])), torch.tensor([2.0])))
    2.0
    """
    value: torch.Tensor = _observed(name, fn, obs)
    return value


def hazard_of(probability: float) -> float:
    """The hazard of something that happens with `probability`: -log(1 - p).

    >>> round(hazard_of(0.5), 4)
    0.6931
    """
    validate.probability("probability", probability)
    return abs(float(torch.log1p(torch.tensor(-probability, dtype=torch.float64))))


def _response(name: str, response: Response, obs: torch.Tensor | None) -> torch.Tensor:
    """What the agents do, or did where it is observed."""
    data = data_of(name, obs)
    with agent_plate(response.batch_shape[-1]):
        if data is None:
            return _site(name, response, None)
        known = response.checked(data)
        value = _site(name, response, None if obs is None else known)
        if (missing := unknown(response.possible(known))) is not None:
            value = torch.where(missing, response.respond(response.noise()), value)
        # A copy: what the model writes into the outcome does not change the data.
        return value.expand(torch.broadcast_shapes(value.shape, response.batch_shape)).clone()


# Names and data travel by position.
@effectful(type="event")
def _event(
    name: str,
    hazard: torch.Tensor,
    obs: torch.Tensor | None,
    where: torch.Tensor | None = None,
    *,
    by: torch.Tensor | None = None,
) -> torch.Tensor:
    if by is not None:
        hazard = hazard.index_select(-1, by)
    return _response(name, Event(name, hazard, where=where), obs).bool()


decided_by_noise: Any = _event.__wrapped__  # type: ignore[attr-defined]
"""What answers an event where no handler does."""


@without_quick_mode
def event(
    name: str,
    hazard: Hazard,
    obs: torch.Tensor | None = None,
    where: torch.Tensor | None = None,
    *,
    at_once: bool = False,
    by: torch.Tensor | None = None,
) -> torch.Tensor:
    """Whether something happens to each agent in this step, with probability 1 - exp(-hazard x days of the step).

    The agent's exogenous noise E ~ Exp(1) decides: in a step of a day, it happens where E < hazard. In two worlds the
    same E meets two hazards, so with the higher hazard it happens to the same agents and some more.

    Args:
        name: Name of the event; once a step.
        hazard: Rate a day, `[*dims, agents]`, `[*dims, 1]` or a number; integrated over the step that runs, which is a
            day unless the rollout or the solver says otherwise.
        obs: Observed 0/1 `[agents]`: adds log p of the factual world and draws E from its posterior. NaN is unknown:
            such an agent is as if it were not observed. So is one whose observation is impossible in some rows only,
            which have log p -inf.
        where: bool `[*dims, agents]`, whom it can happen to: the hazard of all others is 0. The same as
            `torch.where(where, hazard, 0.0)`, but faster: nothing is computed for the others.
        at_once: Whether it happens or does not in this step, however long that is, as a branch does (whoever stops
            being ill dies of it, with `hazard_of(0.01)`): the hazard is not integrated over the step.
        by: Group of each agent, integers `[agents]` from 0: then `hazard` is `[*dims, groups]`, one a group. The same
            as `hazard[..., by]`, but faster where groups are large.

    Returns:
        bool `[*dims, agents]`.

    Raises:
        ValueError: negative or NaN hazard; a `where` that is not bool; groups that are not one whole number an agent,
            or have no hazard; observations other than 0, 1 and NaN, or with probability 0 in every row (it happened
            with hazard 0, or did not with infinite hazard); one number without `where` outside a rollout, where the
            agents are not known.

    >>> import torch, pyro
    >>> pyro.set_rng_seed(0)
    >>> float(event("infection", torch.full((100_000,), 0.1)).float().mean())  # 1 - exp(-0.1) = 0.095
    0.09...
    """
    rate = _rate(name, hazard)
    if not at_once and (step := running_step()) is not None and step.days != 1.0:
        rate = rate * step.days
    where = None if where is None else numbers(f"where of event {name!r}", where)
    if by is not None:
        happens: torch.Tensor = _event_by_group(name, rate, obs, where, by)
        return happens
    own, asked = rate.shape[-1], 1 if where is None else where.shape[-1]
    if where is not None and (where.dtype != torch.bool or (own != asked and 1 not in (own, asked))):
        raise ValueError(
            f"where of event {name!r} is {where.dtype} {tuple(where.shape)} and the hazard {tuple(rate.shape)}: "
            "give one bool an agent."
        )
    if where is not None and (rate.dim() > 1 or where.dim() > 1):  # of one dimension they fit, as they are
        common_shape(f"hazard and where of event {name!r}", rate.shape, where.shape)
    agents = asked if own == 1 else own
    if agents < 1:
        validate.whole_number(f"the number of agents of event {name!r}", agents)
    # A value for all agents is moved to the device of the agents.
    device = rate.device if own > 1 or where is None else where.device
    if agents == 1:
        address = population()
        agents, device = address.here, address.device
    rate = _one_an_agent(rate, agents, device)
    where = None if where is None else _one_an_agent(where, agents, device)
    if where is not None and rate.requires_grad:
        where = where.clone()  # a backward pass reads it, when the model may have written its next day into it
    happened: torch.Tensor = _event(name, rate, obs, where)
    return happened


def _rate(name: str, hazard: Hazard) -> torch.Tensor:
    if type(hazard) is float:  # often, so on a short way
        return torch.tensor([hazard], dtype=torch.float32)
    rate = numbers(f"the hazard of event {name!r}", hazard)
    return rate if rate.dtype == torch.float32 else rate.float()


def _one_an_agent(x: torch.Tensor, agents: int, device: torch.device) -> torch.Tensor:
    x = x if x.device == device else x.to(device)
    return x if x.shape[-1] == agents else x.expand((*x.shape[:-1], agents))


def _event_by_group(
    name: str, rate: torch.Tensor, obs: torch.Tensor | None, where: torch.Tensor | None, by: torch.Tensor
) -> torch.Tensor:
    group = numbers(f"the groups of event {name!r}", by)
    if group.is_floating_point() or group.dtype == torch.bool or group.dim() != 1:
        raise ValueError(
            f"the groups of event {name!r} are {group.dtype} {tuple(group.shape)}: give one integer an agent."
        )
    validate.whole_number(f"the number of agents of event {name!r}", len(group))
    group = group if group.dtype in (torch.int32, torch.int64) else group.int()
    low, high = extremes(group)
    if low < 0 or high >= rate.shape[-1]:
        raise ValueError(
            f"event {name!r} has {rate.shape[-1]} hazards and an agent of group {low if low < 0 else high}: give one "
            "hazard a group, and number the groups from 0."
        )
    if where is not None and (where.dtype != torch.bool or where.shape[-1] != len(group)):
        raise ValueError(
            f"where of event {name!r} is {where.dtype} {tuple(where.shape)} and there are {len(group)} agents with a "
            "group: give one bool an agent."
        )
    if obs is None and all(vouches(handler, "knows_groups", "event") for handler in listeners("event")):
        return _event(name, rate.to(group.device), obs, where, by=group)
    return _event(name, rate.to(group.device).index_select(-1, group), obs, where)


@effectful(type="choose")
def _choose(
    name: str, logits: torch.Tensor, obs: torch.Tensor | None, coupling: Coupling, one_hot: bool
) -> torch.Tensor:
    choice = Choice(name, checked_logits(name, logits), 1)
    choice.coupling = coupling
    chosen = _response(name, choice, obs).long()
    return torch.nn.functional.one_hot(chosen, logits.shape[-1]).bool() if one_hot else chosen


def checked_logits(name: str, logits: torch.Tensor) -> torch.Tensor:
    """The logits as floats; a handler that answers a choice calls it.

    Raises:
        ValueError: NaN, infinity, an agent without a possible option, integers that float32 would change.
    """
    if not logits.is_floating_point():
        logits = single_precision(f"the logits of choice {name!r}", logits)
    if not bool(logits.amax(-1).isfinite().all()):
        what = "NaN" if bool(logits.isnan().any()) else "infinity, or no possible option for an agent"
        raise ValueError(
            f"the logits of choice {name!r} contain {what}: look for 0/0 or log(0) in what they are made of."
        )
    return logits


@without_quick_mode
def choose(
    name: str,
    logits: torch.Tensor,
    obs: torch.Tensor | None = None,
    coupling: Coupling = "gumbel",
    one_hot: bool = False,
) -> torch.Tensor:
    """What each agent chooses among K options.

    Args:
        name: Name of the choice; once a step.
        logits: Unnormalised log probabilities `[*dims, agents, K]`; float64 is kept, all else becomes float32.
        obs: Observed choices `[agents]`: adds log p and draws the noise from its posterior. NaN is unknown, as for
            `event`.
        coupling: How one agent's choices in two worlds are related: `"gumbel"` (the same Gumbel noise: an option that
            becomes likelier relative to all others is never left), `"inverse_cdf"` (one uniform: ordered options move
            to neighbours), `"independent"`. Claims about individuals depend on it, and data cannot decide it.
        one_hot: Whether to answer with a column an option, through which a gradient may flow: exactly one is 1 under
            `StraightThrough`, shares under `MeanField` and `Relaxed`.

    Returns:
        int64 `[*dims, agents]`; with `one_hot` bool `[*dims, agents, K]`, floats under handlers of gradients.

    Raises:
        ValueError: unknown coupling, logits without an option dimension, NaN or infinite logits, integers that float32
            would change, an agent whose options are all impossible (-inf); observations that are not options, or one
            that is impossible in every row.

    >>> import torch, pyro
    >>> pyro.set_rng_seed(0)
    >>> choose("mode", torch.zeros(1000, 3)).bincount().shape
    torch.Size([3])
    """
    validate.known("coupling", coupling, get_args(Coupling))
    logits = numbers(f"the logits of choice {name!r}", logits)
    if logits.dim() < 2 or 0 in logits.shape[-2:]:
        raise ValueError(f"the logits of choice {name!r} have shape {tuple(logits.shape)}: give [*dims, agents, K].")
    if logits.is_floating_point() and logits.dtype != torch.float64:
        logits = logits.float()
    chosen: torch.Tensor = _choose(name, logits, obs, coupling, one_hot)
    return chosen
