"""A run whose rank is killed goes on from its last checkpoint, on any number of ranks, bit for bit."""

import shutil
from pathlib import Path

import pytest
import torch

from causal_lpm import Rollout
from causal_lpm.ranks import RankFailed, on_ranks
from tests.ranks import programs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def cut_off(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cut_off")
    with pytest.raises(RankFailed, match="rank 1 of 2 ended without a word"):
        on_ranks(2, programs.kept, folder)
    return folder


@pytest.fixture(scope="module")
def alone() -> Rollout:
    return programs.run_second_dose(days=20)


@pytest.mark.parametrize("ranks", [1, 2, 4])
def test_it_goes_on_bit_for_bit(ranks: int, cut_off: Path, alone: Rollout, tmp_path: Path) -> None:
    shutil.copytree(cut_off, tmp_path, dirs_exist_ok=True)
    names = {path.name for path in tmp_path.rglob("*.npz")}
    assert names == {"00008.npz", "00008-0-1000.npz", "00008-1000-2000.npz"}
    run = on_ranks(ranks, programs.kept, tmp_path)
    assert "00016.npz" in {path.name for path in tmp_path.rglob("*.npz")}
    assert run.tallies.keys() == alone.tallies.keys()
    for name, series in alone.tallies.items():
        assert torch.equal(run.tallies[name], series), name
    for name, entry in alone.state.items():
        assert torch.equal(run.state[name], entry), name
