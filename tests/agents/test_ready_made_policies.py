"""The laws that all ready-made policies keep, each in a small epidemic: worlds, days, and shares that only add."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention

from causal_lpm import KeyedNoise, Worlds, comparing, event, exposure, rollout, tally
from causal_lpm.agents import (
    NEVER,
    CatchUp,
    Closures,
    Isolation,
    Masks,
    RoutineVaccination,
    Screening,
    Tracing,
    Treatment,
    random_graph,
)
from causal_lpm.typing import State

AGENTS, DAYS = 400, 15
FRIENDS = random_graph(AGENTS, 6.0, seed=1)
EVERYBODY = torch.ones(AGENTS, dtype=torch.bool)

Effect = tuple[State, torch.Tensor, torch.Tensor]
"""Changed entries, and the factors of what is sent and of what is received."""


@dataclass
class Part:
    """A ready-made policy in the epidemic below.

    Attributes:
        start: Its entries of the first state.
        day: State, the infectious and those who became so yesterday -> what it does.
        name: Stands before its policies; those of closures have other names.
        policies: Names of start, end and strength.
    """

    start: Callable[[], State]
    day: Callable[[State, torch.Tensor, torch.Tensor], Effect]
    policies: tuple[str, str, str]


def named(name: str) -> tuple[str, str, str]:
    return f"{name}_start", f"{name}_end", f"{name}_strength"


def parts() -> dict[str, Part]:
    closures, masks, treatment = Closures(("friends",)), Masks(), Treatment(reduction=0.8)
    isolation, screening = Isolation(start_day=NEVER, strength=1.0), Screening(start_day=NEVER, with_symptoms=0.7)
    tracing = Tracing(network=FRIENDS, probability=0.8, start_day=NEVER, delay=0)
    routine, catch_up = RoutineVaccination(strength=1.0), CatchUp(end_day=12)
    one = torch.ones(1)

    def isolated(s: State, ill: torch.Tensor, new: torch.Tensor) -> Effect:
        changed, inside = isolation.day(s, new, leave=~ill)
        return changed, isolation.contacts_left(s, inside), one

    def screened(s: State, ill: torch.Tensor, new: torch.Tensor) -> Effect:
        return {}, 1 - screening.swabbed(s, ill, among=EVERYBODY).float(), one

    def traced(s: State, ill: torch.Tensor, new: torch.Tensor) -> Effect:
        changed, told = tracing.day(s, new)
        return changed, one, 1 - told.float()

    def treated(s: State, ill: torch.Tensor, new: torch.Tensor) -> Effect:
        changed = treatment.day(s, new, ill)
        return changed, treatment.sending({**s, **changed}), one

    def programme(which: RoutineVaccination, of: torch.Tensor) -> Callable[..., Effect]:
        def vaccinated(s: State, ill: torch.Tensor, new: torch.Tensor) -> Effect:
            changed = which.day(s, of & ~ill)
            return changed, one, 1 - which.protected({**s, **changed}).float()

        return vaccinated

    closure = "friends_closure_day", "friends_reopening_day", "friends_closure_strength"
    return {
        "closures": Part(closures.start, lambda s, ill, new: ({}, closures.factor(s, "friends"), one), closure),
        "masks": Part(
            lambda: masks.start(AGENTS), lambda s, ill, new: ({}, masks.sending(s), masks.receiving(s)), named("masks")
        ),
        "isolation": Part(lambda: isolation.start(AGENTS), isolated, named("isolation")),
        "screening": Part(lambda: screening.start(AGENTS), screened, named("screening")),
        "tracing": Part(lambda: tracing.start(AGENTS), traced, named("tracing")),
        "treatment": Part(lambda: treatment.start(AGENTS), treated, named("treatment")),
        "routine": Part(
            lambda: routine.start(AGENTS), programme(routine, torch.arange(AGENTS) % 3 > 0), named("routine")
        ),
        "catch-up": Part(lambda: catch_up.start(AGENTS), programme(catch_up, EVERYBODY), named("catch_up")),
    }


every_part = pytest.mark.parametrize("name", list(parts()))


def infections(part: Part) -> torch.Tensor:
    """New infections, int64 `[*dims, days]`."""

    def day(s: State) -> State:
        ill, new = s["since"] >= 0, s["since"] == 0
        changed, sent, received = part.day(s, ill, new)
        force = 0.15 * exposure(FRIENDS, ill * sent) * received
        infected = event("infection", force, where=~ill & (s["since"] == NEVER))
        recovered = event("recovery", 0.2, where=ill)
        tally("infections", infected)
        since = torch.where(infected, 0, torch.where(recovered, -2, s["since"] + ill))
        return {**s, **changed, "since": since}

    since = torch.where(torch.arange(AGENTS) < 10, 0, NEVER)
    return rollout(day, {**part.start(), "since": since}, DAYS).tallies["infections"][..., 0, :]


@every_part
def test_worlds_and_replicates_equal_separate_runs(name: str) -> None:
    part = parts()[name]
    begin, end, strength = part.policies
    worlds = {
        "nothing": {},
        "from the start": {begin: 0.0, end: 14.0},
        "later": {begin: 4.0, end: 14.0},
        "for a while": {begin: 0.0, end: 4.0},
        "half": {begin: 0.0, end: 14.0, strength: 0.5},
    }
    with KeyedNoise(torch.tensor([[3], [8]])), comparing(worlds, replicates=2):
        together = infections(part).expand(5, 2, DAYS)
    for number, (world, act) in enumerate(worlds.items()):
        for draw, seed in enumerate((3, 8)):
            with KeyedNoise(seed), comparing({world: act}):
                assert torch.equal(together[number, draw], infections(part).reshape(DAYS))
    nothing, always, later, for_a_while, half = together
    assert torch.equal(nothing[:, :4], later[:, :4])
    if name != "catch-up":  # which is faster if it ends earlier
        assert torch.equal(always[:, :4], for_a_while[:, :4])
    assert always.sum() < half.sum() < nothing.sum()


@every_part
def test_an_act_that_is_what_was_done_changes_nothing(name: str) -> None:
    part = parts()[name]
    with KeyedNoise(3):
        values = {each: part.start()[each] for each in part.policies}
    with KeyedNoise(3), Worlds(), StaticIntervention(torch.tensor(4.0), values):
        both = infections(part)
    with KeyedNoise(3):
        alone = infections(part)
    assert torch.equal(both, alone.expand_as(both))
    assert alone.sum() > 50


@every_part
def test_a_strength_outside_of_0_to_1_is_refused(name: str) -> None:
    part = parts()[name]
    begin, end, strength = part.policies
    act = {begin: 0.0, end: 9.0, strength: 1.5}
    with (
        KeyedNoise(1),
        comparing({"impossible": act}),
        pytest.raises(ValueError, match=rf"policy '{strength}' is \[1.5\]: it must be 0 to 1"),
    ):
        infections(part)


@pytest.mark.parametrize("name", ["isolation", "tracing", "treatment"])
def test_what_goes_by_days_refuses_shorter_steps(name: str) -> None:
    part = parts()[name]

    def day(s: State) -> State:
        return {**s, **part.day(s, EVERYBODY, EVERYBODY)[0]}

    with KeyedNoise(1), pytest.raises(ValueError, match=r"a step is 0\.5 days"):
        rollout(day, part.start(), 2, steps_per_day=2)
