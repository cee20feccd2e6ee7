"""From answers to people: willingness to work and isolation as models without agents, with real data in them."""

from collections.abc import Mapping
from dataclasses import dataclass

import pyro.distributions as dist
import torch

from case_studies.priors import vector
from case_studies.stimulus_nyc.expected_work import Shares, work_of
from case_studies.stimulus_nyc.people import INCOMES, Residents
from case_studies.stimulus_nyc.question import BOROUGHS
from case_studies.stimulus_nyc.respondent import WORK, adults, contexts
from case_studies.stimulus_nyc.winter import MONTHS
from causal_lpm import observed
from causal_lpm.agents import Archetypes, BehaviourMap, LLMTerm, RealBehaviour
from causal_lpm.elicitation import AnswerTable, Question

__all__ = [
    "MEASURED",
    "TRANSPORT",
    "VISITS_KEPT",
    "Asked",
    "Lived",
    "asked_of",
    "lived_by",
    "separation_hazard",
    "work",
]

TRANSPORT = 0.5, 0.5
"""Mean and standard deviation of the normal prior of `transport`, a choice: between nothing and the respondent's word.

Coibion, Gorodnichenko and Weber (2020) found next to no effect of the payments of 2020 on labour supply.
"""
VISITS_KEPT = 0.3
"""Share of visits to shops, transit and workplaces that who isolates keeps; an assumption."""
MEASURED = {"labour_force": 0.015, "unemployment": 0.01, "isolating": 0.03}
"""Standard deviations of the measurements about what they should show, as shares; assumptions. LAUS gives none."""
SEPARATION = (-3.7, 0.15, -0.3), (0.4, 0.15, 0.2)
"""Prior means and deviations of the logarithm of the monthly hazard of losing work: level, cases, income."""
FINDING = (-2.0,) * len(BOROUGHS), (0.4,) * len(BOROUGHS)
"""Of the logarithm of the monthly hazard of finding work, by borough."""


@dataclass(frozen=True, eq=False)
class Asked:
    """A question as a likelihood term, its map to people, and what people did.

    Attributes:
        term: The answers.
        map: From the respondent to people, by month as it was.
        real: What people did: participation by borough, or isolation in the city.
        here: Agents and reports.
    """

    term: LLMTerm
    map: BehaviourMap
    real: RealBehaviour
    here: Residents

    @property
    def kinds(self) -> Archetypes:
        """Adults."""
        return self.term.archetypes

    def cases(self, month: int) -> torch.Tensor:
        """The standardised cases of a month as it was, `[1]`."""
        place = self.term.contexts.names.index("cases")
        return self.term.contexts.z[month, place : place + 1]


@dataclass(frozen=True, eq=False)
class Lived:
    """How people behave, from one run of a model of behaviour or from draws of a posterior.

    Attributes:
        logits: Of each archetype of adults where all standardised covariates are 0, `[*dims, A]`.
        slopes: Change with each standardised covariate, `[*dims, A, D]`.
        months: What each month as it was has beside its covariates, `[*dims, months]`.
        separation: Of work: level, response to cases and response to income of its logarithm, `[*dims, 3]`.
        finding: Of work: logarithm of the hazard by borough, `[*dims, 5]`.
    """

    logits: torch.Tensor
    slopes: torch.Tensor
    months: torch.Tensor
    separation: torch.Tensor | None = None
    finding: torch.Tensor | None = None


def asked_of(here: Residents, question: Question, answers: AnswerTable, transport: float | None = None) -> Asked:
    """Term, map and real behaviour of one of the two questions.

    Args:
        here: Agents and reports.
        question: `WORK` or `ISOLATE`.
        answers: To it.
        transport: Fixes the transport of the payment; the prior, if not given.
    """
    kinds, asked, lived = adults(here), contexts(here), contexts(here, extra=())
    term = LLMTerm(kinds, asked, question, answers)
    prior = dist.Normal(*TRANSPORT) if transport is None else transport
    groups = ("borough",) if question is WORK else ()
    behaviour = BehaviourMap(term, groups, {"payment": prior}, contexts=lived)
    if question is WORK:
        shares, name = here.reported.labour_force, "labour_force"
    else:
        # The fall of visits is read as the share of adults who isolate and make a few of them all the same.
        shares, name = here.reported.visits[None] / (1 - VISITS_KEPT), "isolating"
    return Asked(term, behaviour, RealBehaviour(behaviour, shares, MEASURED[name], name), here)


def work(asked: Asked) -> None:
    """Willingness, finding and losing work; data: labour force by adults and unemployment, borough by month."""
    people = asked.map.map(asked.term.term())
    asked.real.observe(people)
    separation = _numbers("log_separation", SEPARATION)
    finding = _numbers("log_finding", FINDING)
    willing = [torch.sigmoid(people.real[..., month, :]) for month in range(len(MONTHS))]
    without = _unemployment(asked, willing, separation, finding)
    observed("unemployment", dist.Normal(without, MEASURED["unemployment"]).to_event(1))


def lived_by(asked: Asked, draws: Mapping[str, torch.Tensor]) -> Lived:
    """How people behave in draws of a posterior, site -> `[draws, *shape of the site]`."""
    people = asked.map.given(draws)
    covariates = len(asked.term.contexts.names)
    # The logits are affine in the covariates: their values at 0, and one step along each.
    base = people.logits(torch.zeros(covariates))
    steps = [people.logits(one) - base for one in torch.eye(covariates)]
    months = [(people.logits(torch.zeros(covariates), at=cell) - base)[..., :1] for cell in asked.map.contexts.cells]
    values = [base, torch.stack(steps, -1), torch.cat(months, -1)]
    values += [draws[name] for name in ("log_separation", "log_finding") if name in draws]
    return Lived(*(value.float() for value in values))


def separation_hazard(separation: torch.Tensor, cases: torch.Tensor, income: torch.Tensor) -> torch.Tensor:
    """Hazard of losing work in a month, `[*dims, A]`.

    Args:
        separation: `[*dims, 3]`, see `Lived`.
        cases: Standardised, `[*dims, 1]`.
        income: Class of each archetype, `[A]`.
    """
    relative = income.to(separation) - (len(INCOMES) - 1) / 2
    return torch.exp(separation[..., 0:1] + separation[..., 1:2] * cases + separation[..., 2:3] * relative)


def _unemployment(asked: Asked, willing: Shares, separation: torch.Tensor, finding: torch.Tensor) -> torch.Tensor:
    """Share of the labour force without work, `[*dims, 5, months]`."""
    income, borough = asked.kinds.of("income"), asked.kinds.of("borough")
    lost = [separation_hazard(separation, asked.cases(month), income) for month in range(len(MONTHS))]
    before = asked.here.reported.unemployment_before[borough]
    working = work_of(willing, lost, finding[..., borough].exp(), before)
    weights = asked.map.weights.to(working[0])
    shares = [(at_work @ weights.T) / (will @ weights.T) for at_work, will in zip(working, willing, strict=True)]
    return 1 - torch.stack(shares, -1)


def _numbers(name: str, prior: tuple[tuple[float, ...], tuple[float, ...]]) -> torch.Tensor:
    """Numbers with normal priors, one site, `[*draws, P]`."""
    means, deviations = map(torch.tensor, prior)
    return vector(name, dist.Normal(means, deviations).to_event(1))
