"""Failures of the service, with the real SDK: what is kept, what is asked again, and that nothing is paid twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import anthropic
import pytest

from causal_lpm.elicitation import (
    AnswerStore,
    AnthropicProvider,
    ElicitationError,
    Plan,
    Question,
    elicit,
    plan_elicitation,
)
from tests.elicitation.service import Reply, Service, failure, succeeded

KEY = "sk-a-key-that-nobody-may-see"
MODEL = "claude-haiku-4-5"
QUESTION = Question("isolate", "You are {age}. New cases this month: {cases}. Do you choose to isolate at home?")
KINDS = [{"age": age} for age in ("18 to 44", "45 to 64", "65 and over")]
CASES = [{"cases": cases} for cases in ("100", "4000")]
CREATE, COUNT = ("POST", "/batches"), ("POST", "/count_tokens")
RESULTS = ("GET", "/results")
LOOK = ("GET", "/msgbatch_000")


def provider(service: Service, naps: list[float] | None = None, **options: Any) -> AnthropicProvider:
    client = anthropic.Anthropic(api_key=KEY, base_url=service.url, timeout=options.pop("timeout", 10.0))
    service.clients.append(client)
    slept = naps if naps is not None else []
    return AnthropicProvider(client, **{"poll": 0.0, "sleep": slept.append, **options})


def planned(store: AnswerStore, answers: int = 4, **options: Any) -> Plan:
    return plan_elicitation(QUESTION, KINDS, CASES, answers, store=store, **{"model": MODEL, **options})


def ask(store: AnswerStore, service: Service, answers: int = 4, **options: Any) -> Any:
    budget = {"max_usd": 1.0, "max_calls": 1000, "max_failed": options.pop("max_failed", 1.0)}
    budget |= {name: options.pop(name) for name in list(options) if name in budget}
    return elicit(planned(store, answers), store, provider(service, **options), **budget)


def keys_of(plan: Plan) -> list[str]:
    return [key for prompt in plan.prompts for key in prompt.keys(plan.answers)]


def test_answers_come_once(service: Service, store: AnswerStore) -> None:
    table = ask(store, service)
    assert (table.asked == 4).all()
    assert 0 < table.yes.sum() < 24
    assert table.served == (MODEL,)
    assert "language model was asked" in table.source
    sent = len(service.seen)
    again = elicit(planned(store), store)
    assert len(service.seen) == sent
    assert (again.yes == table.yes).all()


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404])
@pytest.mark.parametrize("where", [COUNT, CREATE])
def test_what_cannot_be_mended_stops_at_once(
    service: Service, store: AnswerStore, status: int, where: tuple[str, str]
) -> None:
    service.on[where] = [failure(status, message=f"the key {KEY} is odd")] * 10
    with pytest.raises(ElicitationError, match=str(status)) as raised:
        ask(store, service)
    assert service.count(*where) == 1
    assert not service.batches
    assert KEY not in str(raised.value)
    assert "[key]" in str(raised.value)
    assert store.open_batches() == []
    service.on.clear()
    assert (ask(store, service).asked == 4).all()
    assert service.billed == 24


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 529])
@pytest.mark.parametrize("where", [COUNT, CREATE, LOOK, RESULTS])
def test_what_passes_is_tried_again(service: Service, store: AnswerStore, status: int, where: tuple[str, str]) -> None:
    naps: list[float] = []
    service.on[where] = [failure(status), failure(status, retry_after="7")]
    assert (ask(store, service, naps=naps).asked == 4).all()
    assert service.billed == 24
    assert 7.0 in naps


@pytest.mark.parametrize("where", [CREATE, RESULTS])
def test_a_long_wait_ends_the_work_and_says_so(service: Service, store: AnswerStore, where: tuple[str, str]) -> None:
    service.on[where] = [failure(429, retry_after="3600")]
    naps: list[float] = []
    with pytest.raises(ElicitationError, match="asks to wait 3600 s"):
        ask(store, service, naps=naps)
    assert max(naps, default=0) < 60
    assert (ask(store, service).asked == 4).all()
    assert service.billed == 24


def test_a_service_that_stays_away_ends_the_work(service: Service, store: AnswerStore) -> None:
    service.on[CREATE] = [failure(529)] * 20
    with pytest.raises(ElicitationError, match="failed 6 times"):
        ask(store, service)
    assert service.count(*CREATE) == 6
    service.on.clear()
    assert (ask(store, service).asked == 4).all()
    assert service.billed == 24


ODD = {
    "html": Reply(200, "<html>gateway</html>", {"content-type": "text/html"}),
    "cut": Reply(200, '{"id": "msgbatch_1", "typ'),
    "shape": Reply(200, {"unexpected": 1}),
    "lost": Reply(lost=True),
    "slow": Reply(200, {}, delay=0.6),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("where", [COUNT, CREATE, LOOK, RESULTS])
def test_a_reply_that_is_none_is_asked_for_again(
    service: Service, store: AnswerStore, kind: str, where: tuple[str, str]
) -> None:
    service.on[where] = [ODD[kind]]
    assert (ask(store, service, timeout=0.3).asked == 4).all()
    assert service.billed == 24


@pytest.mark.parametrize("looks", [0, 3])  # the batch has ended when it is looked for, or runs
@pytest.mark.parametrize("kind", ["html", "cut", "shape", "lost", "slow"])
def test_a_batch_whose_reply_was_lost_is_found(service: Service, store: AnswerStore, kind: str, looks: int) -> None:
    def taken(usual: Any) -> Reply:
        usual()
        return ODD[kind]

    service.looks = looks
    service.on[CREATE] = [taken]
    assert (ask(store, service, timeout=0.3).asked == 4).all()
    assert len(service.batches) == 1
    assert service.count(*CREATE) == 1


def test_a_batch_of_somebody_else_is_not_taken_for_ours(service: Service, store: AnswerStore, tmp_path: Path) -> None:
    with AnswerStore(tmp_path / "other.sqlite") as other:
        elicit(
            plan_elicitation(Question("other", "{age}, {cases}?"), KINDS, CASES, 4, model=MODEL, store=other),
            other,
            provider(service),
            max_usd=1.0,
            max_calls=24,
        )
    service.on[CREATE] = [Reply(lost=True)]
    assert (ask(store, service).asked == 4).all()
    assert len(service.batches) == 2


def test_results_that_end_early_are_read_again(service: Service, store: AnswerStore) -> None:
    def half(usual: Any) -> Reply:
        reply = usual()
        return Reply(200, reply.body[: len(reply.body) // 2], reply.headers)

    def whole_lines(usual: Any) -> Reply:
        reply = usual()
        return Reply(200, "".join(reply.body.splitlines(keepends=True)[:3]), reply.headers)

    service.on[RESULTS] = [half, whole_lines]
    assert (ask(store, service).asked == 4).all()
    service.on[RESULTS] = [whole_lines] * 4
    with pytest.raises(ElicitationError, match="3 of 24 results could be read"):
        ask(store, service, 8)
    assert len(store) == 27
    assert len(store.open_batches()) == 1
    assert (ask(store, service, 8).asked == 8).all()
    assert service.billed == 48


THOUGHT = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    {"type": "text", "text": '{"answer": true}'},
]


def test_failures_lower_k_and_never_become_no(service: Service, store: AnswerStore) -> None:
    keys = keys_of(planned(store))
    service.results = {
        keys[0]: lambda params: succeeded(params, "", stop="refusal", content=[]),
        keys[1]: lambda params: succeeded(params, '{"answer": tr', stop="max_tokens"),
        keys[2]: lambda params: succeeded(params, "I would rather not say."),
        keys[3]: {"type": "expired"},
        keys[4]: {"type": "canceled"},
        keys[5]: {"type": "errored", "error": {"type": "error", "error": {"type": "api_error", "message": "odd"}}},
        keys[6]: lambda params: succeeded(params, '{"answer": 0}'),
        keys[7]: lambda params: {"type": "succeeded", "message": {"unexpected": 1}},
        keys[8]: lambda params: succeeded(params, "", content=THOUGHT),
    }
    table = ask(store, service)
    assert table.asked.sum() == 16
    assert table.refused.sum() == 1
    assert table.failed.sum() == 7
    assert table.asked[0, 0] == 0
    assert table.refused[0, 0] == 1
    assert table.failed[0, 0] == 3
    assert len(service.batches) == 3
    assert service.billed == 24 + 7 + 7
    with pytest.raises(ElicitationError, match="7 of 24 answers failed"):
        ask(store, service, max_failed=0.05)
    service.results = {}
    table = ask(store, service)
    assert table.asked.sum() == 23
    assert table.failed.sum() == 0


@pytest.mark.parametrize("odd", ["a dozen", None, -3, [1]])
def test_a_bill_that_is_no_number_keeps_no_batch_unread(service: Service, store: AnswerStore, odd: Any) -> None:
    def billed(params: dict[str, Any]) -> Any:
        result = succeeded(params, '{"answer": true}')
        result["message"]["usage"] = {"input_tokens": odd, "output_tokens": odd, "cache_read_input_tokens": odd}
        return result

    service.results = {keys_of(planned(store))[0]: billed}
    assert (ask(store, service).asked == 4).all()
    assert store.billed(keys_of(planned(store)))[1] == 23 * 12


def test_half_a_character_in_a_reply_keeps_no_batch_unread(service: Service, store: AnswerStore) -> None:
    keys = keys_of(planned(store))
    service.results = {keys[0]: lambda params: succeeded(params, "I would \ud83d", stop="max_tokens")}
    table = ask(store, service)
    assert table.failed.sum() == 1
    assert store.get(keys[:1])[keys[0]].text == "I would ?"
    assert service.billed == 24 + 1 + 1


def test_a_key_that_the_results_lack_is_asked_again(service: Service, store: AnswerStore) -> None:
    keys = keys_of(planned(store))

    def other_key(usual: Any) -> Reply:
        reply = usual()
        return Reply(200, reply.body.replace(keys[0], "nobody-asked-for-this"), reply.headers)

    service.on[RESULTS] = [other_key]
    assert (ask(store, service).asked == 4).all()
    assert service.billed == 25


def test_a_model_that_is_not_there_stops_after_one_batch(service: Service, store: AnswerStore) -> None:
    error = {"type": "error", "error": {"type": "not_found_error", "message": "model: gone"}}
    service.results = {key: {"type": "errored", "error": error} for key in keys_of(planned(store))}
    with pytest.raises(ElicitationError, match="model: gone"):
        ask(store, service)
    assert len(service.batches) == 1


def test_a_batch_too_large_is_cut_in_halves(service: Service, store: AnswerStore) -> None:
    service.on[CREATE] = [failure(413, "request_too_large"), failure(413, "request_too_large")]
    assert (ask(store, service).asked == 4).all()
    assert [len(batch["requests"]) for batch in service.batches.values()] == [6, 6, 6, 6]


def test_a_batch_that_takes_long_goes_on_later(service: Service, store: AnswerStore) -> None:
    service.looks = 10
    with pytest.raises(ElicitationError, match="is not ready"):
        ask(store, service, poll=1.0, patience=3.0)
    assert (ask(store, service).asked == 4).all()
    assert len(service.batches) == 1


def test_a_batch_that_is_gone_is_asked_anew(service: Service, store: AnswerStore) -> None:
    service.looks = 10
    with pytest.raises(ElicitationError, match="is not ready"):
        ask(store, service, poll=1.0, patience=1.0)
    service.on[LOOK] = [failure(404)]
    with pytest.raises(ElicitationError, match="no longer there"):
        ask(store, service)
    service.looks = 0
    assert (ask(store, service).asked == 4).all()
    assert len(service.batches) == 2


def test_several_models_that_answered_are_named(service: Service, store: AnswerStore) -> None:
    def other(params: dict[str, Any]) -> Any:
        return succeeded({**params, "model": "claude-haiku-4-5-20260101"}, '{"answer": true}')

    service.results = {keys_of(planned(store))[0]: other}
    assert ask(store, service).served == (MODEL, "claude-haiku-4-5-20260101")


def test_two_processes_do_not_ask_at_once(service: Service, store: AnswerStore, tmp_path: Path) -> None:
    refused = pytest.raises(ElicitationError, match="another process is asking")
    with AnswerStore(tmp_path / "answers.sqlite") as other, other.asking(), refused:
        ask(store, service)
    assert not service.seen
    assert (ask(store, service).asked == 4).all()


def test_no_key_is_one_sentence(service: Service, store: AnswerStore, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    nobody = AnthropicProvider(anthropic.Anthropic(base_url=service.url), sleep=lambda seconds: None)
    with pytest.raises(ElicitationError, match="there is no key"):
        elicit(planned(store), store, nobody, max_usd=1.0, max_calls=100)


def test_the_key_is_in_no_file(service: Service, store: AnswerStore, tmp_path: Path) -> None:
    service.on[LOOK] = [failure(500, message=KEY)]
    asking = provider(service)
    elicit(planned(store), store, asking, max_usd=1.0, max_calls=100)
    assert any(KEY in value for headers in service.headers for value in headers.values())
    store.close()
    assert all(KEY.encode() not in file.read_bytes() for file in tmp_path.iterdir())
    assert KEY not in repr(asking)


SCRIPT = """
import sys, os, anthropic
from causal_lpm.elicitation import AnswerStore, AnthropicProvider, elicit
from tests.elicitation.test_anthropic_batches import KEY, planned
url, path = sys.argv[1:]
with AnswerStore(path) as store:
    asking = AnthropicProvider(anthropic.Anthropic(api_key=KEY, base_url=url), batch=6, poll=0.0, sleep=lambda s: None)
    elicit(planned(store), store, asking, max_usd=1.0, max_calls=1000)
"""


@pytest.mark.parametrize("where", [CREATE, ("GET", "/msgbatch_001"), RESULTS])
def test_killed_anywhere_the_same_call_goes_on(service: Service, tmp_path: Path, where: tuple[str, str]) -> None:
    path = tmp_path / "answers.sqlite"

    def kill(usual: Any) -> Reply:
        reply = usual()  # the service has taken it
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        return reply

    service.on[where] = [lambda usual: usual(), kill]
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), service.url, str(path)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    process.wait(60)
    assert process.returncode == -signal.SIGKILL
    with AnswerStore(path) as store:
        assert len(store) < 24
        assert (ask(store, service, batch=6).asked == 4).all()
    assert service.billed == 24
