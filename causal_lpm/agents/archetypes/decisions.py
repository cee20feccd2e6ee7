"""What agents do, where the logits belong to their archetypes: decided by each agent's own noise, or as totals."""

from __future__ import annotations

import torch

from causal_lpm.agents.archetypes.archetypes import Archetypes
from causal_lpm.agents.columns import flags
from causal_lpm.ops.events import choose, event
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.looking import check
from causal_lpm.ops.number_types import numbers
from causal_lpm.ops.responses import Coupling

__all__ = ["choose_option", "decide", "decided_totals", "hazard_of_logit"]


def hazard_of_logit(logit: torch.Tensor) -> torch.Tensor:
    """The hazard of an event whose probability is sigmoid(logit): softplus, since 1 - exp(-softplus(x)) = sigmoid(x).

    >>> from causal_lpm import hazard_of
    >>> round(float(hazard_of_logit(torch.tensor(0.0))), 4), round(hazard_of(0.5), 4)
    (0.6931, 0.6931)
    """
    return torch.nn.functional.softplus(logit)


def decide(
    name: str,
    logits: torch.Tensor,
    archetypes: Archetypes,
    where: torch.Tensor | None = None,
    noise: torch.Tensor | None = None,
) -> torch.Tensor:
    """Whether each agent does something, with probability sigmoid of its archetype's logit.

    An `event`: the agent's own noise decides, so that in a world with higher logits the same agents do it, and more.

    Args:
        name: Name of the event; once a step.
        logits: float `[*dims, A]`.
        archetypes: Of all agents.
        where: bool `[*dims, agents]`, who decides at all; the others do not do it.
        noise: Exp(1) `[*replicates, agents]`, drawn by `exogenous` before the rollout. An agent who decides with the
            same noise every month changes its mind only where its logit changes; without, it decides anew each time.
            With it, no gradient reaches the logits.

    Returns:
        bool `[*dims, agents]`.

    Raises:
        ValueError: logits that are not one an archetype, or NaN; a `where` that is not one bool an agent.

    >>> import pyro
    >>> from causal_lpm.agents import Population
    >>> pyro.set_rng_seed(0)
    >>> people = Population({"age": torch.arange(2).repeat(50_000)}, {"age": ("young", "old")})
    >>> home = decide("isolate", torch.tensor([-1.0, 1.0]), Archetypes.from_columns(people, ["age"]))
    >>> round(float(home[people["age"] == 1].float().mean()), 2)  # sigmoid(1) = 0.731
    0.73
    """
    logits = _one_each(f"the logits of {name!r}", logits, archetypes, -1)
    hazard = hazard_of_logit(logits).index_select(-1, archetypes.index)
    if noise is None:
        return event(name, hazard, where=where, at_once=True)
    check((hazard,), lambda: bool((hazard >= 0).all()), lambda: f"the logits of {name!r} contain NaN: look for 0/0.")
    done = noise < hazard
    return done if where is None else done & flags(f"where of {name!r}", where, archetypes.agents)


def choose_option(
    name: str, logits: torch.Tensor, archetypes: Archetypes, coupling: Coupling = "gumbel"
) -> torch.Tensor:
    """What each agent chooses among K options, with the logits of its archetype; see `causal_lpm.choose`.

    Args:
        name: Name of the choice; once a step.
        logits: Unnormalised log probabilities, float `[*dims, A, K]`.
        archetypes: Of all agents.
        coupling: How one agent's choices in two worlds are related.

    Returns:
        int64 `[*dims, agents]`.

    Raises:
        ValueError: logits that are not K an archetype, and what `choose` raises.

    >>> import pyro
    >>> from causal_lpm.agents import Population
    >>> pyro.set_rng_seed(0)
    >>> people = Population({"age": torch.arange(2).repeat(10)}, {"age": ("young", "old")})
    >>> kinds = Archetypes.from_columns(people, ["age"])
    >>> choose_option("work", torch.tensor([[9.0, 0.0, 0.0], [0.0, 0.0, 9.0]]), kinds)[:4]
    tensor([0, 2, 0, 2])
    """
    logits = _one_each(f"the logits of choice {name!r}", logits, archetypes, -2)
    return choose(name, logits.index_select(-2, archetypes.index), coupling=coupling)


def decided_totals(name: str, logits: torch.Tensor, archetypes: Archetypes, by: str | None = None) -> torch.Tensor:
    """How many agents of each archetype do something, where nobody asks which: one draw an archetype, not one an agent.

    The totals of one world are distributed as those of `decide`. The noise of an archetype is the same in all worlds, a
    uniform that picks a quantile of its binomial; so the difference between two worlds has the same mean as with agents
    and varies less.

    Args:
        name: Name of the noise; once a step.
        logits: float `[*dims, A]`; what is drawn carries no gradient.
        archetypes: Of all agents.
        by: An attribute of the archetypes, to sum over those of each class.

    Returns:
        int64 `[*dims, A]`, or `[*dims, classes]` with `by`.

    Raises:
        ValueError: logits that are not one an archetype, or NaN; an unknown attribute.

    >>> import pyro
    >>> from causal_lpm.agents import Population
    >>> pyro.set_rng_seed(0)
    >>> people = Population({"age": torch.arange(2).repeat(50_000)}, {"age": ("young", "old")})
    >>> decided_totals("isolate", torch.tensor([-30.0, 30.0]), Archetypes.from_columns(people, ["age"]))
    tensor([    0, 50000])
    """
    from scipy import stats

    logits = _one_each(f"the logits of {name!r}", logits, archetypes, -1).detach()
    if bool(logits.isnan().any()):
        raise ValueError(f"the logits of {name!r} contain NaN: look for 0/0 in what they are made of.")
    noise = exogenous(name, len(archetypes), "uniform").cpu().double()
    # In double precision: 1 - p is as exact as p for the binomials of millions.
    share, counts = logits.cpu().double().sigmoid(), archetypes.counts.cpu()
    drawn = stats.binom.ppf(noise.clamp(2.0**-25, 1 - 2.0**-25).numpy(), counts.numpy(), share.numpy())
    totals = torch.from_numpy(drawn).long().clamp(min=0).to(logits.device)
    if by is None:
        return totals
    groups = archetypes.of(by)
    return totals.new_zeros(*totals.shape[:-1], len(archetypes.levels[by])).index_add_(-1, groups, totals)


def _one_each(what: str, logits: torch.Tensor, archetypes: Archetypes, place: int) -> torch.Tensor:
    logits = numbers(what, logits)
    shape, tail = tuple(logits.shape), ", K" if place == -2 else ""
    if logits.dim() < -place or shape[place] != len(archetypes):
        raise ValueError(f"{what} have shape {shape} for {len(archetypes)} archetypes: give [*dims, archetypes{tail}].")
    return logits if logits.is_floating_point() else logits.float()
