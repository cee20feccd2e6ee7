"""Immunity that ends, of the recovered and of newborns."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from causal_lpm import KeyedNoise
from causal_lpm.agents import MaternalProtection, Waning, waned
from causal_lpm.agents.days import LAST
from causal_lpm.typing import State

AGENTS = 4_000
ALL = torch.ones(AGENTS, dtype=torch.bool)


def on(day: int, s: State) -> State:
    return {**s, "t": torch.tensor(float(day))}


@pytest.mark.parametrize("shape", [1.0, 4.0])
def test_times_are_gamma_rounded_up(shape: float) -> None:
    waning = Waning(shape)
    with KeyedNoise(1):
        s = waning.gained(on(0, waning.start(AGENTS)), ALL, mean=200.0)
    # False alarm 1e-6 a shape, none at the fixed seed; half a day of 200 was added by rounding up.
    times = s["immune_until"].double() - 0.5
    assert stats.kstest(times, stats.gamma(shape, scale=200 / shape).cdf).pvalue > 1e-6
    assert int(s["immunities"].min()) == int(s["immunities"].max()) == 1


def test_a_day_later_the_same_agent_is_immune_as_long_and_the_second_time_is_its_own() -> None:
    waning = Waning()
    with KeyedNoise(3):
        early = waning.gained(on(5, waning.start(AGENTS)), ALL, mean=90.0)
        late = waning.gained(on(9, waning.start(AGENTS)), ALL, mean=90.0)
        second = waning.gained(on(5, {**waning.start(AGENTS), "immunities": early["immunities"]}), ALL, mean=90.0)
    assert torch.equal(late["immune_until"] - early["immune_until"], torch.full((AGENTS,), 4).short())
    assert not torch.equal(early["immune_until"], second["immune_until"])


def test_only_those_who_gain_are_immune_until_their_day() -> None:
    waning = Waning(name="flu")
    some = torch.arange(AGENTS) % 3 == 0
    with KeyedNoise(1):
        s = on(10, waning.start(AGENTS))
        s |= waning.gained(s, some, mean=torch.full((1,), 50.0))
    assert torch.equal(waning.immune(s), some)
    until = s["flu_immune_until"]
    for day in (20, 60):
        assert torch.equal(waning.immune(on(day, s)), some & (until > day))


def test_immunity_for_ever_and_worlds_that_differ_in_its_mean() -> None:
    waning = Waning()
    mean = torch.tensor([[torch.inf], [30.0], [60.0]])
    with KeyedNoise(1):
        s = waning.gained(on(0, waning.start(AGENTS)), ALL, mean=mean)
        for row, each in enumerate((float("inf"), 30.0, 60.0)):
            alone = waning.gained(on(0, waning.start(AGENTS)), ALL, mean=each)
            assert torch.equal(s["immune_until"][row], alone["immune_until"])
    assert bool((s["immune_until"][0] == LAST + 1).all())
    assert bool((s["immune_until"][2] >= s["immune_until"][1]).all())


def test_newborns_of_immune_mothers_are_protected_and_the_last_agent_of_the_place_forgotten() -> None:
    maternal = MaternalProtection(name="measles")
    assert set(maternal.start(1)) == {"measles_maternal_immune_until", "measles_maternal_immunities"}
    with KeyedNoise(1):
        s = on(0, maternal.start(AGENTS))
        s |= maternal.born(s, ALL, ALL, mean=1e9)
        assert maternal.immune(s).all()
        s = on(4, s) | maternal.born(on(4, s), ALL, ~ALL, mean=1e9)
    assert not maternal.immune(s).any()


@given(st.floats(0, 1), st.floats(0.1, 1e4))
def test_half_is_left_after_the_half_life(at_first: float, half_life: float) -> None:
    left = waned(torch.tensor([0.0, half_life, -1.0]), half_life, at_first)
    assert torch.allclose(left, torch.tensor([at_first, at_first / 2, 0.0]), atol=1e-5)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ValueError, match=r"half-life of \[0.0\]"):
        waned(1.0, 0.0)
    with pytest.raises(ValueError, match=r"begins at \[1.5\]"):
        waned(1.0, 1.0, 1.5)
    with pytest.raises(ValueError, match="the shape of waning is 0"):
        Waning(0)
    s = on(0, Waning().start(3))
    with KeyedNoise(1), pytest.raises(ValueError, match=r"immunity lasts \[0.0\] days on average"):
        Waning().gained(s, ALL[:3], mean=0)
    with KeyedNoise(1), pytest.raises(ValueError, match=r"where is torch\.int64"):
        Waning().gained(s, torch.ones(3).long(), mean=3)
    with pytest.raises(ValueError, match="the time is 0"):
        Waning().immune({**s, "t": torch.tensor(0.5)})
