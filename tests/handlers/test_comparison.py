import pytest
import torch

from causal_lpm import policy, rollout, tally
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
