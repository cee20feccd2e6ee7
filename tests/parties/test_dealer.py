"""The dealer is sent keys and requests, the same whatever the secrets are, and takes nothing else."""

from functools import partial
from pathlib import Path

import pytest
import torch

from causal_lpm.agents import Population
from causal_lpm.parties import Place, deal
from tests.parties import programs
from tests.parties.epidemic import SIZES
from tests.parties.processes import start


def asked(folder: Path, every: int) -> list[str]:
    """What the dealer was asked in a run in which every so manyth agent is ill."""
    folder.mkdir()
    for rank, size in enumerate(SIZES[3]):
        stage = (torch.arange(size) % every == 0).to(torch.uint8)
        age = (torch.arange(size) % 3 == 0).to(torch.uint8)
        Population({"stage": stage, "age": age}, {"age": ("young", "old")}).save(folder / f"people-{rank}.parquet")
    ends = start(folder, {**dict.fromkeys(range(3), partial(programs.kept, days=3)), 3: programs.noting_dealer}).ends()
    assert all(end.code == 0 for end in ends.values()), ends
    return (folder / "asked").read_text().splitlines()


@pytest.mark.slow
def test_the_dealer_is_asked_the_same_whatever_the_secrets_are(tmp_path: Path) -> None:
    few, many = asked(tmp_path / "few", 20), asked(tmp_path / "many", 2)
    assert few == many
    assert len(few) > 10
    assert all(line.startswith("rank 0 REQUEST ") for line in few)


@pytest.mark.parametrize("program", [programs.opens_to_the_dealer, programs.asks_nonsense])
def test_the_dealer_takes_nothing_but_requests(tmp_path: Path, program: object) -> None:
    ends = start(tmp_path, program).ends()  # type: ignore[arg-type]
    assert all(end.code == 1 and end.out == "" for end in ends.values()), ends
    assert "that no party of this version sends" in ends[3].error or "unknown kind of dealt numbers" in ends[3].error


def test_a_partys_rank_does_not_deal() -> None:
    with pytest.raises(ValueError, match="rank 1 is a party's: the dealer has the last one, 2"):
        deal(Place(1, ("127.0.0.1:7000", "127.0.0.1:7001", "127.0.0.1:7002")))
