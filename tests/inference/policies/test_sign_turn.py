import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference import sign_turn


def lines(slopes: np.ndarray, x: list[float], crossing: float) -> xr.Dataset:
    """What is averted at each value of a policy, a line for each replicate."""
    y = slopes[:, None] * (np.array(x) - crossing)
    names = [f"{value}" for value in x]
    coords = {"contrast": [f"{name} against standard" for name in names], "world": ("contrast", names)}
    values = (("draw", "replicate", "contrast"), y[None])
    return xr.Dataset({"averted": values}, {**coords, "outcome": "deaths"}, {"kind": "paired"})


@given(st.floats(0.55, 0.85))
def test_the_sign_turn_of_straight_lines_is_their_crossing(crossing: float) -> None:
    x = [0.9, 0.5, 0.7]
    turn = sign_turn(lines(np.array([-3.0, -1.0, -2.0]), x, crossing), {f"{value}": value for value in x}, samples=50)
    assert (turn.value, turn.low, turn.high) == pytest.approx((crossing,) * 3)
    assert (turn.kind, turn.outcome, turn.crossing_share, turn.runs) == ("paired", "deaths", 1.0, 3)


def test_no_crossing_is_nan_and_one_point_is_an_error() -> None:
    averted = lines(np.array([-3.0, -1.0]), [0.5, 0.7], 0.9)
    turn = sign_turn(averted, {"0.5": 0.5, "0.7": 0.7}, samples=20)
    assert math.isnan(turn.value)
    assert turn.crossing_share == 0.0
    with pytest.raises(ValueError, match="at least two contrasts"):
        sign_turn(averted, {"0.5": 0.5})
