"""How far people may be from what a respondent says, before any data."""

from __future__ import annotations

from dataclasses import dataclass

import pyro.distributions as dist
import torch

__all__ = ["MapPriors", "in_words"]


@dataclass(frozen=True)
class MapPriors:
    """Scales of the priors of a map from answers to people, in logits.

    They say how far people may be from the respondent before any data; wider ones where behaviour is known to differ.

    Attributes:
        level: Deviation of the people's level.
        slope: Mean and deviation of the slope, which is 1 where people respond as the respondent says.
        classes: Median scale of what classes of people have of their own.
        covariates: Deviation of people's own response to a standardised covariate.
        interactions: Median scale of how far that response differs by class; 0: all classes have the same of their own.
            With 0, answers that have nothing to do with people may be given a slope, because only they differ by class.
        context: Median scale of what each context has of its own.
        cell: Median scale of what an archetype has of its own in a context.

    >>> MapPriors(covariates=0.6).covariates  # people who may respond twice as much, whatever the respondent says
    0.6
    """

    level: float = 1.5
    slope: tuple[float, float] = (0.5, 0.5)
    classes: float = 0.2
    covariates: float = 0.3
    interactions: float = 0.0
    context: float = 0.05
    cell: float = 0.15


def in_words(prior: dist.TorchDistribution | float) -> str:
    """A prior in words, such as "Normal(1, 0.5)" or "fixed at 1"."""
    if not isinstance(prior, torch.distributions.Distribution):
        return f"fixed at {float(prior):g}"
    # Of distributions with two sets of arguments, such as rate or scale, that which was given; others keep none.
    names = [name for name in prior.arg_constraints if name in vars(prior)] or list(prior.arg_constraints)
    numbers = [float(getattr(prior, name)) for name in names]
    return f"{type(prior).__name__}({', '.join(f'{number:g}' for number in numbers)})"
