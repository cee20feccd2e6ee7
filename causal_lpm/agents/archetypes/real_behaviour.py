"""What people really did, by group and context: a data site, and a check of what was predicted for paid months."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyro.distributions as dist
import torch

from causal_lpm import validate
from causal_lpm.agents.archetypes.behaviour_map import BehaviourMap, People
from causal_lpm.agents.archetypes.labelled import in_order
from causal_lpm.ops.events import observed

__all__ = ["PaidMonths", "RealBehaviour"]


@dataclass(frozen=True)
class PaidMonths:
    """Observed and predicted behaviour in months with payments.

    Attributes:
        months: How many there are.
        observed: Mean share over groups and these months.
        predicted: Its expectation.
        interval: Its 95% predictive interval.
        description: What the prediction rests on, transport included.
    """

    months: int
    observed: float
    predicted: float
    interval: tuple[float, float]
    description: str

    @property
    def agree(self) -> bool:
        """Whether what happened lies in the interval."""
        return self.interval[0] <= self.observed <= self.interval[1]

    def __str__(self) -> str:
        low, high = self.interval
        months = "1 paid month" if self.months == 1 else f"{self.months} paid months"
        found = f"in {months} the share was {self.observed:.3f}, predicted {low:.3f} to {high:.3f}"
        end = "as predicted" if self.agree else "transport does not hold there: give it a wider prior, or another value"
        return f"{found}: {end} ({self.description})."


class RealBehaviour:
    """Shares of groups of people who did something, as a data site `[G, C]`.

    Args:
        behaviour: The map, whose groups and contexts these are.
        shares: Label of each of `behaviour.group_labels` -> C shares, NaN where unknown; or a pandas DataFrame with
            these labels as its index, and the texts of one field of the contexts, such as the names of months, as its
            columns. Numbers `[G, C]` without labels are taken in the order of `group_labels`, which nothing can check.
        errors: Standard error of a share: one number, or in the forms of `shares`.
        name: Of the site.

    Attributes:
        data: Site -> shares, to be given to `fit`.

    Raises:
        ValueError: unknown or missing groups or contexts, another number of them, shares outside [0, 1], errors that
            are not above 0.

    >>> from causal_lpm.agents import Archetypes, Contexts, LLMTerm, Population
    >>> from causal_lpm.elicitation import AnswerStore, Question, SyntheticRespondent, elicit, plan_elicitation
    >>> people = Population({"age": torch.arange(2).repeat(50)}, {"age": ("young", "old")})
    >>> kinds, months = (
    ...     Archetypes.from_columns(people, ["age"]),
    ...     Contexts({"payment": [0, 500]}, {"month": ["May", "June"]}),
    ... )
    >>> question, store = Question("work", "You are {age} and get ${payment} in {month}. Do you work?"), AnswerStore()
    >>> plan = plan_elicitation(question, kinds.labels, months.cells, answers=4, model="synthetic", store=store)
    >>> term = LLMTerm(kinds, months, question, elicit(plan, store, SyntheticRespondent(lambda cell: 0.7, seed=1)))
    >>> behaviour = BehaviourMap(term, ["age"], {"payment": dist.Normal(1.0, 0.5)})
    >>> behaviour.group_labels
    ('age: young', 'age: old')
    >>> RealBehaviour(behaviour, {"age: old": [0.4, 0.3], "age: young": [0.8, torch.nan]}, errors=0.02).shares
    tensor([[0.8000,    nan],
            [0.4000, 0.3000]], dtype=torch.float64)
    """

    def __init__(
        self,
        behaviour: BehaviourMap,
        shares: Mapping[str, Sequence[float]] | torch.Tensor | Any,
        errors: Mapping[str, Sequence[float]] | torch.Tensor | float | Any,
        name: str = "real_behaviour",
    ) -> None:
        labels, contexts = behaviour.group_labels, len(behaviour.contexts)
        given = in_order("real behaviour", shares, labels, behaviour.contexts)
        if tuple(given.shape) != (len(labels), contexts):
            raise ValueError(
                f"real behaviour has shape {tuple(given.shape)}: give {len(labels)} groups by {contexts} contexts."
            )
        known = given[~given.isnan()]
        if known.numel() == 0 or bool(((known < 0) | (known > 1)).any()):
            raise ValueError("real behaviour must be shares from 0 to 1, NaN where unknown, and one must be known.")
        self.errors = in_order("standard error", errors, labels, behaviour.contexts).float()
        sizes = tuple(self.errors.shape)
        fits = len(sizes) == 2 and all(n in (1, whole) for n, whole in zip(sizes, given.shape, strict=True))
        if self.errors.numel() > 1 and not fits:
            raise ValueError(
                f"the standard errors have shape {sizes}: give one number, or one for each of "
                f"{len(labels)} groups and {contexts} contexts."
            )
        if not bool((self.errors > 0).all()):
            raise ValueError("the standard errors of real behaviour must be above 0: a share without error is unknown.")
        self.behaviour, self.name, self.shares = behaviour, name, given
        self.data = {name: given}

    def observe(self, people: People) -> torch.Tensor:
        """The data site, inside a model: shares `[*draws, G, C]`."""
        mean, spread = self.expected(people)
        return observed(self.name, dist.Normal(mean, spread).to_event(1))

    def expected(self, people: People) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and deviation of the shares, `[*draws, G, C]`.

        The noise of cells is summed out, to first order: a group's share scatters with the squares of its weights. That
        two groups have cells in common is left out.
        """
        share = torch.sigmoid(people.real)
        weights = self.behaviour.weights.to(share)
        mean = (share @ weights.T).transpose(-1, -2)
        noise = ((share * (1 - share)) ** 2 @ (weights**2).T).transpose(-1, -2)
        spread = (self.errors.to(share) ** 2 + people.cell_scale.unsqueeze(-1) ** 2 * noise).sqrt()
        return mean, spread

    def cells(self, people: People, seed: int = 0) -> torch.Tensor:
        """Draws of the cells' real shares, with the noise of cells as the observed totals of their groups leave it.

        The totals are taken as linear in the noise, which is then normal given them (by Matheron's rule: noise and
        totals are drawn together, and the noise moved by what these miss of the observed ones).

        Args:
            people: With draws, as of `BehaviourMap.given`.
            seed: Of the noise.

        Returns:
            `[draws, C, A]`.
        """
        luck = torch.Generator().manual_seed(seed)
        share = torch.sigmoid(people.real)
        groups, scale = self.behaviour.weights.to(share), people.cell_scale
        errors = self.errors.to(share).expand(self.shares.shape)
        noise = scale.unsqueeze(-1) * torch.randn(share.shape, generator=luck).to(share)
        found = []
        for context in range(share.shape[-2]):
            there = ~self.shares[:, context].isnan()
            p, drawn = share[..., context, :], noise[..., context, :]
            moved = groups[there] * (p * (1 - p)).unsqueeze(-2)
            error = errors[there, context]
            missed = self.shares[there, context].to(p) - p @ groups[there].T - (moved @ drawn.unsqueeze(-1)).squeeze(-1)
            missed = missed - error * torch.randn(missed.shape, generator=luck).to(p)
            variance = scale.unsqueeze(-1) ** 2
            spread = variance * (moved @ moved.mT) + torch.diag(error**2)
            towards = (moved.mT @ torch.linalg.solve(spread, missed.unsqueeze(-1))).squeeze(-1)
            found.append(torch.sigmoid(people.real[..., context, :] + drawn + scale**2 * towards))
        return torch.stack(found, -2)

    def without(self, contexts: torch.Tensor) -> RealBehaviour:
        """The same where behaviour in the contexts of some places is unknown."""
        return RealBehaviour(self.behaviour, self.shares.index_fill(1, contexts, torch.nan), self.errors, self.name)

    def paid_months(self, people: People, covariate: str = "payment", seed: int = 0) -> PaidMonths:
        """What really happened where somebody paid, against what the map predicts there.

        A month's own deviation is drawn anew, since in the fit it makes up for what a transport leaves out.

        Args:
            people: With draws, `[draws, ...]`, as of `BehaviourMap.given`.
            covariate: The intervened one; months where it is above 0 are looked at.
            seed: Of the noise of the prediction.

        Raises:
            ValueError: no known month with payment.

        Warns:
            UserWarning: what happened lies outside the 95% interval of the prediction.
        """
        contexts = self.behaviour.contexts
        validate.known("covariate", covariate, contexts.names)
        paid = contexts.values[:, contexts.names.index(covariate)] > 0
        known = paid & ~self.shares.isnan().any(0)
        if not bool(known.any()):
            raise ValueError(f"no month with {covariate} above 0 has known behaviour: there is nothing to check.")
        luck = torch.Generator().manual_seed(seed)

        def normal(like: torch.Tensor) -> torch.Tensor:
            return torch.randn(like.shape, generator=luck).to(like)

        anew = people.context_scale * normal(people.deviations) - people.deviations
        mean, spread = self.expected(replace(people, real=people.real + anew.unsqueeze(-1)))
        predicted = (mean + spread * normal(mean))[..., known].mean((-1, -2))
        observed_mean = float(self.shares[:, known].mean())
        low, high = (float(predicted.quantile(level)) for level in (0.025, 0.975))
        found = PaidMonths(int(known.sum()), observed_mean, float(predicted.mean()), (low, high), people.description)
        if not found.agree:
            warnings.warn(str(found), stacklevel=2)
        return found

    def model(self, answers: bool = True) -> Callable[[], None]:
        """The whole program: the term, the map and this site.

        Args:
            answers: Whether the respondent is in it; without, people's behaviour is told by their own.
        """
        behaviour = self.behaviour

        def program() -> None:
            self.observe(behaviour.map(behaviour.term.term() if answers else None))

        return program
