"""Sirs, two-strain, seir-demography and measles: what they count adds up, and worlds are separate runs."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyro.distributions as dist
import pytest
import torch

from causal_lpm import KeyedNoise, Rollout, comparing
from causal_lpm.agents import Population
from causal_lpm.inference import predict
from causal_lpm.templates import load_template
from tests.templates.town import Town, town

NAMES = ("sirs", "two-strain", "seir-demography", "measles")
DAYS = 40
ACTS: Mapping[str, Mapping[str, float]] = {
    "sirs": {"border_closure_day": 3, "community_closure_day": 10},
    "two-strain": {"border_closure_day": 0},
    "seir-demography": {"contact_closure_day": 10, "contact_closure_strength": 0.5},
    "measles": {"mmr_added": 0.08, "campaign_day": 5},
}
OPTIONS: Mapping[str, Mapping[str, Any]] = {"two-strain": {"arrival_day": 5}, "measles": {"initial": 20}}


def seeded(name: str, here: Town | None = None, days: int = DAYS, **parameters: Any) -> Rollout:
    with KeyedNoise(1):
        return run(name, here, days, **parameters)


def run(name: str, here: Town | None = None, days: int = DAYS, **parameters: Any) -> Rollout:
    found = load_template(name).function(here or town(), days, **{**OPTIONS.get(name, {}), **parameters})
    assert isinstance(found, Rollout)
    return found


@pytest.mark.parametrize("name", NAMES)
def test_worlds_are_separate_runs_and_an_act_that_is_the_fact_changes_nothing(name: str) -> None:
    act = dict(ACTS[name])
    fact = {policy: 0.0 if policy in {"mmr_added"} else -1.0 for policy in act if not policy.endswith("strength")}
    acts = {"as it was": {}, "the same": fact, "act": act}
    with KeyedNoise(1), comparing(acts):
        together = run(name)
    for row, each in enumerate(acts.values()):
        with KeyedNoise(1), comparing({"alone": each}):
            alone = run(name)
        for series, found in alone.tallies.items():
            assert torch.equal(together.tallies[series].reshape(3, 3, DAYS)[row], found.reshape(3, DAYS)), series
    infections = together.tallies["infections"].reshape(3, -1).sum(-1)
    assert infections[0] == infections[1] > infections[2] > 0
    assert set(together.tallies) == set(load_template(name).units)


def test_sirs_adds_up_and_who_was_immune_is_infected_again() -> None:
    found = seeded("sirs", days=70, immune_days=20, fatality=0.05)
    forever = seeded("sirs", days=70, immune_days=1e9)
    total = {name: int(series.sum()) for name, series in found.tallies.items()}
    stages = torch.bincount(found.state["stage"].long(), minlength=4)
    assert total["deaths"] == stages[3] > 0
    assert int(found.tallies["infectious"][:, -1].sum()) == stages[1]
    assert 0 < total["reinfections"] < total["infections"]
    assert 0.4 < total["cases"] / total["infections"] < 0.6
    assert int(forever.tallies["reinfections"].sum()) == 0


def test_the_new_strain_comes_on_its_day_and_infects_whom_cross_immunity_leaves() -> None:
    found, complete = (seeded("two-strain", arrival_day=15, days=60, cross_immunity=cross) for cross in (0.2, 1.0))
    new, old = (found.tallies[f"infections_{strain}"].sum(0) for strain in ("new", "old"))
    assert int(new[:15].sum()) == 0 < int(new.sum())
    assert torch.equal(new + old, found.tallies["infections"].sum(0))
    had = found.state["had"]
    assert int((had == 3).sum()) > 0 == int((complete.state["had"] == 3).sum())
    assert int(complete.tallies["infections_new"].sum()) < int(new.sum())


def test_a_population_with_births_and_deaths_adds_up_by_place() -> None:
    found = seeded("seir-demography", days=120, fatality=0.3, country="KEN")
    new = {name: found.tallies[name].sum(-1) for name in ("births", "all_deaths", "deaths")}
    began = torch.bincount(town().people["borough"].long(), minlength=3)
    assert torch.equal(found.tallies["alive"][:, -1], began + new["births"] - new["all_deaths"])
    assert int(new["births"].sum()) > 0
    assert bool((new["deaths"] <= new["all_deaths"]).all())
    assert int(new["deaths"].sum()) > 20
    with pytest.raises(ValueError, match=r"more births than deaths .* give a capacity of at least"):
        run("seir-demography", days=3_000, country="KEN", room=1.01)
    with pytest.raises(ValueError, match="unknown country 'NLZ': did you mean 'NZL'"):
        run("seir-demography", country="NLZ")


def test_room_to_grow_takes_nothing_of_what_is_brought_from_outside() -> None:
    size = town().people.size
    expected = size * (1 - math.exp(-120 / size))  # who was infected is not infected again
    for room in (1.1, 4.0):
        found = seeded("seir-demography", days=60, r0=0.0, initial=0, imported_per_day=2.0, room=room)
        # 5 standard errors: false alarm 6e-7, and none at the fixed seed; a quarter was brought with room for four.
        assert abs(int(found.tallies["infections"].sum()) - expected) < 5 * expected**0.5, room


def test_measles_infects_the_unvaccinated_and_infants_lose_their_mothers_protection() -> None:
    here = town()
    age = here.people["age"]
    found = seeded("measles", days=30, adults_immune=1.0)
    begin, nobody = (seeded("measles", days=days, initial=0, r0=0.0) for days in (1, 10))
    ill = (found.state["stage"] == 1) | (found.state["stage"] == 2)
    assert bool(ill.any()) and bool((age[ill] < 18).all())  # noqa: PT018
    share = [
        float((begin.state["stage"] == 3)[of].float().mean()) for of in (age < 1, (age >= 1) & (age < 5), age >= 50)
    ]
    assert share[0] < 0.2  # some were 1 on the first day
    assert share[2] == 1.0
    assert abs(share[1] - 0.837) < 0.15  # 100 children: four standard deviations
    by_day = nobody.tallies["susceptible"].sum(0)
    assert int(nobody.tallies["infections"].sum()) == 0
    assert int(by_day[0]) > 0


def test_holidays_close_schools() -> None:
    here = town()
    only_school = replace(here, networks={"school": here.networks["school"]})
    open_, summer = (seeded("measles", only_school, 45, day_of_year=day) for day in (10, 201))
    assert int(summer.tallies["infections"].sum()) == 0 < int(open_.tallies["infections"].sum())


@pytest.mark.parametrize("name", NAMES)
def test_parameters_may_be_distributions(name: str) -> None:
    def model() -> Rollout:
        return run(name, town(500), 15, r0=dist.LogNormal(1.0, 0.3))

    seen = predict(model, {"r0": torch.tensor([0.0, 15.0])}, replicates=2)["infections"].sum(("group", "day"))
    assert (seen.sel(draw=0) < seen.sel(draw=1)).all()


@pytest.mark.parametrize(
    ("name", "here", "sentence"),
    [
        ("measles", replace(town(), networks={}), "has no network 'school', which this model needs"),
        ("measles", replace(town(), people=Population({"ages": torch.zeros(2_000)})), "no column 'age'.*'ages'"),
        ("seir-demography", replace(town(), people=Population({"x": torch.zeros(9)}), places={}), "no column 'age'"),
        (
            "covid",
            replace(town(), people=Population({"age": torch.arange(2_000) - 1})),
            "ages from -1 to 1998: give years",
        ),
        ("sirs", replace(town(), networks={}), "has no network, so that nobody meets anybody"),
        ("two-strain", replace(town(), networks={}), "has no network, so that nobody meets anybody"),
    ],
)
def test_a_population_without_what_is_needed_is_one_sentence(name: str, here: Town, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        run(name, here)
