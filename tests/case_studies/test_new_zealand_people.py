"""The people of New Zealand: as in the tables, at any number of agents, with contacts that go both ways."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from case_studies.new_zealand import inputs
from case_studies.new_zealand.contacts import between_districts, random_contacts
from case_studies.new_zealand.districts import AUCKLAND, DISTRICTS, ETHNICITIES, apart, district_number
from case_studies.new_zealand.inputs import persons
from case_studies.new_zealand.people import Finer, country, ethnicities, sized

FINER = ((10, AUCKLAND), (3, (0, 4)))


@pytest.mark.parametrize("finer", [(), FINER])
def test_everybody_has_an_ethnicity_as_the_table_says(finer: Finer) -> None:
    here = country(30_000, finer=finer)
    people = here.people
    assert people.size == pytest.approx(30_000, rel=0.02)
    band = (people["age"].long() // 5).clamp(max=18)
    cells = (people["district"].long() * 19 + band) * 4 + people["ethnicity"].long()
    counted = np.bincount(cells.numpy(), minlength=20 * 19 * 4).reshape(20, 19, 4)
    table = persons()
    total = counted.sum(2, keepdims=True)
    expected = total * table / np.maximum(table.sum(2, keepdims=True), 1)
    assert np.abs(counted - expected).max() < 1
    agents = torch.bincount(people["district"].long(), minlength=20)
    assert torch.allclose(here.weight * agents, torch.tensor(table.sum((1, 2)), dtype=torch.float32))
    coarse = sorted(set(range(20)) - {number for _, own in finer for number in own})
    for times, own in finer:
        assert float(here.weight[coarse].min() / here.weight[list(own)].max()) == pytest.approx(times, rel=0.15)


def test_groups_stay_in_their_district_and_are_numbered_without_a_gap() -> None:
    people = country(30_000, finer=FINER).people
    for column in ("household", "classroom"):
        group, inside = people[column].long(), people[column] >= 0
        low, high = torch.full((int(group.max()) + 1,), 99), torch.full((int(group.max()) + 1,), -1)
        low.scatter_reduce_(0, group[inside], people["district"].long()[inside], "amin")
        high.scatter_reduce_(0, group[inside], people["district"].long()[inside], "amax")
        assert bool((low == high).all())
    assert bool((people["household"] >= 0).all())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(2, 4))
def test_shares_of_each_age_are_met_whatever_the_households(seed: int, homes: int, kinds: int) -> None:
    rng = np.random.default_rng(seed)
    household = np.repeat(np.arange(homes), 1 + rng.integers(0, 6, homes))
    age = rng.integers(0, 20, len(household))
    table = rng.random((3, kinds))
    told = ethnicities(rng, age, household, table)
    for number in range(3):
        own = np.minimum(age // 5, 2) == number
        counted = np.bincount(told[own], minlength=kinds)
        assert np.abs(counted - own.sum() * table[number] / table[number].sum()).max() < 1


def test_most_have_the_ethnicity_of_the_first_at_home() -> None:
    people = country(30_000).people
    _, first, home = np.unique(people["household"].numpy(), return_index=True, return_inverse=True)
    told = people["ethnicity"].numpy()
    assert (told[first][home] == told).mean() > 0.85


def test_contacts_between_districts_and_ethnicities_go_both_ways() -> None:
    people = torch.tensor(persons().sum((1, 2)))
    travel = between_districts()
    assert torch.allclose(travel.sum(1), torch.ones(20, dtype=torch.float64))
    assert torch.allclose(people[:, None] * travel, people * travel.T)
    here = country(30_000)
    mixing = random_contacts(here, [0])  # without ages, contacts are mutual up to rounding of the people
    there = mixing.sizes > 0  # nobody is met in a group without agents
    group = torch.tensor(persons().sum(1)).flatten() * there
    for number in range(2):
        contacts = group[:, None] * (mixing.by_setting[number] * mixing.sizes)
        assert torch.allclose(contacts, contacts.T, rtol=1e-9, atol=1e-6)


def test_the_boundary_of_auckland_can_be_closed() -> None:
    here = country(30_000)
    outside = ~torch.isin(here.people["district"], torch.tensor(AUCKLAND, dtype=torch.uint8))
    closed = random_contacts(here, [0, 20]).scaled(across=0.0).total(~outside)
    assert bool((closed[outside] == 0).all())
    assert bool((closed[~outside] > 0).all())


def test_districts_are_known_by_name() -> None:
    assert (len(DISTRICTS), len(ETHNICITIES)) == (20, 4)
    assert district_number("Hawkes Bay") == district_number("Hawke's Bay")
    assert float(apart()[district_number("Northland"), district_number("Southern")]) > 1_000
    with pytest.raises(ValueError, match=r"unknown district 'Aukland': did you mean 'Auckland'\?"):
        district_number("Aukland")


@given(st.integers(1_000, inputs.PEOPLE))
def test_no_district_has_more_agents_than_people(agents: int) -> None:
    grain = np.array([next((times for times, own in FINER if place in own), 1) for place in range(20)])
    sizes = sized(agents, grain)
    share = persons().sum((1, 2)) / persons().sum()
    each = np.array([inputs.PEOPLE if (size := sizes[times]) is None else size for times in grain.tolist()])
    assert each.max() <= inputs.PEOPLE
    assert float((share * each).sum()) == pytest.approx(agents, rel=1e-3)
    assert sizes[10] is None or sizes[10] == pytest.approx(10 * each[-1], abs=10)


@pytest.mark.slow
def test_most_agents_are_one_a_person() -> None:
    here = country(inputs.PEOPLE, finer=FINER)
    assert here.people.size == inputs.PEOPLE
    assert float(here.weight.min()) > 0.9


@pytest.mark.parametrize("times", [0, -2])
def test_fewer_than_one_time_as_many_agents_is_refused(times: int) -> None:
    with pytest.raises(ValueError, match=rf"^times as many agents is {times}: "):
        country(1_000, finer=((times, AUCKLAND),))


def test_cut_tables_are_rows_of_the_full_ones(shared_data: Path) -> None:
    for file in inputs.TABLES.glob("*.csv"):
        head, *rows = file.read_text(encoding="utf-8").splitlines()
        full_head, *full = (shared_data / file.name).read_text(encoding="utf-8").splitlines()
        columns = [full_head.split(",").index(name) for name in head.split(",")]
        there = {tuple(line.split(",")[column] for column in columns) for line in full}
        assert {tuple(line.split(",")) for line in rows} <= there
