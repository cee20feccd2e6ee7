"""What a language model says that people would do, as a behaviour of agents, in three lines.

    archetype = Archetype(n_arch=7)
    behavior = Behavior(archetype=archetype.llm(prompt, store=store), region=people)
    behavior.sample(payment=500)

This is the model's word. `LLMTerm` and `BehaviourMap` learn beside real data how much it is worth.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch

from causal_lpm import validate
from causal_lpm.agents.archetypes.archetypes import Archetypes
from causal_lpm.agents.archetypes.contexts import Texts, written_numbers
from causal_lpm.agents.archetypes.decisions import decide
from causal_lpm.agents.population import Population
from causal_lpm.elicitation import elicit
from causal_lpm.elicitation.answers import SAYS
from causal_lpm.elicitation.plan import SYNTHETIC, plan_elicitation
from causal_lpm.elicitation.prompts import MOST_ANSWERS
from causal_lpm.elicitation.providers import Provider, Recorded, SyntheticRespondent
from causal_lpm.elicitation.question import Question
from causal_lpm.elicitation.recordings import import_answers
from causal_lpm.elicitation.store import AnswerStore
from causal_lpm.ops.number_types import common_shape, single_precision
from causal_lpm.ops.simulation import once
from causal_lpm.ops.step import running_step

__all__ = ["Archetype", "AskedArchetype", "Behavior"]

MODEL = "claude-haiku-5-5"
NAME = "behavior"
MOST_CONTEXTS = 100
"""Different contexts of one call, at most: what has more is a continuous number, about which nobody is asked."""


@dataclass(frozen=True)
class Archetype:
    """How often each kind of people is asked.

    Args:
        n_arch: Answers to each prompt, 1 to 1,000.

    Raises:
        ValueError: a number out of range.
    """

    n_arch: int = 7

    def __post_init__(self) -> None:
        validate.whole_number("n_arch", self.n_arch, high=MOST_ANSWERS)

    def llm(
        self,
        prompt: str,
        store: AnswerStore | str | os.PathLike[str] | None = None,
        provider: Provider | None = None,
        model: str | None = None,
        max_usd: float = 0.0,
        max_calls: int = 0,
    ) -> AskedArchetype:
        """What is asked, and who answers.

        Args:
            prompt: A question to be answered with yes or no; fields in braces that are attributes of the
                population make the archetypes, the others are context.
            store: Where answers are, or the path of a recording (NAME.jsonl.gz), which is read, or of a store; nowhere
                where none is given.
            provider: Who is asked for those that are not there; nobody by default, so that a missing one is an error.
            model: Whose answers; "synthetic" where the provider is a `SyntheticRespondent`.
            max_usd: As in `elicit`.
            max_calls: As in `elicit`.

        Raises:
            ValueError: a prompt that is no question as `Question` takes it.
            FileNotFoundError: no recording of that name.
        """
        if model is None:
            model = SYNTHETIC if isinstance(provider, SyntheticRespondent) else MODEL
        return AskedArchetype(
            self.n_arch, Question("behavior", prompt), _store(store), provider or Recorded(), model, max_usd, max_calls
        )


@dataclass(frozen=True, eq=False)
class AskedArchetype:
    """A question with a store of answers and a provider of others; made by `Archetype.llm`."""

    answers: int
    question: Question
    store: AnswerStore
    provider: Provider
    model: str
    max_usd: float
    max_calls: int


class Behavior:
    """Whether agents do what a question asks, as a language model says of their archetypes.

    An archetype's probability is (yes + 1/2) / (asked + 1), of answers that came and were no refusals. It carries the
    error of few answers and all bias of the model, of which nothing here knows.

    Args:
        archetype: From `Archetype.llm`.
        region: The agents.
        minimum: Agents that each archetype must have.
        name: Of the decision: its noise is that of every decision of this name in a step.

    Attributes:
        archetypes: Of the agents.
        context: Names of the fields that `sample` is given.
        says: Whose word this is.

    Raises:
        ValueError: a prompt without an attribute, and what `Archetypes.from_columns` raises.

    >>> from causal_lpm import KeyedNoise
    >>> from causal_lpm.elicitation import SyntheticRespondent
    >>> NYC = Population({"age": torch.arange(2).repeat(500)}, {"age": ("under 65", "65 or over")})
    >>> prompt = "You are {age} and receive ${payment}. Do you work?"
    >>> rule = SyntheticRespondent(lambda who: 0.9 if who["age"] == "under 65" else 0.2, seed=1)
    >>> work_behavior = Behavior(archetype=Archetype(n_arch=7).llm(prompt, provider=rule), region=NYC)
    >>> with KeyedNoise(1):
    ...     works = work_behavior.sample(payment=500)
    >>> works.shape, works.dtype
    (torch.Size([1000]), torch.bool)
    >>> print(work_behavior.says)
    the model's word: synthetic respondent, no language model was asked; 7 answers from each of 2 archetypes in a
    context, and no data on people
    """

    def __init__(self, archetype: AskedArchetype, region: Population, minimum: int = 10, name: str = NAME) -> None:
        if not isinstance(archetype, AskedArchetype):
            raise ValueError(
                f"the archetype is {type(archetype).__name__}, which was asked nothing: give archetype.llm(prompt)."
            )
        fields = archetype.question.fields
        if not (by := [field for field in fields if field in region]):
            raise ValueError(
                f"the prompt names {', '.join(fields)}, and none of them is an attribute: everybody would be asked the "
                f"same; {validate.did_you_mean(fields[0], region)}"
            )
        self.archetypes = Archetypes.from_columns(region, by, minimum)
        self.context = tuple(field for field in fields if field not in region)
        self._asked, self._name = archetype, name
        self._known: dict[tuple[str, ...], torch.Tensor] = {}

    @property
    def says(self) -> str:
        who = SAYS if self._asked.model == SYNTHETIC else self._asked.model
        return (
            f"the model's word: {who}; {self._asked.answers} answers from each of {len(self.archetypes)} archetypes in "
            "a context, and no data on people"
        )

    def sample(self, **context: torch.Tensor | float | str) -> torch.Tensor:
        """Whether each agent does it; a decision, with noise that worlds share.

        Each value of a context is asked about, once, in the worlds and draws that have it.

        Args:
            **context: Each field of the prompt that is no attribute: a text, a number, or a tensor `[*dims, 1]`, such
                as a policy or the day of a rollout.

        Returns:
            bool `[*dims, agents]`.

        Raises:
            ValueError: a field without value, an unknown one or an attribute; a value for each agent, infinity, more
                than 100 different contexts; an archetype of which no answer can be used; under `KeyedNoise`, a second
                behavior of the default name.
            MissingAnswersError: an answer is not in the store, and nobody is to be asked.
            ElicitationError: as in `elicit`.
        """
        logits = self.logits(**context)
        if self._name == NAME and running_step() is None:  # in a step, no name decides twice
            once(f"a behavior of the default name {NAME!r}", owner=self)
        return decide(self._name, logits, self.archetypes)

    def logits(self, **context: torch.Tensor | float | str) -> torch.Tensor:
        """Logits of the archetypes' probabilities, float32 `[*dims, A]`; as `sample`."""
        self._check_names(context)
        columns = {field: _texts(field, context[field]) for field in self.context}
        shape = common_shape("the context", torch.Size([1]), *(torch.Size(x.shape) for x in columns.values()))
        rows = list(zip(*(np.broadcast_to(x, shape).ravel().tolist() for x in columns.values()), strict=True))
        rows = rows or [()]
        distinct = list(dict.fromkeys(rows))
        if len(distinct) > MOST_CONTEXTS:
            raise ValueError(
                f"the context has {len(distinct)} different values, and {MOST_CONTEXTS} are the most to be asked "
                "about: round them, or learn the answers' dependence on them with LLMTerm."
            )
        self._ask([row for row in distinct if row not in self._known])
        place = {row: number for number, row in enumerate(distinct)}
        table = torch.stack([self._known[row] for row in distinct])
        index = torch.tensor([place[row] for row in rows], device=table.device)
        return table.index_select(0, index).reshape(*shape[:-1], len(self.archetypes))

    def _ask(self, rows: list[tuple[str, ...]]) -> None:
        if not rows:
            return
        cells = [dict(zip(self.context, row, strict=True)) for row in rows]
        asked, labels = self._asked, self.archetypes.labels
        plan = plan_elicitation(asked.question, labels, cells, asked.answers, model=asked.model, store=asked.store)
        table = elicit(plan, asked.store, asked.provider, max_usd=asked.max_usd, max_calls=asked.max_calls)
        if (table.asked == 0).any():
            c, a = (int(place) for place in np.argwhere(table.asked == 0)[0])
            raise ValueError(
                f"{labels[a] | cells[c]} has no usable answer ({int(table.refused[c, a])} were refused, "
                f"{int(table.failed[c, a])} failed): word the prompt otherwise, or use LLMTerm, which learns from the "
                "other archetypes."
            )
        share = (table.yes + 0.5) / (table.asked + 1)
        logits = torch.from_numpy(np.log(share / (1 - share))).float().to(self.archetypes.index.device)
        self._known.update(zip(rows, logits, strict=True))

    def _check_names(self, context: dict[str, torch.Tensor | float | str]) -> None:
        for name in context:
            if name in self.archetypes.by:
                raise ValueError(f"{name!r} is an attribute, which each agent has: give {_listed(self.context)} only.")
            validate.known("field of the prompt", name, self.context)
        for name in self.context:
            if name not in context:
                raise ValueError(f"the prompt has a field {name!r} that is no attribute: give sample({name}=...).")

    def __repr__(self) -> str:
        return f"Behavior({self._asked.question.template[:40]!r}..., {self.says})"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names) or "nothing"


def _texts(field: str, value: torch.Tensor | float | str) -> Texts:
    """What a prompt says of a value, `[*dims, 1]`; the same for a number and for a policy that holds it."""
    if isinstance(value, str):
        return np.array([value], object)
    numbers = single_precision(f"the context {field!r}", value)
    if numbers.shape[-1] != 1:
        raise ValueError(
            f"the context {field!r} has shape {tuple(numbers.shape)}: give one value for all agents, [*dims, 1]; what "
            "differs between agents is an attribute."
        )
    if not bool(numbers.isfinite().all()):
        raise ValueError(f"the context {field!r} contains infinity, about which nobody can be asked: give numbers.")
    return written_numbers(numbers)


def _store(store: AnswerStore | str | os.PathLike[str] | None) -> AnswerStore:
    if isinstance(store, AnswerStore):
        return store
    if store is None or not os.fspath(store).endswith(".jsonl.gz"):
        return AnswerStore() if store is None else AnswerStore(store)
    read = AnswerStore()
    import_answers(read, store)
    return read
