from typing import Any

import pandas as pd
import pytest
import torch

from causal_lpm import create
from causal_lpm.agents import Population
from causal_lpm.simulations.bound_models import own_parameters
from tests.templates.town import town


def people() -> Population:
    frame = pd.DataFrame({"household": [0, 0, 1, 1] * 50, "town": ["Ely", "Bath"] * 100})
    return Population.from_frame(frame)


def test_a_population_of_ones_own_meets_in_its_groups_and_by_chance() -> None:
    found = create("seir", people())
    assert list(found.population.networks) == ["household", "community"]
    assert found.by == "town"
    assert found.group_sizes().tolist() == [100, 100]


def test_a_table_is_a_population() -> None:
    found = create("seir", people().to_frame())
    assert found.population.people.size == 200
    assert list(found.population.networks) == ["household", "community"]


def test_a_population_by_name_has_as_many_agents_as_are_asked_for() -> None:
    found = create("seir", "nyc", agents=2_000, seed=3)
    assert found.population.people.size == 2_000
    assert found.by == "borough"
    assert found.population.name == "nyc"
    assert found.population.contacts is not None  # for a `Mixing` by age
    assert create("seir", people()).population.contacts is None


def test_it_counts_by_the_column_that_is_asked_for() -> None:
    here = town(400)
    here.places["school"] = ("one", "two")
    assert create("seir", here, by="borough").by == "borough"
    with pytest.raises(ValueError, match="unknown column of places 'boroughs': did you mean 'borough'"):
        create("seir", here, by="boroughs")


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"template": "seirr"}, ValueError, "unknown template 'seirr': did you mean 'seir'"),
        ({"template": 3}, TypeError, "the template is a int: give a name such as 'seir', or a model function"),
        ({"population": "nycc"}, ValueError, "unknown population 'nycc': did you mean 'nyc'"),
        ({"population": 3}, TypeError, "the population is a int: give a name such as 'nyc'"),
        ({"population": None}, ValueError, "'seir' needs a population: give a name"),
        ({"agents": 7}, ValueError, "agents is 7, and the population that was given has 400: leave agents out"),
        ({"fatal": 1}, ValueError, "unknown parameter or policy 'fatal': did you mean 'fatality'"),
        ({"school_closur_day": 1}, ValueError, "unknown parameter or policy 'school_closur_day': did you mean"),
        ({"r0": -1}, ValueError, "the parameter 'r0' is -1"),
        ({"school_closure_day": "soon"}, ValueError, "sets policy 'school_closure_day' to 'soon'"),
        ({"seed": -1}, ValueError, "seed is -1"),
    ],
)
def test_bad_input_is_one_sentence(given: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        create(**{"template": "seir", "population": town(400), **given})


def test_a_model_function_says_its_parameters_by_defaults() -> None:
    def bad(population: object, days: int, rate: float) -> None: ...

    with pytest.raises(ValueError, match="the model function bad has the argument 'rate'"):
        own_parameters(bad)
    assert own_parameters(lambda days, rate=2.0: None) == {"rate": 2.0}


def test_a_network_for_other_people_is_refused() -> None:
    here = town(400)
    other = type(here)(Population({"age": torch.zeros(5)}), here.networks)
    with pytest.raises(ValueError, match="connects 400 agents and the population has 5"):
        create("seir", other)


@pytest.mark.parametrize("begun", [-1, 20])
def test_a_day_before_all_days_is_no_other_way_to_say_never(begun: int) -> None:
    simulation = create("seir", town(400), school_closure_day=begun)
    with pytest.raises(ValueError, match="'school_closure_day' is -5: give a day from 0, or -1 for never"):
        simulation.whatif({"earlier": {"school_closure_day": -5}}, days=3, seeds=1, progress=False)
    with pytest.raises(ValueError, match="'school_closure_day' is -3: give a day from 0, or -1 for never"):
        create("seir", town(400), school_closure_day=-3)
