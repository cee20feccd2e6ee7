from collections.abc import Callable

import pytest
import torch
from chirho.interventional.handlers import do

from causal_lpm import KeyedNoise, Recording, Rollout, Worlds, comparing, event, policy, rollout, tally

AGENTS, DAYS = 10, 4


def model() -> Rollout:
    moved = policy("moved", 0.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tally("constant", torch.ones(AGENTS, dtype=torch.bool))
        tally("luck", event("luck", 0.5))
        tally("reached", s["x"] > 0)
        return {**s, "x": s["x"] + s["moved"]}

    return rollout(day, {"x": torch.zeros(AGENTS), "moved": moved}, DAYS)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("acts", [{"b": {"moved": 1}}, {"b": {"moved": 0}}, {"b": {}}])
def test_a_tally_that_no_policy_reaches_has_all_worlds(acts: dict[str, dict[str, float]], inside: bool) -> None:
    record, worlds = Recording(), comparing({"a": {}, **acts})
    first, second = (worlds, record) if inside else (record, worlds)
    with KeyedNoise(1), first, second:
        run = model()
    for series in (run.tallies, record.series()):
        assert {name: tuple(values.shape) for name, values in series.items()} == dict.fromkeys(
            ("constant", "luck", "reached"), (2, 1, DAYS)
        )
        assert torch.equal(series["luck"][0], series["luck"][1])


def test_worlds_with_names_are_there_although_nothing_acts() -> None:
    with KeyedNoise(1), Worlds(["a", "b", "c"]) as worlds, do(actions={"another": torch.tensor(1.0)}):
        run = model()
        assert worlds.names == ["a", "b", "c"]
    assert all(values.shape == (3, 1, DAYS) for values in run.tallies.values())


def test_a_rollout_says_in_short_what_it_is_and_is_a_table() -> None:
    with KeyedNoise(1), comparing({"a": {}, "b": {"moved": 1}}):
        run = model()
    assert repr(run) == "<Rollout of 10 agents: constant [2, 1, 4], luck [2, 1, 4], reached [2, 1, 4]>"
    frame = run.to_frame()
    assert list(frame.columns) == ["row", "day", "constant", "luck", "reached"]
    assert frame.loc[frame["row"] == 1, "reached"].tolist() == [0, AGENTS, AGENTS, AGENTS]
    assert "<td>luck</td><td>[2, 1, 4]</td>" in run._repr_html_()


def test_a_table_of_different_groups_is_refused() -> None:
    run = Rollout({}, {"a": torch.zeros(1, 3), "b": torch.zeros(2, 3)})
    with pytest.raises(ValueError, match=r"the groups and days \[\(1, 3\), \(2, 3\)\], which do not fit in one table"):
        run.to_frame()


def _counting(stock: bool, fails: bool = False) -> Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]:
    def step(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if fails:
            tally("late", state["x"] > 0, stock=True)
        tally("n", state["x"] > 0, stock=stock)
        if fails:
            raise RuntimeError("halted")
        return state

    return step


def test_a_simulation_that_fails_leaves_no_names_of_stocks() -> None:
    with Recording() as record:
        first = rollout(_counting(stock=False), {"x": torch.ones(2)}, 2)
        with pytest.raises(RuntimeError, match="halted"):
            rollout(_counting(stock=True, fails=True), first.state, 2, first_day=2)
    assert record.stocks == set()
    assert record.series()["n"].tolist() == [[2, 2]]


def test_a_simulation_that_fails_leaves_the_worlds_of_the_one_before() -> None:
    with Recording() as record:
        with Worlds({"a": {}, "b": {}}):
            rollout(_counting(stock=False), {"x": torch.ones(2)}, 2)
            before = record.series()["n"].shape
        with pytest.raises(RuntimeError, match="halted"):
            rollout(_counting(stock=False, fails=True), {"x": torch.ones(2)}, 2)
    assert before[0] == 2
    assert record.series()["n"].shape == before


def test_what_was_a_stock_in_another_simulation_is_none_in_this_one() -> None:
    with Recording() as record:
        rollout(_counting(stock=True), {"x": torch.ones(2)}, 2)
        rollout(_counting(stock=False), {"x": torch.ones(2)}, 2)
    assert record.stocks == set()
