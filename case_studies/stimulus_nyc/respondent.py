"""Two questions, put to a synthetic respondent: no language model was asked, and its rule is made up.

It stands where a language model's answers belong, in as many archetypes as one would ask, so that the whole line from
answers to an epidemic can be run offline. With answers of a real model on file, `elicited` is the only function to
change.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from case_studies.stimulus_nyc.people import INCOMES, Residents
from case_studies.stimulus_nyc.question import PAYMENT
from case_studies.stimulus_nyc.winter import AGES, MONTHS
from causal_lpm.agents import Archetypes, Contexts, Population
from causal_lpm.elicitation import AnswerStore, AnswerTable, Question, SyntheticRespondent, elicit, plan_elicitation

__all__ = ["ANSWERS", "ISOLATE", "WORK", "adults", "contexts", "elicited"]

ANSWERS = 8
"""Answers to each prompt."""
ABOUT = (
    "You are {age} years old and live in {borough}, New York City, in a household with an income of {income} a year. "
    "It is {month}. In the last month {cases} of 100,000 residents of the city were reported with COVID-19. "
    "This month you receive a payment of ${payment} from the government. "
)
WORK = Question("work", ABOUT + "Are you willing to work this month, in a job that you have or could find?")
ISOLATE = Question("isolate", ABOUT + "Do you stay at home this month wherever you can?")
EXTRA = ((4, PAYMENT), (5, PAYMENT), (6, PAYMENT))
"""Month and payment, beyond what was paid, of the contexts that nobody lived through."""


def adults(here: Residents) -> Archetypes:
    """The kinds of adults, who are asked; children isolate as the younger adults of their borough and income do."""
    grown = here.people["age"] > 0
    names = ("borough", "age", "income")
    columns = {name: here.people[name][grown] for name in names}
    columns["age"] = columns["age"] - 1
    labels = {name: here.people.labels[name] for name in names} | {"age": tuple(AGES)[1:]}
    return Archetypes.from_columns(Population(columns, labels), names, minimum=1)


def contexts(here: Residents, extra: Sequence[tuple[int, float]] = EXTRA) -> Contexts:
    """The seven months as they were, and some with more paid: cases (logarithm), payment and time are covariates.

    Args:
        here: Agents and reports.
        extra: Month and dollars of the contexts that nobody lived through.
    """
    cases, paid = here.reported.cases_before, here.reported.paid
    asked = [(month, dollars) for month, dollars in enumerate(paid)]
    asked += [(month, paid[month] + more) for month, more in extra]
    return Contexts(
        {
            "cases": [math.log(float(cases[month])) for month, _ in asked],
            "payment": [dollars for _, dollars in asked],
            "month": [float(month) for month, _ in asked],
        },
        texts={
            "cases": [f"{float(cases[month]):.0f}" for month, _ in asked],
            "payment": [f"{dollars:.0f}" for _, dollars in asked],
            "month": [MONTHS[month] for month, _ in asked],
        },
        centre={"payment": 0.0, "month": 3.0},
        scale={"payment": PAYMENT, "month": 2.0},
    )


def willing_to_work(cell: Mapping[str, str]) -> float:
    """The made-up rule of the first question: poorer people are freer to stay away when they are paid."""
    logit = {"18 to 44": 1.5, "45 to 64": 0.9, "65 and over": -1.8}[cell["age"]]
    logit += (0.2, 0.0, -0.2)[_income(cell)] - 0.15 * (math.log(float(cell["cases"])) - 6.0)
    return _sigmoid(logit - (0.25, 0.15, 0.05)[_income(cell)] * float(cell["payment"]) / PAYMENT)


def stays_at_home(cell: Mapping[str, str]) -> float:
    """The made-up rule of the second question: cases frighten, above all the old, and a payment lets people stay in."""
    logit = {"18 to 44": -0.4, "45 to 64": 0.1, "65 and over": 0.9}[cell["age"]]
    logit += (-0.3, 0.0, 0.4)[_income(cell)] + 0.35 * (math.log(float(cell["cases"])) - 6.0)
    return _sigmoid(logit + (0.35, 0.2, 0.05)[_income(cell)] * float(cell["payment"]) / PAYMENT)


def elicited(question: Question, kinds: Archetypes, asked: Contexts, folder: Path, seed: int = 0) -> AnswerTable:
    """Answers of the synthetic respondent to each archetype in each context, kept in a store in the folder."""
    rule = {"work": willing_to_work, "isolate": stays_at_home}[question.name]
    with AnswerStore(folder / f"{question.name}.sqlite") as store:
        plan = plan_elicitation(question, kinds.labels, asked.cells, answers=ANSWERS, model="synthetic", store=store)
        return elicit(plan, store, SyntheticRespondent(rule, seed))


def _income(cell: Mapping[str, str]) -> int:
    return list(INCOMES).index(cell["income"])


def _sigmoid(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))
