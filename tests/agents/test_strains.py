"""Strains compete for hosts, and what an agent has had protects it."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causal_lpm import KeyedNoise, comparing, event, policy, rollout, tally
from causal_lpm.agents import Strains
from causal_lpm.typing import State

AGENTS = 5_000
ALL = torch.ones(AGENTS, dtype=torch.bool)
MATRIX = [[1.0, 0.6, 0.2], [0.3, 1.0, 0.0], [0.5, 0.5, 1.0]]


def strains(matrix: Any = MATRIX, name: str = "") -> Strains:
    return Strains(("a", "b", "c"), matrix, name=name)


@given(had=st.integers(0, 7))
def test_what_several_strains_leave_is_multiplied(had: int) -> None:
    s = {**strains().start(1), "had": torch.tensor([had], dtype=torch.uint8)}
    for met, found in enumerate(strains().susceptibility(s).values()):
        expected = 1.0
        for strain in range(3):
            if had >> strain & 1:
                expected *= 1 - MATRIX[strain][met]
        assert float(found) == pytest.approx(expected, abs=1e-6)


def test_strains_share_the_infected_as_their_hazards() -> None:
    with KeyedNoise(1):
        _, caught = strains().catch(
            strains().start(AGENTS), dict(zip("abc", torch.tensor([0.1, 0.2, 0.4]), strict=True)), ALL
        )
        one = event("infection", torch.full((AGENTS,), 0.7))
    number = torch.stack(list(caught.values())).long()
    assert torch.equal(number.sum(0), one.long())  # the luck of infection is that of one disease
    # False alarm 1e-6, none at the fixed seed.
    total = int(number.sum())
    assert stats.chisquare(number.sum(-1).tolist(), [total / 7, 2 * total / 7, 4 * total / 7]).pvalue > 1e-6


def epidemic(days: int = 25, cross: float = 0.5) -> dict[str, torch.Tensor]:
    immunity = policy("cross_immunity", cross)
    first = torch.arange(AGENTS) % 50

    def day(s: State) -> State:
        flat = s["cross_immunity"][..., None]
        two = Strains(("a", "b"), torch.where(torch.eye(2).bool(), 1.0, flat))
        infectious = s["ill"] > 0
        shares = {strain: who.sum(-1, keepdim=True) / AGENTS for strain, who in two.carriers(s, infectious).items()}
        changed, caught = two.catch(s, {"a": 0.6 * shares["a"], "b": 0.9 * shares["b"]}, ~infectious)
        recovered = event("recovery", 0.2, where=infectious)
        for strain, who in caught.items():
            tally(strain, who)
        ill = torch.where(recovered, 0, s["ill"]) + caught["a"] + caught["b"]
        return {**s, **changed, "ill": ill}

    two = Strains(("a", "b"), torch.eye(2))
    s = two.start(AGENTS)
    s |= two.infect(s, "a", first == 0)
    s |= two.infect(s, "b", first == 1)
    state = {**s, "ill": (first < 2).to(torch.uint8), "cross_immunity": immunity}
    run = rollout(day, state, days)
    return {**run.tallies, **{entry: run.state[entry] for entry in ("strain", "had", "ill")}}


def test_worlds_are_separate_runs_and_more_cross_immunity_infects_fewer() -> None:
    values = (0.5, 0.5, 1.0, 0.0)
    with KeyedNoise(2), comparing({f"{k}": {"cross_immunity": value} for k, value in enumerate(values)}):
        together = epidemic()
    for row, value in enumerate(values):
        with KeyedNoise(2):
            alone = epidemic(cross=value)
        for name, series in alone.items():
            assert torch.equal(together[name].flatten(0, -2)[row], series.flatten()), name
    infections = [int((together["a"] + together["b"]).flatten(0, -2)[row].sum()) for row in range(4)]
    assert infections[2] < infections[0] == infections[1] < infections[3]


@settings(max_examples=5)
@given(seed=st.integers(0, 2**31))
def test_histories_only_grow_and_immunity_for_life_holds(seed: int) -> None:
    with KeyedNoise(seed):
        found = epidemic(days=10)
        both = strains().start(AGENTS)
        both |= strains().infect(both, "a", ALL)
        changed, caught = strains().catch(
            both, {"a": torch.full((1,), 9.0), "b": torch.zeros(1), "c": torch.zeros(1)}, ALL
        )
    assert not any(who.any() for who in caught.values())
    assert torch.equal(changed["had"], both["had"])
    infections = sum(int(found[strain].sum()) for strain in "ab") + 2 * AGENTS // 50
    assert infections == int((found["had"] & 1).sum() + (found["had"] >> 1).sum())  # nobody had one strain twice


def test_newborns_and_the_forgetful_have_had_none() -> None:
    s = strains(name="flu").start(4)
    s |= strains(name="flu").infect(s, "b", torch.tensor([True, True, False, False]))
    s |= strains(name="flu").forget(s, torch.tensor([True, False, True, False]))
    assert s["flu_had"].tolist() == [0, 2, 0, 0]
    assert s["flu_strain"].tolist() == [0, 2, 0, 0]


@pytest.mark.parametrize(
    ("act", "sentence"),
    [
        (lambda: strains([[1.0, 0.5], [0.5, 1.0]]), r"shape \(2, 2\) for 3 strains"),
        (lambda: strains([[1.0, 0.5, 0.2]]), r"shape \(1, 3\) for 3 strains"),
        (lambda: strains([[1.0], [0.5, 1.0]]), "cross_immunity cannot be read"),
        (lambda: strains(torch.full((3, 3), 1.5)), "runs from 1.5 to 1.5"),
        (lambda: strains(torch.full((3, 3), -0.1)), "runs from -0.1"),
        (lambda: Strains((), torch.ones(0, 0)), "give 1 to 8 names"),
        (lambda: Strains("ab", torch.ones(2, 2)), "give 1 to 8 names"),
        (lambda: Strains(("a", "a"), torch.ones(2, 2)), "strain 'a' appears twice"),
        (lambda: strains().catch(strains().start(1), {"d": torch.ones(1)}, ALL[:1]), "unknown strain 'd'"),
        (lambda: strains().catch(strains().start(1), {"a": torch.ones(1)}, ALL[:1]), "unknown hazard of strain 'b'"),
        (lambda: strains().infect(strains().start(1), "d", ALL[:1]), "unknown strain 'd'"),
    ],
)
def test_bad_strains_are_refused(act: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        act()
