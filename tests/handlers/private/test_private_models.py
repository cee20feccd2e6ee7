"""Unchanged models on shares: every cell of every tally is that of the plain run, for one, two and three parties."""

from typing import Any

import pyro
import pytest
import torch
from chirho.interventional.handlers import do

from case_studies.second_dose.mechanism import mechanism
from case_studies.second_dose.model import first_cases_of_archive, second_dose, setup
from case_studies.second_dose.people import king_county
from causal_lpm import KeyedNoise, Rollout, Secret, Worlds, comparing, event, exposure, look_up, rollout, tally
from causal_lpm.agents import Population, StageGraph, Transition, mean_days
from causal_lpm.agents.disease import Course
from causal_lpm.handlers.private.sharing import reveal
from tests.contracts import models
from tests.handlers.private.runs import AGENTS, Party, clear_epidemic, contacts_of, epidemic, ill, with_parties

PARTIES = [1, 2, 3]


def secrets_of(run: Rollout) -> set[str]:
    return {name for name, value in run.state.items() if isinstance(value, Secret)}


@pytest.mark.parametrize("parties", PARTIES)
def test_the_epidemic_of_the_readme(parties: int) -> None:
    def run(party: Party) -> Any:
        people = Population({"stage": party.share(ill(), 0, 2)})
        with KeyedNoise(1), party.private(small={"stage": 3}):
            done = epidemic(people, contacts_of(), 25)
        assert secrets_of(done) == {"stage"}
        return done.tallies["cases"], party.layer.cost

    for cases, cost in with_parties(parties, AGENTS, run):
        assert torch.equal(cases, clear_epidemic(25))
        assert cases.sum() > 100
        if parties > 1:
            assert cost.rounds / 25 <= 4


@pytest.mark.parametrize("parties", PARTIES)
def test_worlds_of_the_epidemic(parties: int) -> None:
    settings = {"never": {}, "day 5": {"closing_day": 5}, "day 9": {"closing_day": 9}}
    with KeyedNoise(1), comparing(settings):
        clear = epidemic(Population({"stage": ill()}), contacts_of(), 15).tallies["cases"]

    def run(party: Party) -> Any:
        people = Population({"stage": party.share(ill(), 0, 2)})
        with KeyedNoise(1), comparing(settings), party.private(small={"stage": 3}):
            done = epidemic(people, contacts_of(), 15)
        assert secrets_of(done) == {"stage"}
        return done.tallies["cases"]

    assert all(torch.equal(cases, clear) for cases in with_parties(parties, AGENTS, run))


@pytest.mark.parametrize("inside", [True, False])
def test_private_stands_inside_or_outside_of_the_seed(inside: bool) -> None:
    def run(party: Party) -> Any:
        people = Population({"stage": party.share(ill(), 0, 2)})
        first, second = (KeyedNoise(1), party.private()) if inside else (party.private(), KeyedNoise(1))
        with first, second:
            return epidemic(people, contacts_of(), 10).tallies["cases"]

    (cases,) = with_parties(1, AGENTS, run)
    assert torch.equal(cases, clear_epidemic(10))


@pytest.mark.parametrize("parties", PARTIES)
@pytest.mark.parametrize("worlds", [False, True])
def test_the_flu_of_the_tutorial(parties: int, worlds: bool) -> None:
    flu = pyro.poutine.condition(models.flu, data={"beta": torch.tensor(0.05)})
    plain = models.people()

    def simulate(people: Population, handlers: tuple[Any, ...]) -> Rollout:
        act = do(actions={"school_closure_day": torch.tensor(5.0)})
        with handlers[0], handlers[1], Worlds(), act if worlds else KeyedNoise(2):
            result: Rollout = flu(people, models.layers(), 15)
            return result

    with KeyedNoise(2):
        clear = simulate(plain, (KeyedNoise(2), KeyedNoise(2)))

    def run(party: Party) -> Any:
        people = plain.with_attributes(stage=party.share(plain["stage"], 0, 2))
        done = simulate(people, (KeyedNoise(2), party.private(small={"stage": 3})))
        assert "stage" in secrets_of(done)
        return done.tallies["cases"]

    everybody = with_parties(parties, models.AGENTS, run)
    assert all(torch.equal(cases, clear.tallies["cases"]) for cases in everybody)
    assert clear.tallies["cases"].sum() > 30


GRAPH = StageGraph(
    ("S", "E", "I", "H", "R"),
    [
        Transition("S", "E", 1.0, mean_days(0.0)),
        Transition("E", "I", 1.0, mean_days(2.5)),
        Transition("I", "R", [0.95, 0.9, 0.6], mean_days(4.2)),
        Transition("I", "H", [0.05, 0.1, 0.4], mean_days(3.0)),
        Transition("H", "R", 1.0, mean_days(6.0)),
    ],
)


def graded(course: Course, state: Any, age: torch.Tensor, days: int) -> Rollout:
    contacts = contacts_of()

    def day(s: Any) -> Any:
        today, stage = s["t"].to(torch.int16), s["stage"]
        caught = event("infection", 0.06 * exposure(contacts, stage == 2), where=stage == 0)
        moved = caught | ((stage > 0) & (s["due"] == today))
        after, due = course.enter_next(stage, s["due"], moved, today)
        tally("infections", caught, age, groups=3)
        tally("hospital", (stage != 3) & (after == 3), age, groups=3)
        return {**s, "stage": after, "due": due}

    return rollout(day, state, days)


@pytest.mark.parametrize("parties", PARTIES)
def test_a_stage_graph_with_a_secret_course_and_secret_ages(parties: int) -> None:
    age, seeds = torch.arange(AGENTS) % 3, ill(every=15).bool()
    with KeyedNoise(5):
        course = GRAPH.course(age)
    state = {"stage": seeds.to(torch.uint8) * 2, "due": torch.where(seeds, 4, -1).to(torch.int16)}
    with KeyedNoise(3):
        clear = graded(course, state, age, 12)

    def run(party: Party) -> Any:
        own = [party.share(x.movedim(-2, -1), 0, top) for x, top in ((course.following, 4), (course.days, 255))]
        hidden = Course(*(x.transpose(-1, -2) for x in own))
        secret = {name: party.share(x, -1, 300) if name == "due" else party.share(x, 0, 4) for name, x in state.items()}
        with KeyedNoise(3), party.private(small={"stage": 5, "due": (-1, 300)}):
            done = graded(hidden, secret, party.share(age, 0, 2), 12)
        assert secrets_of(done) == {"stage", "due"}
        return done.tallies

    for tallies in with_parties(parties, AGENTS, run):
        assert all(torch.equal(tallies[name], series) for name, series in clear.tallies.items())
    assert all(series.sum() > 5 for series in clear.tallies.values())


@pytest.mark.parametrize("noise", ["public", "owner", "dealt"])
@pytest.mark.parametrize("parties", PARTIES)
def test_a_course_is_drawn_for_secret_ages(parties: int, noise: str) -> None:
    age = torch.arange(AGENTS) % 3
    with KeyedNoise(5):
        clear = GRAPH.course(age)

    def run(party: Party) -> Any:
        with KeyedNoise(5), party.private(noise):
            course = GRAPH.course(party.share(age, 0, 2))
        assert isinstance(course.following, Secret)
        assert isinstance(course.days, Secret)
        return reveal(course.following), reveal(course.days)

    for following, days in with_parties(parties, AGENTS, run):
        if noise == "public":
            assert torch.equal(following, clear.following)
            assert torch.equal(days, clear.days)
        # From I a tenth goes to H, or four tenths of the oldest.
        assert set(following[:, 2].unique().tolist()) == {3, 4}
        assert set(days[:, 1].unique().tolist()) == {2, 3}


EARLY = {"vaccination_start": 1.0, "doses_per_day": 20_000.0, "contact_scale": 6.0, "dose_interval": 2.0}
WORLDS = {"standard": EARLY, "delayed": {**EARLY, "dose_interval": 84.0, "first_dose_priority": 1.0}}
ENTRIES = {"stage", "infected_on", "due", "result_day", "quarantine_end", "doses", "first_dose_day"}


def run_second_dose(agents: int, days: int, parties: int, rules: str, noise: str = "public") -> tuple[Any, list[Any]]:
    study = setup(king_county(agents), mechanism(rules))
    with KeyedNoise(1):
        stage = first_cases_of_archive(study.people, study.stages.course(study.people["age_group"]))["stage"]
        stage = torch.where(torch.arange(agents) % 9 == 0, 4, stage.int()).to(torch.uint8)

    def first(share: Any) -> Any:
        def cases(people: Population, course: Course) -> Any:
            known = share(stage, 0, 10)
            infected_on = torch.where(stage > 0, 0, -9999).to(torch.int16)
            return {
                "stage": known,
                "infected_on": share(infected_on),
                "due": look_up(course.days, known).to(torch.int16) + 1,
            }

        return cases

    with KeyedNoise(1), comparing(WORLDS):
        clear = second_dose(study, days, first(lambda x, *_: x))

    def run(party: Party) -> Any:
        with KeyedNoise(1), comparing(WORLDS), party.private(noise, small={"stage": 11, "doses": 3}):
            done = second_dose(study, days, first(party.share))
        assert secrets_of(done) == ENTRIES | {"stock_0", "stock_1"}
        return done.tallies, party.layer.cost

    return clear, with_parties(parties, agents, run)


@pytest.mark.parametrize(("parties", "rules"), [(1, "described"), (2, "described"), (3, "described"), (3, "archived")])
def test_the_second_dose_in_two_worlds(parties: int, rules: str) -> None:
    days = 7
    clear, everybody = run_second_dose(300, days, parties, rules)
    for tallies, cost in everybody:
        for name, series in clear.tallies.items():
            assert torch.equal(tallies[name], series), name
        if parties > 1:
            assert cost.rounds / (days - 1) <= 80
    seen = {name for name, series in clear.tallies.items() if series.sum() > 0}
    assert seen >= {"infections", "first_doses", "second_doses"}


@pytest.mark.parametrize(("parties", "noise"), [(3, "owner"), (2, "dealt")])
def test_the_second_dose_with_luck_that_is_not_public(parties: int, noise: str) -> None:
    clear, everybody = run_second_dose(200, 4, parties, "described", noise)
    for tallies, _ in everybody:
        assert all(torch.equal(tallies[name], everybody[0][0][name]) for name in tallies)
        assert tallies["first_doses"].sum() == clear.tallies["first_doses"].sum(), "the supply is given out"
