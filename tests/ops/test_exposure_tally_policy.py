"""`exposure`, `tally`, `policy` and `step`: exact sums, groups, one address for one policy."""

from typing import Any

import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from chirho.interventional.handlers import do
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import ProductWorlds, Worlds, exposure, policy, rollout, tally
from causal_lpm.agents.networks import FreshRandom, Graph, Groups
from causal_lpm.ops.exposure import FIXED_POINT, from_fixed_point, to_fixed_point

EDGES = torch.randint(0, 60, (2, 300), generator=torch.Generator().manual_seed(1))
EDGES = EDGES[:, EDGES[0] != EDGES[1]]


@settings(max_examples=20)
@given(st.lists(st.floats(0.0, 100.0, width=32), min_size=60, max_size=60), st.permutations(range(EDGES.shape[1])))
def test_the_sum_does_not_depend_on_order_or_chunks(messages: list[float], order: list[int]) -> None:
    x = torch.tensor(messages)
    whole = exposure(Graph.from_edges(EDGES[0], EDGES[1], 60), x)
    shuffled = EDGES[:, order]
    assert torch.equal(exposure(Graph.from_edges(shuffled[0], shuffled[1], 60), x), whole)
    cut = len(order) // 3
    chunks = [Graph.from_edges(part[0], part[1], 60) for part in (shuffled[:, :cut], shuffled[:, cut:])]
    assert torch.equal(exposure(chunks[0] + chunks[1], x), whole)
    rows = torch.stack((x, x.flip(0)))
    assert torch.equal(exposure(Graph.from_edges(EDGES[0], EDGES[1], 60), rows)[0], whole)


def test_booleans_and_counts_and_fractions() -> None:
    home = Groups(torch.tensor([0, 0, 0, 1]))
    assert exposure(home, torch.tensor([True, True, False, True])).tolist() == [1.0, 1.0, 2.0, 0.0]
    assert exposure(home, torch.tensor([3, 0, 0, 9], dtype=torch.uint8)).tolist() == [0.0, 3.0, 3.0, 0.0]
    assert exposure(home, torch.tensor([0.25, 0.5, 0.0, 0.0])).tolist() == [0.5, 0.25, 0.75, 0.0]


@given(st.floats(-(2.0**20), 2.0**20, width=32))
def test_fixed_point_rounds_to_the_nearest_step(x: float) -> None:
    value = torch.tensor([x])
    assert abs(float(to_fixed_point(value)) / FIXED_POINT - x) <= 0.5 / FIXED_POINT
    assert abs(float(from_fixed_point(to_fixed_point(value))) - x) <= 0.5 / FIXED_POINT + abs(x) * 2**-23


def test_infectiousness_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(ValueError, match=r"shape \(3,\) but the network connects 4 agents: give one value an agent"):
        exposure(Groups(torch.tensor([0, 0, 0, 1])), torch.ones(3))


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_infectiousness_that_is_no_number_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="infectiousness contains NaN or infinity"):
        exposure(Groups(torch.tensor([0, 0])), torch.tensor([1.0, bad]))


@settings(max_examples=30)
@given(st.data(), st.sampled_from([torch.bool, torch.uint8, torch.int64, torch.float32]))
def test_tallies_are_sums(data: st.DataObject, dtype: torch.dtype) -> None:
    rows, agents, groups = data.draw(st.integers(1, 4)), data.draw(st.integers(1, 30)), data.draw(st.integers(1, 5))
    size = rows * agents
    numbers = data.draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))
    values = torch.tensor(numbers).reshape(rows, agents).to(dtype)
    by = torch.tensor(data.draw(st.lists(st.integers(0, groups - 1), min_size=agents, max_size=agents)))
    total, parts = tally("x", values), tally("y", values, by, groups=groups)
    assert total.shape == (rows, 1)
    assert parts.shape == (rows, groups)
    for row in range(rows):
        assert float(total[row, 0]) == sum(values[row].tolist())
        for group in range(parts.shape[1]):
            assert float(parts[row, group]) == sum(
                v for v, g in zip(values[row].tolist(), by.tolist(), strict=True) if g == group
            )
    expected = torch.float64 if dtype == torch.float32 else torch.int64
    assert total.dtype == parts.dtype == expected


def test_a_tally_of_many_small_numbers_does_not_overflow() -> None:
    assert int(tally("x", torch.full((10_000,), 255, dtype=torch.uint8))) == 2_550_000


def test_groups_of_the_wrong_length_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"tally 'cases' sums \(3,\) by groups of shape \(2,\): give one group an agent"
    ):
        tally("cases", torch.ones(3), by=torch.tensor([0, 1]), groups=2)


@pytest.mark.parametrize("value", [30, 30.0, True, torch.tensor(30), torch.tensor([30.0], dtype=torch.float64)])
def test_a_policy_is_float32_with_a_dimension(value: float) -> None:
    decided = policy("p", value)
    assert decided.dtype == torch.float32
    assert decided.shape == (1,)


@pytest.mark.parametrize(
    "act",
    [
        84,
        84.0,
        lambda value: 4 * value,
        torch.tensor(84),
        torch.tensor([84.0]),
        torch.tensor(84.0, dtype=torch.float64),
    ],
)
def test_an_act_of_another_kind_is_made_to_fit(act: Any) -> None:
    with do(actions={"p": act}):
        alone = policy("p", 21)
    for handler in (Worlds(), ProductWorlds()):
        with handler, do(actions={"p": act}):
            worlds = policy("p", 21)
        assert worlds.dtype == alone.dtype == torch.float32
        assert worlds.flatten().tolist() == [21.0, 84.0]
    assert alone.tolist() == [84.0]


def test_a_policy_for_every_agent() -> None:
    with Worlds(), do(actions={"p": torch.tensor([0.0, 1.0, 2.0])}):
        assert policy("p", torch.ones(3)).tolist() == [[1.0, 1.0, 1.0], [0.0, 1.0, 2.0]]


def test_a_stage_keeps_its_dtype_under_interventions() -> None:
    """Single worlds and worlds alike."""
    state = {"stage": torch.zeros(4, dtype=torch.uint8), "p": torch.zeros(1)}
    recovered = StaticIntervention(torch.tensor(1.0), {"stage": torch.full((4,), 2)})
    function = StaticIntervention(torch.tensor(1.0), lambda s: {**s, "stage": torch.full((4,), 2)})
    for change in (recovered, function):
        with change:
            alone = rollout(lambda s: s, state, 3).state["stage"]
        with Worlds(), change:
            worlds = rollout(lambda s: s, state, 3).state["stage"]
        assert alone.dtype == worlds.dtype == torch.uint8
        assert worlds.tolist() == [[0] * 4, alone.tolist()] == [[0] * 4, [2] * 4]


def test_a_fraction_in_place_of_a_stage_is_refused() -> None:
    change = StaticIntervention(torch.tensor(1.0), {"stage": torch.tensor([0.5])})
    with (
        pytest.raises(ValueError, match=r"an act sets \[0.5\] where the value is torch.uint8: give whole numbers"),
        change,
    ):
        rollout(lambda s: s, {"stage": torch.zeros(4, dtype=torch.uint8)}, 3)


def test_a_step_restores_dtypes_and_dimensions() -> None:
    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {"stage": s["stage"] + torch.ones(4, dtype=torch.int64), "p": torch.tensor(2.0, dtype=torch.float64)}

    state = rollout(day, {"stage": torch.zeros(4, dtype=torch.uint8), "p": torch.zeros(1)}, 2).state
    assert state["stage"].dtype == torch.uint8
    assert (state["p"].dtype, state["p"].shape) == (torch.float32, (1,))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda s: {"x": s["x"]},
            r"the dynamics returned a partial state without 'y': return \{\*\*s(tate)?, \.\.\.\}",
        ),
        (
            lambda s: {**s, "xx": s["x"]},
            r"the dynamics returned 'xx', which the initial state does not have: did you mean 'x'",
        ),
    ],
)
def test_dynamics_return_the_whole_state(change, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        rollout(change, {"x": torch.zeros(3), "y": torch.zeros(3)}, 2)


def test_named_layers_are_summed_apart() -> None:
    layers = {"a": Graph.from_edges(EDGES[0], EDGES[1], 60), "b": Groups(torch.arange(60) // 3)}
    x = torch.rand(2, 60, generator=torch.Generator().manual_seed(2))
    apart = exposure(layers, x)
    assert list(apart) == ["a", "b"]
    assert all(torch.equal(apart[name], exposure(layer, x)) for name, layer in layers.items())


def test_fresh_layers_of_one_name_are_refused() -> None:
    stubs = torch.ones(4, dtype=torch.int64)
    with pytest.raises(ValueError, match="fresh network 'random' appears twice"):
        exposure({"bus": FreshRandom(stubs), "shop": FreshRandom(stubs)}, torch.ones(4))


@pytest.mark.parametrize(("returned", "kept"), [(-1.5, torch.uint8), (300, torch.uint8), (1e5, torch.int16)])
def test_numbers_that_an_entry_cannot_hold_are_refused(returned: float, kept: torch.dtype) -> None:
    with pytest.raises(ValueError, match="begin with an entry of a type that holds them"):
        rollout(lambda s: {"x": torch.full((2,), returned)}, {"x": torch.zeros(2, dtype=kept)}, 1)
