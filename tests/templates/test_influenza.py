import pytest
import torch

from causal_lpm import KeyedNoise, Rollout, comparing
from causal_lpm.templates import load_template
from tests.templates.town import Town, town

INFLUENZA = load_template("influenza")
WORLDS: dict[str, dict[str, float]] = {
    "as it is": {},
    "doses": {"vaccination_start": 0, "vaccination_end": 10},
    "masks": {"masks_start": 0},
    "antivirals": {"antivirals_start": 0, "antivirals_strength": 1.0},
    "at home": {"at_home_start": 0, "at_home_strength": 1.0},
    "schools closed": {"school_closure_day": 0},
}


def run(here: Town, days: int = 60, **parameters: object) -> Rollout:
    found = INFLUENZA.function(here, days, **parameters)
    assert isinstance(found, Rollout)
    return found


def test_worlds_are_separate_runs_and_each_policy_helps() -> None:
    here = town()
    with KeyedNoise(2), comparing(WORLDS):
        together = run(here, r0=2.5)
    assert set(together.tallies) == set(INFLUENZA.units)
    for number, acts in enumerate(WORLDS.values()):
        with KeyedNoise(2), comparing({"alone": acts}):
            alone = run(here, r0=2.5)
        for name, series in together.tallies.items():
            own = series.expand(len(WORLDS), *series.shape[-2:])[number]
            assert torch.equal(own, alone.tallies[name].reshape(own.shape))
    as_it_is, *others = together.tallies["infections"].sum((-1, -2)).flatten().tolist()
    assert as_it_is > 100
    assert all(other < as_it_is for other in others)


def test_what_is_counted_adds_up() -> None:
    with KeyedNoise(1):
        found = run(town(), immune=0.25, fatality=0.3)
    total = {name: int(series.sum()) for name, series in found.tallies.items()}
    stages = torch.bincount(found.state["stage"].long(), minlength=6).tolist()
    assert total["deaths"] == stages[5] > 0
    assert 0.2 < 1 - (stages[0] + total["infections"] + 20) / 2_000 < 0.3  # the protected
    assert int(found.tallies["infectious"][:, -1].sum()) == stages[2] + stages[3]


def test_with_everybody_immune_nobody_else_is_infected() -> None:
    with KeyedNoise(1):
        found = run(town(), immune=1.0)
    assert int(found.tallies["infections"].sum()) == 0


def test_impossible_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match="the parameter 'immune' is 2: give a number from 0 to 1"):
        INFLUENZA.function(town(), 5, immune=2)
