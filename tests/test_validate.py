import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import validate

POLICIES = ("vaccination", "dose_interval", "sterilizing")
names = st.text(st.characters(categories=["Ll"]), min_size=1, max_size=12)


@given(st.sampled_from(POLICIES), st.data())
def test_one_wrong_letter_is_corrected(name: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(name) - 1))
    wrong = name[:place] + "X" + name[place + 1 :]
    with pytest.raises(ValueError, match=f"unknown policy '{wrong}': did you mean '{name}'\\?"):
        validate.known("policy", wrong, POLICIES)


@given(st.lists(names, min_size=1, unique=True))
def test_known_names_pass_and_strange_ones_list_what_is_allowed(allowed: list[str]) -> None:
    for name in allowed:
        validate.known("stage", name, allowed)
    with pytest.raises(ValueError, match="known are") as error:
        validate.known("stage", "0123456789", allowed)
    assert all(repr(name) in str(error.value) for name in allowed)


def test_known_works_with_an_iterator_and_with_nothing_allowed() -> None:
    validate.known("stage", "b", iter("abc"))
    with pytest.raises(ValueError, match="known are none"):
        validate.known("stage", "a", [])


@pytest.mark.parametrize(
    ("wrong", "right", "allowed"),
    [
        ("country:gbr", "country:GBR", ["country:AUS", "country:GBR", "country:ZAF"]),
        ("sier", "seir", ["seir", "seir-demography", "sirs"]),
    ],
)
def test_case_and_order_of_letters_are_corrected(wrong: str, right: str, allowed: list[str]) -> None:
    with pytest.raises(ValueError, match=f"did you mean '{right}'"):
        validate.known("name", wrong, allowed)


@given(st.floats(0, math.inf))
def test_hazards_from_zero_to_infinity_pass(value: float) -> None:
    validate.hazard("infection", torch.tensor([0.0, value]))


@pytest.mark.parametrize(("value", "what"), [(-0.25, "-0.25"), (math.nan, "NaN"), (-math.inf, "-inf")])
def test_bad_hazards_are_named(value: float, what: str) -> None:
    with pytest.raises(ValueError, match=f"hazard of event 'infection' contains {what}: .*clamp it"):
        validate.hazard("infection", torch.tensor([[0.1, value], [1.0, 2.0]]))


@pytest.mark.parametrize("value", [-1e-9, 1.0000001, math.nan, math.inf])
def test_bad_probabilities_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"sensitivity is .*between 0 and 1"):
        validate.probability("sensitivity", value)


@given(st.floats(0, 1))
def test_probabilities_pass(value: float) -> None:
    validate.probability("sensitivity", value)


@pytest.mark.parametrize("value", [0, -1, 0.5, 1.5, math.nan, math.inf])
def test_bad_counts_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"agents is .*at least 1"):
        validate.positive_count("agents", value)  # type: ignore[arg-type]


@given(st.integers(1, 10**9))
def test_counts_pass(value: int) -> None:
    validate.positive_count("agents", value)


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40).filter(any))
def test_normalised_counts_are_a_marginal(counts: list[int]) -> None:
    validate.marginal("age", {str(i): count / sum(counts) for i, count in enumerate(counts)})


@pytest.mark.parametrize(
    ("shares", "sentence"),
    [
        ({}, "marginal 'age' is empty"),
        ({"a": 0.5, "b": 0.4}, "sum to 0.9: .*divide by their sum"),
        ({"a": 1.5, "b": -0.5}, "gives 'b' the share -0.5: a share must be >= 0"),
        ({"a": math.nan, "b": 1.0}, "gives 'a' the share nan"),
        ({"a": math.inf}, "sum to inf"),
    ],
)
def test_bad_marginals_are_refused(shares: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        validate.marginal("age", shares)


@given(st.sets(names, min_size=1, max_size=5), st.data())
def test_states_must_keep_their_entries(entries: set[str], data: st.DataObject) -> None:
    entries = entries - {"t"} | {"stage"}
    validate.same_entries("the dynamics", entries | {"t"}, entries)
    lost = data.draw(st.sampled_from(sorted(entries)))
    with pytest.raises(ValueError, match=f"partial state without '{lost}'"):
        validate.same_entries("the dynamics", entries - {lost}, entries)
    with pytest.raises(ValueError, match=r"returned 'stagge', .*did you mean 'stage'"):
        validate.same_entries("the dynamics", entries | {"stagge"}, entries)


@given(st.lists(names))
def test_a_name_given_twice_is_refused(given_names: list[str]) -> None:
    if len(set(given_names)) == len(given_names):
        validate.unique_entries("world", given_names)
    else:
        with pytest.raises(ValueError, match="appears twice: give each its own name"):
            validate.unique_entries("world", given_names)


@given(st.integers(0, 180))
def test_days_in_range(day: int) -> None:
    validate.days_in_range("intervention", day, 0, 180)
    for outside in (-1 - day, 181 + day, math.nan):
        with pytest.raises(ValueError, match="outside the simulated days 0 to 180"):
            validate.days_in_range("intervention", outside, 0, 180)


def test_more_than_the_memory_is_refused_with_an_estimate() -> None:
    validate.fits_in_memory("10 agents", 1e4)
    sentence = r"8\.4e\+09 agents need about 6720000 GB; this machine has \d+: simulate fewer"
    with pytest.raises(ValueError, match=sentence):
        validate.fits_in_memory("8.4e+09 agents", 6.72e15)


@pytest.mark.parametrize("value", [0.5, True, False, "1", None, float("nan"), float("inf"), -1, 2**63, np.float64(1.5)])
def test_what_is_no_whole_number_of_its_range_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"^seed is .*: give a whole number from 0 to 2\*\*63 - 1\.$"):
        validate.whole_number("seed", value, low=0)


@pytest.mark.parametrize("value", [1, np.int64(1), np.uint8(1), 2**63 - 1])
def test_whole_numbers_of_every_kind_are_integers(value: int) -> None:
    found = validate.whole_number("days", value)
    assert type(found) is int
    assert found == value


def test_the_range_of_a_whole_number_is_said() -> None:
    for value, allowed in ((0, "of at least 1"), (2**63, r"from 1 to 2\*\*63 - 1"), ("x", "of at least 1")):
        with pytest.raises(ValueError, match=rf"days is {value!r}: give a whole number {allowed}\.$"):
            validate.whole_number("days", value)
    with pytest.raises(ValueError, match=r"days is 9: give a whole number from 1 to 8\.$"):
        validate.whole_number("days", 9, high=8)


def test_months_of_simulation_are_refused_with_an_estimate() -> None:
    validate.fits_in_time("a year of everybody", 365, 8e9)
    sentence = r"the simulation of 1e\+12 days would take 231 days at the very least: ask for fewer\.$"
    with pytest.raises(ValueError, match=sentence):
        validate.fits_in_time("the simulation of 1e+12 days", 1e12)
    with pytest.raises(ValueError, match=r"would take \d+e?\+?\d* days at the very least: use fewer agents"):
        validate.fits_in_time("that", 1e9, 1e12, "use fewer agents")
