"""A run that was cut off goes on: the same totals, other masks, and never from another run's parts."""

import json
import shutil
import signal
from functools import partial
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.parties import Release
from causal_lpm.parties.checkpoints import Folder
from tests.parties import programs
from tests.parties.epidemic import files
from tests.parties.processes import start
from tests.parties.test_channel import all_lost
from tests.parties.test_real_simulation import clear

DTYPES = (torch.bool, torch.uint8, torch.int16, torch.int64, torch.float32, torch.float64)


@given(st.sampled_from(DTYPES), st.lists(st.integers(0, 3), max_size=3), st.booleans(), st.integers(0, 2**32))
def test_what_is_kept_is_read_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, dtype: torch.dtype, shape: list[int], hidden: bool, seed: int
) -> None:
    x = torch.randint(0, 2, shape, generator=torch.Generator().manual_seed(seed))
    value = Secret(x, Clear(), dtype, 3 if dtype.is_floating_point else 0, -5, 9) if hidden else x.to(dtype)
    folder = Folder(tmp_path_factory.mktemp("run") / "own", "settings")
    folder.keep(1, {"x": value}, {"cases": value})
    for kept in (folder.state(1, Clear())["x"], folder.tallies(1, Clear())["cases"]):
        assert kept.dtype == dtype
        assert kept.shape == value.shape
        if isinstance(value, Secret):
            assert isinstance(kept, Secret)
            assert (kept.bits, kept.low, kept.high) == (value.bits, value.low, value.high)
            assert torch.equal(kept.share, x)
        else:
            assert torch.equal(kept, value)


def test_few_states_are_kept_and_all_tallies(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "own", "settings")
    for step in range(1, 8):
        folder.keep(step, {"x": torch.ones(2)}, {"cases": torch.ones(1)})
    assert folder.steps == 7
    assert [folder.has(step) for step in range(8)] == [True, *[False] * 4, *[True] * 3]
    assert len(list(folder.path.glob("tallies-*"))) == 7
    assert folder.path.stat().st_mode & 0o077 == 0
    folder.forget_after(6)
    assert folder.steps == 6


def test_another_runs_folder_is_refused(tmp_path: Path) -> None:
    Folder(tmp_path / "own", "settings").begin("a", bytes(32))
    with pytest.raises(FileExistsError, match="another model or other settings"):
        Folder(tmp_path / "own", "others")
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "mine.txt").touch()
    with pytest.raises(FileExistsError, match="is not empty, and has no checkpoints"):
        Folder(tmp_path / "letters", "settings")


def cut_off(folder: Path, **changes: object) -> None:
    """A run of which party 1 is killed amid its steps."""
    files(folder, 3)
    run = start(folder, partial(programs.kept, slow=True, **changes))
    run.wait_for("checkpoints-1/state-000004.npz")  # of the one that is killed: the others may be a step ahead
    run.send(1, signal.SIGKILL)
    all_lost(run.ends(), 1)
    assert (folder / "checkpoints-1" / "state-000004.npz").exists()
    for path in (*folder.glob("*.out"), *folder.glob("*.err")):
        path.unlink()


@pytest.mark.slow
@pytest.mark.parametrize("noise", ["owner", "public"])
def test_a_run_that_goes_on_has_the_same_totals_and_reuses_no_mask(tmp_path: Path, noise: str) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    cut_off(first, noise=noise)
    shutil.copytree(first, second)
    outputs = []
    for folder in (first, second):
        ends = start(folder, partial(programs.heard, noise=noise)).ends()
        assert all(end.code == 0 for end in ends.values()), ends
        assert len({ends[rank].out for rank in range(3)}) == 1
        outputs.append(json.loads(ends[0].out))
        assert (folder / "out-0" / "released.csv").exists()
        assert not list(folder.glob("checkpoints-*"))
    assert outputs[0] == outputs[1]
    if noise == "public":
        assert outputs[0] == clear(days=40)
    # The same numbers were opened twice: without fresh masks all messages would be equal; they have 128 bits.
    for rank in range(3):
        messages = []
        for folder in (first, second):
            data = (folder / f"sent-{rank}").read_bytes()
            messages.append({data[i : i + 16] for i in range(0, len(data), 16)})
        assert len(messages[0]) > 30
        assert not messages[0] & messages[1]


@pytest.mark.slow
def test_a_run_that_was_cut_off_at_its_release_goes_on(tmp_path: Path) -> None:
    files(tmp_path, 3)
    run = start(tmp_path, partial(programs.at_release, noise="public"))
    run.wait_for("releasing-1")
    run.send(1, signal.SIGKILL)
    all_lost(run.ends(), 1)
    assert not list(tmp_path.glob("out-*"))
    for path in (*tmp_path.glob("*.out"), *tmp_path.glob("*.err")):
        path.unlink()
    ends = start(tmp_path, partial(programs.kept, noise="public", days=3)).ends()
    assert all(end.code == 0 for end in ends.values()), ends
    assert json.loads(ends[2].out) == clear(days=3)


@pytest.mark.slow
def test_a_folder_that_is_lost_or_of_another_run_is_named(tmp_path: Path) -> None:
    cut_off(tmp_path)
    shutil.rmtree(tmp_path / "checkpoints-2")
    ends = start(tmp_path, programs.kept).ends()
    assert all(end.error.startswith("Disagreement: the checkpoints of party 2 (none)") for end in ends.values()), ends


@pytest.mark.slow
def test_a_run_with_other_settings_does_not_go_on(tmp_path: Path) -> None:
    cut_off(tmp_path)
    ends = start(tmp_path, partial(programs.kept, release=Release(cases=(0, 299), exact=True))).ends()
    assert any("another model or other settings" in ends[rank].error for rank in range(3)), ends
    assert all(end.code == 1 for end in ends.values()), ends
