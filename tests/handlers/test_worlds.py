"""`Worlds`, `ProductWorlds` and `comparing`: names, padding, dimensions."""

import pyro
import pytest
import torch
from chirho.counterfactual.handlers import TwinWorldCounterfactual
from chirho.dynamical.handlers import StaticIntervention
from chirho.indexed.ops import IndexSet, gather, indices_of
from chirho.interventional.handlers import do
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import ProductWorlds, Worlds, comparing, policy, rollout, tally
from causal_lpm.handlers.factual import factual_indices


def tensors(*values: float | None) -> tuple[torch.Tensor | None, ...]:
    return tuple(None if value is None else torch.tensor(value) for value in values)


def test_worlds_are_named_after_the_acts_and_the_factual_comes_first() -> None:
    with Worlds() as worlds, do(actions={"p": tensors(1.0, 2.0), "q": torch.tensor(0.5)}):
        policy("p", 0.0), policy("q", 0.0)
    assert worlds.names == ["factual", "p=1, q=0.5", "p=2"]
    assert Worlds().names == ["factual"]


def test_acts_on_a_state_have_no_policy_to_be_named_after() -> None:
    with Worlds() as worlds, StaticIntervention(torch.tensor(1.0), {"p": torch.tensor([9.0])}):
        rollout(lambda s: s, {"p": torch.zeros(1)}, 2)
    assert worlds.names == ["factual", "world 1"]


def test_names_may_be_given() -> None:
    with Worlds(["as it was", "earlier"]) as worlds, do(actions={"p": torch.tensor(1.0)}):
        value = policy("p", 0.0)
    assert worlds.names == ["as it was", "earlier"]
    assert float(worlds.take(value, "earlier")) == 1.0
    with pytest.raises(ValueError, match="unknown world 'earliest': did you mean 'earlier'"):
        worlds.take(value, "earliest")


@given(
    st.lists(st.one_of(st.none(), st.integers(-5, 5)), min_size=3, max_size=3), st.lists(st.integers(-5, 5), max_size=3)
)
def test_a_world_without_an_act_keeps_its_own_value(long: list[int | None], short: list[int]) -> None:
    """Where ChiRho would put 0."""
    acts = {"p": tensors(*(None if v is None else float(v) for v in long))}
    if short:
        acts["q"] = tensors(*map(float, short))
    with Worlds(["a", "b", "c", "d"]), do(actions=acts):
        p, q = policy("p", 100.0), policy("q", 200.0)
    assert p.flatten().tolist() == [100.0, *(100.0 if v is None else v for v in long)]
    if short:
        assert q.flatten().tolist() == [200.0, *short, *[200.0] * (3 - len(short))]


def test_what_chirho_does_with_unequal_numbers_of_acts() -> None:
    """The reason for the padding; when this fails, ChiRho has changed."""
    with TwinWorldCounterfactual(-2), do(actions={"p": tensors(1.0, 2.0), "q": torch.tensor([5.0])}):
        policy("p", 7.0)
        assert policy("q", 7.0).flatten().tolist() == [7.0, 5.0, 0.0]


def test_a_later_intervention_acts_on_what_each_world_has_become() -> None:
    change = StaticIntervention(torch.tensor(2.0), {"p": (None, torch.tensor([9.0]))})
    with Worlds(["a", "b", "c"]) as worlds, do(actions={"p": tensors(1.0, 2.0)}), change:
        state = rollout(lambda s: s, {"p": policy("p", 0.0), "x": torch.zeros(3)}, 4).state
    assert state["p"].flatten().tolist() == [0.0, 1.0, 9.0]
    assert worlds.names == ["a", "b", "c"]


def test_more_acts_than_worlds_are_refused() -> None:
    with (
        pytest.raises(ValueError, match="3 acts on 'p' need 4 worlds but there are 2"),
        Worlds(["a", "b"]),
        do(actions={"p": tensors(1.0, 2.0, 3.0)}),
    ):
        policy("p", 0.0)
    with (
        pytest.raises(ValueError, match="name every world, or give the longest tuple of acts first"),
        Worlds(),
        do(actions={"p": torch.tensor(1.0), "q": tensors(1.0, 2.0)}),
    ):
        policy("p", 0.0), policy("q", 0.0)


def test_bad_sizes_and_names() -> None:
    with pytest.raises(ValueError, match="world 'a' appears twice"):
        Worlds(["a", "b", "a"])
    with pytest.raises(ValueError, match=r"number of worlds is 0"):
        Worlds([])
    with pytest.raises(ValueError, match="replicates is 0: give a whole number of at least 1"):
        Worlds(replicates=0)
    with pytest.raises(ValueError, match=r"draws is 2\.5"):
        ProductWorlds(draws=2.5)  # type: ignore[arg-type]


def test_dimensions_are_replicates_then_draws_then_worlds() -> None:
    with Worlds(replicates=2, draws=3) as worlds, do(actions={"p": torch.tensor(1.0)}):
        assert policy("p", 0.0).shape == (2, 1, 1, 1)
    assert {name: (plate.dim, plate.size) for name, plate in worlds.plates.items()} == {
        "replicates": (-2, 2),
        "draws": (-3, 3),
        "world": (-4, 2),
    }


def test_the_factual_index_counts_worlds_and_not_replicates() -> None:
    with ProductWorlds(replicates=2), do(actions={"p": torch.tensor(1.0), "q": torch.tensor(1.0)}):
        policy("p", 0.0), policy("q", 0.0)
        assert dict(factual_indices()) == {"p": {0}, "q": {0}}


def test_one_world_of_a_value_that_did_not_split() -> None:
    worlds = Worlds()
    with worlds, do(actions={"p": torch.tensor(1.0)}):
        split, whole = policy("p", 0.0), policy("q", 5.0)
    for number in (0, 1):
        assert float(worlds.take(split, number)) == number
        assert float(worlds.take(whole, number)) == 5.0


def test_worlds_of_a_decorated_function_end_with_it() -> None:
    worlds = Worlds()

    @worlds
    def model() -> torch.Tensor:
        with do(actions={"p": torch.tensor(1.0)}):
            return policy("p", 0.0)

    assert model().shape == model().shape == (2, 1)
    assert dict(worlds.plates) == {}


def test_settings_are_worlds() -> None:
    settings = {"none": {}, "late": {"start": 30.0}, "late and strict": {"start": 30.0, "share": 0.9}}
    with comparing(settings) as worlds:
        start, share = policy("start", 10), policy("share", 0.5)
        assert dict(indices_of(start + share)) == {"world": {0, 1, 2}}
    assert start.flatten().tolist() == [10.0, 30.0, 30.0]
    assert share.flatten().tolist() == pytest.approx([0.5, 0.5, 0.9])
    with worlds:
        assert float(gather(start, IndexSet(world={1}))) == 30.0


def test_settings_that_agree_do_not_split() -> None:
    with comparing({"a": {"start": 5.0}, "b": {"start": 5.0}}):
        assert policy("start", 10).tolist() == [5.0]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "there is no setting to compare"),
        ({"a": {}, "b": {"dose_intervall": 84.0}}, "unknown policy 'dose_intervall': did you mean 'dose_interval'"),
        ({"a": {"dose_intervall": 84.0}}, "did you mean 'dose_interval'"),
    ],
)
def test_bad_settings(settings: dict[str, dict[str, float]], message: str) -> None:
    with pytest.raises(ValueError, match=message), comparing(settings):
        policy("dose_interval", 21)


def test_a_failing_model_is_not_hidden_by_the_check_of_policies() -> None:
    with pytest.raises(ZeroDivisionError), comparing({"a": {"nonsense": 1.0}}):
        raise ZeroDivisionError
    assert pyro.poutine.runtime._PYRO_STACK == []


def test_worlds_used_twice_begin_anew() -> None:
    worlds = Worlds()
    with worlds, do(actions={"p": tensors(1.0, 2.0)}):
        first = policy("p", 0.0)
    assert [float(worlds.take(first, i)) for i in range(3)] == [0.0, 1.0, 2.0]
    with worlds, do(actions={"p": torch.tensor(5.0)}):
        second = policy("p", 0.0)
        assert float(worlds.take(second, "p=5")) == 5.0, "inside of its block, too"
    assert second.flatten().tolist() == [0.0, 5.0]
    assert worlds.names == ["factual", "p=5"]
    assert pyro.poutine.runtime._PYRO_STACK == []


def test_worlds_with_replicates_used_twice() -> None:
    worlds = Worlds(replicates=2)
    for acts in (tensors(1.0, 2.0, 3.0), tensors(4.0)):
        with worlds, do(actions={"p": acts}):
            assert policy("p", 0.0).shape == (len(acts) + 1, 1, 1)
        assert {name: plate.dim for name, plate in worlds.plates.items()} == {"replicates": -2, "world": -3}


def test_a_failed_simulation_leaves_no_worlds() -> None:
    def breaks(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        if float(s["t"]) == 3.0:
            raise ZeroDivisionError
        return s

    change = StaticIntervention(torch.tensor(1.0), {"p": tensors(1.0, 2.0)})
    with Worlds() as worlds:
        with pytest.raises(ZeroDivisionError), change:
            rollout(breaks, {"p": torch.zeros(1)}, 5)
        assert dict(worlds.plates) == {}
        with StaticIntervention(torch.tensor(1.0), {"p": torch.tensor([7.0])}):
            state = rollout(lambda s: s, {"p": torch.zeros(1)}, 5).state
    assert state["p"].flatten().tolist() == [0.0, 7.0]


def test_another_run_of_the_model_in_one_block_begins_anew() -> None:
    with Worlds() as worlds:
        for acts, names in ((tensors(1.0, 2.0), ["p=1", "p=2"]), (tensors(5.0), ["p=5"])):
            with do(actions={"p": acts}):
                assert policy("p", 0.0).flatten().tolist() == [0.0, *map(float, acts)]
            assert worlds.names == ["factual", *names]
        assert policy("p", 0.0).tolist() == [0.0]
        assert worlds.names == ["factual"]
        for number in (3.0, 4.0):
            with do(actions={"q": tensors(number, 2.0)}):
                assert (policy("p", 0.0) + policy("q", 0.0)).flatten().tolist() == [0.0, number, 2.0]
    with worlds:
        run = rollout(lambda s: {"x": s["x"] + tally("x", s["x"]) * 0}, {"x": torch.ones(2) * policy("p", 0.0)}, 2)
    assert run.tallies["x"].shape == (1, 2)
    with ProductWorlds() as product:
        for _ in range(2):
            with do(actions={"p": torch.tensor(1.0), "q": torch.tensor(1.0)}):
                assert (policy("p", 0.0) + policy("q", 0.0)).shape == (2, 2, 1)
            assert list(product.plates) == ["p", "q"]
