"""`KeyedNoise` and `Seeds`: the hash in plain Python integers, keys, windows."""

import hashlib
import math
import re
from typing import Any

import pyro
import pytest
import torch
from chirho.dynamical.ops import simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro.poutine.messenger import Messenger

from causal_lpm import DiscreteTime, KeyedNoise, Seeds, Worlds, allocate, choose, event, exogenous, rollout
from causal_lpm.typing import State

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15
seeds = st.integers(-(2**63), 2**63 - 1)


def mix(x: int) -> int:
    x &= MASK
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def key(seed: int, name: str, counter: int) -> int:
    word = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "little")
    return mix(mix(mix(seed + word) + counter * GOLDEN))


def bits(seed: int, name: str, counter: int, element: int) -> int:
    return mix(key(seed, name, counter) + element * GOLDEN)


def uniform(seed: int, name: str, counter: int, element: int) -> float:
    return ((bits(seed, name, counter, element) >> 11) + 0.5) * 2.0**-53


def signed(x: int) -> int:
    return x - 2**64 if x >= 2**63 else x


def float32(x: float) -> float:
    return float(torch.tensor(x, dtype=torch.float64).float())


@settings(max_examples=20)
@given(seed=seeds, name=st.text(max_size=12), slots=st.integers(1, 3))
def test_fields_are_the_hash_written_out(seed: int, name: str, slots: int) -> None:
    with KeyedNoise(seed):
        words = exogenous(name, 4, "bits", slots).reshape(4, slots)
        uniforms = exogenous(name, 4, "uniform", slots).reshape(4, slots)
        exponentials = exogenous(name, 4, "exponential", slots).reshape(4, slots)
        gumbels = exogenous(name, 4, "gumbel", slots).reshape(4, slots)
    for agent in range(4):
        for slot in range(slots):
            element = agent * slots + slot
            u = uniform(seed, name, -1, element)
            assert int(words[agent, slot]) == signed(bits(seed, name, -1, element))
            assert float(uniforms[agent, slot]) == float32(u)
            assert float(exponentials[agent, slot]) == pytest.approx(-math.log1p(-u), rel=2**-23)
            assert float(gumbels[agent, slot]) == pytest.approx(-math.log(-math.log1p(-u)), rel=2**-21, abs=2**-22)


@settings(max_examples=10)
@given(seed=seeds)
def test_the_step_and_the_name_of_the_rollout_enter_the_key(seed: int) -> None:
    seen: list[int] = []

    def day(s: State) -> State:
        seen.append(int(exogenous("luck", 2, "bits")[1]))
        return s

    with KeyedNoise(seed):
        rollout(day, {"x": torch.zeros(2)}, 3)
        rollout(day, {"x": torch.zeros(2)}, 2, name="second")
    expected = [bits(seed, "luck", step, 1) for step in range(3)] + [
        bits(seed, "second/luck", step, 1) for step in range(2)
    ]
    assert [bits_ & MASK for bits_ in seen] == expected


@settings(max_examples=10)
@given(seed=seeds, numbers=st.lists(st.integers(0, 5), min_size=3, max_size=3))
def test_noise_by_number_is_keyed_by_the_number_and_never_by_the_day(seed: int, numbers: list[int]) -> None:
    seen: list[list[int]] = []

    def day(s: State) -> State:
        seen.append(exogenous("course", 3, "bits", 6, torch.tensor(numbers)).tolist())
        return s

    with KeyedNoise(seed):
        rollout(day, {"x": torch.zeros(3)}, 2)
    expected = [signed(bits(seed, "course", number, agent)) for agent, number in enumerate(numbers)]
    assert seen == [expected, expected]


def test_events_happen_where_the_exponential_is_below_the_hazard() -> None:
    with KeyedNoise(5):
        happened = event("x", torch.full((200,), 0.3))
    assert happened.tolist() == [float32(-math.log1p(-uniform(5, "x", -1, i))) < float32(0.3) for i in range(200)]


def test_seeds_are_63_bits_a_window() -> None:
    pyro.set_rng_seed(0)

    def day(s: State) -> State:
        return {"x": exogenous("luck", 3, "uniform")}

    states = []
    with Seeds("luck", (0, 2, 5)) as noise, pyro.poutine.trace() as tr, DiscreteTime():
        for days in (2, 5, 7):
            states.append(simulate(day, {"x": torch.zeros(3)}, torch.tensor(0.0), torch.tensor(float(days)))["x"])
    values = {name: int(node["value"]) for name, node in tr.trace.nodes.items()}
    assert list(values) == ["luck_0", "luck_1", "luck_2"]
    assert all(0 <= value < 2**63 for value in values.values())
    assert noise.windows == (0, 2, 5)
    for state, (window, step) in zip(states, ((0, 1), (1, 4), (2, 6)), strict=True):
        assert state.tolist() == [float32(uniform(values[f"luck_{window}"], "luck", step, i)) for i in range(3)]


def test_seeds_draw_anew_when_entered_again_and_are_replayed_by_condition() -> None:
    noise = Seeds("luck")
    draws = []
    for _ in range(2):
        with noise, pyro.poutine.trace() as tr:
            draws.append((exogenous("x", 5), int(tr.trace.nodes["luck_0"]["value"])))
    assert draws[0][1] != draws[1][1]
    with noise, pyro.poutine.condition(data={"luck_0": torch.tensor(draws[0][1])}):
        assert torch.equal(exogenous("x", 5), draws[0][0])


def test_the_names_of_seed_sites_do_not_depend_on_the_step_that_meets_them_first() -> None:
    with Seeds("luck", (0, 1)), pyro.poutine.trace() as tr:
        rollout(lambda s: {"x": exogenous("a", 3)}, {"x": torch.zeros(3)}, 3)
    assert list(tr.trace.nodes) == ["luck_0", "luck_1"]


def test_replicates_of_seeds() -> None:
    with Worlds(replicates=4), Seeds("luck"), pyro.poutine.trace() as tr:
        assert exogenous("x", 5).shape == (4, 5)
    assert tr.trace.nodes["luck_0"]["value"].shape == (4, 1)
    assert tr.trace.nodes["luck_0"]["value"].unique().numel() == 4


def test_a_seed_of_draws_and_replicates() -> None:
    with KeyedNoise(torch.arange(6).reshape(3, 2, 1)):
        field = exogenous("x", 5)
    assert field.shape == (3, 2, 5)
    with KeyedNoise(5):
        assert torch.equal(field[2, 1], exogenous("x", 5))


@pytest.mark.parametrize(
    "twice",
    [
        lambda: (event("e", 0.1), event("e", 0.2)),
        lambda: (choose("e", torch.zeros(3, 2)), choose("e", torch.zeros(3, 2))),
        lambda: (
            allocate("e", torch.zeros(3, dtype=torch.uint8), 1),
            event("e", 0.2),
        ),
    ],
)
def test_a_name_used_twice_in_a_step_is_refused(twice) -> None:  # type: ignore[no-untyped-def]
    def day(s: State) -> State:
        twice()
        return s

    with pytest.raises(ValueError, match=r"name 'e' of this .* is used twice in step 0: both would"), KeyedNoise(1):
        rollout(day, {"x": torch.zeros(3)}, 2)


@pytest.mark.parametrize("windows", [(), (1,), (0, 5, 5), (0, 7, 3), (-1, 0)])
def test_bad_windows_are_refused(windows: tuple[int, ...]) -> None:
    message = f"the windows of seeds 'luck' are {windows}: give ascending first days that start at 0"
    with pytest.raises(ValueError, match=re.escape(message)):
        Seeds("luck", windows)


def test_two_rollouts_of_one_model_have_their_own_luck_when_named() -> None:
    def day(s: State) -> State:
        return {"x": exogenous("luck", 100)}

    with KeyedNoise(1):
        first = rollout(day, {"x": torch.zeros(100)}, 2, name="a").state["x"]
        again = rollout(day, {"x": torch.zeros(100)}, 2, name="a").state["x"]
        second = rollout(day, {"x": torch.zeros(100)}, 2, name="b").state["x"]
    assert torch.equal(first, again)
    assert not torch.equal(first, second)


def test_the_sites_of_a_named_rollout_carry_its_name() -> None:
    def day(s: State) -> State:
        return {"x": s["x"] + event("luck", torch.full((3,), 0.5))}

    with pyro.poutine.trace() as tr:
        rollout(day, {"x": torch.zeros(3)}, 1, name="a")
        rollout(day, {"x": torch.zeros(3)}, 1, name="b")
    assert list(tr.trace.nodes) == ["a/t=0/luck_noise", "a/t=0/luck", "b/t=0/luck_noise", "b/t=0/luck"]


def test_numbered_noise_does_not_change_where_a_window_of_seeds_ends() -> None:
    found = []

    def day(s: State) -> State:
        found.append(exogenous("course", 3, "uniform", 4, torch.ones(3, dtype=torch.int64)))
        return s

    with Seeds("luck", (0, 2)):
        rollout(day, {"x": torch.zeros(3)}, 4)
    assert all(torch.equal(one, found[0]) for one in found)


def test_luck_outside_of_steps_and_by_number_belongs_to_the_first_window() -> None:
    def told(first: int, second: int) -> dict[str, torch.Tensor]:
        def day(s: State) -> State:
            number = torch.full((50,), int(s["t"]))
            return {
                "steps": s["steps"] * 2 + event("infection", torch.full((50,), 0.5)),
                "by number": s["by number"] + exogenous("duration", 50, slots=4, index=number),
            }

        start = {"steps": torch.zeros(50), "by number": torch.zeros(50)}
        seeds = {"luck_0": torch.tensor(first), "luck_1": torch.tensor(second)}
        with pyro.condition(data=seeds), Seeds("luck", (0, 2)):
            found = {"before": exogenous("course", 50), "early": rollout(day, start, 2, name="wave").state["steps"]}
            found["between"] = exogenous("latent periods", 50)
            late = rollout(day, start, 4, name="wave").state
            return {**found, "late": late["steps"], "by number": late["by number"], "after": exogenous("reports", 50)}

    one, second, first = told(1, 2), told(1, 3), told(4, 2)
    assert [name for name in one if not torch.equal(one[name], second[name])] == ["late"]
    assert [name for name in one if torch.equal(one[name], first[name])] == []


@pytest.mark.parametrize("seed", [1, torch.arange(4)[:, None]])
def test_announced_replicates_need_a_seed_each(seed: int | torch.Tensor) -> None:
    with pytest.raises(ValueError, match="3 replicates are announced but the noise has"), Worlds(replicates=3):  # noqa: SIM117
        with KeyedNoise(seed):
            exogenous("luck", 5)


def test_what_a_handler_inside_answers_to_an_event_stands() -> None:
    class Nobody(Messenger):
        def _pyro_event(self, msg: Any) -> None:
            msg["fn"] = lambda name, hazard, *_, **__: torch.zeros(hazard.shape, dtype=torch.bool)

    with KeyedNoise(1):
        assert event("infection", torch.full((9,), 50.0)).all()
        with Nobody():
            assert not event("other", torch.full((9,), 50.0)).any()


def test_a_subclass_that_hears_of_sites_hears_of_those_of_events() -> None:
    class Seen(KeyedNoise):
        def _pyro_post_sample(self, msg: Any) -> None:
            heard.append(msg["name"])

    heard: list[str] = []
    with KeyedNoise(1):
        plain = event("infection", torch.full((9,), 0.5))
    with Seen(1):
        assert torch.equal(event("infection", torch.full((9,), 0.5)), plain)
    assert heard == ["infection"]


def test_a_subclass_that_hears_of_events_hears_a_hazard_an_agent() -> None:
    class Halved(KeyedNoise):
        def _pyro_event(self, msg: Any) -> None:
            super()._pyro_event(msg)
            name, hazard, *others = msg["args"]
            msg["args"] = name, hazard * torch.linspace(0, 1, 4), *others

    group = torch.tensor([0, 0, 1, 1])
    with Halved(1):
        by_group = event("infection", torch.tensor([5.0, 9.0]), by=group)
        assert torch.equal(by_group, event("infection", torch.tensor([5.0, 9.0])[group]))


@pytest.mark.parametrize("inside", [False, True])
def test_data_from_a_handler_on_either_side_are_heard(inside: bool) -> None:
    class Given(Messenger):
        def _pyro_event(self, msg: Any) -> None:
            name, hazard, _, where = msg["args"]
            msg["args"] = name, hazard, torch.ones(9), where

    handlers = [KeyedNoise(1), Given()] if inside else [Given(), KeyedNoise(1)]
    with handlers[0], handlers[1]:
        assert bool(event("infection", torch.full((9,), 0.1)).all())
