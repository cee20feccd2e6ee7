"""The second dose on shares: unchanged, and equal to the clear run on the seed's luck."""

import json
from pathlib import Path

import pytest
import torch

from case_studies.page import fill
from case_studies.private_second_dose import real, reproduction
from case_studies.private_second_dose.people import PARTIES, everybody, write_parts
from case_studies.private_second_dose.report import tables
from causal_lpm import KeyedNoise
from causal_lpm.agents import Population
from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.messenger import Private
from causal_lpm.parties import share
from tests.handlers.private.runs import Exact

STUDY = Path(reproduction.__file__).parent
AGENTS, DAYS = 300, 8


def test_on_shares_it_is_the_clear_run() -> None:
    people = everybody(AGENTS, seed=2)
    with KeyedNoise(2):
        clear = real.simulation(people, DAYS)
    layer = Clear()
    with KeyedNoise(2), Private(layer, "public", Exact(), {"stage": 11, "doses": 3}):
        private = real.simulation(share(people, [(0, AGENTS)], layer, {"stage": (0, 10)}, real.PUBLIC), DAYS)
    assert {name for name, x in private.state.items() if getattr(x, "hidden", False)} >= {"stage", "due", "doses"}
    for name in real.TALLIES:
        assert torch.equal(private.tallies[name], clear.tallies[name]), name
    assert int(clear.tallies["infections"].sum()) > 0


def test_each_party_has_its_own_agents(tmp_path: Path) -> None:
    people = everybody(AGENTS, seed=2)
    parts = [Population.load(file) for file in write_parts(people, tmp_path)]
    assert len(parts) == PARTIES
    for name in people:
        assert torch.equal(torch.cat([part[name] for part in parts]), people[name])


@pytest.mark.parametrize("make", [real.check, real.published])
@pytest.mark.filterwarnings("ignore:noise='public'")
def test_the_settings_are_those_of_both_runs(make: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(real.SIZE, "300 4 7")
    settings = make().settings  # type: ignore[operator]
    assert settings.seed == 7
    assert settings.public == real.PUBLIC
    assert "stage" not in settings.public
    assert (settings.noise == "owner") == settings.release.noisy
    assert settings.release.exact == (settings.noise == "public")


def test_the_tables_say_what_was_found() -> None:
    runs = {
        name: {"totals": {tally: [3, 4] for tally in real.TALLIES}, "rho": rho, "seconds": 5.0, "rounds": 58}
        for name, rho in (("check", float("inf")), ("published", 0.05))
    }
    for run in runs.values():
        run.update(sent=29e6, dealt=58e6)
    clear = {tally: [[3, 4], [5, 8]] for tally in real.TALLIES}
    numbers = {"agents": 600, "days": 30, "parties": 3, "different_cells": 7, "clear": clear, "runs": runs}
    found = tables(numbers)
    assert "differs from the clear one: 7." in found["totals"]
    assert "| first doses, delayed | 4 | 4 | 6.0 (4 to 8) | 4 |" in found["totals"]
    assert "| the seed's luck, exact | 2.0 | 1.0 | 2.0 | 5 | none |" in found["cost"]
    page = (STUDY / "README.md").read_text(encoding="utf-8")
    assert all(part in fill(page, found) for part in found.values())


@pytest.mark.slow
def test_three_parties_and_a_dealer_run_it(tmp_path: Path) -> None:
    said: list[str] = []
    text = reproduction.reproduce(tmp_path, quick=True, seed=0, workers=1, say=said.append)
    numbers = json.loads((tmp_path / "numbers.json").read_text(encoding="utf-8"))
    assert numbers["different_cells"] == 0
    assert "differs from the clear one: 0." in text
    assert len(said) == 3
    assert numbers["runs"]["published"]["rho"] < 1
    again = reproduction.reproduce(tmp_path, quick=True, seed=0, workers=1, say=said.append)
    assert again == text
