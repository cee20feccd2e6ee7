"""From what a respondent says to what people do: a map whose level, slope and noise real behaviour teaches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import validate
from causal_lpm.agents.archetypes.contexts import Contexts
from causal_lpm.agents.archetypes.draws import Draws, draws_and_verdict
from causal_lpm.agents.archetypes.effects import (
    class_contrasts,
    contrast_labels,
    effects,
    given,
    normal,
    positive,
    weighted,
)
from causal_lpm.agents.archetypes.llm_term import LLMTerm
from causal_lpm.agents.archetypes.map_priors import MapPriors, in_words
from causal_lpm.agents.archetypes.surrogate import ContextBasis, Respondent, respond

__all__ = ["BehaviourMap", "People"]

SEEN = 0.03**-2
"""Information of real behaviour on what classes and contexts have of their own, inverse squares of logits: what shares
with standard errors of one percent or so say. It moves no result, only how well chains mix."""


@dataclass(frozen=True, eq=False, repr=False)
class People:
    """What people do, as far as answers and real behaviour tell.

    Attributes:
        slope: People's logit per logit of the respondent, `[*draws, 1]`; 0 without a respondent.
        real: Logits in the contexts of real behaviour, cell noise left out, `[*draws, C, A]`.
        deviations: What each of these contexts has of its own, whatever was answered, `[*draws, C]`.
        context_scale: Deviation of these, in logits, `[*draws, 1]`.
        cell_scale: Deviation of the cell noise, in logits, `[*draws, 1]`.
        description: Where this comes from, with the verdict on the fit.
    """

    slope: torch.Tensor
    real: torch.Tensor
    deviations: torch.Tensor
    context_scale: torch.Tensor
    cell_scale: torch.Tensor
    description: str
    _base: torch.Tensor
    _slopes: torch.Tensor
    _reference: torch.Tensor
    _transport: torch.Tensor
    _answered: torch.Tensor
    _weights: torch.Tensor
    _cells: Mapping[frozenset[tuple[str, str]], int]

    def logits(self, z: torch.Tensor, at: Mapping[str, str] | None = None) -> torch.Tensor:
        """Logits of what people do in a context that need not be among those of real behaviour.

        Args:
            z: Standardised covariates `[*dims, D]`, as of `BehaviourMap.contexts.standardised`.
            at: A context of real behaviour whose own deviation applies too, as where one asks what else might have
                happened in that month; none, for a typical context.

        Returns:
            `[*dims, A]`, for `decide` or `decided_totals`.

        Raises:
            ValueError: a context `at` without real behaviour.
        """
        found = self._base + respond(self._slopes, self._moved(z))
        if at is None:
            return found
        place = self._cells.get(frozenset(at.items()))
        if place is None:
            raise ValueError(f"{dict(at)} is no context of real behaviour: give one of them as at=, or none.")
        return found + (self.deviations + self._answered)[..., place : place + 1]

    def shares(self, z: torch.Tensor, at: Mapping[str, str] | None = None) -> torch.Tensor:
        """Probabilities `[*dims, A]`, as `logits`."""
        return torch.sigmoid(self.logits(z, at))

    def totals(self, z: torch.Tensor, at: Mapping[str, str] | None = None) -> torch.Tensor:
        """Expected shares of the groups that are observed, `[*dims, G]`."""
        return weighted(self._weights, self.shares(z, at))

    def __repr__(self) -> str:
        return f"People({self.description})"

    def _moved(self, z: torch.Tensor) -> torch.Tensor:
        """Covariates as far as they move people: an intervened one counts from 0, times its transport."""
        reference = self._reference.to(self._base)
        return reference + self._transport * (z.to(self._base) - reference)


class BehaviourMap:
    """People's logits: level + slope * (respondent's response, times transport) + classes, covariates, contexts, cells.

    People have a level for each class and a response to each covariate of their own, whatever the respondent says;
    without them a respondent that knows nothing is given a slope, and intervals are falsely narrow. Their response to
    an intervened covariate is slope * transport * the respondent's, counted from 0 of the covariate: real behaviour
    without that intervention cannot say what transport is, so its prior is the user's.

    Args:
        term: Who was asked, and about what.
        groups: Attributes by whose classes behaviour is observed; all archetypes together where it is empty.
        transport: Covariate that somebody will intervene on -> a distribution, such as `dist.Normal(1.0, 0.5)`, or a
            number, which fixes it. The response to the others is people's own, beside the respondent's.
        contexts: Contexts of real behaviour, with the covariates of those that were asked, in the same units; a context
            whose texts were asked too is the same one. Those that were asked, where none are given.
        name: Prefix of the sites.
        priors: Scales of the priors.

    Attributes:
        contexts: Those of real behaviour, with the centre and scale of those that were asked.
        group_labels: Such as "borough: Bronx", G of them.
        weights: Share of each archetype among a group's people, float32 `[G, A]`.
        sizes: People of each group, int64 `[G]`.
        asked_places: Place of each context of real behaviour among those that were asked, -1 if it was not, `[C]`.
        description: What it rests on, transport included.

    Raises:
        ValueError: unknown groups or covariates, contexts with other covariates.
    """

    def __init__(
        self,
        term: LLMTerm,
        groups: Sequence[str] = (),
        transport: Mapping[str, dist.TorchDistribution | float] | None = None,
        *,
        contexts: Contexts | None = None,
        name: str = "people",
        priors: MapPriors | None = None,
    ) -> None:
        transport = dict(transport or {})
        archetypes, asked = term.archetypes, term.contexts
        for covariate in transport:
            validate.known("covariate", covariate, asked.names)
        self.term, self.name, self.transport, self.priors = term, name, transport, priors or MapPriors()
        self.contexts = contexts or asked
        if self.contexts.names != asked.names:
            raise ValueError(
                f"the contexts of real behaviour have covariates {', '.join(self.contexts.names)} and those that were "
                f"asked {', '.join(asked.names)}: give the same, in the same order."
            )
        self.contexts = self.contexts.in_units_of(asked)  # a response is one to a covariate in units of the question
        self._z = self.contexts.z
        self._reference = -asked.centre / asked.scale
        self.groups = tuple(groups)
        self.group_labels, member = _groups(term, self.groups)
        people = member * archetypes.counts
        self.sizes = people.sum(-1)
        self.weights = (people / self.sizes[:, None]).float()
        self._columns, attributes = class_contrasts(archetypes)
        self._classes = contrast_labels(archetypes)
        self._seen = SEEN * torch.tensor([float(attribute in self.groups) for attribute in attributes])
        # Level and observed classes of what archetypes have, by least squares over people.
        root = archetypes.counts.double().sqrt()[:, None]
        columns = torch.cat([torch.ones_like(root), self._columns.double() * (self._seen > 0)], -1)
        self._averages = (torch.linalg.pinv(columns * root, rtol=1e-6) * root.T).float()
        self._own = torch.tensor([float(covariate not in transport) for covariate in asked.names])
        self._bases = {own: ContextBasis.of(self._z, mask) for own, mask in ((True, self._own), (False, None))}
        order = {frozenset(cell.items()): place for place, cell in enumerate(asked.cells)}
        self._cells = {frozenset(cell.items()): place for place, cell in enumerate(self.contexts.cells)}
        self.asked_places = torch.tensor([order.get(cell, -1) for cell in self._cells])
        named = [
            f"transport of {covariate} {in_words(prior)}, chosen by the user" for covariate, prior in transport.items()
        ]
        self.description = "; ".join([term.description, *named, "real behaviour by " + (", ".join(groups) or "total")])

    def transport_site(self, covariate: str) -> str:
        """Name of the site of a covariate's transport."""
        return f"{self.name}_transport_{covariate}"

    def map(self, respondent: Respondent | None) -> People:
        """Samples the map's parameters, inside a model.

        Args:
            respondent: What `LLMTerm.term` returned; None for the model without answers, where people's response to
                each covariate is their own.
        """
        priors, name = self.priors, self.name
        own = self._own if respondent is not None else torch.ones_like(self._own)
        basis = self._bases[respondent is not None]
        context_scale = positive(f"{name}_context_scale", priors.context, 0.7)
        slope, answered = torch.zeros_like(context_scale), torch.zeros(len(self.contexts)).to(context_scale)
        transport = torch.ones_like(self._own).to(context_scale)
        if respondent is not None:
            slope = normal(f"{name}_slope", *priors.slope)
            transport = self._transports(slope)
            same = self.asked_places.clamp(min=0)
            answered = slope * respondent.deviations[..., same] * (self.asked_places >= 0)
        reference = self._reference.to(transport)
        z = reference + transport.unsqueeze(-2) * (self._z.to(transport) - reference)
        following = classes = None
        if respondent is not None:
            # Data inform what people do, on average and by class, whichever part of it follows the respondent.
            average = slope * weighted(self._averages, respondent.base - respondent.level)
            slopes = slope.unsqueeze(-1) * (self._averages.to(z) @ respondent.slopes)  # [*draws, 1 + P, D]
            following = weighted(basis.directions.T, (z @ slopes[..., :1, :].mT).squeeze(-1) + answered)
            classes = (average + (slopes @ z.mean(-2).unsqueeze(-1)).squeeze(-1))[..., 1:]
        scattered = SEEN * basis.free, following, basis.labels
        sampled = effects(f"{name}_contexts", context_scale, len(self.contexts), *scattered)
        deviations = basis.deviations(sampled)
        shift = basis.shift(sampled)
        if following is not None:
            shift = shift + basis.shift(following)
            shift = torch.cat([shift[..., :1] + average[..., :1], shift[..., 1:]], -1)
        # Sites have the sums that data inform; what contexts and the respondent add is taken off again.
        level = normal(f"{name}_level", shift[..., :1], priors.level) - shift[..., :1]
        responses = torch.zeros_like(level).expand(*level.shape[:-1], len(own))
        if bool(own.any()):
            place = torch.eye(len(own))[own.bool()].to(shift)
            around = shift[..., 1:] @ place.T
            named = [covariate for covariate, free in zip(self.contexts.names, own.tolist(), strict=True) if free]
            drawn = effects(f"{name}_covariates", priors.covariates, len(named), around=around, entries=named) - around
            responses = drawn @ place
        scale = positive(f"{name}_class_scale", priors.classes, 0.6)
        by_class = effects(f"{name}_classes", scale, len(self._classes), self._seen, classes, self._classes)
        cell_scale = positive(f"{name}_cell_scale", priors.cell, 0.5)
        base = level + weighted(self._columns, by_class)
        slopes = responses.unsqueeze(-2) + self._interactions(own, None if following is None else slopes)
        if respondent is not None:
            # The level is that of the average archetype, whatever the slope is: so they do not depend on each other.
            base = base + slope * (respondent.base - respondent.level)
            slopes = slopes + slope.unsqueeze(-1) * respondent.slopes
        real = base.unsqueeze(-2) + z @ slopes.mT + (deviations + answered).unsqueeze(-1)
        return People(
            slope,
            real,
            deviations,
            context_scale,
            cell_scale,
            self.description if respondent is not None else "people's own behaviour, without answers",
            base,
            slopes,
            reference,
            transport,
            answered,
            self.weights,
            self._cells,
        )

    def _interactions(self, own: torch.Tensor, following: torch.Tensor | None) -> torch.Tensor:
        """How people's own response to covariates differs by class, `[*draws, A, D]`; or 0, without a prior of it."""
        if not self.priors.interactions or not bool(own.any()):
            return torch.zeros(1, len(own))
        free, name = own.bool(), f"{self.name}_interaction"
        scale = positive(f"{name}_scale", self.priors.interactions, 0.6)
        known = (self._seen[:, None] * self._z[:, free].square().sum(0)).flatten()
        named = [self.contexts.names[d] for d in free.nonzero().flatten().tolist()]
        both = [f"{label}, {covariate}" for label in self._classes for covariate in named]
        around = None if following is None else following[..., 1:, free].flatten(-2)
        drawn = effects(f"{name}s", scale, len(both), known, around, both)
        crossed = drawn.reshape(*drawn.shape[:-1], -1, len(named)) @ torch.eye(len(own))[free].to(drawn)
        by_class: torch.Tensor = self._columns.to(crossed) @ crossed
        return by_class

    def given(self, values: Draws, answers: bool = True) -> People:
        """People with draws of the parameters, as of a posterior.

        Args:
            values: A result of `fit`, whose verdict the description of the people then begins with; or site -> `[draws,
                *shape of the site]`, of which it says that no verdict is known.
            answers: Whether the draws are of the model with the respondent.
        """
        draws, verdict = draws_and_verdict(values)
        with given(draws):
            people = self.map(self.term.term(data=False) if answers else None)
        return replace(people, description=f"{verdict}; {people.description}")

    def _transports(self, like: torch.Tensor) -> torch.Tensor:
        """Factor of each covariate, `[*draws, D]`; 1 where it has no transport."""
        factors = []
        for covariate in self.term.contexts.names:
            prior = self.transport.get(covariate, 1.0)
            if isinstance(prior, dist.Distribution | torch.distributions.Distribution):
                factors.append(torch.atleast_1d(pyro.sample(self.transport_site(covariate), prior)))
            else:
                factors.append(torch.full((1,), float(prior)).to(like))
        return torch.cat([factor.expand(*like.shape[:-1], 1) for factor in factors], -1)


def _groups(term: LLMTerm, groups: Sequence[str]) -> tuple[tuple[str, ...], torch.Tensor]:
    """Labels of the groups, and which archetypes belong to each, int64 `[G, A]`."""
    if not groups:
        return ("all",), torch.ones(1, len(term.archetypes), dtype=torch.int64)
    members = term.archetypes.members(groups)
    return tuple(members), torch.stack(list(members.values())).long()
