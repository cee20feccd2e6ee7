"""Populations by name: ages, places and households are those of the tables, and children live with adults."""

import numpy as np
import pytest
import torch

from causal_lpm import data
from causal_lpm.populations import SyntheticPopulation, names, population
from causal_lpm.populations.by_name import BLUEPRINTS

AGENTS = 8_000


@pytest.fixture(scope="module", params=names())
def made(request: pytest.FixtureRequest) -> SyntheticPopulation:
    return population(request.param, agents=AGENTS, seed=3)


def column(made: SyntheticPopulation) -> str:
    (name,) = made.places
    return name


def test_ages_and_places_are_those_of_the_tables(made: SyntheticPopulation) -> None:
    blueprint = BLUEPRINTS[made.name]()
    wanted = np.stack(list(blueprint.persons.values())) * (AGENTS / sum(map(np.sum, blueprint.persons.values())))
    place, age = made.people[column(made)].long(), made.people["age"].long()
    found = np.zeros(wanted.shape)
    np.add.at(found, (place.numpy(), age.numpy()), 1)
    assert found.sum() == AGENTS
    assert np.abs(found - wanted).max() < 1
    assert np.abs(found.sum(1) - wanted.sum(1)).max() < 1
    assert np.abs(found.cumsum(1) - wanted.cumsum(1)).max() < 2
    assert made.people.labels[column(made)] == made.places[column(made)] == tuple(blueprint.persons)


def test_households_have_the_given_sizes_and_an_adult(made: SyntheticPopulation) -> None:
    blueprint = BLUEPRINTS[made.name]()
    home, age, place = (made.people[name].long() for name in ("household", "age", column(made)))
    size = torch.bincount(home)
    assert size.min() > 0
    assert torch.bincount(home, (age >= 18).float()).min() >= 1
    where = torch.zeros_like(size).scatter_(0, home, place)
    assert torch.equal(where[home], place)  # all members live in one place
    for number, label in enumerate(blueprint.persons):
        wanted = np.append(blueprint.sizes[label], np.zeros(17 - len(blueprint.sizes[label])))
        found = torch.bincount(size[where == number], minlength=18)[1:].numpy()
        # Rounding each size, and one member more or less in the few households that make the sum whole.
        assert np.abs(found - wanted * found.sum()).max() < 10


def test_schools_and_workplaces_lie_in_one_place_and_hold_the_right_ages(made: SyntheticPopulation) -> None:
    age, place = made.people["age"].long(), made.people[column(made)].long()
    for setting in ("school", "classroom", "workplace", "team"):
        number = made.people[setting].long()
        inside = number >= 0
        where = torch.full((int(number.max()) + 1,), -1).scatter_(0, number[inside], place[inside])
        assert torch.equal(where[number[inside]], place[inside])
    pupil = (age >= 5) & (age <= 17)
    assert bool((made.people["school"][pupil] >= 0).all())
    assert torch.equal(made.people["school"] >= 0, made.people["classroom"] >= 0)
    room = made.people["classroom"].long()
    assert torch.bincount(room[pupil]).max() <= 30
    teachers = torch.bincount(room[(room >= 0) & ~pupil])
    assert teachers.max() == 1
    assert bool((made.people["workplace"][made.people["school"] >= 0] == -1).all())
    works = made.people["workplace"] >= 0
    assert 20 <= age[works].min() <= age[works].max() <= 64
    assert torch.bincount(made.people["team"][works].long()).max() <= 20


def test_chance_meetings_are_four_a_day_most_of_them_in_ones_own_place() -> None:
    made = population("new-zealand", agents=4000, seed=1)
    here = made.people["district"] == 2
    met = made.networks["community"].total(here)
    share = float(here.double().mean())
    assert made.networks["community"].degree().numpy() == pytest.approx(4.0)
    assert met[here].numpy() == pytest.approx(4 * (0.8 + 0.2 * share))
    assert met[~here].numpy() == pytest.approx(4 * 0.2 * share)


def test_contacts_are_mutual_among_these_people(made: SyntheticPopulation) -> None:
    assert made.contacts is not None
    group = made.contacts.group_of(made.people["age"])
    people = torch.bincount(group, minlength=len(made.contacts.ages)).double()
    both = people[:, None] * made.contacts.total()
    assert both.numpy() == pytest.approx(both.T.numpy())
    mean = float(both.sum() / people.sum())
    assert 7 < mean < 21
    authors = "Prem" if made.name in ("new-zealand", "country:NZL", "country:KEN", "country:BRA") else "Mistry"
    assert authors in made.contacts.source
    assert authors in made.attribution


def test_a_seed_gives_the_same_population_and_another_seed_another() -> None:
    one, again, other = (population("nyc", 2000, seed=seed).people for seed in (1, 1, 2))
    assert all(torch.equal(one[name], again[name]) for name in one)
    assert not torch.equal(one["age"], other["age"])


def test_partners_and_parents_have_likely_ages() -> None:
    people = population("new-zealand", 50_000, seed=1).people
    home, age = people["household"].long(), people["age"].double()
    child = age < 18
    first = torch.cat([torch.tensor([True]), home.diff() > 0])
    parent = age[first][home]
    gap = (parent - age)[child]
    assert 27 < gap.mean() < 33
    assert (gap > 15).double().mean() > 0.95
    second = first.roll(1) & (home == home.roll(1)) & ~child
    apart = (age - age.roll(1))[second].abs()
    assert apart.median() < 5


def test_full_sizes_are_those_of_the_tables() -> None:
    wpp = data.read("population_wpp_countries.csv").groupby("iso3")["persons"].sum()
    assert BLUEPRINTS["nyc"]().size == 8_336_817
    assert BLUEPRINTS["new-zealand"]().size == wpp["NZL"]
    assert all(BLUEPRINTS[f"country:{iso3}"]().size == persons for iso3, persons in wpp.items())


@pytest.mark.parametrize(
    ("name", "agents", "sentence"),
    [
        ("newzealand", 1000, "unknown population 'newzealand': did you mean 'new-zealand'"),
        ("nyc", 0, "agents is 0: give a whole number of at least 1"),
        ("nyc", 10.5, "agents is 10.5"),
        ("country:IND", 10**12, "agents of 'country:IND' need about"),
        ("new-zealand", 20, "children and no adult: give more agents"),
    ],
)
def test_what_cannot_be_made_is_refused(name: str, agents: int, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        population(name, agents)
