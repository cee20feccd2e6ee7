import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, rollout
from causal_lpm.agents import NEVER, Closures, TimedPolicy
from causal_lpm.agents.timed_policies import hazard
from causal_lpm.ops import hazard_of
from causal_lpm.typing import State

days = st.one_of(st.just(NEVER), st.integers(0, 20))


@given(begin=days, end=days, strength=st.sampled_from([0.0, 0.25, 1.0]), t=st.integers(0, 20))
def test_it_is_in_force_from_its_start_to_its_end(begin: int, end: int, strength: float, t: int) -> None:
    timed = TimedPolicy("ban", strength, begin, end)
    s = {**timed.policies(), "t": torch.tensor(float(t))}
    inside = begin != NEVER and t >= begin and (end == NEVER or t < end)
    assert timed.now(s).tolist() == [strength if inside else 0.0]
    assert timed.left(s).tolist() == [1 - strength if inside else 1.0]


@given(st.floats(0, 1))
def test_hazards_are_those_of_one_number(probability: float) -> None:
    found = float(hazard(torch.tensor([probability], dtype=torch.float64)))
    assert math.isclose(found, hazard_of(probability), rel_tol=1e-6, abs_tol=1e-30)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"strength": 1.5}, "the strength of 'ban' is 1.5"),
        ({"strength": math.nan}, "the strength of 'ban' is nan"),
        ({"start_day": math.nan}, "the start_day of 'ban' is nan: give a day from 0, or NEVER"),
        ({"end_day": math.nan}, "the end_day of 'ban' is nan"),
        ({"start_day": -3.0}, "the start_day of 'ban' is -3.0: give a day from 0, or NEVER"),
        ({"end_day": -7}, "the end_day of 'ban' is -7: give a day from 0"),
    ],
)
def test_bad_numbers_are_refused(arguments: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        TimedPolicy("ban", **arguments)


def test_two_of_one_name_are_refused_since_one_would_take_the_place_of_the_other() -> None:
    early, late = Closures(("school",), 0.5, 2, 9), Closures(("school", "work"), 1.0, 20, 30)
    with KeyedNoise(1), pytest.raises(ValueError, match="the timed policy 'school' is drawn by two"):
        rollout(lambda s: s, {**early.start(), **late.start(), "x": torch.ones(4)}, days=3)
    for _ in range(2):
        with KeyedNoise(1):
            rollout(lambda s: s, {**late.start(), "x": torch.ones(4)}, days=3)


def test_a_simulation_that_failed_gives_its_policies_back() -> None:
    def fails(_: State) -> State:
        raise KeyError("stage")

    with KeyedNoise(1):
        with pytest.raises(KeyError):
            rollout(fails, {**Closures(("school",)).start(), "x": torch.ones(4)}, days=3)
        rollout(lambda s: s, {**Closures(("school",)).start(), "x": torch.ones(4)}, days=3)
