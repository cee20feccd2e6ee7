"""Days at the ends of what a state holds, and steps that are not days."""

import math
from collections.abc import Callable

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import DiscreteTime, KeyedNoise, rollout
from causal_lpm.agents.days import LAST
from causal_lpm.agents.disease import Course, StageGraph, Transition, gamma_days, mean_days
from causal_lpm.agents.testing import NEVER, Quarantine, Testing, whole_day
from causal_lpm.agents.vaccination import Vaccination
from causal_lpm.typing import State

AGENTS = 3
YES = torch.ones(AGENTS, dtype=torch.bool)
CLASS = torch.zeros(AGENTS, dtype=torch.uint8)


def at(t: float, part: Testing | Quarantine | Vaccination) -> State:
    return {**part.start(AGENTS), "t": torch.tensor(float(t))}


@pytest.mark.parametrize("t", [-1.0, 32_767.0, 1e9])
def test_days_that_int16_does_not_tell_apart_are_refused(t: float) -> None:
    with pytest.raises(ValueError, match="give days from 0 to 32766"):
        whole_day(torch.tensor(t))


@pytest.mark.parametrize("t", [0.5, math.nan, math.inf])
def test_times_that_are_no_days_are_refused(t: float) -> None:
    with pytest.raises(ValueError, match=r"use DiscreteTime\(dt=1\)"):
        whole_day(torch.tensor(t))


@given(st.integers(0, LAST), st.integers(1, 10**6))
def test_a_quarantine_lasts_however_long_it_is(first: int, days: int) -> None:
    quarantine = Quarantine(days, break_probability=0.0)
    with KeyedNoise(1):
        entered, inside = quarantine.day(at(first, quarantine), YES)
    assert inside.all()
    for day in {first, min(first + days - 1, LAST), min(first + days, LAST)}:
        with KeyedNoise(1):
            _, inside = quarantine.day({**entered, "t": torch.tensor(float(day))}, ~YES)
        assert bool(inside.all()) == (day < first + days)


@given(st.integers(0, LAST), st.integers(1, LAST))
def test_a_result_comes_on_its_day_or_after_all_days(first: int, delay: int) -> None:
    tests = Testing(delays=(delay,), shares=(1.0,), sensitivity=1.0)
    with KeyedNoise(1):
        swabbed, _ = tests.day(at(first, tests), YES)
        again, _ = tests.day({**swabbed, "t": torch.tensor(float(min(first + 1, LAST)))}, ~YES)
    assert swabbed["result_day"].tolist() == [min(first + delay, LAST + 1)] * AGENTS
    if delay > 1 and first < LAST:
        assert torch.equal(again["result_day"], swabbed["result_day"])


@pytest.mark.parametrize("delays", [(40_000,), (math.inf,), (math.nan,), (2.5,)])
def test_delays_without_end_or_in_parts_of_days_are_refused(delays: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"from 1 to 32766|give a whole number"):
        Testing(delays=delays, shares=(1.0,))  # type: ignore[arg-type]


def test_delays_may_be_whole_floats_and_those_with_share_zero_never_come() -> None:
    nearly = (0.5, 0.5 - 9e-7, 0.0)  # within the tolerance of a sum of 1
    tests = Testing(delays=(2.0, 3.0, 9.0), shares=nearly)  # type: ignore[arg-type]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("causal_lpm.agents.testing.exogenous", lambda *_: torch.ones(AGENTS))
        with KeyedNoise(1):
            swabbed, _ = tests.day(at(0, tests), YES)
    assert swabbed["result_day"].tolist() == [3] * AGENTS


# Courses


GRAPH = StageGraph(("S", "I", "R"), [Transition("S", "I", 1.0), Transition("I", "R", 1.0, mean_days(20.0))])


def course() -> Course:
    with KeyedNoise(1):
        return GRAPH.course(CLASS)


@pytest.mark.parametrize("today", [torch.tensor(LAST, dtype=torch.int16), torch.tensor(float(LAST))])
def test_what_is_due_after_all_days_is_never_due(today: torch.Tensor) -> None:
    due = torch.full((AGENTS,), NEVER, dtype=torch.int16)
    _, booked = course().enter_next(CLASS, due, YES, today)
    assert booked.tolist() == [LAST + 1] * AGENTS
    _, booked = course().enter_next(CLASS, due.int(), YES, today)
    assert booked.tolist() == [LAST + 1 + 20] * AGENTS  # a longer type holds later days


def test_days_before_the_first_are_days() -> None:
    due = torch.full((AGENTS,), NEVER, dtype=torch.int16)
    assert course().enter_next(CLASS, due, YES, torch.tensor(-14))[1].tolist() == [7] * AGENTS


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"today": torch.tensor(-32_768, dtype=torch.int16)}, "the day is -32768: int16 holds no later day"),
        ({"today": torch.tensor(2.5)}, r"the time is 2.5: .* use DiscreteTime\(dt=1\)"),
        ({"due": torch.zeros(AGENTS, dtype=torch.uint8)}, "due is torch.uint8, in which days end at 255"),
        ({"where": torch.ones(AGENTS)}, "where is torch.float32 .* give one bool an agent"),
        ({"where": torch.ones(1).bool()}, "where is .* give one bool an agent"),
        ({"stage": CLASS + 3}, "an agent is in stage 3: the graph has the stages 0 to 2"),
    ],
)
def test_impossible_changes_of_stage_are_refused(changed: dict[str, torch.Tensor], sentence: str) -> None:
    arguments = {"stage": CLASS, "due": torch.zeros(AGENTS).short(), "where": YES, "today": torch.tensor(1)}
    with pytest.raises(ValueError, match=sentence):
        course().enter_next(**{**arguments, **changed})


@pytest.mark.parametrize("classes", [torch.tensor([0.5, 1.0]), torch.tensor([True, False]), torch.zeros(1, 2).int()])
def test_classes_that_are_no_whole_numbers_are_refused(classes: torch.Tensor) -> None:
    graph = StageGraph(("S", "I"), [Transition("S", "I", (1.0, 1.0))])
    with KeyedNoise(1), pytest.raises(ValueError, match="agent_class"):
        graph.course(classes)


@pytest.mark.parametrize(
    ("transition", "sentence"),
    [
        (Transition("S", "I", [[0.5, 0.5], [1.0, 1.0]]), "has 2 x 2 probabilities"),  # type: ignore[list-item]
        (Transition("S", "I", ()), "has 0 probabilities"),
        (Transition("S", "I", 1.0, 5.0), "the duration of S -> I is 5.0: give a Duration"),  # type: ignore[arg-type]
        (Transition("S", "I", math.inf), "sum to inf"),
    ],
)
def test_tables_and_times_that_are_none_are_refused(transition: Transition, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        StageGraph(("S", "I"), [transition])


@pytest.mark.parametrize(("shape", "scale"), [(2.0, 1000.0), (9.0, 40.0)])
def test_times_beyond_the_longest_are_refused_and_not_cut(shape: float, scale: float) -> None:
    with pytest.raises(ValueError, match=r"\d+% are longer than 250 days"):
        gamma_days(shape, scale)


@pytest.mark.parametrize(("shape", "scale"), [(math.inf, 1.0), (1.0, math.inf)])
def test_infinite_times_are_refused(shape: float, scale: float) -> None:
    with pytest.raises(ValueError, match="both must be positive, and finite"):
        gamma_days(shape, scale)


# Steps that are not days


def result_of(s: State) -> State:
    return {**s, **Testing().day(s, YES)[0]}


def isolation_of(s: State) -> State:
    return {**s, **Quarantine().day(s, YES)[0]}


def doses_of(s: State) -> State:
    return {**s, **Vaccination().day(s, YES, CLASS, YES)}


@pytest.mark.parametrize("dt", [7.0, 2.0, 0.5])
@pytest.mark.parametrize(
    ("day", "first"),
    [
        (result_of, Testing().start(AGENTS)),
        (isolation_of, Quarantine().start(AGENTS)),
        (doses_of, Vaccination().start(AGENTS)),
    ],
)
def test_what_goes_by_days_refuses_other_steps(day: Callable[[State], State], first: State, dt: float) -> None:
    with (
        KeyedNoise(1),
        pytest.raises(ValueError, match=r"a step is [\d.]+ days: .* use DiscreteTime\(dt=1\)"),
        DiscreteTime(dt),
    ):
        rollout(day, dict(first), 14)
    with KeyedNoise(1), DiscreteTime():
        rollout(day, dict(first), 14)


def test_a_course_may_be_looked_at_every_few_days() -> None:
    """What is due in between comes with the next step; times within a day are no days."""
    drawn = course()

    def day(s: State) -> State:
        stage, due = drawn.enter_next(s["stage"], s["due"], s["due"] <= s["t"], s["t"])
        return {**s, "stage": stage, "due": due}

    first = {"stage": CLASS, "due": torch.zeros(AGENTS).short()}
    with DiscreteTime(7.0):
        rollout(day, dict(first), 14)
    with pytest.raises(ValueError, match=r"the time is 0\.5: courses of disease"), DiscreteTime(0.5):
        rollout(day, dict(first), 14)
