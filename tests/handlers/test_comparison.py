"""`comparing`: settings that are refused, worlds that every series has, and use again."""

from typing import Any

import pyro
import pytest
import torch

from causal_lpm import ProductWorlds, Worlds, policy, rollout, tally
from causal_lpm.handlers import Rollout, comparing


def model(days: list[int]) -> Rollout:
    closure = policy("closure_day", 999.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        days.append(1)
        tally("open", s["t"] < s["closure_day"])
        return s

    return rollout(day, {"closure_day": closure, "x": torch.zeros(3)}, 5)


def test_an_unknown_policy_is_refused_before_the_first_day() -> None:
    days: list[int] = []
    with (
        pytest.raises(ValueError, match="unknown policy 'closure_dai': did you mean 'closure_day'"),
        comparing({"factual": {}, "other": {"closure_dai": 3.0}}),
    ):
        model(days)
    assert days == []


def test_known_policies_run() -> None:
    days: list[int] = []
    with comparing({"factual": {}, "other": {"closure_day": 3.0}}) as worlds:
        run = model(days)
    assert days
    assert [int(worlds.take(run.tallies["open"], world, event_dim=1).sum()) for world in range(2)] == [5, 3]


def test_a_comparison_begins_anew_each_time_that_it_is_entered() -> None:
    comparison = comparing({"a": {}, "b": {"p": 1.0}})
    for _ in range(2):
        with comparison as worlds:
            value = policy("p", 0.0)
        assert worlds.names == ["a", "b"]
        assert value.flatten().tolist() == [0.0, 1.0]
    with pytest.raises(ValueError, match="unknown policy 'p'"), comparison:
        rollout(lambda s: s, {"x": torch.zeros(2)}, 1)


@pytest.mark.parametrize("value", [1e39, float("nan"), "x", None, 2**24 + 1, [1.0, 2.0]])
def test_a_value_that_no_policy_holds_is_refused_before_anything_runs(value: float) -> None:
    with pytest.raises(
        ValueError, match=r"policy 'p' of world 'b' is .* (give real numbers|give numbers that|give one number)"
    ):
        comparing({"a": {}, "b": {"p": value}})


@pytest.mark.parametrize("value", [float("inf"), True, 2**24, 0.1, torch.tensor(3.0)])
def test_values_that_policies_hold(value: float) -> None:
    with comparing({"a": {}, "b": {"p": value}}):
        assert float(policy("p", 0.5).flatten()[-1]) == pytest.approx(float(value))


def test_series_have_all_worlds_where_no_policy_reached_them() -> None:
    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tally("untouched", s["x"])
        tally("touched", s["x"] * s["p"])
        return s

    for settings in ({"a": {}, "b": {"p": 2.0}}, {"a": {}, "b": {"p": 1.0}}):
        with comparing(settings) as worlds:
            run = rollout(day, {"x": torch.ones(3), "p": policy("p", 1.0)}, 2)
        assert {name: tuple(x.shape) for name, x in run.tallies.items()} == {
            "untouched": (2, 1, 2),
            "touched": (2, 1, 2),
        }
        assert dict(zip(worlds.names, run.tallies["untouched"].sum(-1).flatten().tolist(), strict=True)) == {
            "a": 6.0,
            "b": 6.0,
        }


@pytest.mark.parametrize("outer", [Worlds, ProductWorlds, lambda: comparing({"x": {}})])
def test_one_set_of_worlds_at_a_time(outer: Any) -> None:
    message = "one Worlds or comparing at a time; ProductWorlds has all combinations"
    with outer(), pytest.raises(ValueError, match=message):
        comparing({"a": {}, "b": {"p": 1.0}}).__enter__()
    assert pyro.poutine.runtime._PYRO_STACK == []


def test_a_second_model_without_the_policy_is_refused() -> None:
    def model(names: str) -> None:
        policies = {name: policy(name, 0.0) for name in names}
        rollout(lambda s: s, {"x": torch.zeros(2), **policies}, 1)

    with comparing({"a": {}, "b": {"p": 1.0}}):
        model("pq")
        with pytest.raises(ValueError, match="unknown policy 'p'"):
            model("q")
        model("pq")
