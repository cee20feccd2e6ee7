"""Loops in the place of torch's operations inside of a step: the same numbers, and only where nobody else looks on."""

from typing import Any

import pytest
import torch
from torch.overrides import TorchFunctionMode

from causal_lpm import kernels, rollout
from causal_lpm.kernels import quick_mode

pytest.importorskip("numba")

AGENTS = 40_000


def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    young = (s["age"] < 7) & (s["x"] >= 0.5)
    s = {**s, "x": torch.where(young, s["x"] * 0.5, s["x"] + young.count_nonzero() / AGENTS)}
    return {**s, "age": s["age"] + (s["x"] > 0.7)}


def begin(agents: int = AGENTS) -> dict[str, torch.Tensor]:
    age = torch.arange(agents).remainder(11).to(torch.uint8)
    return {"age": age, "x": torch.rand(agents, generator=torch.Generator().manual_seed(1))}


def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions that loops have answered."""
    names: list[str] = []

    def answer(func: Any, args: Any, kwargs: Any) -> Any:
        found = given(func, args, kwargs)
        if found is not None:
            names.append(func.__name__)
        return found

    given = quick_mode.answer
    monkeypatch.setattr(quick_mode, "answer", answer)
    return names


def test_a_simulation_is_the_same_with_loops_and_without(monkeypatch: pytest.MonkeyPatch) -> None:
    names = asked(monkeypatch)
    quick = rollout(day, begin(), 5).state
    assert {"lt", "ge", "where", "count_nonzero", "gt"} <= set(names)
    del names[:]
    with kernels.use("reference"):
        slow = rollout(day, begin(), 5).state
    assert not names
    assert all(torch.equal(quick[name], slow[name]) for name in slow)


def test_small_states_are_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    names = asked(monkeypatch)
    rollout(day, begin(1000), 2)
    assert not names


class Seen(TorchFunctionMode):
    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(getattr(func, "__name__", ""))
        return func(*args, **(kwargs or {}))


def test_another_mode_of_torch_sees_every_operation(monkeypatch: pytest.MonkeyPatch) -> None:
    names = asked(monkeypatch)
    with Seen() as seen:
        rollout(day, begin(), 2)
    assert not names
    assert "where" in seen.names


def test_no_mode_stays_when_a_step_fails() -> None:
    def fails(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        raise KeyError("stage")

    with pytest.raises(KeyError, match="stage"):
        rollout(fails, begin(), 2)
    assert torch._C._len_torch_function_stack() == 0


def test_what_carries_a_gradient_is_left_to_torch() -> None:
    x = torch.full((AGENTS,), 0.5, requires_grad=True)
    run = rollout(lambda s: {"x": torch.where(s["x"] < 0.6, 3 * s["x"], s["x"])}, {"x": x}, 1)
    run.state["x"].sum().backward()
    assert torch.equal(x.grad, torch.full((AGENTS,), 3.0))
