"""Covasim's tracing example: the page shows the program that was compared, and a hundred towns agree with the runs."""

import importlib
import inspect
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def example() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(ROOT / "benchmarks")
        return importlib.import_module("covasim_tracing")


def test_the_page_shows_the_program(example: ModuleType) -> None:
    page = (ROOT / "docs" / "how_to" / "contact_tracing.md").read_text(encoding="utf-8")
    assert inspect.getsource(example.contacts) in page
    assert inspect.getsource(example.epidemic) in page


def test_the_comparison_sees_another_disease(example: ModuleType) -> None:
    """Recorded runs agree with themselves, and do not if 6% more are infected."""
    recorded = pd.read_csv(example.RECORDED)
    assert example.agrees(example.agreement(recorded)).all()
    more = recorded.assign(attack_rate=1.06 * recorded["attack_rate"])
    table = example.agreement(more)
    assert not example.agrees(table)[(table["column"] == "attack_rate") & (table["tracing"] == 0)].any()


@pytest.mark.slow
def test_a_hundred_towns_agree(example: ModuleType) -> None:
    """Ten columns at p > .001: a false alarm in 1 of 100 choices of seeds, and none at these."""
    table = example.agreement(pd.concat([example.runs(example.TOWNS, seed) for seed in range(1, 11)]))
    assert example.agrees(table).all(), table.to_string()
