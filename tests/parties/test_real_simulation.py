"""The same model in several processes: the totals of one, and the same ones at every party."""

import json
from pathlib import Path

import pytest

from causal_lpm import KeyedNoise
from causal_lpm.agents import random_graph
from causal_lpm.parties import simulate_recordings
from tests.parties import programs
from tests.parties.epidemic import AGENTS, SIZES, everybody, files, simulation
from tests.parties.processes import start


def clear(**changes: float) -> dict[str, list[list[int]]]:
    with KeyedNoise(1):
        run = simulation(**changes)(everybody())
    return {name: series.tolist() for name, series in sorted(run.tallies.items())}


@pytest.mark.filterwarnings("ignore:noise='public'")
@pytest.mark.parametrize("parties", [2, 3])
def test_with_public_noise_every_party_has_the_totals_of_the_clear_run(tmp_path: Path, parties: int) -> None:
    files(tmp_path, parties)
    ends = start(tmp_path, programs.public_noise, parties).ends()
    assert all(end.code == 0 for end in ends.values()), ends
    assert [json.loads(ends[rank].out) for rank in range(parties)] == [clear()] * parties


@pytest.mark.parametrize("parties", [2, 3])
def test_an_epidemic_over_tokens_has_the_totals_of_the_clear_run(tmp_path: Path, parties: int) -> None:
    files(tmp_path, parties)
    recordings = simulate_recordings(random_graph(AGENTS, mean_degree=8, seed=0), days=4)
    first = 0
    for rank, size in enumerate(SIZES[parties]):
        recordings.of(first, first + size).save(tmp_path / f"tokens-{rank}.parquet")
        first += size
    ends = start(tmp_path, programs.tracing, parties).ends()
    assert all(end.code == 0 for end in ends.values()), ends
    assert [json.loads(ends[rank].out) for rank in range(parties)] == [clear(days=4)] * parties


def test_with_the_owners_noise_every_party_has_the_same_totals_and_others_each_time(tmp_path: Path) -> None:
    files(tmp_path, 3)
    found = []
    for name in ("first", "second"):
        folder = tmp_path / name
        folder.mkdir()
        files(folder, 3)
        ends = start(folder, programs.real).ends()
        assert all(end.code == 0 for end in ends.values()), ends
        assert len({ends[rank].out for rank in range(3)}) == 1
        found.append(ends[0].out)
    assert found[0] != found[1]
