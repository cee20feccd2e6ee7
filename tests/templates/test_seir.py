from dataclasses import replace

import pyro.distributions as dist
import pytest
import torch

from causal_lpm import KeyedNoise, Rollout, comparing
from causal_lpm.agents import Population
from causal_lpm.inference import predict
from causal_lpm.templates import load_template
from tests.templates.town import Town, town

SEIR = load_template("seir")
DAYS = 60


def run(here: Town, days: int = DAYS, **parameters: object) -> Rollout:
    with KeyedNoise(1):
        found = SEIR.function(here, days, **parameters)
    assert isinstance(found, Rollout)
    return found


def test_series_are_by_place_and_say_what_they_count() -> None:
    found = run(town())
    assert set(found.tallies) == set(SEIR.units)
    assert all(series.shape == (3, DAYS) for series in found.tallies.values())
    assert 100 < int(found.tallies["infections"].sum()) < 2_000


def test_what_is_counted_adds_up() -> None:
    found = run(town(), fatality=0.3)
    total = {name: int(series.sum()) for name, series in found.tallies.items()}
    stages = torch.bincount(found.state["stage"].long(), minlength=5).tolist()
    assert total["infections"] + 20 == 2_000 - stages[0]
    assert total["cases"] == stages[2] + stages[3] + stages[4]
    assert total["deaths"] == stages[4] > 0
    assert int(found.tallies["infectious"][:, -1].sum()) == stages[2]


@pytest.mark.parametrize("setting", ["school", "workplace", "community"])
def test_worlds_are_separate_runs_and_a_closure_acts_on_its_days(setting: str) -> None:
    here = town()
    worlds = {
        "open": {},
        "closed": {f"{setting}_closure_day": 10},
        "half": {f"{setting}_closure_day": 10, f"{setting}_closure_strength": 0.5},
        "for a while": {f"{setting}_closure_day": 10, f"{setting}_reopening_day": 20},
    }
    with KeyedNoise(1), comparing(worlds):
        together = SEIR.function(here, 40).tallies["infections"].squeeze()
    for number, acts in enumerate(worlds.values()):
        with KeyedNoise(1), comparing({"alone": acts}):
            alone = SEIR.function(here, 40).tallies["infections"].squeeze()
        assert torch.equal(together[number], alone)
    assert torch.equal(together[0, ..., :10], together[1, ..., :10])
    assert torch.equal(together[1, ..., :20], together[3, ..., :20])
    first, closed, half, _ = together.sum((-1, -2)).tolist()
    assert closed < half < first


def test_the_settings_of_the_population_are_the_policies() -> None:
    here = town()
    only_home = replace(here, networks={"household": here.networks["household"]})
    with (
        pytest.raises(ValueError, match="unknown policy 'school_closure_day'"),
        comparing({"a": {"school_closure_day": 3}}),
    ):
        SEIR.function(only_home, 5)


def test_parameters_may_be_distributions() -> None:
    def model() -> Rollout:
        found = SEIR.function(town(500), 30, r0=dist.LogNormal(1.0, 0.3), infectious_days=dist.Uniform(3.0, 6.0))
        assert isinstance(found, Rollout)
        return found

    drawn = {"r0": torch.tensor([0.0, 4.0]), "infectious_days": torch.tensor([4.0, 4.0])}
    seen = predict(model, drawn, replicates=2)["infections"].sum(("group", "day"))
    assert (seen.sel(draw=0) == 0).all()
    assert (seen.sel(draw=1) > 50).all()


def test_without_places_everybody_is_one_group() -> None:
    assert run(replace(town(), places={}), 5).tallies["cases"].shape == (1, 5)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"r0": -1}, "the parameter 'r0' is -1: give a number from 0 to inf"),
        ({"fatality": 2.0}, "the parameter 'fatality' is 2: give a number from 0 to 0.99"),
        ({"initial": 3_000}, "the parameter 'initial' is 3000: give a number from 0 to 2000"),
        ({"latent_days": float("nan")}, "the parameter 'latent_days' is nan"),
    ],
)
def test_a_parameter_outside_its_range_is_one_sentence(given: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run(town(), 5, **given)


def test_a_population_without_what_is_needed_is_one_sentence() -> None:
    here = town()
    with pytest.raises(ValueError, match="the population has no network, so that nobody meets anybody"):
        run(replace(here, networks={}), 5)
    with pytest.raises(ValueError, match="no column 'boroughs', which this model needs: did you mean 'borough'"):
        run(replace(here, places={"boroughs": ("a",)}), 5)
    with pytest.raises(ValueError, match="the network 'household' connects 2000 agents and the population has 5"):
        run(replace(here, people=Population({"age": torch.zeros(5)})), 5)
