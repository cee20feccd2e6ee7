"""How people behave, as the epidemic takes it over: the posterior of behaviour in few numbers.

The two models of behaviour have hundreds of parameters; what an epidemic needs of them is how each archetype's logits
move with cases, payments and time, and the hazards of work. These numbers are affine in a handful of factors: the
principal components of their posterior draws. The factors are one site, standard normal, learned together with the
epidemic: what isolation does to contacts and how many isolate cannot be told apart without both.
"""

from dataclasses import dataclass, fields, replace

import pyro.distributions as dist
import torch

from case_studies.priors import vector
from case_studies.stimulus_nyc.behaviour import Asked, Lived, separation_hazard
from case_studies.stimulus_nyc.people import Residents
from causal_lpm.agents import Archetypes, Contexts

__all__ = ["FACTORS", "HandedOver", "Usual", "handed_over"]

FACTORS = 12
"""Principal components that are handed over."""
CHILD = -12.0
"""Logit of a child's willingness to work."""


@dataclass(frozen=True, eq=False)
class Usual:
    """Behaviour of all agents, see `model.Habits`, from what was learned of adults.

    Attributes:
        here: Agents and reports.
        kinds: Of adults.
        contexts: Of the questions.
        work: How adults work.
        isolation: How adults isolate.
    """

    here: Residents
    kinds: Archetypes
    contexts: Contexts
    work: Lived
    isolation: Lived

    def willing(self, cases: torch.Tensor, payment: torch.Tensor, month: int) -> torch.Tensor:
        logits = self._logits(self.work, cases, payment, month)
        return torch.where(self.here.kinds.of("age") > 0, logits, CHILD)

    def isolating(self, cases: torch.Tensor, payment: torch.Tensor, month: int) -> torch.Tensor:
        return self._logits(self.isolation, cases, payment, month)

    def separation(self, cases: torch.Tensor) -> torch.Tensor:
        assert self.work.separation is not None
        z = self._z(cases, torch.zeros(1), 0)[..., self.contexts.names.index("cases")].unsqueeze(-1)
        return separation_hazard(self.work.separation, z, self.here.kinds.of("income"))

    def finding(self) -> torch.Tensor:
        assert self.work.finding is not None
        return self.work.finding[..., self.here.kinds.of("borough")].exp()

    def _z(self, cases: torch.Tensor, payment: torch.Tensor, month: int) -> torch.Tensor:
        # Beyond half the fewest and twice the most cases that were asked about, behaviour stays as it is there.
        asked = self.contexts.values[:, self.contexts.names.index("cases")].exp()
        near = cases.clamp(float(asked.min()) / 2, 2 * float(asked.max()))
        return self.contexts.standardised(cases=near.log(), payment=payment, month=float(month))

    def _logits(self, lived: Lived, cases: torch.Tensor, payment: torch.Tensor, month: int) -> torch.Tensor:
        z = self._z(cases, payment, month)
        logits = lived.logits + lived.months[..., month : month + 1]
        for d in range(z.shape[-1]):  # term by term: a world's numbers do not depend on the worlds beside it
            logits = logits + z[..., d : d + 1] * lived.slopes[..., d]
        return logits[..., _adult_of(self.here.kinds, self.kinds)]


@dataclass(frozen=True, eq=False)
class HandedOver:
    """The posterior of behaviour in `FACTORS` numbers; called inside a model, it samples them.

    Attributes:
        here: Agents and reports.
        kinds: Of adults.
        contexts: Of the questions.
        scores: Factors of each posterior draw, float64 `[draws, FACTORS]`, mean 0 and variance 1.
        mean: `[P]`.
        factors: `[FACTORS, P]`.
        shapes: Of the parts of P, without draws: work, then isolation.
        explained: Share of the posterior variance of all P numbers that the factors carry.
    """

    here: Residents
    kinds: Archetypes
    contexts: Contexts
    scores: torch.Tensor
    mean: torch.Tensor
    factors: torch.Tensor
    shapes: tuple[tuple[tuple[str, torch.Size], ...], ...]
    explained: float

    def __call__(self) -> Usual:
        return self.of(vector("habits", dist.Normal(torch.zeros(len(self.factors)), 1.0).to_event(1)))

    def changed(self, work: Lived, isolation: Lived) -> "HandedOver":
        """The same factors with other behaviour in each draw, such as with a fixed transport.

        Args:
            work: Of the draws that were handed over, in their order.
            isolation: Likewise.
        """
        table = _table(work, isolation)
        mean = table.mean(0)
        factors = self.scores.T @ (table - mean) / (len(table) - 1)
        return replace(self, mean=mean.float(), factors=factors.float())

    def of(self, drawn: torch.Tensor) -> Usual:
        """The behaviour that belongs to values of the factors, `[*draws, FACTORS]`."""
        numbers, begin, lived = self.mean.to(drawn) + drawn @ self.factors.to(drawn), 0, []
        for parts in self.shapes:
            found = {}
            for name, shape in parts:
                part = numbers[..., begin : begin + shape.numel()]
                found[name], begin = part.reshape(*part.shape[:-1], *shape), begin + shape.numel()
            lived.append(Lived(**found))
        return Usual(self.here, self.kinds, self.contexts, *lived)


def handed_over(here: Residents, asked: Asked, work: Lived, isolation: Lived, factors: int = FACTORS) -> HandedOver:
    """What is handed over to the epidemic, from posterior draws `[draws, ...]` of both models of behaviour.

    Raises:
        ValueError: fewer draws than twice the factors, or different numbers of them for work and isolation.
    """
    table, draws = _table(work, isolation), {len(work.logits), len(isolation.logits)}
    if min(draws) < 2 * factors:
        raise ValueError(f"behaviour has {min(draws)} draws: give at least {2 * factors}.")
    mean = table.mean(0)
    left, size, directions = torch.linalg.svd((table - mean) / (len(table) - 1) ** 0.5, full_matrices=False)
    explained = float(size[:factors].square().sum() / size.square().sum())
    shapes = tuple(
        tuple((name, value.shape[1:]) for name, value in _parts(lived).items()) for lived in (work, isolation)
    )
    scores, kept = left[:, :factors] * (len(table) - 1) ** 0.5, size[:factors, None] * directions[:factors]
    return HandedOver(here, asked.kinds, asked.term.contexts, scores, mean.float(), kept.float(), shapes, explained)


def _table(work: Lived, isolation: Lived) -> torch.Tensor:
    """All numbers of each draw, float64 `[draws, P]`."""
    values = [value for lived in (work, isolation) for value in _parts(lived).values()]
    if len({len(value) for value in values}) != 1:
        raise ValueError("work and isolation have different numbers of draws: give the same.")
    return torch.cat([value.flatten(1) for value in values], -1).double()


def _parts(lived: Lived) -> dict[str, torch.Tensor]:
    values = {part.name: getattr(lived, part.name) for part in fields(lived)}
    return {name: value for name, value in values.items() if value is not None}


def _adult_of(all_kinds: Archetypes, adults: Archetypes) -> torch.Tensor:
    """The archetype of adults that each archetype of residents behaves as, int64 `[kinds]`; found by its labels."""
    known = {tuple(cell.values()): number for number, cell in enumerate(adults.labels)}
    youngest = adults.levels["age"][0]
    behave_as = [cell | ({} if cell["age"] in adults.levels["age"] else {"age": youngest}) for cell in all_kinds.labels]
    return torch.tensor([known[tuple(cell.values())] for cell in behave_as])
