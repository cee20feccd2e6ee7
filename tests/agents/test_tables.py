"""Populations from tables and files of other programs: nothing is changed in silence, and a broken file says so."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from causal_lpm.agents import parquet
from causal_lpm.agents.networks import Groups
from causal_lpm.agents.population import Population, start


def test_serial_numbers_come_through_tables_and_files(tmp_path: Path) -> None:
    home = np.array([9_000_000_001, 36_061_000_100, 9_000_000_001, -1])
    people = Population.from_frame(pd.DataFrame({"home": home}))
    people.save(tmp_path / "people.parquet")
    for known in (people, Population.load(tmp_path / "people.parquet")):
        assert known["home"].tolist() == home.tolist()
        assert Groups(known["home"]).total(torch.tensor([1, 2, 4, 8])).tolist() == [4, 0, 1, 0]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (pd.Categorical([10, 2, 10]), "'x' has categories that are numbers"),
        (pd.Categorical([True, False, True]), "'x' has categories that are numbers"),
        (np.array([1, 2, 3], dtype=np.longdouble), "'x' is of type float128"),
        (pd.array([1, None, 3], dtype="int64[pyarrow]"), "1 missing"),
        (pd.to_timedelta([1, 2, 3], unit="D"), "neither numbers nor text"),
        (pd.period_range("2020-03-01", periods=3), "neither numbers nor text"),
        (pd.to_datetime(["2020-03-01"] * 3).tz_localize("UTC"), "neither numbers nor text"),
        (np.array([1, 2, 3], dtype=object), "neither numbers nor text"),
        (["a", float("nan"), "b"], "1 missing"),
    ],
)
def test_columns_that_would_be_changed_are_refused(column: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Population.from_frame(pd.DataFrame({"x": column}))


@pytest.mark.parametrize(
    ("column", "values"),
    [
        (np.array([1, 2], dtype=">i4"), [1, 2]),
        (pd.array([1, 2], dtype="int64[pyarrow]"), [1, 2]),
        (pd.arrays.SparseArray([0, 7]), [0, 7]),
        (pd.array([1.5, 2.5], dtype="Float32"), [1.5, 2.5]),
    ],
)
def test_columns_of_unusual_types_keep_their_numbers(column: object, values: list[float]) -> None:
    assert Population.from_frame(pd.DataFrame({"x": column}))["x"].tolist() == values


def test_age_bands_are_classes() -> None:
    people = Population.from_frame(pd.DataFrame({"band": pd.cut([3, 80, 40], [0, 18, 65, 120])}))
    assert people.labels["band"] == ("(0, 18]", "(18, 65]", "(65, 120]")
    assert people["band"].tolist() == [0, 2, 1]


@pytest.mark.parametrize("dtype", [torch.complex64, torch.uint16, torch.uint32, torch.uint64])
def test_numbers_with_which_torch_does_not_compute_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=f"attribute 'x' is {dtype}: give bool, integers"):
        Population({"x": torch.ones(2).to(dtype)})


def test_labels_are_text() -> None:
    with pytest.raises(ValueError, match=r"the labels of 'x' are \(0, 1\): give one text a class"):
        Population({"x": torch.tensor([0, 1])}, {"x": (0, 1)})  # type: ignore[dict-item]


def test_columns_with_gradients_and_short_floats_become_tables(tmp_path: Path) -> None:
    people = Population({"x": torch.ones(2, requires_grad=True), "y": torch.ones(2, dtype=torch.bfloat16)})
    assert people.to_frame().to_numpy().tolist() == [[1.0, 1.0]] * 2
    people.save(tmp_path / "people.parquet")
    assert Population.load(tmp_path / "people.parquet")["y"].tolist() == [1.0, 1.0]


def test_tables_and_states_are_copies() -> None:
    people = Population({"age": torch.tensor([1, 2]), "stage": torch.zeros(2, dtype=torch.uint8)})
    due, share = torch.zeros(2), torch.tensor(0.5).expand(2)
    frame, state = people.to_frame(), start(people, due=due, share=share, closure=30.0)
    frame.loc[:, "age"] = 9
    for value in state.values():
        value.add_(1)
    again = Population.from_frame(frame)
    frame.loc[:, "age"] = 10
    assert (people["age"].tolist(), again["age"].tolist()) == ([1, 2], [9, 9])
    assert (people["stage"].tolist(), due.tolist(), share.tolist()) == ([0, 0], [0.0, 0.0], [0.5, 0.5])
    assert state["closure"].tolist() == [31.0]


# Files


def write(path: Path, columns: dict[str, object]) -> Path:
    pq.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (pa.array([1, None]), "1 missing"),
        (pa.nulls(2), "2 missing"),
        (pa.array([1.0, float("nan")]), "contains NaN"),
        (pa.array([[1], [2]]), "is of type list.*neither numbers nor text"),
        (pa.array([{"a": 1}, {"a": 2}]), "is of type struct"),
        (pa.array([1, 2], pa.decimal128(5, 2)), "is of type decimal"),
        (pa.array([b"a", b"b"]), "is of type binary"),
        (pa.array(pd.to_datetime(["2020-03-01"] * 2).tz_localize("Europe/Berlin")), "is of type timestamp"),
        (pa.array([1, 2], pa.date32()), "is of type date32"),
    ],
)
def test_columns_of_files_that_would_be_changed_are_refused(column: pa.Array, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=sentence):
        Population.load(write(tmp_path / "people.parquet", {"x": column}))


def test_names_of_columns_are_taken_as_they_are(tmp_path: Path) -> None:
    columns = {"a.b": [1, 2], "a": [3, 4], "": [5, 6], "a/b": ["y", "x"], "ä": [True, False]}
    people = Population.load(write(tmp_path / "people.parquet", columns))
    assert {name: people[name].tolist() for name in people} == {**columns, "a/b": [1, 0]}
    people.save(tmp_path / "again.parquet")
    assert list(Population.load(tmp_path / "again.parquet")) == list(columns)


def cut(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def overwritten(whole: bytes) -> bytes:
    return whole[:200] + bytes(len(whole) // 2) + whole[200 + len(whole) // 2 :]


@pytest.mark.parametrize("damage", [cut, overwritten, lambda _: b"", lambda _: b"not a table " * 20])
def test_files_that_are_not_whole_are_named(damage: Callable[[bytes], bytes], tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    Population({"x": torch.arange(20_000)}).save(path)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(ValueError, match=r"people.parquet cannot be read as Parquet \(.*\): make the file"):
        Population.load(path)
    with pytest.raises(FileNotFoundError):
        Population.load(tmp_path / "other.parquet")


def test_what_cannot_be_written_leaves_nothing_in_the_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    people, path = Population({"x": torch.arange(3)}), tmp_path / "people.parquet"

    def full(part: Path, *_: object) -> None:
        part.write_bytes(b"PAR1")
        raise OSError(28, "No space left on device")

    whole = parquet.write
    monkeypatch.setattr(parquet, "write", full)
    with pytest.raises(OSError, match="No space left"):
        people.save(path)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setattr(parquet, "write", whole)
    people.save(path)
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*: make it first"):
        people.save(tmp_path / "no" / "people.parquet")
