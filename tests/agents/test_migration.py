"""People leave and come; places and counts agree."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causal_lpm import KeyedNoise, Rollout, comparing, policy, rollout, tally
from causal_lpm.agents import Demography, Migration, Population, VitalRates, start, with_places
from causal_lpm.typing import State

NONE = VitalRates((0,), (0.0,), (0.0,))
REGION = torch.arange(600) % 3
PLACES = with_places(Population({"age": torch.full((300,), 40), "region": REGION[:300]}), 600)
SHARES = torch.tensor([0.5, 0.5, 0.0])


def run(arrivals: float = 900.0, leaving: float = 0.5, grouped: bool = True, days: int = 30) -> Rollout:
    demography = Demography(NONE, by=PLACES["region"], groups=3)
    migration = Migration(demography, {20: 0.5, 60: 0.5})
    arrivals_a_year = policy("arrivals", arrivals)

    def day(s: State) -> State:
        changed, migrants = migration.day(s, s["arrivals"], leaving, SHARES if grouped else None)
        tally("left", migrants.left)
        tally("came", migrants.came, by=PLACES["region"], groups=3)
        tally("alive", changed["alive"])
        return {**s, **changed}

    return rollout(day, start(PLACES, arrivals=arrivals_a_year, **demography.start(PLACES)), days)


@settings(max_examples=4)
@given(seed=st.integers(0, 2**31), arrivals=st.floats(0, 2_000), grouped=st.booleans())
def test_fractions_add_up_and_counts_are_conserved(seed: int, arrivals: float, grouped: bool) -> None:
    with KeyedNoise(seed):
        found = run(arrivals, grouped=grouped)
    left, came, alive = (found.tallies[name] for name in ("left", "came", "alive"))
    total = came.sum(0, keepdim=True)
    assert torch.equal(alive, 300 + (total - left).cumsum(-1))
    assert abs(int(total.sum()) - arrivals * 30 / 365.25) < 1 + 1e-3
    if grouped:
        assert int(came[2].sum()) == 0


def test_ages_of_immigrants_are_those_of_the_table() -> None:
    with KeyedNoise(1):
        found = run(3_000, 0.0, grouped=False)
    demography = Demography(NONE)
    age = demography.age({**found.state, "t": torch.tensor(30.0)})[300:][found.state["alive"][300:]]
    assert bool(((age >= 20) & (age <= 65)).all())
    # False alarm 1e-6, none at the fixed seed.
    assert stats.binomtest(int((age < 60).sum()), len(age), 0.5).pvalue > 1e-6


def test_worlds_are_separate_runs() -> None:
    values = (900.0, 900.0, 100.0)
    with KeyedNoise(1), comparing({f"{k}": {"arrivals": value} for k, value in enumerate(values)}):
        together = run()
    for row, value in enumerate(values):
        with KeyedNoise(1):
            alone = run(value)
        assert torch.equal(together.state["birth_day"].reshape(3, -1)[row], alone.state["birth_day"])
        assert torch.equal(together.tallies["came"].reshape(3, 3, -1)[row], alone.tallies["came"])


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: Migration(Demography(NONE), {20: 0.5}), "sum to 0.5"),
        (lambda: Migration(Demography(NONE), {40: 0.5, 20: 0.5}), "in ascending order"),
        (lambda: Migration(Demography(NONE), {118: 1.0}), "an age of immigrants is 118"),
        (lambda: run(-1.0), r"the immigrants a year are \[-1.0\]"),
        (lambda: run(1e6), r"newcomers find \d+ empty places of a group"),
    ],
)
def test_bad_migration_is_refused(act: Any, sentence: str) -> None:
    with KeyedNoise(1), pytest.raises(ValueError, match=sentence):
        act()
