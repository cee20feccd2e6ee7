import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import rollout
from causal_lpm.agents.drawn_networks import random_graph
from causal_lpm.agents.mixing import Mixing
from causal_lpm.agents.population import Population, start
from tests.pretend_gpu import DEVICE, PretendGpu

LABELS = ("Queens", "Bronx", "Brooklyn", "Staten Island")  # not in alphabetical order, the last one unused


@st.composite
def populations(draw: st.DrawFn) -> Population:
    agents = draw(st.integers(1, 30))

    def column(element: st.SearchStrategy[float]) -> list[float]:
        return draw(st.lists(element, min_size=agents, max_size=agents))

    return Population(
        {
            "borough": torch.tensor(column(st.integers(0, 2)), dtype=torch.uint8),
            "age": torch.tensor(column(st.integers(0, 2**31)), dtype=torch.int64),
            "income": torch.tensor(column(st.floats(allow_nan=False, width=32)), dtype=torch.float32),
            "employed": torch.tensor(column(st.booleans()), dtype=torch.bool),
        },
        {"borough": LABELS},
    )


def same(a: Population, b: Population) -> bool:
    columns = all(torch.equal(a[name], b[name]) and a[name].dtype == b[name].dtype for name in a)
    return list(a) == list(b) and dict(a.labels) == dict(b.labels) and columns


def test_populations_and_layers_are_shown_in_a_line() -> None:
    assert repr(Population({"age": torch.zeros(12_000)})) == "<Population of 12,000 agents with age>"
    shown = [repr(layer) for layer in (random_graph(1_000, 4, seed=0), Mixing(torch.zeros(1_000).int(), [[3]]))]
    assert shown == ["<Graph of 1,000 agents>", "<Mixing of 1,000 agents>"]


@given(populations())
def test_a_frame_holds_everything(people: Population) -> None:
    assert same(Population.from_frame(people.to_frame()), people)


@given(people=populations())
def test_parquet_round_trip(people: Population, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("population") / "people.parquet"
    people.save(path)
    assert same(Population.load(path), people)


@given(people=populations())
def test_files_of_pandas_are_read_as_its_tables_are(
    people: Population, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Files written by an earlier version of `save` are such files."""
    path = tmp_path_factory.mktemp("population") / "people.parquet"
    people.to_frame().to_parquet(path, index=False)
    assert same(Population.load(path), people)
    people.to_frame().set_index(pd.RangeIndex(5, 5 + 2 * people.size, 2)[::-1]).to_parquet(path)
    assert same(Population.load(path), people)


@given(people=populations())
def test_pandas_reads_what_is_saved(people: Population, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("population") / "people.parquet"
    people.save(path)
    assert same(Population.from_frame(pd.read_parquet(path)), people)


def test_files_in_several_parts_and_with_text(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {
            "age": np.arange(300, dtype=np.uint16),
            "tract": [f"tract {i}" for i in range(300)],
            "borough": ["Queens", "Bronx", "Queens"] * 100,
            "seen": pd.array([True, False, True] * 100, dtype="boolean"),
        }
    )
    frame.index = pd.Index([f"person {i}" for i in range(300)], name="who")  # row names are no attribute
    frame.to_parquet(tmp_path / "people.parquet", row_group_size=70)
    assert same(Population.load(tmp_path / "people.parquet"), Population.from_frame(frame))
    categories = frame.astype({"tract": "category", "borough": "category"})
    categories.to_parquet(tmp_path / "again.parquet", row_group_size=70)
    assert same(Population.load(tmp_path / "again.parquet"), Population.from_frame(categories))


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (["a", None], "'x' has 1 missing values"),
        (pd.array([1, None], dtype="Int64"), "'x' has 1 missing values"),
        (pd.to_datetime(["2020-03-01", "2020-03-02"]), "'x' is of type timestamp.*a number of days"),
        (np.zeros(0, dtype=np.int64), "number of agents is 0"),
        (pd.Categorical([], categories=["a"]), "number of agents is 0"),
    ],
)
def test_bad_files_are_refused(column: object, sentence: str, tmp_path: Path) -> None:
    pd.DataFrame({"x": column}).to_parquet(tmp_path / "people.parquet")
    with pytest.raises(ValueError, match=sentence):
        Population.load(tmp_path / "people.parquet")


def test_more_agents_than_memory_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Population({"age": torch.zeros(1000, dtype=torch.int64)}).save(tmp_path / "people.parquet")
    monkeypatch.setattr(os, "sysconf", lambda name: 4096 if name == "SC_PAGE_SIZE" else 1)
    with pytest.raises(ValueError, match=r"1e\+03 agents in people.parquet need about 0 GB"):
        Population.load(tmp_path / "people.parquet")


def test_a_file_says_how_it_was_made(tmp_path: Path) -> None:
    Population({"age": torch.tensor([1])}).save(tmp_path / "people.parquet", seed=12)
    metadata = pq.read_schema(tmp_path / "people.parquet").metadata
    assert metadata[b"seed"] == b"12"
    assert metadata[b"torch"] == torch.__version__.encode()


def test_tables_are_imported_where_they_are_asked_for() -> None:
    code = "import sys, causal_lpm.agents.population; print('pandas' in sys.modules, 'pyarrow' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "False"]


def test_nothing_is_written_over(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    Population({"age": torch.tensor([1])}).save(str(path))
    before = path.read_bytes()
    with pytest.raises(FileExistsError, match="nothing is written over; remove it or choose another name"):
        Population({"age": torch.tensor([2])}).save(path)
    assert path.read_bytes() == before


def test_mapping_behaviour() -> None:
    people = Population({"age": torch.tensor([34, 71]), "sex": torch.tensor([0, 1])})
    assert list(people) == ["age", "sex"]
    assert len(people) == people.size == 2
    assert "age" in people
    assert "height" not in people
    assert people.device == torch.device("cpu")
    assert people != Population(dict(people.attributes))  # populations compare by identity
    assert len({people, people}) == 1


def test_added_attributes_leave_the_first_population_alone() -> None:
    people = Population({"age": torch.tensor([34, 71])})
    more = people.with_attributes(age=torch.tensor([35, 72]), ill=torch.tensor([True, False]))
    assert list(people) == ["age"]
    assert people["age"].tolist() == [34, 71]
    assert more["age"].tolist() == [35, 72]
    assert same(more.to("cpu"), more)


def test_did_you_mean() -> None:
    with pytest.raises(ValueError, match="unknown attribute 'agee': did you mean 'age'"):
        Population({"age": torch.tensor([1])})["agee"]


@pytest.mark.parametrize(
    ("attributes", "labels", "sentence"),
    [
        ({}, {}, "no attributes"),
        ({"age": torch.zeros(0)}, {}, "number of agents is 0"),
        ({"age": torch.zeros(3), "sex": torch.zeros(2)}, {}, "'sex' has shape \\(2,\\) where 'age' has 3 agents"),
        ({"age": torch.zeros(3, 1)}, {}, "'age' has shape \\(3, 1\\)"),
        ({"age": torch.tensor(3.0)}, {}, "'age' has shape \\(\\)"),
        ({"age": torch.tensor([1.0, math.nan])}, {}, "'age' contains NaN"),
        ({"age": torch.tensor([0, 2])}, {"age": ("young", "old")}, "'age' runs from 0 to 2 but has 2 labels"),
        ({"age": torch.tensor([-1, 0])}, {"age": ("young", "old")}, "'age' runs from -1 to 0"),
        ({"age": torch.tensor([0.5])}, {"age": ("young", "old")}, "whole numbers from 0"),
        ({"age": torch.tensor([0])}, {"age": ("young", "young")}, "label of 'age' 'young' appears twice"),
        ({"age": torch.tensor([0])}, {"agee": ("young",)}, "did you mean 'age'"),
    ],
)
def test_bad_populations_are_refused(
    attributes: dict[str, torch.Tensor], labels: dict[str, tuple[str, ...]], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        Population(attributes, labels)


def test_what_is_no_tensor_is_refused() -> None:
    with pytest.raises(TypeError, match="'age' is a list: give a tensor"):
        Population({"age": [1, 2]})  # type: ignore[dict-item]


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (["a", None], "'x' has 1 missing values"),
        ([1.0, math.nan], "'x' has 1 missing values"),
        (pd.to_datetime(["2020-03-01", "2020-03-02"]), "'x' is of type datetime.*a number of days"),
        ([1, "b"], "'x' is of type object"),
        ([1j, 2j], "'x' is of type complex128"),
        ([], "number of agents is 0"),
    ],
)
def test_bad_columns_are_refused(column: object, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Population.from_frame(pd.DataFrame({"x": column}))


def test_a_column_given_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="column 'x' appears twice"):
        Population.from_frame(pd.DataFrame([[1, 2]], columns=["x", "x"]))


@pytest.mark.parametrize(
    ("column", "dtype"),
    [
        (np.array([1, 2], dtype=np.uint16), torch.int64),  # torch does not compute with uint16
        (np.array([1, 2], dtype=np.int8), torch.int8),
        (np.array([1, 2], dtype=np.float32), torch.float32),
        (pd.array([1, 2], dtype="Int64"), torch.int64),
        (pd.array([1, 0], dtype="boolean"), torch.bool),
    ],
)
def test_number_columns_become_tensors_that_torch_computes_with(column: object, dtype: torch.dtype) -> None:
    people = Population.from_frame(pd.DataFrame({"x": column}))
    assert people["x"].dtype == dtype
    assert people["x"].max() == people["x"][int(people["x"].int().argmax())]


def test_columns_without_text_names_and_many_classes() -> None:
    frame = pd.DataFrame({0: [f"tract {i}" for i in range(300)]})
    people = Population.from_frame(frame)
    assert people["0"].dtype == torch.int32
    assert [people.labels["0"][code] for code in people["0"]] == list(frame[0])


@given(populations())
def test_a_state_begins_in_stage_0_or_in_the_stage_of_the_population(people: Population) -> None:
    state = start(people, closure=torch.tensor(30.0), due=torch.zeros(people.size))
    assert state["stage"].tolist() == [0] * people.size
    assert state["stage"].dtype == torch.uint8
    assert state["closure"].shape == (1,)
    placed = people.with_attributes(stage=torch.arange(people.size))
    assert torch.equal(start(placed)["stage"], torch.arange(people.size, dtype=torch.uint8))
    last = rollout(lambda s: {**s, "stage": s["stage"] + 1}, state, 3).state
    assert last["stage"].tolist() == [3] * people.size


def test_a_model_that_writes_in_place_leaves_the_population_alone() -> None:
    people = Population({"stage": torch.zeros(2, dtype=torch.uint8)})
    start(people)["stage"].add_(1)
    assert people["stage"].tolist() == [0, 0]


def test_attributes_on_two_devices_are_refused() -> None:
    with PretendGpu():
        there = torch.zeros(2).to(DEVICE)
        with pytest.raises(ValueError, match="'age' is on cpu and 'sex' on meta: move them to one device"):
            Population({"age": torch.zeros(2), "sex": there})
        assert Population({"age": there, "sex": there}).device == DEVICE


@pytest.mark.parametrize("highest", [2**63 - 1, 2**63])
def test_whole_numbers_beyond_int64_are_refused(highest: int, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": np.array([1, highest], dtype=np.uint64)})
    frame.to_parquet(tmp_path / "people.parquet")
    for read in (lambda: Population.from_frame(frame), lambda: Population.load(tmp_path / "people.parquet")):
        if highest < 2**63:
            assert read()["x"].tolist() == [1, highest]
        else:
            with pytest.raises(ValueError, match=r"column 'x' runs to 9223372036854775808, beyond 2\*\*63 - 1"):
                read()


def test_bad_first_states_are_refused() -> None:
    people = Population({"age": torch.tensor([34, 71])})
    with pytest.raises(ValueError, match="entry 'due' has shape \\(3,\\) but there are 2 agents"):
        start(people, due=torch.zeros(3))
    with pytest.raises(ValueError, match="outside 0 to 255"):
        start(people.with_attributes(stage=torch.tensor([0, 256])))


def test_a_table_gives_the_columns_that_are_asked_for() -> None:
    frame = pd.DataFrame({"age": [1, 2], "name": ["a", None]})
    assert list(Population.from_frame(frame, columns=["age"])) == ["age"]
    with pytest.raises(ValueError, match="the table has no column 'Age': did you mean 'age'"):
        Population.from_frame(frame, columns=["Age"])
