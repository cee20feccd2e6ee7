"""`policy`: numbers that float32 holds."""

import math
from typing import Any

import pytest
import torch
from chirho.interventional.handlers import do

from causal_lpm import policy, rollout

BEYOND = r"is \[16777217.*\], which float32 does not hold: give real numbers and no NaN"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (2**24 + 1, BEYOND),
        (2.0**24 + 1, BEYOND),
        (torch.tensor([0, 2**24 + 1]), BEYOND),
        (math.nan, r"is \[nan\], which float32 does not hold"),
        (1e39, r"is \[1e\+39\], which float32 does not hold"),
        (torch.tensor(-1e39, dtype=torch.float64), r"is \[-1e\+39\], which float32 does not hold"),
        ("soon", "is 'soon' .*: give numbers"),
        (None, "is 'None' .*: give numbers"),
        (1j, "came as torch.complex128: give bool, integers or floats"),
    ],
)
def test_a_policy_that_float32_would_change_is_refused(value: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"policy 'p' {message}"):
        policy("p", value)
    if isinstance(value, float):  # what an intervention decides, too
        with pytest.raises(ValueError, match="policy 'p'"), do(actions={"p": torch.tensor(value, dtype=torch.float64)}):
            policy("p", 0.0)


@pytest.mark.parametrize("value", [0.1, 2**24, 2.0**24 + 2, -(2**30), 1e30, math.inf, -math.inf, 1e10])
def test_a_policy_that_float32_holds_or_rounds_is_taken(value: float) -> None:
    assert policy("p", value).tolist() == [torch.tensor(value, dtype=torch.float64).float().item()]


def test_a_policy_is_named_before_the_rollout() -> None:
    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"x": s["x"] + policy("p", 1.0)}

    with pytest.raises(ValueError, match="policy 'p' is named inside step 0, where no intervention meets it"):
        rollout(day, {"x": torch.zeros(2)}, 2)
