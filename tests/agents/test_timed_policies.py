import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.agents import NEVER, TimedPolicy
from causal_lpm.agents.timed_policies import hazard
from causal_lpm.ops import hazard_of

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
        ({"start_day": math.nan}, "the start_day of 'ban' is nan: give a day, or NEVER"),
        ({"end_day": math.nan}, "the end_day of 'ban' is nan"),
    ],
)
def test_bad_numbers_are_refused(arguments: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        TimedPolicy("ban", **arguments)
