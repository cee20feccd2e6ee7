"""starsim's example with births and deaths: ours agrees with it, and what differs is seen."""

import importlib
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture
def example() -> ModuleType:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(BENCHMARKS)
        return importlib.import_module("starsim_demography")


def test_thirty_seeds_of_starsim_are_recorded_and_agree_with_themselves(example: ModuleType) -> None:
    recorded = pd.read_csv(example.RECORDED).drop(columns="seed")
    assert recorded.shape == (30, 6)
    assert example.compare(recorded, recorded)["agrees"].all()


@pytest.mark.parametrize("column", ["infections", "peak_height", "alive", "recovered", "infected"])
def test_a_twelfth_more_is_seen(example: ModuleType, column: str) -> None:
    recorded = pd.read_csv(example.RECORDED).drop(columns="seed")
    more = pd.concat([recorded] * 4).assign(**{column: lambda table: table[column] * 1.08})
    table = example.compare(more, recorded)
    assert table.index[~table["agrees"]].tolist() == [column]


@pytest.mark.slow
def test_a_hundred_seeds_agree_in_all_columns(example: ModuleType) -> None:
    """False alarm: below 1 in 100, none at these seeds."""
    table = example.compare(example.outputs(100), pd.read_csv(example.RECORDED))
    assert table["agrees"].all(), table.to_string()
