"""A world in which the truth is known: what people do, and what a respondent says of them.

200 archetypes (age, gender, borough, income), six contexts, K answers a cell, and real behaviour of ten groups: five
boroughs and five ages. Two of the contexts had payments.
"""

import itertools
from dataclasses import dataclass

import pyro.distributions as dist
import torch

from causal_lpm.agents import Archetypes, Contexts, Population
from causal_lpm.elicitation import AnswerTable, Question

CLASSES = {"age": 5, "gender": 2, "borough": 5, "income": 4}
GROUPS = ("borough", "age")
CASES = [100.0, 2000.0, 600.0, 300.0, 4000.0, 1000.0]
PAYMENTS = [0.0, 0.0, 0.0, 600.0, 1400.0, 0.0]
MONTHS = [1.0, 3.0, 6.0, 9.0, 12.0, 15.0]
ANSWERS = 8
DISPERSION = 12.0
SLOPE = 0.6
ERROR = 0.01  # standard error of a group's share
CELL = 0.10  # deviation of what an archetype has of its own in a context, logits


def archetypes(agents: int = 20_000) -> Archetypes:
    """All 200 combinations of classes, some of them frequent."""
    luck = torch.Generator().manual_seed(0)
    cells = torch.tensor(list(itertools.product(*map(range, CLASSES.values()))))
    often = torch.rand(len(cells), generator=luck) + 0.2
    rows = torch.cat(
        [torch.arange(len(cells)), torch.multinomial(often, agents - len(cells), replacement=True, generator=luck)]
    )
    columns = {name: cells[rows, i].to(torch.uint8) for i, name in enumerate(CLASSES)}
    return Archetypes.from_columns(
        Population(columns, {name: tuple(f"{name} {k}" for k in range(n)) for name, n in CLASSES.items()}),
        list(CLASSES),
        minimum=1,
    )


def contexts() -> Contexts:
    """Log cases, payment in units of $500 and month of the six contexts."""
    return Contexts(
        {"log_cases": torch.tensor(CASES).log(), "payment": PAYMENTS, "month": MONTHS},
        centre={"log_cases": 6.5, "payment": 0.0, "month": 7.7},
        scale={"log_cases": 1.3, "payment": 500.0, "month": 5.0},
    )


ASKED_EFFECT = tuple({"log_cases": 6.6846, "payment": payment, "month": 10.0} for payment in (0.0, 500.0))


@dataclass(frozen=True)
class World:
    """One synthetic truth and its data.

    Attributes:
        answers: How many of a cell's answers are yes, `[C, A]`.
        real: Shares of the groups, `[G, C]`.
        shares: Of the cells, `[C, A]`.
        effect: What a payment of $500 adds to the share of all people.
    """

    answers: torch.Tensor
    real: torch.Tensor
    shares: torch.Tensor
    effect: float


def world(
    kinds: Archetypes, asked: Contexts, weights: torch.Tensor, seed: int, payment: float = 1.0, related: bool = True
) -> World:
    """Draws a truth.

    Args:
        kinds: Of `archetypes`.
        asked: Of `contexts`.
        weights: Share of each archetype among a group, `[G, A]`.
        seed: Of everything.
        payment: People's response to the payment over slope times the respondent's: 1/3, it overstates threefold.
        related: Whether people have anything in common with the answers.
    """
    luck = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=luck)

    features, z = kinds.features, asked.z
    (count, columns), covariates = features.shape, z.shape[-1]
    by_feature, by_covariate = 0.5 * normal(columns), torch.tensor([0.7, 0.35, -0.3])
    crossed, own, deviations = 0.12 * normal(columns, covariates), 0.25 * normal(count), 0.10 * normal(len(z))

    def response(z: torch.Tensor) -> torch.Tensor:
        return 0.4 + features @ by_feature + own + z @ (by_covariate + features @ crossed).T

    said = response(z) + deviations[:, None]
    if related:

        def real(z: torch.Tensor) -> torch.Tensor:
            paid = z[:, 1:2] * (by_covariate[1] + features @ crossed[:, 1])
            return -0.6 + SLOPE * (response(z) - (1 - payment) * paid)

        shared = SLOPE * deviations[:, None]
    else:
        others = 0.5 * normal(columns), torch.tensor([-0.2, 0.1, 0.4]), 0.12 * normal(columns, covariates)
        archetype = 0.25 * normal(count)

        def real(z: torch.Tensor) -> torch.Tensor:
            return -0.6 + 0.6 * (0.4 + features @ others[0] + archetype + z @ (others[1] + features @ others[2]).T)

        shared = torch.zeros(len(z), 1)
    bias = 0.2 * normal(CLASSES["borough"])[kinds.of("borough")] + 0.15 * normal(CLASSES["age"])[kinds.of("age")]
    shares = torch.sigmoid(real(z) + shared + bias + CELL * normal(len(z), count))
    asked_about = torch.cat([asked.standardised(**values)[None] for values in ASKED_EFFECT])
    without, paid = torch.sigmoid(real(asked_about) + bias)
    said = torch.sigmoid(said)
    with torch.random.fork_rng():
        torch.manual_seed(seed + 999)
        counts = torch.full_like(said, ANSWERS)
        answers = dist.BetaBinomial(said * DISPERSION, (1 - said) * DISPERSION, total_count=counts).sample()
    groups = (weights @ shares.T) + ERROR * normal(len(weights), len(z))
    people = kinds.counts.float()
    return World(answers, groups, shares, float((paid - without) @ people / people.sum()))


def answer_table(kinds: Archetypes, asked: Contexts, answers: torch.Tensor) -> tuple[Question, AnswerTable]:
    """A question and the table of its answers."""
    fields = [*kinds.by, *asked.names]
    question = Question("work", ", ".join(f"{field} {{{field}}}" for field in fields) + ": do you work?")
    counts = torch.full_like(answers, ANSWERS).long().numpy()
    source = "synthetic respondent, no language model was asked"
    table = AnswerTable.from_counts(question, kinds.labels, asked.cells, answers.long().numpy(), counts, source)
    return question, table
