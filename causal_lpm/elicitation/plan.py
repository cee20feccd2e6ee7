"""What asking would take: calls, tokens, dollars. Nothing is sent."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from causal_lpm import validate
from causal_lpm.elicitation.answers import AGAIN, Answer
from causal_lpm.elicitation.prices import Price, price_of
from causal_lpm.elicitation.prompts import MOST_ANSWERS, MOST_TOKENS, Prompt
from causal_lpm.elicitation.question import Question, texts_of
from causal_lpm.elicitation.store import AnswerStore

__all__ = ["SYNTHETIC", "Plan", "plan_elicitation", "tokens_of"]

Cells = Sequence[Mapping[str, str]]

SYNTHETIC = "synthetic"
"""Name of the model that is none: a rule answers, at no cost."""
CHARACTERS = 3.6  # of a token, about
# As in replies of the service to requests with a schema that others have published: 9 tokens for 22 characters, 19 for
# 65, 25 for 92; and 154 for a request of 314 with a schema of one field.
ENVELOPE = 67  # tokens of a request beside its text
ENDING = 3  # tokens of an answer beside its text
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
        input_tokens: Estimated, of what is to do: by the length of texts, or by what was billed for answers to these
            prompts that are in the store.
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
    def requests(self) -> dict[str, Prompt]:
        """Hash -> prompt, of what is to do."""
        return {prompt.hash: prompt for prompt, _ in self.todo}

    @property
    def calls(self) -> int:
        """Answers that are not in the store."""
        return len(self.todo)

    @property
    def usd(self) -> float:
        """US dollars of these calls, as a batch, estimated."""
        return self.price.batch(self.input_tokens, self.output_tokens)

    @property
    def most_usd(self) -> float:
        """The same where each answer is as long as it may be, 64 tokens."""
        return self.price.batch(self.input_tokens, MOST_TOKENS * self.calls)

    def again(self, store: AnswerStore) -> "Plan":
        """The same with what is now in a store."""
        return self.given(store.get(self.keys))

    def given(self, answers: Mapping[str, Answer]) -> "Plan":
        """The same with these answers, key -> answer, as those that are there."""
        todo, input_tokens, output_tokens = _needed(self.question, self.prompts, self.answers, answers)
        return replace(self, todo=todo, input_tokens=input_tokens, output_tokens=output_tokens)

    def _cost(self) -> str:
        if self.model == SYNTHETIC:
            return "free, since a rule answers"
        about, most = (f"${usd:.2f}" if usd >= 1 else f"${usd:.2g}" for usd in (self.usd, self.most_usd))
        return f"about {about} as a batch, and {most} if all answers are as long as they may be"

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
        ValueError: no archetype or context, a cell given twice, labels that look the same, a field without value or in
            both, labels that are not safe to send, a number of answers out of range, a model without price.

    >>> question = Question("work", "You are {age} and are paid {payment}. Do you work?")
    >>> with AnswerStore() as store:
    ...     cells = [{"age": "young"}, {"age": "old"}]
    ...     print(plan_elicitation(question, cells, [{"payment": "$500"}], 3, model="synthetic", store=store))
    question 'work' to synthetic: 2 prompts x 3 answers = 6, of which 0 are in the store; 6 calls, about 1057 tokens
    in and 44 out, free, since a rule answers
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
    plan = Plan(question, archetypes, contexts, answers, model, prompts, (), price, 0, 0)
    return plan.again(store)


def check_cells(what: str, cells: Sequence[Mapping[str, str]]) -> None:
    """Raises ValueError where there is no cell, cells have different fields, or one or a label is given twice."""
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
    for name in cells[0]:
        labels = dict.fromkeys(cell[name] for cell in cells)
        validate.distinct_labels(f"label of {name!r}", (label for label in labels if isinstance(label, str)))


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
    question: Question, prompts: Sequence[Prompt], answers: int, there: Mapping[str, Answer]
) -> tuple[tuple[tuple[Prompt, int], ...], int, int]:
    """What is to do, and its tokens in and out."""
    todo, told = list[tuple[Prompt, int]](), 0.0
    billed, estimated, count = [0, 0], 0.0, 0
    for prompt in prompts:
        tokens = tokens_of(prompt.written)
        for sample, key in enumerate(prompt.keys(answers)):
            answer = there.get(key)
            if answer is None or answer.status in AGAIN:
                todo.append((prompt, sample))
                told += tokens
            if answer is not None and answer.output_tokens:
                billed = [billed[0] + answer.input_tokens, billed[1] + answer.output_tokens]
                estimated += tokens
                count += 1
    # What was billed for the same question says more than the length of its text.
    if count:
        return tuple(todo), round(told * billed[0] / estimated), round(len(todo) * billed[1] / count)
    return tuple(todo), round(told), round(len(todo) * spoken(question))


def tokens_of(written: str) -> float:
    """Tokens of a request, estimated from the length of its text."""
    return ENVELOPE + len(written) / CHARACTERS


def spoken(question: Question) -> float:
    """Tokens of an answer, estimated from the mean length of the texts that are answers.

    >>> round(spoken(Question("work", "{age}?")), 1)  # {"answer":true}
    7.3
    """
    lengths = [len(text) for text in texts_of(question.schema)]
    return ENDING + sum(lengths) / len(lengths) / CHARACTERS
