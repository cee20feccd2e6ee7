import inspect
from pathlib import Path

import pytest

from causal_lpm import create
from causal_lpm.inference.program.program import read
from causal_lpm.templates import load_template, template_names

HEADINGS = ("Purpose", "Entities", "Process overview", "Design concepts", "Initialisation", "Input data", "Submodels")
LINES = 80


@pytest.mark.parametrize("name", template_names())
def test_a_template_is_short_and_described(name: str) -> None:
    template = load_template(name)
    lines = Path(inspect.getfile(template.function)).read_text(encoding="utf-8").splitlines()
    assert len(lines) < LINES
    assert all(heading in template.odd for heading in HEADINGS)
    assert set(template.units.values()) <= {"new", "stock"}
    assert template.title.endswith(".")
    assert all(default is not inspect.Parameter.empty for default in template.parameters.values())


def test_names_have_hyphens_and_helpers_are_no_templates() -> None:
    assert "needs" not in template_names()
    assert not any("_" in name for name in template_names())


def test_an_unknown_template_is_one_sentence() -> None:
    with pytest.raises(ValueError, match="unknown template 'seirr': did you mean 'seir'"):
        load_template("seirr")


@pytest.mark.parametrize("name", template_names())
def test_what_a_template_says_of_its_tallies_is_what_they_say(name: str) -> None:
    living = {} if name == "predator-prey" else {"population": "nyc", "agents": 600}
    run = read(create(name, **living).model(1)).returned
    units = load_template(name).units
    assert set(run.tallies) == set(units)
    assert run.stocks == {tally for tally, kind in units.items() if kind == "stock"}
