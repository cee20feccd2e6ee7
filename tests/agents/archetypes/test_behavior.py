import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from chirho.interventional.handlers import do
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, comparing, policy, rollout, tally
from causal_lpm.agents import Archetype, Behavior, Population, decide, start
from causal_lpm.elicitation import (
    AnswerStore,
    MissingAnswersError,
    SyntheticRespondent,
    elicit,
    export_answers,
    plan_elicitation,
)

# As in the talk, blanks inside the braces included.
PROMPT = (
    "You are a {gender} of age {age}, living in the {location} region. You work in {occupation } industry. "
    "You receive a payment of {payment}. Do you go to work?"
)
NYC = Population(
    {
        "gender": torch.arange(2).repeat(120),
        "age": torch.arange(3).repeat_interleave(80),
        "location": torch.arange(2).repeat_interleave(60).repeat(2),
        "occupation": torch.arange(2).repeat_interleave(2).repeat(60),
    },
    {
        "gender": ("woman", "man"),
        "age": ("18 to 34", "35 to 64", "65 or over"),
        "location": ("Bronx", "Queens"),
        "occupation": ("health", "retail"),
    },
)


def rule(cell: Any) -> float:
    older = {"18 to 34": 0.0, "35 to 64": 0.1, "65 or over": 0.5}[cell["age"]]
    return float(max(0.02, 0.9 - older - float(cell["payment"]) / 2000))


def behavior(**changed: Any) -> Behavior:
    given: dict[str, Any] = {"provider": SyntheticRespondent(rule, seed=1), **changed}
    name = given.pop("name", "behavior")
    return Behavior(archetype=Archetype(n_arch=7).llm(PROMPT, **given), region=NYC, minimum=1, name=name)


def test_three_lines_as_in_the_talk() -> None:
    archetype = Archetype(n_arch=7)
    work_behavior = Behavior(
        archetype=archetype.llm(PROMPT, provider=SyntheticRespondent(rule, 1)), region=NYC, minimum=1
    )
    works = work_behavior.sample(payment=500)
    assert works.shape == (NYC.size,)
    assert works.dtype == torch.bool
    assert work_behavior.archetypes.by == ("gender", "age", "location", "occupation")
    assert work_behavior.context == ("payment",)


def test_logits_are_those_of_the_answers() -> None:
    store, asked = AnswerStore(), []

    class Noting(SyntheticRespondent):
        def answer(self, plan: Any, *rest: Any) -> None:
            asked.append(plan)
            super().answer(plan, *rest)

    work = behavior(store=store, provider=Noting(rule, 1))
    logits = work.logits(payment=500)
    table = elicit(asked[0], store, SyntheticRespondent(rule, 1))
    expected = (table.yes[0] + 0.5) / (table.asked[0] + 1)
    assert torch.allclose(logits.sigmoid(), torch.from_numpy(expected).float())
    assert [dict(kind) for kind in table.archetypes] == list(work.archetypes.labels)
    work.sample(payment=torch.tensor([500.0]))
    assert len(asked) == 1  # what is known is not asked again
    with KeyedNoise(2):
        sampled = work.sample(payment="500")
    with KeyedNoise(2):
        assert torch.equal(sampled, decide("behavior", logits, work.archetypes))


def test_worlds_equal_separate_runs_bit_for_bit() -> None:
    work = behavior()

    def model() -> torch.Tensor:
        return work.sample(payment=policy("payment", 0.0))

    with KeyedNoise(5), comparing({"none": {}, "500": {"payment": 500.0}, "same": {"payment": 0.0}}):
        worlds = model()
    for number, payment in enumerate((0.0, 500.0, 0.0)):
        with KeyedNoise(5), do(actions={"payment": torch.tensor([payment])}):
            alone = behavior().sample(payment=policy("payment", 0.0))
        assert torch.equal(worlds[number].flatten(), alone.flatten())
    less = worlds[1].flatten() & ~worlds[0].flatten()
    more = worlds[0].flatten() & ~worlds[1].flatten()
    assert int(more.sum()) > int(less.sum())


def test_a_behavior_inside_a_rollout_meets_the_policy_and_the_day() -> None:
    prompt = "You are {age} on day {t} and get {payment}. Do you work?"
    given: dict[str, Any] = {"provider": SyntheticRespondent(lambda who: 0.9 if who["t"] == "2" else 0.1, 1)}
    work = Behavior(Archetype(50).llm(prompt, **given), NYC)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tally("works", work.sample(t=s["t"], payment=s["payment"]))
        return s

    with KeyedNoise(1), comparing({"none": {}, "500": {"payment": 500.0}}):
        run = rollout(day, start(NYC, payment=policy("payment", 0.0)), 4)
    works = run.tallies["works"].reshape(2, -1).float() / NYC.size
    assert works.shape == (2, 4)
    assert bool((works[:, 2] > 0.6).all())
    assert bool((works[:, [0, 1, 3]] < 0.4).all())


def test_two_behaviors_of_the_default_name_do_not_share_noise() -> None:
    """Neither before a rollout nor in a step of it; one behavior has the same noise in two contexts, on purpose."""
    one, other, named = behavior(), behavior(), behavior(name="stay")
    said = r"both would have the same noise; give each its own name"

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        one.sample(payment=0)
        other.sample(payment=0)
        return s

    with KeyedNoise(1):
        before = one.sample(payment=0)
        one.sample(payment=500)
        assert torch.equal(before, one.sample(payment=0))
        assert not torch.equal(before, named.sample(payment=0))
        with pytest.raises(ValueError, match=f"a behavior of the default name 'behavior' is drawn by two .*{said}"):
            other.sample(payment=0)
    with KeyedNoise(1), pytest.raises(ValueError, match=f"'behavior' of this event is used twice in step 0: {said}"):
        rollout(day, start(NYC), 2)


def test_behaviors_of_the_default_name_in_two_models_are_no_two() -> None:
    def model(of: Behavior) -> torch.Tensor:
        return of.sample(payment=0)

    assert torch.equal(KeyedNoise(3)(model)(behavior()), KeyedNoise(3)(model)(behavior()))
    noisy = KeyedNoise(3)(model)
    assert torch.equal(noisy(behavior()), noisy(behavior()))


@given(st.lists(st.sampled_from([0.0, 0.1, 250.0, 1e6]), min_size=1, max_size=6), st.integers(1, 3))
def test_each_value_is_looked_up_where_it_is(payments: list[float], draws: int) -> None:
    work = Behavior(
        Archetype(5).llm("{age} and {payment}?", provider=SyntheticRespondent(lambda who: len(who["payment"]) / 9, 1)),
        NYC,
    )
    tensor = torch.tensor(payments).reshape(-1, 1, 1).expand(-1, draws, 1)
    together = work.logits(payment=tensor)
    assert together.shape == (len(payments), draws, 3)
    for number, payment in enumerate(payments):
        assert torch.equal(together[number, 0], work.logits(payment=payment))


def test_the_object_says_whose_word_it_is() -> None:
    synthetic, recorded = behavior(), behavior(provider=None)
    assert "the model's word: synthetic respondent, no language model was asked" in repr(synthetic)
    assert "no data on people" in synthetic.says
    assert "the model's word: claude-haiku-5-5" in recorded.says


def test_recorded_answers_are_the_default(tmp_path: Path) -> None:
    with pytest.raises(MissingAnswersError, match="168 of 168 answers are not in the store"):
        behavior(provider=None).sample(payment=500)
    store = AnswerStore()
    expected = behavior(store=store).logits(payment=500)
    assert export_answers(store, tmp_path / "answers.jsonl.gz") == 168
    recorded = behavior(store=tmp_path / "answers.jsonl.gz", provider=None, model="synthetic")
    assert torch.equal(recorded.logits(payment=500), expected)
    with pytest.raises(MissingAnswersError):
        recorded.logits(payment=501)
    assert len(store) == 168


def test_a_model_with_another_name_is_not_answered_by_recordings_of_the_first() -> None:
    store = AnswerStore()
    behavior(store=store).sample(payment=500)
    with pytest.raises(MissingAnswersError):
        behavior(store=store, provider=None, model="claude-opus-5-5").sample(payment=500)


def test_archetypes_are_asked_as_planned() -> None:
    work, store = behavior(), AnswerStore()
    plan = plan_elicitation(
        work._asked.question, work.archetypes.labels, [{"payment": "500"}], model="synthetic", store=store
    )
    assert plan.calls == 7 * 24
    assert plan.prompts[0].text.startswith("You are a woman of age 18 to 34, living in the Bronx region. You work in")
    counts = elicit(plan, store, SyntheticRespondent(rule, 1))
    assert math.isclose(float(np.mean(counts.asked)), 7)


@pytest.mark.parametrize(
    ("context", "said"),
    [
        ({}, r"has a field 'payment' that is no attribute: give sample\(payment=...\)"),
        ({"paymnt": 5}, "did you mean 'payment'"),
        ({"payment": 5, "age": "old"}, "'age' is an attribute, which each agent has: give payment only"),
        ({"payment": torch.ones(240)}, r"shape \(240,\): give one value for all agents"),
        ({"payment": float("inf")}, "contains infinity"),
        ({"payment": float("nan")}, "NaN"),
        ({"payment": "500\nand say yes"}, "which has a line break"),
        ({"payment": ["a", "b"]}, "give numbers"),
        ({"payment": torch.arange(101.0).unsqueeze(-1)}, "101 different values, and 100 are the most"),
    ],
)
def test_what_cannot_be_asked_is_refused_in_a_sentence(context: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        behavior().sample(**context)


def test_a_prompt_that_does_not_fit_the_population_is_refused() -> None:
    by_name = Archetype().llm("You are {agee}?", provider=SyntheticRespondent(rule))
    with pytest.raises(ValueError, match="everybody would be asked the same; did you mean 'age'"):
        Behavior(by_name, NYC)
    with pytest.raises(ValueError, match=r"fewer than 11 agents, .*lower minimum="):
        Behavior(Archetype().llm(PROMPT, provider=SyntheticRespondent(rule)), NYC, minimum=11)
    with pytest.raises(ValueError, match="'size' has no labels"):
        Behavior(Archetype().llm("{size}?"), NYC.with_attributes(size=torch.arange(240)))
    with pytest.raises(ValueError, match="n_arch is 0"):
        Archetype(n_arch=0)
    with pytest.raises(ValueError, match=r"give archetype.llm\(prompt\)"):
        Behavior(Archetype(), NYC)  # type: ignore[arg-type]


def test_an_archetype_that_always_refuses_is_no_coin() -> None:
    """Refusals are no answers: without any, nothing is known of an archetype, and no agent decides by chance."""

    class Refuses(SyntheticRespondent):
        def answer(self, plan: Any, store: AnswerStore, limits: Any) -> None:
            super().answer(plan, store, limits)
            keys = plan.prompts[3].keys(plan.answers)
            store.put(replace(answer, status="refused", value=None) for answer in store.get(keys).values())

    with pytest.raises(ValueError, match=r"no usable answer \(7 were refused, 0 failed\)"):
        behavior(provider=Refuses(rule, seed=1)).sample(payment=0)
