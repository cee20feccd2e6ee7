"""Part 2 in order: behaviour, what is handed over, the epidemic, and what $500 a month would have changed."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch

from case_studies.stimulus_nyc.behaviour import Asked, Lived, asked_of, lived_by, work
from case_studies.stimulus_nyc.habits import handed_over
from case_studies.stimulus_nyc.people import residents
from case_studies.stimulus_nyc.respondent import ISOLATE, WORK, adults, contexts, elicited
from case_studies.stimulus_nyc.winter_calibration import (
    WORLDS,
    Place,
    Size,
    calibrated,
    coverage,
    differences,
    predicted,
)
from causal_lpm.inference import CalibrationResult, fit

__all__ = ["TRANSPORTS", "Learned", "asked_people", "learned_behaviour", "run", "verdict"]

TRANSPORTS = (0.0, 0.25, 0.5, 0.75, 1.0)
CITY = "New York City"
DRAWS = 400
"""Posterior draws of behaviour that are handed over."""

Learned = tuple[Asked, CalibrationResult]
"""A question, and the posterior of its model of behaviour."""


def asked_people(seed: int, folder: Path, agents: int) -> dict[str, Asked]:
    """Both questions, put to the synthetic respondent."""
    here = residents(agents)
    kinds, asked = adults(here), contexts(here)
    return {
        question.name: asked_of(here, question, elicited(question, kinds, asked, folder, seed))
        for question in (WORK, ISOLATE)
    }


def learned_behaviour(asked: dict[str, Asked], size: Size, seed: int) -> dict[str, Learned]:
    """The posteriors of work and of isolation."""
    found = {}
    for name, question in asked.items():
        data: dict[str, Any] = {**question.term.data, **question.real.data}
        if name == WORK.name:
            data["unemployment"] = question.here.reported.unemployment
        # Isolation has no data but by how much visits fell in the city.
        model = partial(work, question) if name == WORK.name else question.real.model()
        found[name] = (
            question,
            fit(model, data, size.method, gate=0, budget=100, draws=size.kept, seed=seed, settings=dict(size.settings)),
        )
    return found


def run(size: Size, place: Place, note: Callable[[str], None]) -> dict[str, Any]:
    """All numbers of part 2; everything in them is made with a synthetic respondent."""
    place.folder.mkdir(parents=True, exist_ok=True)
    note("asking the synthetic respondent, and learning how people behave")
    behaviour = learned_behaviour(asked_people(place.seed, place.folder, size.agents), size, place.seed)
    numbers: dict[str, Any] = {
        "source": behaviour[WORK.name][0].map.description,
        "size": asdict(size),
        "behaviour": {name: verdict(result, question.map.name) for name, (question, result) in behaviour.items()},
    }
    here = residents(size.agents)
    habits = handed_over(here, behaviour[WORK.name][0], *_lived(behaviour, None))
    numbers["handed over"] = {"factors": len(habits.factors), "explained": habits.explained}
    note("calibrating the epidemic")
    result = calibrated(here, habits, size, place.seed)
    numbers["agents"] = here.people.size
    numbers["calibration"] = {
        "status": result.status,
        "gates": _gates(result),
        "posterior": {name: values for name, *values in _rows(result)},
    }
    note(f"predicting {here.people.size:,} agents")
    given = result.parameters(size.draws)
    seen = predicted(here, habits, given, {"as reported": {}}, place.of("as reported"))
    numbers["coverage"] = coverage(seen, here.reported)
    worlds = predicted(here, habits, given, WORLDS, place.of("worlds"))
    numbers["differences"] = differences(worlds, here)
    numbers["curve"] = {}
    few = max(2, size.draws // 3)
    numbers["draws"] = {"worlds": size.draws, "curve": few}
    some = result.parameters(few)
    for value in TRANSPORTS:
        note(f"asking with transport {value:g}")
        fixed = habits.changed(*_lived(behaviour, value))
        found = differences(predicted(here, fixed, some, WORLDS, place.of(f"transport {value:g}")), here)
        numbers["curve"][f"{value:g}"] = {outcome: rows[CITY] for outcome, rows in found.items()}
    return numbers


def verdict(result: CalibrationResult, name: str) -> dict[str, Any]:
    """Status and gates of a model of behaviour, and its numbers about reliability: mean, sd, 5%, 95%."""
    shown = (f"{name}_slope", f"{name}_transport_payment", "llm_dispersion")
    return {
        "status": result.status,
        "gates": _gates(result),
        "reliability": {row[0]: [float(value) for value in row[1:]] for row in _rows(result) if row[0] in shown},
    }


def _rows(result: CalibrationResult) -> list[tuple[Any, ...]]:
    """Name, mean, sd, 5% and 95% of each parameter, as the model has it."""
    return list(result.summary(natural=False)[["mean", "sd", "5%", "95%"]].itertuples(name=None))


def _gates(result: CalibrationResult) -> dict[str, list[Any]]:
    return {gate.name: [gate.verdict, float(gate.value), gate.sentence] for gate in result.report.gates}


def _lived(behaviour: dict[str, Learned], transport: float | None) -> tuple[Lived, Lived]:
    """Work and isolation in the draws of the posteriors, with their own transport or with one that is fixed."""
    found = []
    for name in (WORK.name, ISOLATE.name):
        question, result = behaviour[name]
        draws = result.parameters(DRAWS)
        site = question.map.transport_site("payment")
        if transport is not None:
            draws |= {site: torch.full_like(draws[site], transport)}
        found.append(lived_by(question, draws))
    return found[0], found[1]
