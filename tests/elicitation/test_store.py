"""The store, recordings, plans and tables."""

import gzip
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from causal_lpm.elicitation import (
    AnswerStore,
    AnswerTable,
    ElicitationError,
    MissingAnswersError,
    Plan,
    Price,
    Question,
    SyntheticRespondent,
    elicit,
    export_answers,
    import_answers,
    plan_elicitation,
)
from causal_lpm.elicitation.answers import Answer
from causal_lpm.elicitation.rule_marks import mark_of

QUESTION = Question("work", "{age}, paid {payment}?", paraphrases=("Paid {payment}, {age}?",))
KINDS = [{"age": "young"}, {"age": "old"}]
PAID = [{"payment": "$0"}, {"payment": "$500"}, {"payment": "$1000"}]


def rule(cell: Any) -> float:
    return 0.2 + 0.3 * (cell["age"] == "young") + 0.2 * PAID.index({"payment": cell["payment"]})


def made(store: AnswerStore, question: Question = QUESTION, answers: int = 5, seed: int = 0) -> AnswerTable:
    plan = plan_elicitation(question, KINDS, PAID, answers, model="synthetic", store=store)
    return elicit(plan, store, SyntheticRespondent(rule, seed))


def test_labels_and_not_positions_identify_answers() -> None:
    with AnswerStore() as store:
        table = made(store)
        turned = plan_elicitation(QUESTION, KINDS[::-1], PAID[::-1], 5, model="synthetic", store=store)
        assert turned.calls == 0
        other = elicit(turned, store)
    assert (other.yes == table.yes[::-1, ::-1]).all()
    assert other.archetypes == tuple(KINDS[::-1])
    assert table.by_wording["asked"].shape == (2, 3, 2)
    assert (table.asked == 10).all()


def test_a_synthetic_respondent_follows_its_rule_and_says_so() -> None:
    """6 shares of 2,000 answers, each within 5 standard errors: a false alarm in 3e-6."""
    with AnswerStore() as store:
        table = made(store, answers=1000)
    for c, context in enumerate(PAID):
        for a, kind in enumerate(KINDS):
            p = rule({**kind, **context})
            assert abs(table.yes[c, a] / 2000 - p) < 5 * np.sqrt(p * (1 - p) / 2000)
    assert table.source == "synthetic respondent, no language model was asked"
    assert table.served == (f"synthetic {mark_of(rule, 0)}",)


def test_another_rule_is_asked_anew() -> None:
    with AnswerStore() as store:
        assert (made(store, seed=1).yes != made(store, seed=2).yes).any()
        assert (made(store, seed=1).yes == made(AnswerStore(), seed=1).yes).all()


def other_rule(cell: Any) -> float:
    return 1 - rule(cell)


@pytest.mark.parametrize("other", [SyntheticRespondent(rule, 1), SyntheticRespondent(other_rule)])
@pytest.mark.parametrize(("kinds", "paid", "answers"), [(KINDS, PAID, 3), (KINDS, PAID[:1], 5), (KINDS[1:], PAID, 5)])
def test_answers_of_two_rules_never_become_one_table(
    tmp_path: Path, other: SyntheticRespondent, kinds: Any, paid: Any, answers: int
) -> None:
    """The second rule answers less often, in fewer contexts, or for fewer people than the first."""

    def planned(store: AnswerStore, *asked: Any) -> Plan:
        return plan_elicitation(QUESTION, *asked, model="synthetic", store=store)

    with AnswerStore() as store, AnswerStore() as imported:
        made(store)
        elicit(planned(store, kinds, paid, answers), store, other)
        export_answers(store, tmp_path / "a.jsonl.gz")
        import_answers(imported, tmp_path / "a.jsonl.gz")
        for each in (store, imported):
            with pytest.raises(ValueError, match="those of 2 rules or seeds"):
                elicit(planned(each, KINDS, PAID, 5), each)
            elicit(planned(each, kinds, paid, answers), each)
        assert (elicit(planned(store, KINDS, PAID, 5), store, SyntheticRespondent(rule)).yes == made(store).yes).all()


def test_one_rule_may_answer_in_several_calls() -> None:
    with AnswerStore() as store:
        for paid in PAID:
            plan = plan_elicitation(QUESTION, KINDS, [paid], 5, model="synthetic", store=store)
            elicit(plan, store, SyntheticRespondent(rule))
        whole = elicit(plan_elicitation(QUESTION, KINDS, PAID, 5, model="synthetic", store=store), store)
        assert (whole.yes == made(AnswerStore()).yes).all()


def test_a_rule_does_not_answer_for_a_language_model() -> None:
    with AnswerStore() as store:
        plan = plan_elicitation(QUESTION, KINDS, PAID, model="claude-haiku-4-5", store=store)
        with pytest.raises(ValueError, match="never pass for those"):
            elicit(plan, store, SyntheticRespondent(rule), max_usd=1, max_calls=1000)
        assert len(store) == 0


def test_shares_and_choices_are_counted() -> None:
    with AnswerStore() as store:
        share = made(store, Question("share", "{age}, {payment}?", answer="share"), answers=400)
        plan = plan_elicitation(
            Question("where", "{age}, {payment}?", answer=("home", "work", "away")),
            KINDS,
            PAID,
            50,
            model="synthetic",
            store=store,
        )
        choice = elicit(plan, store, SyntheticRespondent(lambda cell: {"work": 0.5, "home": 0.5, "away": 0.0}))
    expected = [[rule({**kind, **context}) for kind in KINDS] for context in PAID]
    np.testing.assert_allclose(share.shares / share.asked, expected, atol=0.02)
    assert (share.squares / share.asked >= (share.shares / share.asked) ** 2).all()
    assert choice.counts.shape == (3, 2, 3)
    assert (choice.counts.sum(-1) == 50).all()
    assert not choice.counts[..., 2].any()


def test_a_recording_is_the_same_bytes_and_the_same_table(tmp_path: Path) -> None:
    with AnswerStore(tmp_path / "a.sqlite") as store, AnswerStore() as other:
        table = made(store)
        assert export_answers(store, tmp_path / "a.jsonl.gz") == 60
        assert import_answers(other, tmp_path / "a.jsonl.gz") == 60
        assert import_answers(other, tmp_path / "a.jsonl.gz") == 60
        export_answers(other, tmp_path / "b.jsonl.gz")
        again = elicit(plan_elicitation(QUESTION, KINDS, PAID, 5, model="synthetic", store=other), other)
        with pytest.raises(FileExistsError):
            export_answers(store, tmp_path / "a.jsonl.gz")
    assert (tmp_path / "a.jsonl.gz").read_bytes() == (tmp_path / "b.jsonl.gz").read_bytes()
    assert (again.yes == table.yes).all()
    assert again.source == table.source
    assert "paid $500" in gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).decode()
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda line: line["params"].update(max_tokens=9) if "params" in line else None, "not the one its key names"),
        (lambda line: line.update(value=not line["value"]) if "value" in line else None, "the text says"),
        (lambda line: line.update(text="{}") if "value" in line else None, "the text says"),
        (lambda line: line.update(key="0" * 48 + "-0000") if "value" in line else None, "no request of the file"),
        (lambda line: line.pop("status", None), "neither a request nor an answer"),
        (lambda line: line.update(source="a language model was asked") if "value" in line else None, "says that it is"),
        (lambda line: line.update(served="claude-haiku-4-5") if "value" in line else None, "says that it is"),
        (lambda line: line.update(status="fine", value=None) if "value" in line else None, "no status"),
        *[
            (lambda line, odd=odd, name=name: line.update({name: odd}) if "value" in line else None, f"{name} is ")
            for name in ("input_tokens", "output_tokens")
            for odd in ("7", -1, True, float("nan"), 1.5, None, [])
        ],
        *[
            (lambda line, name=name: line.update({name: 7}) if "value" in line else None, f"{name} is 7: give a text")
            for name in ("key", "status", "text", "served", "source")
        ],
    ],
)
def test_a_recording_that_was_changed_is_refused(tmp_path: Path, change: Any, why: str) -> None:
    with AnswerStore() as store:
        made(store)
        export_answers(store, tmp_path / "a.jsonl.gz")
    lines = [json.loads(line) for line in gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).splitlines()]
    for line in lines:
        change(line)
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    with AnswerStore() as store:
        with pytest.raises(ValueError, match=why):
            import_answers(store, tmp_path / "b.jsonl.gz")
        assert len(store) == 0


def test_two_answers_of_one_key_in_a_recording_are_refused(tmp_path: Path) -> None:
    with AnswerStore() as store:
        made(store)
        export_answers(store, tmp_path / "a.jsonl.gz")
    text = gzip.decompress((tmp_path / "a.jsonl.gz").read_bytes()).decode()
    last = json.loads(text.splitlines()[-1])
    other = last | {"value": not last["value"], "text": json.dumps({"answer": not last["value"]})}
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress((text + json.dumps(other) + "\n").encode()))
    with AnswerStore() as store, pytest.raises(ValueError, match="has another answer before; nothing was imported"):
        import_answers(store, tmp_path / "b.jsonl.gz")


def test_a_file_that_is_cut_or_something_else_is_refused(tmp_path: Path) -> None:
    with AnswerStore() as store:
        made(store)
        export_answers(store, tmp_path / "a.jsonl.gz")
    whole = (tmp_path / "a.jsonl.gz").read_bytes()
    for name, content in (("cut", whole[:-40]), ("text", b"hello"), ("list", gzip.compress(b"[1]\n"))):
        (tmp_path / name).write_bytes(content)
        with AnswerStore() as store, pytest.raises(ValueError, match=r"nothing was imported|no object"):
            import_answers(store, tmp_path / name)
    for name, content in (("text", b"hello" * 100),):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match="no store of answers"):
            AnswerStore(tmp_path / name)
    database = sqlite3.connect(tmp_path / "other.sqlite")
    database.execute("create table mine (x)")
    database.close()
    with pytest.raises(ValueError, match="another database"):
        AnswerStore(tmp_path / "other.sqlite")


def test_answers_of_two_recordings_that_disagree_are_refused(tmp_path: Path) -> None:
    with AnswerStore() as one, AnswerStore() as other:
        made(one, seed=1)
        made(other, seed=2)
        export_answers(one, tmp_path / "a.jsonl.gz")
        with pytest.raises(ValueError, match="another answer"):
            import_answers(other, tmp_path / "a.jsonl.gz")


@pytest.mark.parametrize(
    ("kinds", "contexts", "options", "why"),
    [
        ([], PAID, {}, "no archetype"),
        (KINDS, [], {}, "no context"),
        ([*KINDS, KINDS[0]], PAID, {}, "given twice"),
        ([*KINDS, {"age": "Old"}], PAID, {}, "label of 'age' 'Old' is 'old' but for case"),
        ([{"age": "caf\u00e9"}, {"age": "cafe\u0301"}], PAID, {}, "but for case or invisible"),
        (KINDS, [{"payment": "$ 500"}, {"payment": "$\u00a0500"}], {}, "but for case or invisible"),
        (
            [{"age": "old", "sex": "f"}, {"age": "old\u3164", "sex": "m"}],
            PAID,
            {},
            "label of 'age' 'old.u3164' is 'old'",
        ),
        ([{"age": "old"}, {"years": "old"}], PAID, {}, "differ in field"),
        ([{"age": "old", "payment": "$1"}], PAID, {}, "by archetypes and by contexts"),
        (KINDS, [{}], {}, "no value for 'payment'"),
        ([{"age": "old", "sex": "f"}, {"age": "old", "sex": "m"}], PAID, {}, "the same"),
        (KINDS, PAID, {"answers": 0}, "from 1 to 1000"),
        (KINDS, PAID, {"answers": 1001}, "from 1 to 1000"),
        (KINDS, PAID, {"model": ""}, "give the name"),
        (KINDS, PAID, {"model": "claude-haiku-5"}, "did you mean 'claude-haiku-4-5'|did you mean 'claude-haiku-5-5'"),
    ],
)
def test_plans_that_cannot_be_made(kinds: Any, contexts: Any, options: dict[str, Any], why: str) -> None:
    with AnswerStore() as store, pytest.raises(ValueError, match=why):
        plan_elicitation(QUESTION, kinds, contexts, store=store, **{"model": "synthetic", **options})


@pytest.mark.parametrize("odd", [-1.0, float("nan"), float("inf"), "1", True, None])
def test_prices_that_are_no_numbers_are_refused(odd: Any) -> None:
    for prices in ((odd, 1.0), (1.0, odd)):
        with pytest.raises(ValueError, match=r"price is .*give US dollars for a million tokens, 0 or more"):
            Price(*prices)
    with AnswerStore() as store:
        with pytest.raises(ValueError, match=r"give Price\(input"):
            plan_elicitation(QUESTION, KINDS, PAID, model="m", store=store, prices={"m": odd})
        plan = plan_elicitation(QUESTION, KINDS, PAID, model="claude-haiku-4-5", store=store)
        with pytest.raises(ValueError, match=r"max_usd is .*give US dollars, 0 or more"):
            elicit(plan, store, max_usd=odd)


@pytest.mark.parametrize("budget", [{"max_usd": -1.0}, {"max_usd": float("nan")}, {"max_calls": -1}, {"max_failed": 2}])
def test_budgets_out_of_range_are_refused(budget: dict[str, Any]) -> None:
    with AnswerStore() as store:
        plan = plan_elicitation(QUESTION, KINDS, PAID, model="claude-haiku-4-5", store=store)
        with pytest.raises(ValueError, match=r"is -1|is nan|is 2"):
            elicit(plan, store, **budget)


def test_a_recording_with_a_failed_answer_is_read_as_it_was_asked(tmp_path: Path) -> None:
    def planned(store: AnswerStore) -> Plan:
        return plan_elicitation(QUESTION, KINDS, PAID, 5, model="claude-haiku-4-5", store=store)

    with AnswerStore() as store, AnswerStore() as other:
        plan = planned(store)
        keys = [key for prompt in plan.prompts for key in prompt.keys(5)]
        source = "a language model was asked"
        answers = [Answer(key, "ok", True, '{"answer": true}', "claude-haiku-4-5", source) for key in keys]
        answers[7] = Answer(keys[7], "malformed", None, "well", "claude-haiku-4-5", source)
        store.put(answers, plan.prompts)
        export_answers(store, tmp_path / "a.jsonl.gz")
        import_answers(other, tmp_path / "a.jsonl.gz")
        for each in (store, other):
            table = elicit(planned(each), each)
            assert (table.failed.sum(), table.asked.sum(), table.yes.sum()) == (1, 59, 59)
        with pytest.raises(ElicitationError, match="1 of 60 answers failed"):
            elicit(planned(other), other, max_failed=0.0)


def test_a_missing_recording_is_an_error() -> None:
    with AnswerStore() as store:
        plan = plan_elicitation(QUESTION, KINDS, PAID, model="claude-haiku-4-5", store=store)
        with pytest.raises(MissingAnswersError, match=r"84 of 84 .* nothing was asked or made up"):
            elicit(plan, store)


@pytest.mark.parametrize(
    ("yes", "asked", "why"),
    [
        ([[9]], [[8]], "9 of 8"),
        ([[1, 2]], [[8]], "shape"),
        ([[-1]], [[8]], "whole numbers"),
        ([[0.5]], [[8]], "whole"),
        ([["1"]], [[8]], "whole numbers"),
        ([[True]], [[8]], "whole numbers"),
        ([[float("nan")]], [[8]], "whole numbers"),
    ],
)
def test_counts_that_are_none(yes: Any, asked: Any, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        AnswerTable.from_counts(QUESTION, KINDS[:1], PAID[:1], yes, asked, "a file")


@pytest.mark.slow
def test_many_answers_are_written_and_read_in_a_minute(tmp_path: Path) -> None:
    """384,000: 2,000 archetypes, 24 contexts, 8 answers; plan, answers, recording, and all read again."""
    question = Question("work", "You are {age} in {place} in month {month}. Do you work?")
    kinds = [{"age": f"of age {i % 50}", "place": f"place {i // 50}"} for i in range(2000)]
    months = [{"month": str(month)} for month in range(24)]
    start = time.process_time()
    with AnswerStore(tmp_path / "a.sqlite") as store:
        plan = plan_elicitation(question, kinds, months, 8, model="synthetic", store=store)
        table = elicit(plan, store, SyntheticRespondent(lambda cell: 0.4))
        export_answers(store, tmp_path / "a.jsonl.gz")
    with AnswerStore(tmp_path / "b.sqlite") as other:
        assert import_answers(other, tmp_path / "a.jsonl.gz") == 384_000
        again = elicit(plan, other)
    assert (again.yes == table.yes).all()
    assert time.process_time() - start < 60
