"""Who answers: recordings only, or a rule that stands in for a language model."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

from causal_lpm import validate
from causal_lpm.elicitation.answers import SAYS, Answer
from causal_lpm.elicitation.failures import MissingAnswersError
from causal_lpm.elicitation.plan import SYNTHETIC, Plan
from causal_lpm.elicitation.prompts import Prompt
from causal_lpm.elicitation.rule_marks import mark_of
from causal_lpm.elicitation.store import AnswerStore

__all__ = ["Provider", "Recorded", "SyntheticRespondent"]

WROTE = 20_000  # answers that are kept at once
SPREAD = 0.1  # of shares around their mean


class Provider(Protocol):
    """Puts answers in a store."""

    def answer(self, plan: Plan, store: AnswerStore, max_usd: float) -> None:
        """Asks once for each answer that is to do, as long as the bill stays within so many US dollars.

        Raises:
            ElicitationError: it could not; what was answered is in the store.
        """
        ...


class Recorded:
    """Answers that are in the store; nothing is asked, and a missing answer is an error.

    >>> from causal_lpm.elicitation import AnswerStore, Question, elicit, plan_elicitation
    >>> question = Question("work", "You are {age}: do you work?")
    >>> with AnswerStore() as store:
    ...     elicit(plan_elicitation(question, [{"age": "old"}], model="claude-haiku-5-5", store=store), store)
    Traceback (most recent call last):
    causal_lpm.elicitation.failures.MissingAnswersError: 7 of 7 answers are not in the store, the first to 'You are old:
    do you work?': import a recording, or give provider=AnthropicProvider() and a budget; nothing was asked or made up.
    """

    def answer(self, plan: Plan, store: AnswerStore, max_usd: float) -> None:
        # An answer that failed is on file: it lowers what a cell counts, here as where it was asked for.
        todo = plan.missing
        there = store.there(list(todo))
        missing = [prompt for key, prompt in todo.items() if key not in there]
        if missing:
            raise MissingAnswersError(
                f"{len(missing)} of {len(plan.keys)} answers are not in the store, the first to "
                f"{missing[0].text[:60]!r}: import a recording, or give provider=AnthropicProvider() and a budget; "
                "nothing was asked or made up."
            )


class SyntheticRespondent:
    """A rule in place of a language model, which says so wherever its answers go.

    It answers plans for the model "synthetic" only, so that its answers never pass for those of another. They carry a
    mark of the rule and the seed, and those of two never become one table.

    Args:
        rule: From field -> label to the probability of yes, the mean share (0 to 1), or the probability of each choice,
            as a list in their order or by name.
        seed: Determines the answers.

    Raises:
        ValueError: a plan for another model, a probability that is none.

    >>> from causal_lpm.elicitation import AnswerStore, Question, elicit, plan_elicitation
    >>> question = Question("work", "You are {age}: do you work?")
    >>> with AnswerStore() as store:
    ...     plan = plan_elicitation(question, [{"age": "old"}], answers=100, model="synthetic", store=store)
    ...     table = elicit(plan, store, SyntheticRespondent(lambda cell: 0.2, seed=0))
    >>> table.yes, table.source
    (array([[21]]), 'synthetic respondent, no language model was asked')
    """

    def __init__(self, rule: Callable[[Mapping[str, str]], Any], seed: int = 0) -> None:
        self._rule, self._seed = rule, validate.whole_number("seed", seed, low=0)

    def answer(self, plan: Plan, store: AnswerStore, max_usd: float) -> None:
        if plan.model != SYNTHETIC:
            raise ValueError(
                f"the plan is for {plan.model!r}, and a rule answers for {SYNTHETIC!r} only: plan with "
                f"model={SYNTHETIC!r}, so that its answers never pass for those of a language model."
            )
        # All of them, since answers of another rule have the same keys.
        served = f"{SYNTHETIC} {mark_of(self._rule, self._seed)}"
        made, prompts = list[Answer](), list[Prompt]()
        for prompt in plan.prompts:
            told = self._rule(prompt.cell)
            prompts.append(prompt)
            for key in prompt.keys(plan.answers):
                value = self._value(plan, told, _uniform(f"{self._seed}/{key}"))
                made.append(Answer(key, "ok", value, _text(value), served, SAYS))
            if len(made) >= WROTE:
                store.put(made, prompts)
                made, prompts = [], []
        store.put(made, prompts)

    def _value(self, plan: Plan, told: Any, luck: float) -> bool | int | str:
        answer = plan.question.answer
        if not isinstance(answer, str):
            return answer[_option(answer, told, luck)]
        validate.probability("the rule's answer", float(told))
        if answer == "yes_no":
            return bool(luck < told)
        around = min(SPREAD, told, 1 - told)
        percent: int = round(100 * (told + around * (2 * luck - 1)))
        return percent


def _option(choices: Sequence[str], told: Any, luck: float) -> int:
    if isinstance(told, Mapping):
        shares = [told[choice] for choice in choices] if set(told) == set(choices) else []
    else:
        shares = [] if isinstance(told, str | float | int) else list(told)
    if len(shares) != len(choices) or min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError(f"the rule's answer is {told}: give one probability for each of {choices}, which sum to 1.")
    reached = 0.0
    for number, share in enumerate(shares):
        reached += share
        if luck < reached:
            return number
    return len(choices) - 1


@lru_cache(maxsize=1000, typed=True)
def _text(value: bool | int | str) -> str:
    return json.dumps({"answer": value}, ensure_ascii=False)


def _uniform(text: str) -> float:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=6).digest(), "big") / 2**48
