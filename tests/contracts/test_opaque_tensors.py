"""A model asks for values by messages only: it runs on numbers that nobody may look at, to the same numbers."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention

from case_studies.second_dose.mechanism import mechanism
from case_studies.second_dose.model import second_dose, setup
from case_studies.second_dose.people import king_county
from causal_lpm import KeyedNoise, Rollout, Worlds, comparing, rollout, tally
from causal_lpm.typing import State
from tests.contracts.models import I, flu, layers, people
from tests.contracts.opaque import Look, Opaque, Sealed, is_opaque, opened

X = torch.tensor([0, 1, 2])
LOOKS: list[Callable[[Any], object]] = [
    lambda x: bool(x[0]),
    lambda x: int(x[0]),
    lambda x: float(x[0]),
    lambda x: range(x[0]),
    lambda x: x[0].item(),
    lambda x: x.tolist(),
    lambda x: x.numpy(),
    lambda x: np.asarray(x),
    lambda x: np.from_dlpack(x),
    lambda x: x.nonzero(),
    lambda x: x[x > 0],
    lambda x: X[x],
    lambda x: X.index_select(0, x),
    lambda x: x.index_put_((x > 0,), X[0]),
    lambda x: x.masked_select(x > 0),
    lambda x: torch.equal(x, x),
    lambda x: X.clone().add_(x),
    lambda x: x.unique(),
    lambda x: x.sort(),
]


@pytest.mark.parametrize("number", range(len(LOOKS)))
def test_every_look_is_refused(number: int) -> None:
    with pytest.raises(Look):
        LOOKS[number](Opaque(X))


def run_flu(days: int = 30) -> Rollout:
    model = pyro.poutine.condition(flu, data={"beta": torch.tensor(0.06), "reported": torch.ones(1, days)})
    run: Rollout = model(people(), layers(), days)
    return run


def run_flu_with_interventions() -> Rollout:
    closure = StaticIntervention(torch.tensor(6.0), {"school_closure_day": (torch.tensor(8), torch.tensor(12))})
    cured = StaticIntervention(torch.tensor(9.0), {"stage": lambda stage: torch.where(stage == I, 2.0, stage)})
    with Worlds(), closure, cured:
        return run_flu()


def run_second_dose(rules: str) -> Rollout:
    prepared = setup(king_county(2_000), mechanism(rules))
    early = {"vaccination_start": 3.0, "doses_per_day": 2_000.0, "dose_interval": 7.0, "contact_scale": 3.0}
    with comparing({"as planned": early, "delayed": {**early, "dose_interval": 84.0, "under_65_only": 1.0}}):
        return second_dose(prepared, 25)


def run_conversions() -> Rollout:
    """A step that returns other types than the entries have."""

    def day(s: State) -> State:
        tally("x", s["x"])
        return {"x": s["x"].long() + 1, "y": s["y"].double() / 3}

    return rollout(day, {"x": torch.zeros(5, dtype=torch.uint8), "y": torch.ones(5)}, 4)


MODELS = {
    "conversions": (run_conversions, ()),
    "flu": (run_flu, ("cases",)),  # its reports are drawn from this series
    "flu with interventions": (run_flu_with_interventions, ("cases",)),
    "second dose": (lambda: run_second_dose("archived"), ()),
    "second dose as described": (lambda: run_second_dose("described"), ()),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_runs_on_opaque_numbers(name: str) -> None:
    model, opens = MODELS[name]
    with KeyedNoise(2):
        clear = model()
    with Sealed(opens), KeyedNoise(2):
        run = model()
    assert all(is_opaque(value) for value in run.state.values())
    assert {series for series, value in run.tallies.items() if not is_opaque(value)} == set(opens)
    found = opened({**run.state, **run.tallies})
    for entry, value in {**clear.state, **clear.tallies}.items():
        assert found[entry].dtype == value.dtype
        assert torch.equal(found[entry], value), entry
    assert all(bool(series.sum() > 0) for series in clear.tallies.values()), "something happens"
