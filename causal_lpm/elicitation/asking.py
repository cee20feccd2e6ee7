"""Asking: from a plan to a table of answers, within a budget."""

from causal_lpm import validate
from causal_lpm.elicitation.answer_table import AnswerTable
from causal_lpm.elicitation.failures import BudgetError, ElicitationError
from causal_lpm.elicitation.plan import SYNTHETIC, Plan
from causal_lpm.elicitation.providers import Limits, Provider, Recorded, SyntheticRespondent
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
        max_calls: Answers that may be asked for.
        max_failed: Share of answers that may fail, in [0, 1].

    Raises:
        ValueError: a budget that is negative or not finite.
        BudgetError: the plan would take more; nothing was sent. Or the next batch could; what came is kept.
        ElicitationError: a service failed, or too many answers did; what came is kept.
        MissingAnswersError: an answer is not in the store, and nobody is to be asked.
    """
    if not 0 <= max_usd < float("inf"):
        raise ValueError(f"max_usd is {max_usd}: give US dollars, 0 or more.")
    limits = Limits(max_usd, validate.whole_number("max_calls", max_calls, low=0))
    validate.probability("max_failed", max_failed)
    provider = Recorded() if provider is None else provider
    if plan.model != SYNTHETIC:  # a rule answers all of them anew
        plan = plan.again(store)
    if isinstance(provider, Recorded | SyntheticRespondent) or plan.model == SYNTHETIC:
        provider.answer(plan, store, limits)
    elif plan.todo:
        if plan.calls > limits.calls or plan.usd > limits.usd:
            over = f"max_calls={limits.calls}" if plan.calls > limits.calls else f"max_usd={limits.usd:g}"
            raise BudgetError(f"{plan}; that is more than {over}: raise it, or ask less; nothing was sent.")
        with store.asking():
            for _ in range(ROUNDS):
                if plan.todo:
                    provider.answer(plan, store, limits)
                    plan = plan.again(store)
    table = AnswerTable.from_answers(plan, store.get(plan.keys))
    if (failed := int(table.failed.sum())) > max_failed * len(plan.keys):
        raise ElicitationError(
            f"{failed} of {len(plan.keys)} answers failed after {ROUNDS} rounds: look at their texts in the store, "
            "then ask again, or raise max_failed; the others are kept."
        )
    return table
