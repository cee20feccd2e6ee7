"""Answers as counts by context and archetype: what a likelihood term takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from causal_lpm.elicitation.answers import Answer
from causal_lpm.elicitation.plan import SYNTHETIC, Plan, check_cells
from causal_lpm.elicitation.question import Question

__all__ = ["AnswerTable"]

Counts = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class AnswerTable:
    """Counts of answers, `[C, A]` contexts by archetypes, which their labels identify.

    Attributes:
        question: What was asked.
        archetypes: A mappings, field -> label.
        contexts: C mappings, field -> label.
        by_wording: Usable answers of each wording, "yes" and "asked", `[W, C, A]`.
        yes: Answers that are yes, `[C, A]`.
        asked: Usable answers; what failed or was refused is not in them.
        refused: Refusals.
        failed: Answers that never came, or came in no shape to be read.
        shares: Sums of shares (0 to 1), of a question whose answer is a share.
        squares: Sums of their squares.
        counts: Answers that gave each choice, `[C, A, choices]`; of no choices for other kinds of answers.
        served: Models that answered, as they call themselves.
        source: Who was asked.

    >>> question = Question("work", "You are {age}: do you work?")
    >>> table = AnswerTable.from_counts(
    ...     question, [{"age": "young"}, {"age": "old"}], [{}], [[7, 2]], [[8, 8]], "a file"
    ... )
    >>> table.yes / table.asked, table.source
    (array([[0.875, 0.25 ]]), 'a file')
    """

    question: Question
    archetypes: tuple[Mapping[str, str], ...]
    contexts: tuple[Mapping[str, str], ...]
    by_wording: Mapping[str, Counts] = field(repr=False)
    refused: Counts = field(repr=False)
    failed: Counts = field(repr=False)
    shares: Floats = field(repr=False)
    squares: Floats = field(repr=False)
    counts: Counts = field(repr=False)
    served: tuple[str, ...]
    source: str

    @property
    def yes(self) -> Counts:
        """`[C, A]`; raises ValueError for a question with other answers."""
        if self.question.answer != "yes_no":
            kind = "shares and squares" if self.question.answer == "share" else "counts"
            raise ValueError(f"question {self.question.name!r} has other answers than yes and no: see {kind}.")
        total: Counts = self.by_wording["yes"].sum(0)
        return total

    @property
    def asked(self) -> Counts:
        """`[C, A]`."""
        total: Counts = self.by_wording["asked"].sum(0)
        return total

    @classmethod
    def from_counts(
        cls,
        question: Question,
        archetypes: Sequence[Mapping[str, str]],
        contexts: Sequence[Mapping[str, str]],
        yes: npt.ArrayLike,
        asked: npt.ArrayLike,
        source: str,
        *,
        refused: npt.ArrayLike = 0,
        served: Sequence[str] = (),
    ) -> AnswerTable:
        """A table of counts that are on file already.

        Args:
            question: With yes or no for an answer.
            archetypes: A mappings, field -> label.
            contexts: C mappings, field -> label.
            yes: `[C, A]`.
            asked: `[C, A]`, usable answers; 0 where there is none.
            source: Who was asked, and where the counts are from.
            refused: `[C, A]`.
            served: Names of the models, where they are known.

        Raises:
            ValueError: another kind of answer, other shapes, counts that are no whole numbers from 0, more yes than
                asked, a cell given twice, no source.
        """
        check_cells("archetype", archetypes)
        check_cells("context", contexts)
        if question.answer != "yes_no":
            raise ValueError(f"question {question.name!r} has other answers than yes and no: counts say nothing of it.")
        if not source.strip():
            raise ValueError("the source of the counts is empty: say who was asked, and where the counts are from.")
        shape = (len(contexts), len(archetypes))
        said, all_, no = (
            _counted(name, value, shape) for name, value in (("yes", yes), ("asked", asked), ("refused", refused))
        )
        if bool((said > all_).any()):
            at = np.argwhere(said > all_)[0]
            raise ValueError(f"{said[tuple(at)]} of {all_[tuple(at)]} answers are yes: give asked the larger counts.")
        none = np.zeros(shape)
        return cls(
            question,
            tuple(archetypes),
            tuple(contexts),
            {"yes": said[None], "asked": all_[None]},
            no,
            np.zeros(shape, np.int64),
            none,
            none,
            np.zeros((*shape, 0), np.int64),
            tuple(served),
            source,
        )

    @classmethod
    def from_answers(cls, plan: Plan, answers: Mapping[str, Answer]) -> AnswerTable:
        """The answers of a plan, counted; what is missing or failed is in `failed` and not in `asked`.

        Args:
            plan: What was asked.
            answers: Key -> answer.

        Raises:
            ValueError: answers of two rules, or of one with two seeds.
        """
        question = plan.question
        choices = () if isinstance(question.answer, str) else question.answer
        shape = (len(question.wordings), len(plan.contexts), len(plan.archetypes))
        counts = {name: np.zeros(shape, np.int64) for name in ("yes", "asked", "refused", "failed")}
        shares, squares = np.zeros(shape), np.zeros(shape)
        chosen = np.zeros((*shape, len(choices)), np.int64)
        served, sources = set[str](), set[str]()
        for number, prompt in enumerate(plan.prompts):
            at = tuple(int(place) for place in np.unravel_index(number, shape))
            found = [answers[key] for key in prompt.keys(plan.answers) if key in answers]
            came = [answer for answer in found if answer.status in ("ok", "refused")]
            values = [answer.value for answer in came if answer.status == "ok"]
            served.update(answer.served for answer in came)
            sources.update(answer.source for answer in came)
            counts["failed"][at] = plan.answers - len(came)
            counts["refused"][at] = len(came) - len(values)
            counts["asked"][at] = len(values)
            if choices:
                chosen[at] = [values.count(choice) for choice in choices]
            elif question.answer == "share":
                percents = [int(value or 0) / 100 for value in values]
                shares[at], squares[at] = sum(percents), sum(percent**2 for percent in percents)
            else:
                counts["yes"][at] = values.count(True)
        if plan.model == SYNTHETIC and len(served) > 1:
            raise ValueError(
                f"the answers are those of {len(served)} rules or seeds ({', '.join(sorted(served))}), and a table has "
                "those of one: give the rule, which answers all of them anew, or a store of its own."
            )
        return cls(
            question,
            plan.archetypes,
            plan.contexts,
            {"yes": counts["yes"], "asked": counts["asked"]},
            counts["refused"].sum(0),
            counts["failed"].sum(0),
            shares.sum(0),
            squares.sum(0),
            chosen.sum(0),
            tuple(sorted(served - {""})),
            "; ".join(sorted(sources)),
        )


def _counted(name: str, value: npt.ArrayLike, shape: tuple[int, int]) -> Counts:
    given = np.asarray(value)
    if given.shape not in (shape, ()):
        raise ValueError(
            f"{name} has shape {given.shape}: give one count for each of {shape[0]} contexts and {shape[1]} archetypes."
        )
    numbers = np.broadcast_to(given, shape).astype(np.float64) if given.dtype.kind in "iuf" else np.full(shape, np.nan)
    if not bool(((numbers >= 0) & (numbers == np.floor(numbers)) & np.isfinite(numbers)).all()):
        raise ValueError(f"{name} holds something else than whole numbers from 0: give counts.")
    return numbers.astype(np.int64)
