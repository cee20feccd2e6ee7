"""How far people may be from what a respondent says, before any data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["MapPriors"]


@dataclass(frozen=True)
class MapPriors:
    """Scales of the priors of a map from answers to people, in logits.

    They say how far people may be from the respondent before any data; wider ones where behaviour is known to differ.

    Attributes:
        level: Deviation of the people's level.
        slope: Mean and deviation of the slope, which is 1 where people respond as the respondent says.
        classes: Median scale of what classes of people have of their own.
        covariates: Deviation of people's own response to a standardised covariate.
        context: Median scale of what each context has of its own.
        cell: Median scale of what an archetype has of its own in a context.

    >>> MapPriors(covariates=0.6).covariates  # people who may respond twice as much, whatever the respondent says
    0.6
    """

    level: float = 1.5
    slope: tuple[float, float] = (0.5, 0.5)
    classes: float = 0.2
    covariates: float = 0.3
    context: float = 0.05
    cell: float = 0.15
