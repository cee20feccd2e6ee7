"""Budgets and bills, with the real SDK: what is estimated, what is held to the limits, and what was billed."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from causal_lpm.elicitation import (
    AnswerStore,
    BudgetError,
    ElicitationError,
    Plan,
    Question,
    elicit,
)
from causal_lpm.elicitation.answers import Answer
from causal_lpm.elicitation.plan import ENDING, spoken, tokens_of
from tests.elicitation.service import Reply, Service, failure, succeeded
from tests.elicitation.test_anthropic_batches import (
    LOOK,
    MODEL,
    RESULTS,
    ask,
    keys_of,
    planned,
    provider,
)


def test_dollars_that_are_held_to_the_limit_and_billed_agree(service: Service, store: AnswerStore) -> None:
    """The service counts 25% more tokens than the plan: the count before sending is what is held to the limit."""
    plan = planned(store, 100)
    ask(store, service, 100)
    billed = plan.price.batch(*store.billed(keys_of(plan)))
    counted = plan.price.batch(sum(160 + (len(p.text) + len(p.system)) // 3 for p, _ in plan.todo), 12 * plan.calls)
    assert billed == pytest.approx(counted, rel=0.05)
    assert plan.usd != pytest.approx(billed, rel=0.05)
    with AnswerStore() as fresh, pytest.raises(BudgetError, match="as the service counts tokens"):
        elicit(planned(fresh, 100), fresh, provider(service), max_usd=1.01 * plan.usd, max_calls=1000)
    assert service.billed == 600


@pytest.mark.parametrize("budget", [{}, {"max_usd": 1.0}, {"max_calls": 1000}, {"max_usd": 1.0, "max_calls": 23}])
def test_a_plan_beyond_the_budget_sends_nothing(service: Service, store: AnswerStore, budget: dict[str, Any]) -> None:
    with pytest.raises(BudgetError, match="nothing was sent"):
        elicit(planned(store), store, provider(service), **budget)
    assert not service.seen


def test_it_stops_where_the_bill_would_pass_the_limit(service: Service, store: AnswerStore) -> None:
    """Answers are as long as they may be: the estimate was low, and the bill stays within the limit all the same."""
    plan = planned(store, 50)
    params = plan.prompts[0].params
    service.results = dict.fromkeys(keys_of(plan), dear)
    limit = 1.02 * plan.price.batch(sum(160 + (len(p.text) + len(p.system)) // 3 for p, _ in plan.todo), 12 * 300)
    with pytest.raises(BudgetError, match="were not asked for"):
        ask(store, service, 50, max_usd=limit)
    assert 0.7 * limit < plan.price.batch(*store.billed(keys_of(plan))) <= limit
    assert 100 < service.billed == len(store) < 300
    assert params["max_tokens"] == 64


def dear(params: dict[str, Any]) -> dict[str, Any]:
    result = succeeded(params, '{"answer": true}')
    result["message"]["usage"]["output_tokens"] = 64
    return result


def billed_by(output: Callable[[str], int], keys: list[str]) -> dict[str, Callable[[dict[str, Any]], Any]]:
    """Yes and no in turn, each with a bill for its text."""

    def result(number: int, params: dict[str, Any]) -> dict[str, Any]:
        text = json.dumps({"answer": number % 2 == 0}, separators=(",", ":"))
        made = succeeded(params, text)
        made["message"]["usage"]["output_tokens"] = output(text)
        return made

    return {key: partial(result, number) for number, key in enumerate(keys)}


def spent(plan: Plan, store: AnswerStore) -> float:
    return plan.price.batch(*store.billed(plan.keys))


@pytest.mark.parametrize("output", [lambda text: 5, lambda text: 12, lambda text: 40, lambda text: 2 * len(text) - 24])
def test_after_the_first_batch_the_rest_is_estimated_by_what_was_billed(
    service: Service, store: AnswerStore, output: Callable[[str], int], caplog: pytest.LogCaptureFixture
) -> None:
    """The service counts other tokens than the plan, in and out: the rest is estimated within 5% all the same."""
    plan = planned(store, 50)
    service.results = billed_by(output, plan.keys)
    seen = list[tuple[float, float]]()

    def note(usual: Callable[[], Reply]) -> Reply:  # when the second batch is made, the first is on the bill
        with AnswerStore(store.path) as beside:
            seen.append((planned(beside, 50).usd, spent(plan, beside)))
        return usual()

    service.on[("POST", "/batches")] = [lambda usual: usual(), note]
    with caplog.at_level(logging.INFO, "causal_lpm"):
        ask(store, service, 50, batch=60)
    [(rest, before)] = seen
    assert rest == pytest.approx(spent(plan, store) - before, rel=0.05)
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith("by what was billed for 60 answers: question 'isolate'")
    assert "240 calls" in said


def test_before_anything_is_billed_answers_are_estimated_by_their_texts(service: Service, store: AnswerStore) -> None:
    """A service that counts 3.6 characters of a token, as the plan does, bills what was told before."""
    plan = planned(store, 50)
    service.results = billed_by(lambda text: round(ENDING + len(text) / 3.6), plan.keys)
    ask(store, service, 50)
    assert store.billed(plan.keys)[1] == pytest.approx(plan.output_tokens, rel=0.05)


def test_longer_answers_are_estimated_to_cost_more() -> None:
    choices = ("stay at home all day", "go out")
    assert spoken(Question("q", "{a}", answer="share")) < spoken(Question("q", "{a}"))
    assert spoken(Question("q", "{a}")) < spoken(Question("q", "{a}", answer=choices))
    published = {'{"username":"logfire"}': 9, '{"city":"London","country":"United Kingdom","population":9002488}': 19}
    for text, billed in published.items():
        assert ENDING + len(text) / 3.6 == pytest.approx(billed, rel=0.15)
    assert tokens_of("x" * 314) == pytest.approx(154, rel=0.01)


def test_a_plan_says_what_it_costs_at_most(store: AnswerStore) -> None:
    plan = planned(store, 50)
    assert plan.most_usd == pytest.approx(plan.price.batch(plan.input_tokens, 64 * 300))
    assert plan.usd < plan.most_usd
    assert f"and ${plan.most_usd:.2g} if all answers are as long as they may be" in str(plan)


def cut_off(params: dict[str, Any]) -> dict[str, Any]:
    return succeeded(params, '{"answer": tr', stop="max_tokens")


def test_calls_that_are_made_again_count(service: Service, store: AnswerStore) -> None:
    service.results = dict.fromkeys(keys_of(planned(store))[:2], cut_off)
    with pytest.raises(BudgetError, match=r"2 calls, .*24 calls were made before, .*more than max_calls=25.*is kept"):
        ask(store, service, max_calls=25)
    assert service.billed == 24
    with pytest.raises(BudgetError, match="24 calls were made before"):  # the same call
        ask(store, service, max_calls=25)
    assert service.billed == 24
    table = elicit(planned(store), store, max_failed=0.1)
    assert (table.asked.sum(), table.failed.sum()) == (22, 2)
    with pytest.raises(BudgetError, match="26 calls were made before"):
        ask(store, service, max_calls=27)
    assert service.billed == 26
    service.results = {}
    assert (ask(store, service, max_calls=28).asked == 4).all()
    assert service.billed == 28


def test_a_batch_that_waits_is_no_second_call(service: Service, store: AnswerStore) -> None:
    service.looks = 10
    with pytest.raises(ElicitationError, match="is not ready"):
        ask(store, service, poll=1.0, patience=3.0, max_calls=24)
    assert (ask(store, service, max_calls=24).asked == 4).all()
    assert service.billed == 24


class Nobody:
    """A provider of somebody else, who notes no batch and gives no answer that can be read."""

    def __init__(self) -> None:
        self.asked = 0

    def answer(self, plan: Plan, store: AnswerStore, max_usd: float) -> None:
        self.asked += plan.calls
        store.put(
            [Answer(key, "malformed", None, "", MODEL, "somebody") for key in plan.missing], plan.requests.values()
        )


@pytest.mark.parametrize("calls", [24, 47, 48, 71])
def test_the_limit_of_calls_holds_for_any_provider(store: AnswerStore, calls: int) -> None:
    nobody = Nobody()
    with pytest.raises(BudgetError, match=f"more than max_calls={calls}"):
        elicit(planned(store), store, nobody, max_usd=1.0, max_calls=calls)
    assert nobody.asked == calls // 24 * 24


def first(lines: int) -> Callable[[Callable[[], Reply]], Reply]:
    def cut(usual: Callable[[], Reply]) -> Reply:
        reply = usual()
        return Reply(200, "".join(reply.body.splitlines(keepends=True)[:lines]), reply.headers)

    return cut


GONE = {"look": (LOOK, failure(404)), "results": (RESULTS, failure(404))}


@pytest.mark.parametrize("where", GONE)
def test_of_a_batch_that_was_partly_read_and_is_gone_the_bill_stays(
    service: Service, store: AnswerStore, where: str
) -> None:
    service.on[RESULTS] = [first(5), first(7), first(3), first(7)]
    with pytest.raises(ElicitationError, match="7 of 24 results could be read"):
        ask(store, service)
    plan = planned(store)
    assert (len(store), plan.calls) == (7, 17)
    assert store.billed(plan.keys)[1] == 7 * 12
    ending, reply = GONE[where]
    service.on[ending] = [reply]
    with pytest.raises(ElicitationError, match=r"7 of 24 .* are kept .* may have billed the other 17, .*1088 out"):
        ask(store, service)
    assert store.billed(plan.keys)[1] == 7 * 12
    assert store.open_batches() == []
    assert (ask(store, service).asked == 4).all()
    assert service.billed == 24 + 17
    assert store.billed(plan.keys)[1] == 24 * 12


def test_a_batch_that_is_gone_while_it_is_read_keeps_what_was_read(service: Service, store: AnswerStore) -> None:
    service.on[RESULTS] = [first(5), failure(404)]
    with pytest.raises(ElicitationError, match=r"5 of 24 .* may have billed the other 19"):
        ask(store, service)
    assert store.billed(planned(store).keys)[1] == 5 * 12
    assert (ask(store, service).asked == 4).all()


def test_a_batch_in_the_archive_is_gone(service: Service, store: AnswerStore) -> None:
    def archived(usual: Callable[[], Reply]) -> Reply:
        reply = usual()
        reply.body |= {"processing_status": "ended", "archived_at": reply.body["created_at"], "results_url": None}
        return reply

    service.on[LOOK] = [archived]
    with pytest.raises(ElicitationError, match=r"0 of 24 .* may have billed the other 24"):
        ask(store, service)
    assert (ask(store, service).asked == 4).all()


def test_results_that_have_no_place_yet_are_asked_for_again(service: Service, store: AnswerStore) -> None:
    def nowhere(usual: Callable[[], Reply]) -> Reply:
        reply = usual()
        reply.body |= {"processing_status": "ended", "results_url": None}
        return reply

    service.looks = 0
    service.on[LOOK] = [lambda usual: usual(), nowhere]
    assert (ask(store, service).asked == 4).all()
    assert len(service.batches) == 1


def test_a_refusal_while_results_are_read_keeps_what_was_read(service: Service, store: AnswerStore) -> None:
    service.on[RESULTS] = [first(5), failure(401)]
    with pytest.raises(ElicitationError, match="5 of 24 results could be read"):
        ask(store, service)
    assert len(store) == 5
    assert (ask(store, service).asked == 4).all()
    assert service.billed == 24
