"""Answers of a language model as data: a likelihood term whose reliability is learned with everything else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyro.distributions as dist
import torch

from causal_lpm.agents.archetypes.answer_counts import answer_counts
from causal_lpm.agents.archetypes.archetypes import Archetypes
from causal_lpm.agents.archetypes.contexts import Contexts
from causal_lpm.agents.archetypes.draws import Draws, draws_and_verdict
from causal_lpm.agents.archetypes.effects import given
from causal_lpm.agents.archetypes.surrogate import Respondent, Surrogate
from causal_lpm.elicitation.answer_table import AnswerTable
from causal_lpm.elicitation.question import Question
from causal_lpm.ops.events import observed

__all__ = ["LLMTerm"]

Numbers = npt.NDArray[Any]

EDGE = 1e-4
"""Probabilities of answers keep this distance from 0 and 1, beyond which log gammas lose their digits."""


class LLMTerm:
    """Beta-binomial counts of answers by context and archetype, around a hierarchical logistic regression.

    Answers find their archetype and context by labels, whatever their order in the table. Shares are Beta distributed
    around the same regression; how much answers of one cell scatter is taken from the table.

    Args:
        archetypes: The kinds of people of the model, A.
        contexts: The contexts that were asked, C.
        question: The question that the term is about.
        answers: The table of its answers; it may hold further archetypes and contexts.
        unasked: Whether archetypes and contexts that the table lacks count as not asked; otherwise they are refused.
        name: Prefix of the sites.

    Attributes:
        data: Data site -> answers `[C, A]`, to be given to `fit`.
        asked: Usable answers, float32 `[C, A]`.
        refused: Refusals, float32 `[C, A]`.
        by_wording: Answers that are yes, and usable ones, of each wording of the question, "yes" and "asked", float32
            `[W, C, A]`.
        description: Who answered, and what; everything made of the term repeats it.

    Raises:
        ValueError: choices, answers to another question, several served models, archetypes or contexts that the table
            lacks, no usable answer at all.
    """

    def __init__(
        self,
        archetypes: Archetypes,
        contexts: Contexts,
        question: Question,
        answers: AnswerTable,
        *,
        unasked: bool = False,
        name: str = "llm",
    ) -> None:
        if answers.question != question:
            raise ValueError(
                f"the answers are to question {answers.question.name!r} as it is worded there, and the term is about "
                f"{question.name!r}: give the table of this very question."
            )
        if question.answer not in ("yes_no", "share"):
            raise ValueError(
                f"question {question.name!r} has choices: a term reads yes_no and share answers; ask a yes_no question "
                "about each choice."
            )
        if len(set(answers.served)) > 1:
            raise ValueError(
                f"the answers come from {len(set(answers.served))} models ({', '.join(sorted(set(answers.served)))}): "
                "make one term of each, with its own name."
            )
        self.archetypes, self.contexts, self.question, self.name = archetypes, contexts, question, name
        rows, columns = _places(answers, archetypes, contexts, unasked)
        self.asked = torch.tensor(_picked(answers.asked, rows, columns), dtype=torch.float32)
        self.refused = torch.tensor(_picked(answers.refused, rows, columns), dtype=torch.float32)
        self.by_wording = {
            what: torch.tensor(np.stack([_picked(each, rows, columns) for each in table]), dtype=torch.float32)
            for what, table in answers.by_wording.items()
        }
        if not bool(self.asked.any()):
            raise ValueError(
                f"the table has no usable answer to question {question.name!r}: ask again, or leave it out."
            )
        self.description = _description(answers, self.asked)
        self._concentration: torch.Tensor | None = None
        if question.answer == "yes_no":
            self.data = {self.site: torch.tensor(_picked(answers.yes, rows, columns))}
        else:
            means, self._concentration = _shares(answers, rows, columns, self.asked)
            self.data = {self.site: means}
        self._surrogate = Surrogate(archetypes, contexts, self.asked, name)

    @property
    def site(self) -> str:
        """Name of the data site, of shape `[C, A]`."""
        return f"{self.name}_answers"

    def term(self, data: bool = True) -> Respondent:
        """Samples the parameters of the surrogate, and the answers as a data site; to be called inside a model.

        Args:
            data: Whether the answers are a site; without them the parameters have their prior.
        """
        respondent = self._surrogate.respondent(self.description)
        if data:
            observed(self.site, self.answers(respondent))
        return respondent

    def given(self, values: Draws) -> Respondent:
        """The respondent with draws of the parameters, as of a posterior.

        Args:
            values: A result of `fit`, or site -> `[draws, *shape of the site]`, as in `BehaviourMap.given`.
        """
        draws, verdict = draws_and_verdict(values)
        with given(draws):
            respondent = self.term(data=False)
        return replace(respondent, description=f"{verdict}; {respondent.description}")

    def without(self, hidden: torch.Tensor) -> LLMTerm:
        """The same term where the cells of a bool `[C, A]` count as not asked."""
        other = copy(self)
        other.asked = self.asked.masked_fill(hidden, 0.0)
        nothing = 0 if self._concentration is None else torch.nan
        other.data = {self.site: self.data[self.site].masked_fill(hidden, nothing)}
        return other

    def answers(self, respondent: Respondent) -> Any:
        """The distribution of the answers, counts or mean shares `[*draws, C, A]`."""
        share = torch.sigmoid(respondent.asked).clamp(EDGE, 1 - EDGE)
        size = respondent.dispersion.unsqueeze(-1)
        asked = self.asked.to(share)
        if self._concentration is None:
            return answer_counts(share, size, asked).to_event(1)
        # A mean of n answers: what they share scatters with 1 / (size + 1), each of them with 1 / (own + 1) beside it.
        own = self._concentration.to(share)
        scatter = (1 + size / ((own + 1) * asked.clamp(min=1))) / (size + 1)
        size = (1 / scatter - 1).clamp(min=EDGE)
        shares: Any = dist.Beta(share * size, (1 - share) * size)
        return shares.to_event(1)

    def __repr__(self) -> str:
        return f"LLMTerm({self.description})"


def _places(
    answers: AnswerTable, archetypes: Archetypes, contexts: Contexts, unasked: bool
) -> tuple[list[int], list[int]]:
    """Row of each context and column of each archetype in the table; -1 where it has none."""
    found = []
    for what, wanted, table in (
        ("context", contexts.cells, answers.contexts),
        ("archetype", archetypes.labels, answers.archetypes),
    ):
        where = {_key(cell): place for place, cell in enumerate(table)}
        places = [where.get(_key(cell), -1) for cell in wanted]
        if -1 in places and not unasked:
            lacking = wanted[places.index(-1)]
            raise ValueError(
                f"the answers lack {places.count(-1)} of {len(places)} {what}s, the first {dict(lacking)}: ask about "
                "them, or say unasked=True, which counts them as not asked."
            )
        found.append(places)
    return found[0], found[1]


def _key(cell: Mapping[str, str]) -> frozenset[tuple[str, str]]:
    return frozenset(cell.items())


def _picked(table: Numbers, rows: Sequence[int], columns: Sequence[int]) -> Numbers:
    """Cells of a table `[C', A', ...]` in the order of the term; 0 where the table has none."""
    known = (np.array(rows) >= 0)[:, None] & (np.array(columns) >= 0)
    cells = np.asarray(table)[np.ix_(rows, columns)]
    return np.where(known.reshape(known.shape + (1,) * (cells.ndim - 2)), cells, 0)


def _shares(
    answers: AnswerTable, rows: Sequence[int], columns: Sequence[int], asked: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean share of each cell, NaN where there is none, and the concentration of single answers around it."""
    total, squares = (
        torch.tensor(_picked(table, rows, columns), dtype=torch.float64) for table in (answers.shares, answers.squares)
    )
    n = asked.double()
    mean = total / n
    within = (squares - total * mean)[n > 1].clamp(min=0).sum() / (n[n > 1] - 1).sum().clamp(min=1)
    possible = (mean * (1 - mean))[n > 0].mean()
    told = bool((n > 1).any()) and bool(possible > 0)  # shares that are all 0, or all 1, say nothing of their scatter
    ratio = (within / possible).clamp(1e-3, 0.999) if told else torch.tensor(0.1, dtype=torch.float64)
    # The mean is drawn towards 1/2 by half an answer, since a Beta density has no value at 0 and 1.
    return ((mean * n + 0.5) / (n + 1)).where(n > 0, torch.nan).float(), (1 / ratio - 1).float()


def _description(answers: AnswerTable, asked: torch.Tensor) -> str:
    cells, empty = asked.numel(), int((asked == 0).sum())
    who = answers.source or f"answers of {', '.join(answers.served) or 'an unnamed model'}"
    count = f"{int(asked.sum())} answers in {cells - empty} of {cells} cells"
    return f"{who}; {count} to question {answers.question.name!r}"
