"""Whether a policy was the cause for an individual: probabilities of necessity and of sufficiency, with bounds."""

from dataclasses import dataclass

import torch

from causal_lpm.ops.number_types import numbers

__all__ = ["Causation", "causation"]


@dataclass(frozen=True)
class Causation:
    """How an event of each agent hangs together in two worlds; all float64 `[agents]`, bounds `[2, agents]`.

    Attributes:
        factual: Probability of the event in the factual world.
        counterfactual: The same in the other world.
        necessity: Of those to whom it happened in fact, the share to whom it would not have happened in the other
            world; NaN where it never happened.
        necessity_bounds: The least and the most that it can be under any coupling of the two worlds.
        sufficiency: Of those to whom it does not happen in the other world, the share to whom it happens in fact; NaN
            where it always happens there.
        sufficiency_bounds: Its bounds.
        both: Probability that it happens in fact and not in the other world: necessary and sufficient.
        both_bounds: Its bounds.
        paths: How many paths of equal weight these numbers are worth.
    """

    factual: torch.Tensor
    counterfactual: torch.Tensor
    necessity: torch.Tensor
    necessity_bounds: torch.Tensor
    sufficiency: torch.Tensor
    sufficiency_bounds: torch.Tensor
    both: torch.Tensor
    both_bounds: torch.Tensor
    paths: float


def causation(factual: torch.Tensor, counterfactual: torch.Tensor, weights: torch.Tensor | None = None) -> Causation:
    """Probabilities of necessity and of sufficiency of an event of each agent, from paths replayed in two worlds.

    The shares come from the paths, and so from one coupling of the worlds: the same noise, as a threshold, meets two
    hazards. No data on the factual world can tell whether that coupling is right. The bounds are those of Fréchet: they
    hold for every way of joining the two worlds that leaves the probability of the event in each as it is. Where the
    coupling is such that the event happens in the other world only to agents to whom it happens in fact, `both` is the
    lower bound.

    Which paths are given says what the bounds mean. Of paths that were not conditioned on data (`paired`), both
    probabilities are those of an experiment, which are the same under every coupling: the bounds are those of Tian and
    Pearl for a policy that is set from outside. Of abducted paths, the probability in the other world has itself been
    found with the coupling: the bounds then say how much of necessity and sufficiency the two probabilities leave open,
    and not what another coupling of all noise before would have made of them.

    Args:
        factual: bool `[paths, agents]`, whether it happened on each path in the factual world.
        counterfactual: The same paths in the other world.
        weights: float `[paths]`, above 0 somewhere; by default all paths count the same.

    Raises:
        ValueError: shapes that differ, no path, numbers other than 0 and 1, weights that are negative or all 0.

    Source: Tian and Pearl (2000), Probabilities of causation: bounds and identification, Annals of Mathematics and
    Artificial Intelligence 28; Pearl (2009), Causality, section 9.2.

    >>> factual, without = torch.tensor([[1], [1], [1], [0]]), torch.tensor([[1], [0], [0], [0]])
    >>> found = causation(factual, without)
    >>> round(float(found.necessity), 3), [round(x, 3) for x in found.necessity_bounds.flatten().tolist()]
    (0.667, [0.667, 1.0])
    """
    fact, other = _happened("factual", factual), _happened("counterfactual", counterfactual)
    if fact.shape != other.shape:
        raise ValueError(
            f"the event is of shape {tuple(fact.shape)} in fact and {tuple(other.shape)} in the other world: give the "
            "same paths and agents in both."
        )
    share = _shares(weights, len(fact)).to(fact.device)
    p_fact, p_other = share @ fact, share @ other
    both = share @ (fact * (1 - other))
    bounds = torch.stack([(p_fact - p_other).clamp(min=0), torch.minimum(p_fact, 1 - p_other).clamp(min=0)])
    never = share @ (1 - other)
    return Causation(
        factual=p_fact,
        counterfactual=p_other,
        necessity=_part(both, p_fact),
        necessity_bounds=_part(bounds, p_fact),
        sufficiency=_part(both, never),
        sufficiency_bounds=_part(bounds, never),
        both=both,
        both_bounds=bounds,
        paths=float(1 / (share**2).sum()),
    )


def _happened(world: str, given: torch.Tensor) -> torch.Tensor:
    found = numbers(f"the {world} event", given)
    if found.dim() != 2 or len(found) == 0:
        raise ValueError(
            f"the {world} event has shape {tuple(found.shape)}: give [paths, agents] with a path at least."
        )
    if not bool(((found == 0) | (found == 1)).all()):
        raise ValueError(f"the {world} event has other numbers than 0 and 1: say whether it happened.")
    return found.double()


def _shares(weights: torch.Tensor | None, paths: int) -> torch.Tensor:
    weights = torch.ones(paths) if weights is None else numbers("the weights of paths", weights)
    if weights.shape != (paths,) or not bool((weights >= 0).all() & weights.isfinite().all() & (weights > 0).any()):
        raise ValueError(
            f"the weights of {paths} paths are {_short(weights)}: give one number from 0 a path, one above."
        )
    return weights.double() / weights.double().sum()


def _short(weights: torch.Tensor) -> str:
    return f"of shape {tuple(weights.shape)}" if weights.dim() != 1 else f"{len(weights)} from {float(weights.min()):g}"


def _part(share: torch.Tensor, of: torch.Tensor) -> torch.Tensor:
    """A share of another one, NaN of nothing."""
    return torch.where(of > 0, share / of, torch.nan).clamp(max=1.0)
