"""What replaces a value: every kind of number keeps its value, or is refused."""

from typing import Any

import numpy as np
import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from chirho.interventional.handlers import do
from hypothesis import example, given
from hypothesis import strategies as st

from causal_lpm import ProductWorlds, Worlds, policy, rollout
from causal_lpm.handlers.acts import fitting

DTYPES = [torch.bool, torch.uint8, torch.int16, torch.int64, torch.float16, torch.float32, torch.float64]
both = pytest.mark.parametrize("worlds", [Worlds, ProductWorlds])


@example(number=-(2**63), given_as=torch.int64, value=torch.float16)  # to -inf and back
@given(
    number=st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.booleans()),
    given_as=st.sampled_from([*DTYPES, np.asarray, np.float32, np.int64, lambda x: x, lambda x: [x]]),
    value=st.sampled_from(DTYPES),
)
def test_an_act_keeps_its_value_or_is_refused(number: Any, given_as: Any, value: torch.dtype) -> None:
    """To the digits of the value's type where both are floats."""
    try:
        with np.errstate(all="ignore"):
            act = torch.tensor(number).to(given_as) if isinstance(given_as, torch.dtype) else given_as(number)
    except (OverflowError, RuntimeError, ValueError):  # no such number in the type that it is given in
        return
    meant = act.item() if hasattr(act, "item") else act[0] if isinstance(act, list) else act
    try:
        fitted = fitting(act, torch.zeros(1, dtype=value))
    except ValueError:
        with pytest.raises(ValueError, match="an act sets"):
            fitting(act, torch.zeros(1, dtype=value))
        return
    assert fitted.dtype == value
    if value.is_floating_point:
        assert float(fitted) == pytest.approx(float(meant), rel=1e-2 if value == torch.float16 else 1e-6, abs=1e-4)
    else:
        assert fitted.item() == meant


@both
@pytest.mark.parametrize(
    "act",
    [np.int64(2), np.float64(2), np.array([2]), [2.0], 2, True + 1, torch.tensor(2, dtype=torch.uint8), lambda v: 2],
)
def test_acts_of_all_kinds_stand_beside_the_fact(worlds: Any, act: Any) -> None:
    """Arrays, whole numbers of NumPy and those that functions return were errors of torch, after the split."""
    with worlds(), do(actions={"p": act}):
        assert policy("p", 21.0).flatten().tolist() == [21.0, 2.0]


@both
def test_a_function_that_writes_in_place_leaves_the_fact_alone(worlds: Any) -> None:
    """It doubled both worlds: 42 and 42."""
    with worlds(), do(actions={"p": lambda value: value.mul_(2)}):
        assert policy("p", 21.0).flatten().tolist() == [21.0, 42.0]
    change = StaticIntervention(torch.tensor(1.0), {"x": lambda value: value.add_(5)})
    with worlds(), change:
        state = rollout(lambda s: {"x": s["x"] + 1}, {"x": torch.zeros(3)}, 2).state
    assert state["x"][:, 0].flatten().tolist() == [2.0, 7.0]


@pytest.mark.parametrize(
    ("act", "value", "message"),
    [
        (2**24 + 1, torch.zeros(1), r"an act sets \[16777217\] where the value is torch.float32"),
        (1e300, torch.zeros(1), r"an act sets \[1e\+300\] where the value is torch.float32"),
        (
            torch.tensor([1.0, 2.5]),
            torch.zeros(2, dtype=torch.uint8),
            r"an act sets \[2.5\] where the value is torch.uint8",
        ),
        (-1, torch.zeros(1, dtype=torch.uint8), r"an act sets \[-1\]"),
        (float("nan"), torch.zeros(1, dtype=torch.int64), r"an act sets \[nan\]"),
        (2, torch.zeros(1, dtype=torch.bool), r"an act sets \[2\] where the value is torch.bool"),
        ("2", torch.zeros(1), "an act is '2': give a real number"),
        (1j, torch.zeros(1), "an act is 1j: give a real number"),
        (2**70, torch.zeros(1), f"an act is {2**70}"),
    ],
)
def test_acts_that_the_value_cannot_hold(act: Any, value: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        fitting(act, value)


@pytest.mark.parametrize("act", [torch.arange(3.0), [0.0, 1.0, 2.0], lambda value: value * torch.arange(3.0) / 21])
@pytest.mark.parametrize("worlds", [Worlds, ProductWorlds, lambda: Worlds(replicates=2)])
def test_a_policy_of_one_number_may_become_one_an_agent(worlds: Any, act: Any) -> None:
    """As it does without worlds, where torch refused the shape."""
    with worlds(), do(actions={"p": act}):
        assert policy("p", 21.0).reshape(2, 3).tolist() == [[21.0, 21.0, 21.0], [0.0, 1.0, 2.0]]


@both
def test_an_entry_of_one_number_may_become_one_an_agent(worlds: Any) -> None:
    state = {"x": torch.zeros(1), "y": torch.zeros(3)}
    with worlds(), StaticIntervention(torch.tensor(1.0), {"x": torch.arange(3.0)}):
        x = rollout(lambda s: {**s, "x": s["x"] + 1}, state, 2).state["x"]
    assert x.tolist() == [[2.0, 2.0, 2.0], [1.0, 2.0, 3.0]]


@both
@pytest.mark.parametrize("act", [torch.tensor([[1.0], [2.0]]), torch.zeros(5, 3)])
def test_several_acts_in_one_tensor_are_refused(worlds: Any, act: torch.Tensor) -> None:
    """Of two in a column, the second was taken without a word."""
    with (
        pytest.raises(ValueError, match=r"an act has shape .* several acts are a tuple"),
        worlds(),
        do(actions={"p": act}),
    ):
        policy("p", 21.0)
    mismatch = r"an act has shape \(2,\) where the value has \(3,\)"
    with pytest.raises(ValueError, match=mismatch), worlds(), do(actions={"p": torch.zeros(2)}):
        policy("p", torch.zeros(3))


def test_what_passes_as_it_is() -> None:
    never = torch.tensor([float("inf"), float("nan")])
    assert fitting(None, torch.zeros(2)) is None
    assert fitting(never, torch.zeros(2)) is never
    assert torch.allclose(fitting(never.double(), torch.zeros(2)), never, equal_nan=True)
    assert fitting((None, 3), torch.zeros(1)) == (None, torch.tensor(3.0))
    assert fitting({"x": 1}, {"x": torch.zeros(1)}) == {"x": 1}
