import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causal_lpm import KeyedNoise, rollout, tally
from causal_lpm.agents.testing import NEVER, Quarantine, Testing
from causal_lpm.ops import hazard_of
from causal_lpm.typing import State

AGENTS = 20_000


@given(st.floats(0, 1))
def test_hazard_of_is_the_inverse_of_the_event_probability(probability: float) -> None:
    assert math.isclose(1 - math.exp(-hazard_of(probability)), probability, rel_tol=1e-12, abs_tol=1e-15)


def test_hazard_of_the_ends_and_beyond() -> None:
    assert hazard_of(0.0) == 0.0
    assert hazard_of(1.0) == math.inf
    with pytest.raises(ValueError, match="between 0 and 1"):
        hazard_of(1.1)


def swab(tests: Testing, symptomatic: torch.Tensor, seed: int = 1) -> tuple[torch.Tensor, torch.Tensor]:
    """Who is positive, and when each result is due at the end of the day, both `[days, agents]`."""
    positives, due = [], []

    def day(s: State) -> State:
        changed, positive = tests.day(s, symptomatic[int(s["t"])])
        positives.append(positive)
        due.append(changed["result_day"])
        tally("positive", positive)
        return {**s, **changed}

    days, agents = symptomatic.shape
    with KeyedNoise(seed):
        rollout(day, tests.start(agents), days)
    return torch.stack(positives), torch.stack(due)


def test_one_swab_gives_one_result_after_its_delay() -> None:
    symptomatic = torch.zeros(8, AGENTS, dtype=torch.bool)
    symptomatic[1] = True
    positive, due = swab(Testing(), symptomatic)
    assert not positive[:3].any()  # swabbed on day 1: results on days 3, 4, 5
    assert not positive[6:].any()
    assert positive.sum(0).max() == 1
    assert set(due[1].tolist()) == {3, 4, 5}
    # False alarm: two tests at 1e-6, and none at the fixed seed.
    counts = [int((due[1] == day).sum()) for day in (3, 4, 5)]
    assert stats.chisquare(counts, [0.3 * AGENTS, 0.4 * AGENTS, 0.3 * AGENTS]).pvalue > 1e-6
    assert stats.binomtest(int(positive.sum()), AGENTS, 0.9).pvalue > 1e-6
    on_its_day = torch.stack([(due[1] == day) for day in range(8)])
    assert not (positive & ~on_its_day).any()
    assert bool((due[5:] == NEVER).all())


def test_who_stays_ill_is_swabbed_again_on_the_day_of_the_result() -> None:
    positive, due = swab(Testing(delays=(3,), shares=(1.0,), sensitivity=1.0), torch.ones(10, 5, dtype=torch.bool))
    assert positive.nonzero()[:, 0].unique().tolist() == [3, 6, 9]
    assert due[:, 0].tolist() == [3, 3, 3, 6, 6, 6, 9, 9, 9, 12]


def test_the_healthy_are_never_tested_and_a_blind_test_never_finds() -> None:
    positive, due = swab(Testing(), torch.zeros(5, 100, dtype=torch.bool))
    assert not positive.any()
    assert bool((due == NEVER).all())
    positive, _ = swab(Testing(sensitivity=0.0), torch.ones(9, 100, dtype=torch.bool))
    assert not positive.any()


@settings(max_examples=25)
@given(st.integers(0, 2**31), st.floats(0, 1))
def test_nobody_awaits_two_results_and_positives_are_due(seed: int, sensitivity: float) -> None:
    days = 12
    symptomatic = torch.rand(days, 50, generator=torch.Generator().manual_seed(seed)) < 0.5
    positive, due = swab(Testing(sensitivity=sensitivity), symptomatic, seed)
    before = torch.cat([torch.full((1, 50), NEVER), due[:-1]])
    today = torch.arange(days)[:, None]
    assert not (positive & (before != today)).any()
    waiting = before > today
    assert torch.equal(due[waiting].long(), before[waiting].long())  # no swab while a result is out
    assert torch.equal(due > today, waiting | symptomatic)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"sensitivity": 1.5}, "sensitivity is 1.5"),
        ({"shares": (0.5, 0.5)}, "3 test delays have 2 shares"),
        ({"shares": (0.5, 0.5, 0.5)}, "'test delay' sum to 1.5"),
        ({"delays": (0, 1, 2)}, "test delay is 0"),
        ({"delays": (2, 2, 3)}, "give ascending days"),
        ({"delays": (4, 3, 2)}, "give ascending days"),
    ],
)
def test_bad_tests_are_refused(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Testing(**arguments)  # type: ignore[arg-type]


def isolate(quarantine: Quarantine, enter: torch.Tensor, seed: int = 1) -> torch.Tensor:
    """Who is in quarantine each day, bool `[days, agents]`."""
    inside = []

    def day(s: State) -> State:
        changed, isolated = quarantine.day(s, enter[int(s["t"])])
        inside.append(isolated)
        return {**s, **changed}

    with KeyedNoise(seed):
        rollout(day, quarantine.start(enter.shape[-1]), len(enter))
    return torch.stack(inside)


@given(st.integers(1, 20), st.integers(0, 5))
def test_quarantine_lasts_its_days_with_the_day_of_entry(length: int, first: int) -> None:
    enter = torch.zeros(28, 3, dtype=torch.bool)
    enter[first] = torch.tensor([True, False, True])
    inside = isolate(Quarantine(length, break_probability=0.0), enter)
    assert inside[:, 0].nonzero()[:, 0].tolist() == list(range(first, first + length))
    assert not inside[:, 1].any()


def test_one_day_against_fourteen() -> None:
    enter = torch.zeros(20, AGENTS, dtype=torch.bool)
    enter[2] = True
    one, two_weeks = (isolate(Quarantine(days), enter).sum(-1) for days in (1, 14))
    assert one.nonzero()[:, 0].tolist() == [2]
    assert two_weeks.nonzero()[:, 0].tolist() == list(range(2, 16))
    assert int(one[2]) == int(two_weeks[2])  # the same luck on the first day
    # 1% break a day, from the day of entry on. False alarm 1e-6 a test, three tests, none at the fixed seed.
    for day in (2, 8, 15):
        assert stats.binomtest(int(two_weeks[day]), AGENTS, 0.99 ** (day - 1)).pvalue > 1e-6


def test_who_breaks_quarantine_stays_out_until_entering_again() -> None:
    enter = torch.zeros(30, 2000, dtype=torch.bool)
    enter[0] = enter[15] = True
    inside = isolate(Quarantine(14, break_probability=0.2), enter)
    for period in (inside[:15], inside[15:]):
        assert not (period[1:] & ~period[:-1]).any()
    assert bool((inside[15] & ~inside[14]).any())


def test_certain_breaks_and_longer_stays() -> None:
    enter = torch.zeros(12, 10, dtype=torch.bool)
    enter[0] = enter[3] = True
    assert not isolate(Quarantine(14, break_probability=1.0), enter).any()
    assert isolate(Quarantine(5, break_probability=0.0), enter)[:, 0].long().sum() == 8  # days 0 to 7


@pytest.mark.parametrize(
    ("arguments", "sentence"), [((0,), "quarantine is 0"), ((14, 1.5), "break_probability is 1.5")]
)
def test_bad_quarantines_are_refused(arguments: tuple[float, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Quarantine(*arguments)  # type: ignore[arg-type]


def test_daily_rules_refuse_half_days() -> None:
    state = {**Testing().start(3), "t": torch.tensor(0.5)}
    with pytest.raises(ValueError, match=r"use DiscreteTime\(dt=1\)"):
        Testing().day(state, torch.ones(3, dtype=torch.bool))
