from dataclasses import replace

import pytest
import torch

from causal_lpm import KeyedNoise, Rollout, comparing
from causal_lpm.agents import Population
from causal_lpm.templates import load_template
from tests.templates.town import Town, town

COVID = load_template("covid")
WORLDS: dict[str, dict[str, float]] = {
    "as it is": {},
    "no tests": {"screening_strength": 0},
    "tracing": {"tracing_start": 0},
    "masks": {"masks_start": 0},
    "doses": {"vaccination_start": 0, "vaccination_end": 20},
    "schools closed": {"school_closure_day": 0},
}


def run(here: Town, days: int = 60, **parameters: object) -> Rollout:
    found = COVID.function(here, days, **parameters)
    assert isinstance(found, Rollout)
    return found


def test_worlds_are_separate_runs_and_each_policy_helps() -> None:
    here = town()
    with KeyedNoise(1), comparing(WORLDS):
        together = run(here, r0=4.0)
    assert set(together.tallies) == set(COVID.units)
    for number, acts in enumerate(WORLDS.values()):
        with KeyedNoise(1), comparing({"alone": acts}):
            alone = run(here, r0=4.0)
        for name, series in together.tallies.items():
            own = series.expand(len(WORLDS), *series.shape[-2:])[number]
            assert torch.equal(own, alone.tallies[name].reshape(own.shape))
    as_it_is, no_tests, *others = together.tallies["infections"].sum((-1, -2)).flatten().tolist()
    assert no_tests > as_it_is > 100
    assert all(other < as_it_is for other in others)


def test_what_is_counted_adds_up_and_the_old_die() -> None:
    here = town()
    old = replace(here, people=here.people.with_attributes(age=torch.full((2_000,), 85)))
    with KeyedNoise(1):
        found = run(old, days=90, r0=5.0, initial=50)
    total = {name: int(series.sum()) for name, series in found.tallies.items()}
    stages = torch.bincount(found.state["stage"].long(), minlength=8).tolist()
    assert total["infections"] + 50 == 2_000 - stages[0]
    assert total["deaths"] == stages[7] > 20
    assert total["hospitalisations"] >= stages[5] + stages[7]
    assert found.tallies["deaths"].shape == (3, 90)


def test_what_it_needs_is_one_sentence() -> None:
    here = replace(town(), people=Population({"borough": town().people["borough"]}))
    with pytest.raises(ValueError, match="the population has no column 'age', which this model needs"):
        COVID.function(here, 5)
    with pytest.raises(ValueError, match="the parameter 'r0' is -1"):
        COVID.function(town(), 5, r0=-1)
