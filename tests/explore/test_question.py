"""What the controls ask is what the command line answers, in the same numbers."""

import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from causal_lpm import create
from causal_lpm.agents import Population
from causal_lpm.cli import app
from causal_lpm.explore.answer import answer, csv
from causal_lpm.explore.controls import step_of
from causal_lpm.explore.question import asked
from causal_lpm.explore.start import Start, begin
from causal_lpm.inference import Options, Policy, load, run_experiment, save
from causal_lpm.inference.studies.experiment import one_replicate
from tests.cli.homes import empty_home
from tests.inference.conftest import installed
from tests.inference.fake_study import FakeStudy

__all__ = ["installed"]

NUMBERS = {"agents": 500, "days": 20, "replicates": 2, "seed": 5}
AS_IT_IS = {"efficacy": 0.5, "interval": 21, "sterilizing": 0.0}


@pytest.fixture
def home(installed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder, and the fake studies installed."""
    return empty_home(tmp_path, monkeypatch)


def answered(start: Start, policies: dict[str, Any]) -> Any:
    """As the page does it, without its processes."""
    question = asked(start, policies, NUMBERS)
    question.check(workers=1)
    study, number = start.study, question.replicates
    made = [one_replicate(study, question.worlds, question.options, question.seed, r) for r in range(number)]
    return question, answer(question, made)


def told(command: str, home: Path) -> Any:
    """The result of a command line that the page shows."""
    program, *words = shlex.split(command)
    assert program == "causal-lpm"
    result = CliRunner().invoke(app, [*words, "--out", "told", "--workers", "1", "--no-plots"])
    assert result.exit_code == 0, result.stderr
    return load(home / "told" / "results.nc")


@pytest.mark.parametrize("policies", [{"efficacy": 0.83}, {"efficacy": 0.1, "interval": 84, "sterilizing": 1.0}, {}])
def test_the_command_line_gives_the_same_numbers(home: Path, policies: dict[str, float]) -> None:
    question, found = answered(begin("fake"), {**AS_IT_IS, **policies})
    there = told(question.command, home)
    for outcome in ("deaths", "infections"):
        ours, theirs = found.tree["predictions"][outcome], there["predictions"][outcome]
        assert np.array_equal(ours.values, theirs.values)
    assert ("causal_effect" in there.children) is bool(policies)
    if policies:
        assert np.array_equal(found.tree["causal_effect"]["averted"], there["causal_effect"]["averted"])


def test_the_page_of_a_simulation_shows_lines_of_python_that_give_the_same_numbers() -> None:
    people = Population({"school": torch.arange(600) // 30})
    simulation = create("seir", people, r0=4.0).run(days=20, seeds=2, progress=False)
    start = begin(simulation, replicates=2, seed=5)
    question = asked(start, {"school_closure_day": 5}, {})
    made = [one_replicate(start.study, question.worlds, question.options, 5, r) for r in range(2)]
    found = answer(question, made)
    lines, _, last = question.command.partition("run_experiment(s")
    given: dict[str, Any] = {"simulation": simulation}
    exec(lines, given)
    there = eval(f"run_experiment(s{last}", given)
    assert np.array_equal(found.tree["predictions"]["infections"].values, there["predictions"]["infections"].values)
    assert float(there["causal_effect"]["averted"].sel(outcome="infections").mean()) != 0
    assert 'id="command"' in found.body()


def test_a_result_begins_where_it_ended(home: Path) -> None:
    study = FakeStudy()
    worlds = {"late": {"interval": 84.0}, "late, better": {"interval": 84.0, "efficacy": 0.9}}
    tree = run_experiment(study, worlds, {"late, better": "late"}, 2, 5, Options(500, 20), workers=1)
    save(tree, home / "results.nc")
    start = begin(home / "results.nc")
    assert (start.base, start.acts) == ({"interval": 84}, {"interval": 84, "efficacy": 0.9})
    assert (start.options.agents, start.replicates, start.seed) == (500, 2, 5)
    question, found = answered(start, {**AS_IT_IS, **start.acts})
    assert np.array_equal(found.tree["predictions"]["deaths"].values, tree["predictions"]["deaths"].values)
    there = told(question.command, home)
    assert np.array_equal(there["predictions"]["deaths"].values, tree["predictions"]["deaths"].values)


def test_the_table_has_every_number(home: Path) -> None:
    _, found = answered(begin("fake"), {**AS_IT_IS, "efficacy": 0.9})
    rows = csv(found.tree).splitlines()
    assert rows[0].split(",")[:4] == ["world", "replicate", "group", "day"]
    assert len(rows) == 1 + 2 * 2 * 2 * 20


@pytest.mark.parametrize(
    ("policies", "numbers", "words"),
    [
        ({"efficacy": 1.5}, {}, "'efficacy' is 1.5: give a number from 0 to 1"),
        ({"efficacy": None}, {}, "'efficacy' is empty"),
        ({"interval": 21.5}, {}, "whole number from 1 to 365"),
        ({}, {"agents": None}, "agents is empty"),
        ({}, {"replicates": 0}, "replicates is 0"),
        ({}, {"seed": 1.5}, "seed is 1.5"),
        ({}, {"agents": 10**18}, "memory|days"),
    ],
)
def test_what_no_control_should_say_is_refused(policies: dict[str, Any], numbers: dict[str, Any], words: str) -> None:
    start = begin(FakeStudy())
    with pytest.raises(ValueError, match=words):
        asked(start, {**AS_IT_IS, **policies}, {**NUMBERS, **numbers}).check(workers=1)


def test_what_cannot_be_explored_is_refused(home: Path) -> None:
    with pytest.raises(ValueError, match="did you mean 'fake'"):
        begin("fakee")
    with pytest.raises(FileNotFoundError, match="no result at"):
        begin("there/results.nc")
    with pytest.raises(ValueError, match="a dict has no worlds"):
        begin({})  # type: ignore[arg-type]


@given(
    low=st.integers(-1000, 1000),
    width=st.integers(1, 2000),
    digits=st.integers(0, 4),
    share=st.integers(0, 1000),
)
def test_a_slider_reaches_its_ends_and_its_value(low: int, width: int, digits: int, share: int) -> None:
    unit = 10.0**-digits
    value = round((low + share * width // 1000) * unit, digits)
    ends = round(low * unit, digits), round((low + width) * unit, digits)
    step = step_of(Policy("p", ends[0], "", *ends), value)
    assert step is not None
    for end in (value, ends[1]):
        steps = (end - ends[0]) / step
        assert abs(steps - round(steps)) < 1e-6
