"""Whatever goes wrong with one process, all others end with one sentence, and nothing is released."""

import signal
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from causal_lpm.agents import Population
from causal_lpm.parties import Release
from tests.parties import programs
from tests.parties.epidemic import everybody, files, part
from tests.parties.processes import QUICK, End, Program, Run, start
from tests.parties.test_channel import all_lost

pytestmark = pytest.mark.slow


def nothing_is_released(folder: Path, ends: Mapping[int | str, End]) -> None:
    assert not list(folder.glob("out-*"))
    assert not list(folder.glob(".out-*"))
    assert all(end.out == "" for end in ends.values())


def with_party_1(program: Program, **changes: Any) -> dict[int, Program]:
    return {0: program, 1: partial(program, **changes), 2: program}


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP])
@pytest.mark.parametrize("rank", [0, 1, 2, 3])
@pytest.mark.parametrize("when", ["start", "steps", "release"])
def test_a_process_is_killed_or_stopped(tmp_path: Path, when: str, rank: int, number: signal.Signals) -> None:
    files(tmp_path, 3)
    program = programs.at_release if when == "release" else partial(programs.kept, slow=True)
    run = start(tmp_path, program, patience=replace(QUICK, start=4.0) if when == "start" else QUICK)
    if when == "steps":
        run.wait_for("running-0")
    elif when == "release":
        run.wait_for(f"releasing-{rank if rank < 3 else 0}")
    run.send(rank, number)
    others = Run(run.folder, run.addresses, run.patience, {k: p for k, p in run.processes.items() if k != rank})
    ends = others.ends()
    if when == "start":
        assert all(end.code == 1 and len(end.error.splitlines()) == 1 for end in ends.values()), ends
        assert all(end.error.startswith("PartyLost: ") for end in ends.values()), ends
    else:
        all_lost(ends, rank)
    if number == signal.SIGSTOP:
        run.send(rank, signal.SIGCONT)
        ends[rank] = run.ends()[rank]
        assert ends[rank].code == 1
    nothing_is_released(tmp_path, ends)


def rows(**columns: torch.Tensor) -> Population:
    mine = part(everybody(), 1, 3)
    return Population({**mine.attributes, **columns}, mine.labels)


AT_START = {
    "seed": ({"seed": 2}, "seed of party 1 is 2 and of party 0 1"),
    "noise": ({"noise": "dealt"}, "noise of party 1 is dealt and of party 0 owner"),
    "model": ({"days": 41}, "model, networks and settings of party 1 is"),
    "network": ({"graph_seed": 1}, "model, networks and settings of party 1 is"),
    "release": ({"release": Release(cases=(0, 300), exact=True)}, "release of party 1 is cases in 0 to 300;"),
    "small": ({"small": {"stage": 4}}, "small of party 1 is"),
    "checkpoints": ({"checkpoints": None}, "checkpoints of party 1 is none and of party 0 kept"),
    "type": ({"population": rows(stage=torch.zeros(50))}, "columns of party 1 is stage (float32)"),
    "column": (
        {"population": rows(income=torch.zeros(50))},
        "columns of party 1 is stage (uint8), age (uint8), income",
    ),
}


@pytest.mark.parametrize("name", AT_START)
def test_a_difference_is_named_before_anything_is_shared(tmp_path: Path, name: str) -> None:
    changes, sentence = AT_START[name]
    files(tmp_path, 3)
    ends = start(tmp_path, with_party_1(programs.kept, **changes)).ends()
    for end in ends.values():
        assert end.code == 1, ends
        assert end.error.startswith(f"Disagreement: {sentence}"), ends
        assert end.error.endswith("give all parties the same. Nothing was shared.")
    nothing_is_released(tmp_path, ends)


def test_another_version_is_named(tmp_path: Path) -> None:
    files(tmp_path, 3)
    ends = start(tmp_path, programs.other_version).ends()
    assert all("version of torch of party 1 is 2.5.0 and of party 0 2." in end.error for end in ends.values()), ends


def test_a_number_that_the_model_finds_elsewhere_is_compared_where_it_meets_a_secret(tmp_path: Path) -> None:
    files(tmp_path, 3)
    ends = start(tmp_path, programs.other_number_outside).ends()
    assert all(end.code == 1 and "hold different things for public" in end.error for end in ends.values()), ends


def test_a_dealer_of_another_source_is_named(tmp_path: Path) -> None:
    files(tmp_path, 3)
    run = start(tmp_path, {**dict.fromkeys(range(3), programs.kept), 3: programs.dealer_of_another_source})
    ends = run.ends()
    assert all(end.code == 1 and "and of the dealer 0000000000000000: install" in end.error for end in ends.values()), (
        ends
    )
    nothing_is_released(tmp_path, ends)


BAD_ROWS = {
    "infinity": (
        {"population": rows(weight=torch.full((50,), float("inf")))},
        "attribute 'weight' has NaN or infinity",
    ),
    "range": (
        {"population": rows(stage=torch.full((50,), 9, dtype=torch.uint8))},
        "attribute 'stage' runs from 9 to 9",
    ),
    "negative": ({"population": rows(due=torch.full((50,), -3))}, "attribute 'due' has -3: correct the rows"),
    "no file": ({"population": Path("nowhere.parquet")}, "nowhere.parquet"),
    "none": ({"population": None}, "this party has no population"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_bad_rows_are_refused_by_their_party_and_not_told(tmp_path: Path, name: str) -> None:
    changes, sentence = BAD_ROWS[name]
    files(tmp_path, 3)
    ends = start(tmp_path, with_party_1(programs.kept, **changes)).ends()
    assert sentence in ends[1].error, ends
    assert len(ends[1].error.splitlines()) == 1
    all_lost(ends, 1)
    assert not any(sentence in ends[rank].error for rank in (0, 2, 3))
    nothing_is_released(tmp_path, ends)


def test_an_existing_output_is_refused(tmp_path: Path) -> None:
    files(tmp_path, 3)
    (tmp_path / "out-1").mkdir()
    ends = start(tmp_path, programs.kept).ends()
    assert ends[1].error.startswith("FileExistsError: ")
    assert ends[1].error.endswith("out-1 exists: nothing is written over; give another folder.")
    all_lost(ends, 1)
    assert not list((tmp_path / "out-1").iterdir())


@pytest.mark.parametrize(
    ("release", "sentence"),
    [
        (Release(cases=(0, 1), exact=True), "a total is out of its range, or a group is too small: nothing is opened"),
        (Release(cases=(0, 300), min_group=101, exact=True), "a group is too small: nothing is opened"),
        (Release(deaths=(0, 300), exact=True), "unknown tally 'deaths'"),
    ],
)
def test_what_may_not_be_released_is_not(tmp_path: Path, release: Release, sentence: str) -> None:
    files(tmp_path, 3)
    ends = start(tmp_path, partial(programs.kept, release=release)).ends()
    for rank in range(3):
        assert ends[rank].code == 1
        assert sentence in ends[rank].error or "has ended with an error of its own" in ends[rank].error, ends
    assert any(sentence in ends[rank].error for rank in range(3))
    nothing_is_released(tmp_path, ends)
