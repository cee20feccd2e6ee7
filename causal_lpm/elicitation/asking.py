"""Asking: from a plan to a table of answers, within a budget."""

from causal_lpm import validate
from causal_lpm.elicitation.answer_table import AnswerTable
from causal_lpm.elicitation.answers import Answer
from causal_lpm.elicitation.failures import BudgetError, ElicitationError
from causal_lpm.elicitation.plan import SYNTHETIC, Plan
from causal_lpm.elicitation.providers import Provider, Recorded, SyntheticRespondent
from causal_lpm.elicitation.store import AnswerStore

__all__ = ["elicit"]

ROUNDS = 3
"""How often an answer that fails is asked for, in one call."""


def elicit(
    plan: Plan,
    store: AnswerStore,
    provider: Provider | None = None,
    max_usd: float = 0.0,
    max_calls: int = 0,
    max_failed: float = 0.05,
) -> AnswerTable:
    """The answers of a plan; those in the store are not asked for again.

    Killed anywhere, the same call goes on, and nothing is paid twice. Answers that fail are asked for up to three
    times; what still fails is counted in `AnswerTable.failed`, and never as "no".

    Args:
        plan: What is asked.
        store: Where answers are kept.
        provider: Who answers; `Recorded()` by default, which asks nobody.
        max_usd: US dollars that the calls of this plan may cost, counted over all calls with this store that resume it.
        max_calls: Answers that may be asked for, counted in the same way; what is asked again counts again.
        max_failed: Share of answers that may fail, in [0, 1].

    Raises:
        ValueError: a budget that is negative or not finite.
        BudgetError: the plan would take more; nothing was sent. Or the next batch or round could; what came is kept.
        ElicitationError: a service failed, or too many answers did; what came is kept.
        MissingAnswersError: an answer is not in the store, and nobody is to be asked.
    """
    validate.amount("max_usd", max_usd, "US dollars")
    max_calls = validate.whole_number("max_calls", max_calls, low=0)
    validate.probability("max_failed", max_failed)
    provider = Recorded() if provider is None else provider
    if isinstance(provider, SyntheticRespondent):
        provider.answer(plan, store, max_usd)
        answers = store.get(plan.keys)
    else:
        answers = store.get(plan.keys)
        plan = plan.given(answers)
        if isinstance(provider, Recorded) or plan.model == SYNTHETIC:
            provider.answer(plan, store, max_usd)
        elif plan.todo:
            with store.asking():
                _ask(plan, answers, store, provider, max_usd, max_calls)
    table = AnswerTable.from_answers(plan, answers)
    if (failed := int(table.failed.sum())) > max_failed * len(plan.keys):
        raise ElicitationError(
            f"{failed} of {len(plan.keys)} answers failed after {ROUNDS} rounds: look at their texts in the store, "
            "then ask again, or raise max_failed; the others are kept."
        )
    return table


def _ask(
    plan: Plan, answers: dict[str, Answer], store: AnswerStore, provider: Provider, max_usd: float, max_calls: int
) -> None:
    """Asks in rounds for what is to do, and adds what came to the answers."""
    sent = store.sent(plan.keys)
    for number in range(ROUNDS):
        todo = list(plan.missing)
        if not todo:
            break
        waiting = {key for batch in store.open_batches() for key in batch.keys}
        new = sum(key not in waiting for key in todo)
        if sent + new > max_calls or (number == 0 and plan.usd > max_usd):
            raise _beyond(plan, sent, f"max_calls={max_calls}" if sent + new > max_calls else f"max_usd={max_usd:g}")
        provider.answer(plan, store, max_usd)
        sent += new
        answers |= store.get(todo)
        plan = plan.given(answers)


def _beyond(plan: Plan, sent: int, limit: str) -> BudgetError:
    if not sent:
        return BudgetError(f"{plan}; that is more than {limit}: raise it, or ask less; nothing was sent.")
    return BudgetError(
        f"{plan}; {sent} calls were made before, and together that is more than {limit}: raise it, or leave out the "
        "provider to go on with what came, all of which is kept."
    )
