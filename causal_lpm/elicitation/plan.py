"""What asking would take: calls, tokens, dollars. Nothing is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from causal_lpm import validate
from causal_lpm.elicitation.answers import AGAIN
from causal_lpm.elicitation.prices import Price, price_of
from causal_lpm.elicitation.prompts import MOST_ANSWERS, Prompt
from causal_lpm.elicitation.question import Question
from causal_lpm.elicitation.store import AnswerStore

__all__ = ["SPOKEN", "SYNTHETIC", "Plan", "plan_elicitation", "tokens_of"]

Cells = Sequence[Mapping[str, str]]

SYNTHETIC = "synthetic"
"""Name of the model that is none: a rule answers, at no cost."""
CHARACTERS = 3.6  # of English a token, about
ENVELOPE = 90  # tokens of a request beside its texts, with the JSON schema of the answer
SPOKEN = 12  # tokens of an answer
MOST_CALLS = 10_000_000


@dataclass(frozen=True)
class Plan:
    """Prompts and how often each is asked.

    Attributes:
        question: What is asked.
        archetypes: A mappings, field -> label.
        contexts: C mappings, field -> label.
        answers: To each prompt, K.
        model: That is asked.
        prompts: W * C * A, wordings first, archetypes last.
        todo: Prompt and number of each answer that is not in the store.
        price: Of the model.
        input_tokens: Estimated, of what is to do.
        output_tokens: The same.
    """

    question: Question
    archetypes: tuple[Mapping[str, str], ...]
    contexts: tuple[Mapping[str, str], ...]
    answers: int
    model: str
    prompts: tuple[Prompt, ...] = field(repr=False)
    todo: tuple[tuple[Prompt, int], ...] = field(repr=False)
    price: Price
    input_tokens: int
    output_tokens: int

    @cached_property
    def keys(self) -> list[str]:
        """Of all answers, those in the store too."""
        return [key for prompt in self.prompts for key in prompt.keys(self.answers)]

    @property
    def missing(self) -> dict[str, Prompt]:
        """Key -> prompt, of what is to do."""
        return {prompt.key(sample): prompt for prompt, sample in self.todo}

    @property
    def calls(self) -> int:
        """Answers that are not in the store."""
        return len(self.todo)

    @property
    def usd(self) -> float:
        """US dollars of these calls, as a batch, estimated."""
        return self.price.batch(self.input_tokens, self.output_tokens)

    def again(self, store: AnswerStore) -> "Plan":
        """The same with what is now in a store."""
        todo, input_tokens, output_tokens = _needed(self.prompts, self.answers, store)
        return replace(self, todo=todo, input_tokens=input_tokens, output_tokens=output_tokens)

    def _cost(self) -> str:
        if self.model == SYNTHETIC:
            return "free, since a rule answers"
        return f"about ${self.usd:.2f} as a batch" if self.usd >= 1 else f"about ${self.usd:.2g} as a batch"

    def __str__(self) -> str:
        wanted = len(self.prompts) * self.answers
        return (
            f"question {self.question.name!r} to {self.model}: {len(self.prompts)} prompts x {self.answers} answers = "
            f"{wanted}, of which {wanted - self.calls} are in the store; {self.calls} calls, about {self.input_tokens} "
            f"tokens in and {self.output_tokens} out, {self._cost()}"
        )


def plan_elicitation(
    question: Question,
    archetypes: Cells,
    contexts: Cells = ({},),
    answers: int = 7,
    *,
    model: str,
    store: AnswerStore,
    prices: Mapping[str, Price] | None = None,
) -> Plan:
    """Every archetype in every context, in every wording.

    Args:
        question: With fields that archetypes and contexts fill in.
        archetypes: Field -> label, of each kind of people; `Archetypes.labels`.
        contexts: Field -> label, of each context; `Contexts.cells`.
        answers: To each prompt, 1 to 1,000.
        model: As the service names it; "synthetic" for a rule that costs nothing.
        store: Where answers are.
        prices: Model -> price, where the table has none or an old one.

    Raises:
        ValueError: no archetype or context, a cell given twice, a field without value or in both, labels that are not
            safe to send, a number of answers out of range, a model without price.

    >>> question = Question("work", "You are {age} and are paid {payment}. Do you work?")
    >>> with AnswerStore() as store:
    ...     cells = [{"age": "young"}, {"age": "old"}]
    ...     print(plan_elicitation(question, cells, [{"payment": "$500"}], 3, model="synthetic", store=store))
    question 'work' to synthetic: 2 prompts x 3 answers = 6, of which 0 are in the store; 6 calls, about 717 tokens in
    and 72 out, free, since a rule answers
    """
    answers = validate.whole_number("answers", answers, high=MOST_ANSWERS)
    if not model or not isinstance(model, str):
        raise ValueError(f"the model is {model!r}: give the name of one, such as 'claude-haiku-5-5', or 'synthetic'.")
    price = Price(0.0, 0.0) if model == SYNTHETIC else price_of(model, prices)
    archetypes, contexts = tuple(archetypes), tuple(contexts)
    check_cells("archetype", archetypes)
    check_cells("context", contexts)
    both = set(archetypes[0]) & set(contexts[0])
    if both:
        raise ValueError(f"{min(both)!r} is given by archetypes and by contexts: give each field once.")
    calls = len(question.wordings) * len(contexts) * len(archetypes) * answers
    if calls > MOST_CALLS:
        raise ValueError(f"the plan has {calls} calls, and {MOST_CALLS} are the most: ask about fewer, or less often.")
    prompts = tuple(
        Prompt(model, question.system, question.render(cell, wording), question.schema, cell)
        for wording in range(len(question.wordings))
        for context in contexts
        for cell in ({**kind, **context} for kind in archetypes)
    )
    _check_distinct(question, prompts)
    todo, told, spoken = _needed(prompts, answers, store)
    return Plan(question, archetypes, contexts, answers, model, prompts, todo, price, told, spoken)


def check_cells(what: str, cells: Sequence[Mapping[str, str]]) -> None:
    """Raises ValueError where there is no cell, cells have different fields, or one is given twice."""
    if not cells:
        raise ValueError(f"there is no {what}: give at least one mapping from fields to labels.")
    seen: set[frozenset[tuple[str, str]]] = set()
    for cell in cells:
        if set(cell) != set(cells[0]):
            odd = min(set(cell) ^ set(cells[0]))
            raise ValueError(f"{what}s differ in field {odd!r}: give all the same fields.")
        key = frozenset(cell.items())
        if key in seen:
            raise ValueError(f"the {what} {dict(cell)} is given twice: labels identify it; give each once.")
        seen.add(key)


def _check_distinct(question: Question, prompts: Sequence[Prompt]) -> None:
    """Archetypes whose prompts are the same would share their answers, which then count twice."""
    texts: dict[str, Prompt] = {}
    for prompt in prompts:
        if (other := texts.setdefault(prompt.text, prompt)) is not prompt:
            raise ValueError(
                f"question {question.name!r} asks {dict(other.cell)} and {dict(prompt.cell)} the same: name in it the "
                "fields that tell them apart, or leave those out of the archetypes."
            )


def _needed(
    prompts: Sequence[Prompt], answers: int, store: AnswerStore
) -> tuple[tuple[tuple[Prompt, int], ...], int, int]:
    """What is not in the store, and its tokens in and out."""
    keys = {key: (prompt, sample) for prompt in prompts for sample, key in enumerate(prompt.keys(answers))}
    there = {key for key, answer in store.get(list(keys)).items() if answer.status not in AGAIN}
    todo = tuple(place for key, place in keys.items() if key not in there)
    told = sum(tokens_of(prompt) for prompt, _ in todo)
    return todo, round(told), SPOKEN * len(todo)


def tokens_of(prompt: Prompt) -> float:
    """Tokens of a request, estimated from its length."""
    return ENVELOPE + (len(prompt.text) + len(prompt.system)) / CHARACTERS
