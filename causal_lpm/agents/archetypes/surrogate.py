"""What a respondent answers, as a smooth function: a hierarchical logistic regression on archetypes and contexts."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from causal_lpm.agents.archetypes.answer_counts import effective_answers
from causal_lpm.agents.archetypes.archetypes import Archetypes
from causal_lpm.agents.archetypes.contexts import Contexts
from causal_lpm.agents.archetypes.effects import (
    class_contrasts,
    contrast_labels,
    effects,
    normal,
    positive,
    weighted,
)

__all__ = ["Respondent", "Surrogate"]

INTERACTION, ARCHETYPE, CONTEXT = 0.15, 0.25, 0.15
"""Prior medians of three scales, in logits."""

DISPERSION = 12.0
"""Prior median of the dispersion, in answers."""


@dataclass(frozen=True, eq=False, repr=False)
class Respondent:
    """A respondent that was asked, as far as its answers tell.

    Attributes:
        level: Logit of the average archetype where all covariates are at their centre, `[*draws, 1]`.
        base: Logits where all covariates are at their centre, `[*draws, A]`.
        slopes: Change of the logit with each standardised covariate, `[*draws, A, D]`.
        deviations: What each context that was asked has beside its covariates, `[*draws, C]`.
        dispersion: Of the beta-binomial: answers of one cell scatter as if a cell had at most `dispersion` + 1
            independent ones; `[*draws, 1]`.
        asked: Logits in the contexts that were asked, `[*draws, C, A]`.
        description: Who answered, and what.
    """

    level: torch.Tensor
    base: torch.Tensor
    slopes: torch.Tensor
    deviations: torch.Tensor
    dispersion: torch.Tensor
    asked: torch.Tensor
    description: str

    def logits(self, z: torch.Tensor) -> torch.Tensor:
        """Logits of the answers in a context that need not have been asked.

        Args:
            z: Standardised covariates, `[*dims, D]`, as of `Contexts.standardised`.

        Returns:
            `[*dims, A]`.
        """
        return self.base + respond(self.slopes, z.to(self.base))

    def __repr__(self) -> str:
        return f"Respondent({self.description})"


def respond(slopes: torch.Tensor, z: torch.Tensor) -> torch.Tensor:
    """The sum of slopes `[*draws, A, D]` times covariates `[*dims, D]`, `[*dims, A]`.

    Term by term, so that a world's numbers do not depend on the worlds beside it.
    """
    total = slopes[..., 0] * z[..., 0:1]
    for d in range(1, slopes.shape[-1]):
        total = total + slopes[..., d] * z[..., d : d + 1]
    return total


@dataclass(frozen=True)
class ContextBasis:
    """Orthonormal directions of the deviations of contexts, and what a level and covariates make of the first of them.

    Independent normal effects of one scale are that in any orthonormal basis. Data inform the sum of a level and of
    what deviations add to it, and say little of the two: so samplers are given the sum, and the deviations beside it.

    Attributes:
        directions: One a column, float32 `[C, C]`.
        free: 1 for each that neither the level nor the covariates can make, of which data say much, else 0, `[C]`.
        made: Level and covariates that are the deviations of the others, float32 `[1 + D, C]`; 0 for the free ones.
    """

    directions: torch.Tensor
    free: torch.Tensor
    made: torch.Tensor

    @classmethod
    def of(cls, z: torch.Tensor, covariates: torch.Tensor | None = None) -> ContextBasis:
        """The basis of contexts with standardised covariates `[C, D]`, of which only some (bool `[D]`) may be free."""
        level = torch.ones(len(z), 1)
        columns = torch.cat([level, z if covariates is None else z * covariates], -1).double()
        directions, sizes, _ = torch.linalg.svd(columns, full_matrices=True)
        rank = int((sizes > 1e-6 * sizes[0]).sum())
        free = (torch.arange(len(z)) >= rank).double()
        made = torch.linalg.pinv(columns, rtol=1e-6) @ (directions * (1 - free))
        return cls(directions.float(), free.float(), made.float())

    @property
    def labels(self) -> tuple[str, ...]:
        """Of the directions; each is a sum over contexts, so that none belongs to one of them."""
        kinds = ("as level and covariates" if free == 0 else "beside these" for free in self.free.tolist())
        return tuple(f"direction {place}, {kind}" for place, kind in enumerate(kinds))

    def deviations(self, sampled: torch.Tensor) -> torch.Tensor:
        """Of effects `[*draws, C]` along the directions, those of the contexts, `[*draws, C]`."""
        return weighted(self.directions, sampled)

    def shift(self, sampled: torch.Tensor) -> torch.Tensor:
        """What they add to the level and to the response to each covariate, `[*draws, 1 + D]`."""
        return weighted(self.made, sampled)


class Surrogate:
    """Prior of a respondent: level, classes, covariates, both together, archetypes and contexts.

    Args:
        archetypes: Kinds of people that were asked.
        contexts: Circumstances that they were asked about.
        asked: Usable answers, `[C, A]`; they say how much is known of each effect.
        name: Prefix of the sites.
    """

    def __init__(self, archetypes: Archetypes, contexts: Contexts, asked: torch.Tensor, name: str) -> None:
        self.name, self.z = name, contexts.z
        self.columns, _ = class_contrasts(archetypes)
        self._classes, self._covariates = contrast_labels(archetypes), contexts.names
        self._kinds = tuple(", ".join(label.values()) for label in archetypes.labels)
        # Information of an answer on its logit: p (1 - p) at 0.5, divided by what answers of one cell share.
        worth = 0.25 * effective_answers(asked, DISPERSION)
        self._crossed = torch.einsum("ca,ap,cd->pd", worth, self.columns**2, self.z**2).reshape(-1)
        self._archetypes = worth.sum(0)
        self._basis = ContextBasis.of(contexts.z)
        self._contexts = worth.sum(1).mean() * self._basis.free

    def respondent(self, description: str) -> Respondent:
        """Samples the parameters, inside a model."""
        name, (archetypes, classes), (contexts, covariates) = self.name, self.columns.shape, self.z.shape
        by_class = effects(f"{name}_classes", 0.7, classes, entries=self._classes)
        scale = positive(f"{name}_interaction_scale", INTERACTION, 0.7)
        both = [f"{label}, {covariate}" for label in self._classes for covariate in self._covariates]
        crossed = effects(f"{name}_interactions", scale, classes * covariates, self._crossed, entries=both)
        scale = positive(f"{name}_archetype_scale", ARCHETYPE, 0.6)
        own = effects(f"{name}_archetypes", scale, archetypes, self._archetypes, entries=self._kinds)
        scale = positive(f"{name}_context_scale", CONTEXT, 0.7)
        sampled = effects(f"{name}_contexts", scale, contexts, self._contexts, entries=self._basis.labels)
        deviations, shift = self._basis.deviations(sampled), self._basis.shift(sampled)
        # Sites have the sums that data inform; what deviations add is taken off again.
        level = normal(f"{name}_level", shift[..., :1], 1.5) - shift[..., :1]
        drawn = effects(f"{name}_covariates", 0.7, covariates, around=shift[..., 1:], entries=self._covariates)
        by_covariate = drawn - shift[..., 1:]
        dispersion = positive(f"{name}_dispersion", DISPERSION, 1.0)
        base = level + weighted(self.columns, by_class) + own
        columns = self.columns.to(base)
        slopes = by_covariate.unsqueeze(-2) + columns @ crossed.reshape(*crossed.shape[:-1], classes, covariates)
        asked = base.unsqueeze(-2) + self.z.to(base) @ slopes.mT + deviations.unsqueeze(-1)
        return Respondent(level, base, slopes, deviations, dispersion, asked, description)
