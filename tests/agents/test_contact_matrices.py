"""Contact matrices: what the tables say, what regrouping and reciprocity keep, and what bad input gets to hear."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import data
from causal_lpm.agents import ContactMatrices, Mixing, contact_matrices

AGES = st.lists(st.integers(1, 90), min_size=1, max_size=8, unique=True).map(lambda ages: (0, *sorted(ages)))
SEEDS = st.integers(0, 2**30)


def random(ages: tuple[int, ...], seed: int) -> ContactMatrices:
    g = torch.Generator().manual_seed(seed)
    matrices = {name: 5 * torch.rand(len(ages), len(ages), generator=g, dtype=torch.float64) for name in ("a", "b")}
    return ContactMatrices(matrices, ages, "random")


def by_year(seed: int) -> dict[int, float]:
    """Persons from 0 to 100, some years without any."""
    g = torch.Generator().manual_seed(seed)
    return {age: float(n) for age, n in enumerate(torch.randint(-20, 100, (101,), generator=g).clamp(min=0))}


def contacts_of_all(contacts: ContactMatrices, population: dict[int, float]) -> float:
    return contacts.mean(population) * sum(population.values())


@settings(max_examples=25)
@given(AGES, AGES, SEEDS)
def test_other_ages_keep_all_contacts(old: tuple[int, ...], new: tuple[int, ...], seed: int) -> None:
    people = {age: number + 1 for age, number in by_year(seed).items()}
    contacts = random(old, seed)
    there = contacts.regrouped(new, people)
    assert there.ages == new
    assert contacts_of_all(there, people) == pytest.approx(contacts_of_all(contacts, people), rel=1e-9)
    finer = tuple(sorted({*old, *new}))
    back = contacts.regrouped(finer, people).regrouped(old, people)  # nothing is lost in smaller groups
    torch.testing.assert_close(back.total(), contacts.total())
    mutual = contacts.reciprocal(people).regrouped(new, people)
    assert mutual.reciprocal(people).change["all"] < 1e-9  # still mutual


@settings(max_examples=25)
@given(AGES, SEEDS)
def test_mutual_contacts_are_as_many(ages: tuple[int, ...], seed: int) -> None:
    contacts, people = random(ages, seed), {age: number + 1 for age, number in by_year(seed).items()}
    mutual = contacts.reciprocal(people)
    assert contacts_of_all(mutual, people) == pytest.approx(contacts_of_all(contacts, people), rel=1e-9)
    again = mutual.reciprocal(people)
    assert all(share < 1e-9 for share in again.change.values())
    assert all(0 <= share <= 1 for share in mutual.change.values())
    torch.testing.assert_close(again.total(), mutual.total())


def test_nobody_meets_ages_that_nobody_has() -> None:
    mutual = ContactMatrices({"all": [[3, 1], [1, 4]]}, (0, 18), "mine").reciprocal({0: 20, 18: 0})
    assert mutual.total().tolist() == [[3.0, 0.0], [0.0, 0.0]]
    assert mutual.change["all"] == 0.0


def test_the_agents_ages_are_a_population() -> None:
    age = torch.tensor([3] * 20 + [40] * 80)
    contacts = ContactMatrices({"all": [[3, 1], [1, 4]]}, (0, 18), "mine")
    expected = contacts.reciprocal({0: 20, 18: 80})
    assert torch.equal(contacts.reciprocal(age).total(), expected.total())
    layer = Mixing(contacts.group_of(age), expected)
    sent = torch.arange(100) < 20  # what all children send to adults is what all adults send to children
    assert float(layer.total(sent)[20:].sum()) == float(layer.total(~sent)[:20].sum()) == 50.0


def test_the_means_that_the_sources_differ_by() -> None:
    people = data.read("population_wpp_countries.csv").set_index("age")
    germany = people[people.iso3 == "DEU"].persons
    assert contact_matrices("DEU").mean() == pytest.approx(12.3, abs=0.05)
    assert contact_matrices("DEU", "prem16").mean(germany) == pytest.approx(8.3, abs=0.05)
    assert contact_matrices("DEU", "polymod").mean(germany) == pytest.approx(7.25, abs=0.01)
    changes = []
    for country in ("BRA", "CAN", "DEU", "FRA", "GBR", "IND", "KEN", "NZL", "USA", "ZAF"):
        own = people[people.iso3 == country].persons
        changes.append(contact_matrices(country, source="prem16").reciprocal(own).change["all"])
    assert min(changes) == pytest.approx(0.075, abs=0.001)
    assert max(changes) == pytest.approx(0.178, abs=0.001)


@pytest.mark.parametrize("country", ["AUS", "CAN", "DEU", "FRA", "GBR", "IND", "JPN", "USA", "ZAF"])
def test_mistry_is_reciprocal_with_its_own_people(country: str) -> None:
    assert contact_matrices(country).reciprocal().change["all"] < 1e-5


def test_polymod_in_the_groups_of_the_vignette() -> None:
    """The table that socialmixr prints for the United Kingdom."""
    pooled = contact_matrices("GBR", source="polymod").pooled([0, 1, 5, 15])
    assert pooled.participants is not None
    assert pooled.participants.tolist() == [15, 80, 204, 713]
    expected = [[0.4, 0.8, 1.26667, 5.93333], [0.1125, 1.9375, 1.4625, 5.45]]
    expected += [[0.02451, 0.50490, 7.94608, 6.21569], [0.03226, 0.35905, 1.29032, 9.58485]]
    torch.testing.assert_close(pooled.total(), torch.tensor(expected, dtype=torch.float64), atol=2e-3, rtol=0)
    assert [round(x, 4) for x in pooled.total()[0].tolist()] == [0.4, 0.8, 1.2667, 5.9333]


def test_infants_apart_and_together_are_the_same_survey() -> None:
    table = data.read("contact_polymod.csv")
    for country in sorted(table.iso3.unique()):
        pooled = contact_matrices(country, source="polymod").pooled(range(0, 75, 5))
        own = table[(table.iso3 == country) & (table.setting == "home")]
        there = torch.tensor(own[[f"c{age}" for age in range(0, 75, 5)]].to_numpy())
        torch.testing.assert_close(pooled.settings["home"], there, atol=1e-3, rtol=1e-3)


GBR = contact_matrices("GBR")
TWO = ContactMatrices({"school": [[1, 2], [3, 4]]}, (0, 18), "mine")
BAD: dict[str, tuple[Callable[[], object], str]] = {
    "source": (lambda: contact_matrices("GBR", source="prem17"), "unknown source of contacts 'prem17': did you mean"),
    "country of another source": (
        lambda: contact_matrices("NZL"),
        "mistry18 has no contacts of 'NZL'.*source='prem16'",
    ),
    "country": (lambda: contact_matrices("Germany"), "your own matrices"),
    "setting": (lambda: GBR.scaled(schol=0.1), "unknown setting 'schol': did you mean 'school'"),
    "weight": (lambda: GBR.scaled(school=-0.1), "the weight of setting 'school' is -0.1"),
    "groups": (
        lambda: ContactMatrices({"a": [[1.0]]}, (0, 5), ""),
        r"between 1 groups and the first ages are \(0, 5\)",
    ),
    "not square": (lambda: ContactMatrices({"a": [[1.0, 2.0]]}, (0, 5), ""), "give a square one"),
    "falling": (lambda: TWO.regrouped([0, 5, 3], {0: 1}), "whole numbers from 0 that rise"),
    "begin": (lambda: TWO.regrouped([5, 18], {0: 1}), "begin at age 0 and the new groups at 5"),
    "no people": (lambda: TWO.mean(), "the contacts of mine come without a population: give one"),
    "nobody": (lambda: TWO.mean({0: 0, 18: 0}), "not all 0"),
    "negative": (lambda: TWO.mean({0: -1, 18: 5}), "-1 persons"),
    "open group": (lambda: TWO.regrouped([0, 18, 90], {0: 1, 85: 2}), "an open last group from 85"),
    "pooled": (lambda: TWO.pooled([0]), "not counted by participants: use regrouped"),
    "cut": (lambda: contact_matrices("GBR", source="polymod").pooled([0, 3]), "a group begins at 3"),
    "too young": (lambda: ContactMatrices({"a": [[1.0]]}, (15,), "").group_of([3]), r"age contains \[3\]"),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_told_what_to_do(case: str) -> None:
    make, sentence = BAD[case]
    with pytest.raises(ValueError, match=sentence):
        make()
