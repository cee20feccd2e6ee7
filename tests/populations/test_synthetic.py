"""One's own table becomes a population with networks and places, or is refused in a sentence."""

from typing import Any

import pandas as pd
import pytest
import torch

from causal_lpm.populations import SyntheticPopulation, population


def table(**columns: Any) -> pd.DataFrame:
    own = {
        "age": [30, 31, 4, 50],
        "household": [7, 7, 9, 1_000_000],
        "school": [-1, -1, 0, -1],
        "classroom": [-1, -1, 3, 3],
        "workplace": ["mill", "mill", "none", "shop"],
        "town": ["Ely", "Ely", "Bath", "Ely"],
    }
    return pd.DataFrame({**own, **columns})


def test_columns_become_networks_and_places() -> None:
    own = SyntheticPopulation.from_frame(table(), "fens", outlines={"town": "towns.geojson"}, attribution="mine")
    assert list(own.networks) == ["household", "school", "workplace", "community"]
    assert own.networks["household"].degree().tolist() == [1, 1, 0, 0]
    assert own.networks["school"].degree().tolist() == [0, 0, 1, 1]  # the classroom, not the school
    assert own.networks["workplace"].degree().tolist() == [1, 1, 0, 0]
    assert own.places == {"town": ("Bath", "Ely")}
    assert own.people["town"].tolist() == [1, 1, 0, 1]
    assert (own.name, own.outlines, own.attribution, len(own)) == ("fens", {"town": "towns.geojson"}, "mine", 4)
    assert "4 agents" in repr(own)


def test_a_population_by_name_comes_back_from_its_table() -> None:
    made = population("nyc", 500, seed=2)
    again = SyntheticPopulation.from_frame(made.people.to_frame(), places=["borough"])
    for setting in ("household", "school", "workplace"):
        assert torch.equal(made.networks[setting].degree(), again.networks[setting].degree())
    labels = made.places["borough"]
    assert [labels[code] for code in made.people["borough"]] == [
        again.places["borough"][code] for code in again.people["borough"]
    ]


@pytest.mark.parametrize(
    ("columns", "asked", "sentence"),
    [
        ({"household": [0.5, 1.0, 2.0, 3.0]}, {}, "household is .*give whole numbers"),
        ({"household": [0, 1, None, 3]}, {}, "column 'household' has 1 missing values: write -1 for who is in none"),
        ({"age": [3, None, 4, 5]}, {}, "column 'age' has 1 missing values"),
        ({"age": [3.5, 2.0, 4.0, 5.0]}, {}, "age is .*give whole numbers"),
        ({"age": [-1, 2, 4, 5]}, {}, "age contains .-1.: allowed are whole numbers from 0"),
        ({"classroom": [-2, 2, 4, 5]}, {}, "classroom contains .-2.: allowed are whole numbers from -1"),
        ({}, {"required": ["Age"]}, "the table has no column 'Age': did you mean 'age'"),
        ({}, {"places": ["household"]}, "unknown column of places 'household': known are 'town'"),
        ({}, {"outlines": {"towns": "a.geojson"}}, "unknown column of places 'towns': did you mean 'town'"),
        ({}, {"community": 1.5}, "community is 1.5: give a whole number from 0"),
    ],
)
def test_a_table_that_is_none_is_refused(columns: dict[str, Any], asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        SyntheticPopulation.from_frame(table(**columns), **asked)


def test_people_who_meet_nobody_are_refused() -> None:
    with pytest.raises(ValueError, match="nobody meets anybody"):
        SyntheticPopulation.from_frame(table()[["age", "town"]], community=0)
