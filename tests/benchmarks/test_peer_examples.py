"""The examples of epydemix and LASER: what is recorded agrees, the comparison can say no, and our runs come again."""

import importlib
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
EXAMPLES = {"age_seir": ("epydemix_age_seir", "schools"), "town_seir": ("laser_gravity_seir", None)}

every_example = pytest.mark.parametrize("name", EXAMPLES)


@pytest.fixture(autouse=True)
def scripts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(BENCHMARKS)


def script(name: str) -> ModuleType:
    return importlib.import_module(name)


def ours(name: str) -> pd.DataFrame:
    return pd.read_csv(BENCHMARKS / "results" / f"{name}.csv")


def peers(name: str) -> pd.DataFrame:
    return pd.read_csv(BENCHMARKS / "peers" / "examples" / f"{EXAMPLES[name][0]}.csv")


@every_example
def test_a_hundred_recorded_seeds_agree(name: str) -> None:
    table = script("agreement").agreement(ours(name), peers(name), EXAMPLES[name][1])
    assert table.agrees.all(), table.to_string()


@every_example
def test_a_tenth_more_is_seen(name: str) -> None:
    more = ours(name).assign(peak_infectious=lambda table: 1.1 * table.peak_infectious)
    table = script("agreement").agreement(more, peers(name), EXAMPLES[name][1])
    assert set(table.column[~table.agrees]) == {"peak_infectious"}


def test_too_few_seeds_are_refused() -> None:
    few = ours("town_seir").head(99)
    with pytest.raises(ValueError, match="there are 99 of our seeds of '': compare at least 100"):
        script("agreement").agreement(few, peers("town_seir"))


@pytest.mark.slow
def test_towns_come_again() -> None:
    """All seeds: half a minute."""
    towns = script("town_seir")
    layer = towns.towns()
    rows = [[seed, *towns.outputs(seed, layer)] for seed in range(100)]
    assert pd.DataFrame(rows, columns=["run", *towns.COLUMNS]).equals(ours("town_seir"))


@pytest.mark.slow
def test_ages_come_again() -> None:
    """One seed of the recorded hundred, a million agents in two worlds: ten seconds."""
    ages = script("age_seir")
    recorded = ours("age_seir")
    for world, values in ages.outputs(42, *ages.people()).items():
        row = recorded[(recorded.schools == world) & (recorded.run == 42)]
        assert row[list(ages.COLUMNS)].to_numpy().tolist() == [values]
