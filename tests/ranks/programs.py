"""Programs that ranks run: models that know nothing of ranks, and programs that go wrong on one of them."""

import pyro
import torch
from chirho.dynamical.handlers import StaticIntervention

from case_studies.second_dose.mechanism import mechanism
from case_studies.second_dose.model import second_dose, setup
from case_studies.second_dose.people import king_county
from causal_lpm import KeyedNoise, Rollout, Seeds, Worlds, comparing
from tests.contracts import range_model
from tests.contracts.models import I, clinic, flu, immunity, layers, people


def run_flu() -> Rollout:
    model = pyro.poutine.condition(flu, data={"beta": torch.tensor(0.06)})
    with (
        KeyedNoise(2),
        comparing({"never": {}, "day 8": {"school_closure_day": 8}, "day 12": {"school_closure_day": 12}}),
    ):
        run: Rollout = model(people(), layers(), 30)
        return run


def run_flu_with_acts() -> Rollout:
    """Worlds that split on the way, and an act on the stages of all agents; `beta` and seeds are drawn."""
    closure = StaticIntervention(torch.tensor(6.0), {"school_closure_day": (torch.tensor(8), torch.tensor(12))})
    cured = StaticIntervention(torch.tensor(9.0), {"stage": lambda stage: torch.where(stage == I, 2.0, stage)})
    pyro.set_rng_seed(5)
    with Seeds(windows=(0, 9)), Worlds(), closure, cured:
        run: Rollout = flu(people(), layers(), 30)
        return run


def run_clinic() -> Rollout:
    with KeyedNoise(torch.tensor([[3], [4]])), Worlds(replicates=2):
        return clinic(people(), 20)


def run_immunity() -> Rollout:
    with KeyedNoise(5):
        return immunity(people(), layers(), 10)


def run_all_networks() -> Rollout:
    with KeyedNoise(7), comparing({"few": {}, "none": {"supply": 0}, "many": {"supply": 40}}):
        return range_model.model(0, range_model.AGENTS)


def run_second_dose(rules: str = "described", agents: int = 2_000, days: int = 25) -> Rollout:
    prepared = setup(king_county(agents), mechanism(rules))
    early = {"vaccination_start": 3.0, "doses_per_day": 2_000.0, "dose_interval": 7.0, "contact_scale": 3.0}
    late = {**early, "dose_interval": 84.0, "under_65_only": 1.0}
    with KeyedNoise(3), comparing({"as planned": early, "delayed": late}):
        return second_dose(prepared, days)


MODELS = {
    "flu": run_flu,
    "flu with acts": run_flu_with_acts,
    "clinic": run_clinic,
    "immunity": run_immunity,
    "all networks": run_all_networks,
    "second dose": run_second_dose,
}


def run_all() -> dict[str, Rollout]:
    """Every model, by name."""
    return {name: run() for name, run in MODELS.items()}
