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

from causal_lpm import KeyedNoise, rollout, tally
from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.messenger import Private
from causal_lpm.handlers.private.secret import Secret
from causal_lpm.handlers.private.sharing import reveal, share
from causal_lpm.parties import Disagreement, Release
from causal_lpm.parties.checkpoints import Checkpointed, Folder
from causal_lpm.parties.group_sizes import GroupSizes
from causal_lpm.parties.handshake import Agreed
from causal_lpm.parties.resuming import resumed, told
from tests.parties import programs
from tests.parties.epidemic import everybody, files, part
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
    for kept in (folder.state(1, Clear())["x"], folder.tallies(1, Clear())[0]["cases"]):
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


def test_a_folder_that_was_there_is_closed_to_others(tmp_path: Path) -> None:
    (tmp_path / "own").mkdir(mode=0o755)
    assert Folder(tmp_path / "own", "settings").path.stat().st_mode & 0o077 == 0


def test_parts_of_another_step_or_session_and_damaged_ones_are_refused(tmp_path: Path) -> None:
    folder = Folder(tmp_path / "own", "settings")
    folder.begin("a", bytes(32))
    for step in (1, 2, 3):
        folder.keep(step, {"x": torch.full((2,), step)}, {})
    older = (folder.path / "state-000003.npz").read_bytes()
    folder.go_on(2, "b")
    assert Folder(tmp_path / "own", "settings").sessions(9) == [(0, "a"), (2, "b")]
    folder.keep(3, {"x": torch.full((2,), 4)}, {})
    assert folder.state(3, Clear())["x"].tolist() == [4, 4]
    for other in (older, (folder.path / "state-000002.npz").read_bytes()):
        (folder.path / "state-000003.npz").write_bytes(other)
        with pytest.raises(ValueError, match=r"is of \[[23], 'a'\] and not of \[3, 'b'\]"):
            folder.state(3, Clear())
    for damaged in (older[:-30], b"", b"PK\x03\x04", older.replace(b"about", b"abuot")):
        (folder.path / "state-000003.npz").write_bytes(damaged)
        with pytest.raises(ValueError, match="cannot be read as what this party has kept"):
            folder.state(3, Clear())
    (folder.path / "run.json").write_text('{"run": "a"')
    with pytest.raises(ValueError, match=r"run\.json cannot be read"):
        Folder(tmp_path / "own", "settings")


def agreed(*folders: Folder) -> Agreed:
    each = tuple({**told(folder), "new": "b"} for folder in folders)
    return Agreed(((0, 1), (1, 2)), each)


def test_parts_from_before_a_run_went_on_are_not_mixed_with_those_from_after(tmp_path: Path) -> None:
    def two(name: str) -> tuple[Folder, Folder]:
        return Folder(tmp_path / name / "0", "settings"), Folder(tmp_path / name / "1", "settings")

    now = two("now")
    begun = agreed(*now)
    for folder in now:
        assert resumed(folder, begun) == 0
        for step in (1, 2, 3):
            folder.keep(step, {"x": torch.ones(2)}, {})
    now[1].forget_after(2)
    shutil.copytree(tmp_path / "now" / "0", tmp_path / "before" / "0")  # party 0 keeps a copy, which has step 3
    together = agreed(*now)
    for folder in now:
        assert resumed(folder, together) == 2
        folder.keep(3, {"x": torch.ones(2)}, {})
    put_back = Folder(tmp_path / "before" / "0", "settings"), now[1]
    for folder in put_back:
        with pytest.raises(Disagreement, match="went on in between, and their parts of step 3 do not belong together"):
            resumed(folder, agreed(*put_back))


def test_groups_of_steps_that_were_kept_are_counted_again(tmp_path: Path) -> None:
    layer = Clear()
    by = share(layer, torch.arange(12) % 5 // 2, [(0, 12)], 0, 2)
    public = torch.arange(12) // 7

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        tally("all", s["ill"])
        tally("secret", s["ill"], by, groups=3)
        tally("public", s["ill"], public, groups=2)
        tally("moving", s["ill"], s["ill"].long(), groups=2)
        return s

    def counted(folder: Folder, done: int) -> list[object]:
        ill = share(layer, torch.arange(12) < 4, [(0, 12)])
        with KeyedNoise(1), Private(layer), GroupSizes() as sizes, Checkpointed(folder, layer, done):
            rollout(day, {"ill": ill}, days=3)
        secret = {name: {tuple(reveal(x).tolist()) for x in sizes.secret(name)} for name in ("secret", "moving")}
        return [[sizes.least(name) for name in ("all", "secret", "public", "moving")], secret]

    folder = Folder(tmp_path / "own", "settings")
    folder.begin("a", bytes(32))
    first = counted(folder, 0)
    assert first[0] == [12, None, 5, None]
    assert first[1] == {"secret": {(6, 4, 2)}, "moving": {(8, 4)}}
    for done in (3, 2, 1):
        folder.go_on(done, f"after {done}")
        assert counted(folder, done) == first


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


RELEASES = {
    "large enough": (Release(cases=(0, 300), ill=(0, 300), min_group=100, exact=True), 0),
    "public group": (Release(ill=(0, 300), min_group=301, exact=True), 1),
    "secret group": (Release(cases=(0, 300), min_group=101, exact=True), 1),  # the old are 100
}


@pytest.mark.slow
@pytest.mark.parametrize("when", ["steps", "release"])
@pytest.mark.parametrize("name", RELEASES)
def test_a_run_that_goes_on_knows_the_groups_of_the_steps_before(tmp_path: Path, name: str, when: str) -> None:
    release, code = RELEASES[name]
    if when == "steps":
        cut_off(tmp_path, release=release)
        days = 40
    else:
        files(tmp_path, 3)
        run = start(tmp_path, partial(programs.at_release, release=release))
        run.wait_for("releasing-1")
        run.send(1, signal.SIGKILL)
        run.ends()
        days = 3
        for path in (*tmp_path.glob("*.out"), *tmp_path.glob("*.err")):
            path.unlink()
    ends = start(tmp_path, partial(programs.kept, release=release, days=days)).ends()
    assert all(ends[rank].code == code for rank in range(3)), ends
    assert bool(list(tmp_path.glob("out-*"))) == (code == 0)


@pytest.mark.slow
def test_a_folder_that_is_lost_or_of_another_run_is_named(tmp_path: Path) -> None:
    cut_off(tmp_path)
    shutil.rmtree(tmp_path / "checkpoints-2")
    ends = start(tmp_path, programs.kept).ends()
    assert all(end.error.startswith("Disagreement: the checkpoints of party 2 (none)") for end in ends.values()), ends


@pytest.mark.slow
def test_groups_are_as_large_as_they_were_where_a_run_goes_on(tmp_path: Path) -> None:
    release = Release(cases=(0, 300), ill=(0, 300), exact=True, min_group=100)
    cut_off(tmp_path, release=release)
    ends = start(tmp_path, partial(programs.kept, release=release)).ends()
    assert all(end.code == 0 for end in ends.values()), ends


@pytest.mark.slow
def test_a_run_does_not_go_on_with_other_rows(tmp_path: Path) -> None:
    cut_off(tmp_path)
    mine = part(everybody(), 1, 3)
    mine.with_attributes(stage=mine["stage"].flip(0)).save(tmp_path / "others.parquet")
    (tmp_path / "others.parquet").replace(tmp_path / "people-1.parquet")
    ends = start(tmp_path, programs.kept).ends()
    assert "or of other rows" in ends[1].error
    assert all(end.code == 1 for end in ends.values()), ends


@pytest.mark.slow
def test_a_run_with_other_settings_does_not_go_on(tmp_path: Path) -> None:
    cut_off(tmp_path)
    ends = start(tmp_path, partial(programs.kept, release=Release(cases=(0, 299), exact=True))).ends()
    assert any("another model or other settings" in ends[rank].error for rank in range(3)), ends
    assert all(end.code == 1 for end in ends.values()), ends
