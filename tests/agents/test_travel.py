"""Travel between places: against the formulas, what contacts between places keep, and what bad input gets to hear."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.agents import (
    Mixing,
    by_place,
    carried,
    commuting,
    contact_matrices,
    distances,
    gravity,
    radiation,
    shared,
)


def places(number: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(seed)
    apart = distances(torch.rand(number, generator=g), torch.rand(number, generator=g))
    return apart, torch.randint(1, 1000, (number,), generator=g).double()


def test_great_circles() -> None:
    """London to New York, 5,570 km, and from pole to pole half of the circumference."""
    between = distances([-0.1278, -74.006], [51.5074, 40.7128])
    assert float(between[0, 1]) == pytest.approx(5570, abs=1)
    assert float(distances([0, 50], [90, -90])[0, 1]) == pytest.approx(torch.pi * 6371)


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(0, 2**30))
def test_gravity_and_radiation_are_their_formulas(number: int, seed: int) -> None:
    apart, people = places(number, seed)
    pull = gravity(apart, people, scale=0.01, origin=0.3, destination=0.8, distance=1.5, most=1.0)
    left = radiation(apart, people, leave=0.2)
    for i in range(number):
        row = [
            0.01 * people[i] ** 0.3 * people[j] ** 0.8 / apart[i, j] ** 1.5 if j != i else 0.0 for j in range(number)
        ]
        expected = torch.tensor(row, dtype=torch.float64)
        torch.testing.assert_close(pull[i], expected / max(1.0, float(expected.sum())))
        share = torch.zeros(number, dtype=torch.float64)
        for j in range(number):
            within = sum(float(people[k]) for k in range(number) if k not in (i, j) and apart[i, k] <= apart[i, j])
            m, n = float(people[i]), float(people[j])
            share[j] = m * n / ((m + within) * (m + n + within)) if j != i else 0.0
        # What the finite correction divides by.
        torch.testing.assert_close(share.sum(), (1 - people[i] / people.sum()), atol=1e-12, rtol=1e-9)
        torch.testing.assert_close(left[i], 0.2 * share / share.sum() if number > 1 else share)


@settings(max_examples=20)
@given(st.integers(1, 12), st.integers(0, 2**30))
def test_contacts_between_places_add_up(number: int, seed: int) -> None:
    apart, people = places(number, seed)
    travel = gravity(apart, people, scale=0.1, most=0.4)
    assert bool((travel.sum(1) <= 0.4 + 1e-12).all())
    met = shared(travel, people)
    torch.testing.assert_close(met.sum(1), torch.ones(number, dtype=torch.float64))
    torch.testing.assert_close(people[:, None] * met, (people[:, None] * met).T)  # reciprocal
    force = torch.rand(number, dtype=torch.float64)
    transfer = force[:, None] * travel  # as LASER computes it
    torch.testing.assert_close(carried(travel) @ force, force + transfer.sum(0) - transfer.sum(1))


def test_ages_in_places() -> None:
    contacts, towns = contact_matrices("GBR"), torch.tensor([[0.9, 0.1], [0.2, 0.8]], dtype=torch.float64)
    both = by_place(contacts, towns, stay=("household", "school"))
    g = torch.Generator().manual_seed(1)
    age, town = torch.randint(0, 18, (500,), generator=g), torch.randint(0, 2, (500,), generator=g)
    assert torch.equal(both["work"][5 * 2 + 1, 7 * 2], contacts.settings["work"][5, 7] * 0.2)
    assert float(both["school"][2 * 2, 2 * 2 + 1]) == 0.0
    layer = Mixing(2 * age + town, both)
    torch.testing.assert_close(layer.degree().double(), contacts.total().sum(1)[age], atol=1e-5, rtol=1e-5)


APART = [[0, 1], [1, 0]]
BAD: dict[str, tuple[Callable[[], object], str]] = {
    "latitude": (lambda: distances([51.5], [-120.0]), "latitude has -120: give degrees from -90 to 90"),
    "lengths": (lambda: distances([1, 2], [3]), "there are 2 longitudes and 1 latitudes"),
    "populations": (lambda: gravity(APART, [1, 2, 3], 1), "3 populations and distances of 2 places"),
    "negative": (lambda: gravity(APART, [1, -2], 1), "the populations have -2: give persons"),
    "not square": (lambda: gravity([[0, 1]], [1], 1), r"'distances' has shape \(1, 2\): give a square one"),
    "same place": (lambda: gravity([[0, 0], [0, 0]], [1, 1], 1), "the places 0 and 1 have the distance 0"),
    "scale": (lambda: gravity(APART, [1, 1], -1), "scale is -1: give a number"),
    "most": (lambda: gravity(APART, [1, 1], 1, most=2), "most is 2"),
    "leave": (lambda: radiation(APART, [1, 1], leave=1.5), "leave is 1.5: give the share"),
    "commuters": (lambda: commuting([[0, 9], [0, 0]], [5, 5]), "9 people commute from place 0, where 5 live"),
    "travel": (lambda: carried([[0, 1.5], [0, 0]]), "the travel from place 0 adds up to 1.5"),
    "stay": (
        lambda: by_place({"work": [[1.0]]}, [[1.0]], stay=["wrok"]),
        "unknown setting 'wrok': did you mean 'work'",
    ),
}


@pytest.mark.parametrize("case", list(BAD))
def test_bad_input_is_told_what_to_do(case: str) -> None:
    make, sentence = BAD[case]
    with pytest.raises(ValueError, match=sentence):
        make()
