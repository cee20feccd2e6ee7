"""A simulation that is cut off goes on from its last checkpoint, with the numbers of one that was not."""

import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pyro
import pytest
import torch
from chirho.dynamical.handlers import LogTrajectory, StaticIntervention
from chirho.dynamical.ops import on
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, Rollout, Seeds, StraightThrough, Worlds, comparing, event, policy, rollout, tally
from causal_lpm.handlers.checkpoints import Checkpoints
from causal_lpm.handlers.recording import Recording
from causal_lpm.inference import Transmissions
from causal_lpm.typing import State
from tests.contracts.models import clinic, flu, immunity, layers, people

DAYS = 12


class CutOff(Exception):
    """Whatever ends a process in the middle."""


class Cutting(pyro.poutine.messenger.Messenger):
    """Ends the program in the nth step that it runs."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.left = steps

    def _pyro_step(self, msg: Any) -> None:
        self.left -= 1
        if self.left < 0:
            raise CutOff


def flu_in_worlds() -> Rollout:
    model = pyro.poutine.condition(flu, data={"beta": torch.tensor(0.06)})
    act = StaticIntervention(torch.tensor(7.0), {"stage": lambda stage: torch.where(stage == 1, 2.0, stage)})
    with KeyedNoise(2), comparing({"never": {}, "day 4": {"school_closure_day": 4}}), act:
        run: Rollout = model(people(), layers(), DAYS)
        return run


def flu_with_seeds() -> Rollout:
    """Seeds of later windows are drawn on the way; `beta` is drawn before, and a number afterwards."""
    with Seeds(windows=(0, 3, 8)), Worlds(replicates=2):
        run: Rollout = flu(people(), layers(), DAYS)
    after = pyro.sample("after", pyro.distributions.Normal(torch.zeros(1, 1, 1), 1.0))
    return Rollout(run.state, {**run.tallies, "after": after.expand(1, 1, DAYS)})


def clinic_twice() -> Rollout:
    with KeyedNoise(torch.tensor([[3], [4]])), Worlds(replicates=2):
        first: Rollout = clinic(people(), DAYS)
    with KeyedNoise(5):
        return Rollout(first.state, {**first.tallies, **immunity(people(), layers(), DAYS).tallies})


def with_a_rule() -> Rollout:
    """A rule that fires once, on different days in different worlds; an entry of each kind of numbers."""

    def day(s: State) -> State:
        ill = event("ill", s["rate"], where=~s["ill"])
        tally("ill", ill)
        tally("mean", s["half"].double().mean(-1, keepdim=True))
        return {**s, "ill": s["ill"] | ill, "half": s["half"] + 1, "count": s["count"] + ill}

    rule = on(lambda s: s["count"].sum(-1, keepdim=True) > 200)(
        lambda dynamics, s: (dynamics, {**s, "rate": s["rate"] * 0.1})
    )
    state = {
        "ill": torch.zeros(500, dtype=torch.bool),
        "half": torch.zeros(500, dtype=torch.bfloat16),
        "count": torch.zeros(500, dtype=torch.int16),
    }
    with KeyedNoise(6), comparing({"slow": {}, "fast": {"rate": 0.3}}), rule:
        return rollout(day, {**state, "rate": policy("rate", 0.1)}, DAYS)


PROGRAMS: dict[str, Callable[[], Rollout]] = {
    each.__name__: each for each in (flu_in_worlds, flu_with_seeds, clinic_twice, with_a_rule)
}


def whole(program: Callable[[], Rollout]) -> Rollout:
    pyro.set_rng_seed(5)
    return program()


def same(one: Rollout, other: Rollout) -> None:
    assert one.tallies.keys() == other.tallies.keys()
    for name, series in one.tallies.items():
        assert torch.equal(other.tallies[name], series), name
    for name, entry in one.state.items():
        assert torch.equal(*torch.broadcast_tensors(other.state[name], entry)), name


@pytest.mark.parametrize("name", PROGRAMS)
@settings(max_examples=8, deadline=None)
@given(every=st.integers(1, DAYS), cuts=st.lists(st.integers(0, 2 * DAYS), min_size=1, max_size=3))
def test_cut_off_anywhere_it_goes_on_bit_for_bit(name: str, every: int, cuts: list[int]) -> None:
    program = PROGRAMS[name]
    expected = whole(program)
    with tempfile.TemporaryDirectory() as folder:
        for steps in cuts:
            with ExitStack() as stack:
                for handler in (Cutting(steps), Checkpoints(folder, every)):
                    stack.enter_context(handler)
                try:
                    same(expected, whole(program))
                except CutOff:
                    continue
        with Checkpoints(folder, every):
            same(expected, whole(program))


def test_days_before_a_checkpoint_are_not_run_again(tmp_path: Path) -> None:
    with pytest.raises(CutOff), Cutting(8), Checkpoints(tmp_path, 3):
        whole(flu_in_worlds)
    counted = Cutting(1000)
    with counted, Checkpoints(tmp_path, 3):
        whole(flu_in_worlds)
    assert 1000 - counted.left == DAYS - 6
    assert {path.name.partition("-")[0].removesuffix(".npz") for path in tmp_path.rglob("*.npz")} == {"00009"}


def other_people() -> Rollout:
    with KeyedNoise(1):
        return rollout(lambda s: {"x": s["x"] + 1}, {"x": torch.arange(5)}, 6)


def test_checkpoints_of_another_simulation_are_refused(tmp_path: Path) -> None:
    with Checkpoints(tmp_path, 2):
        other_people()
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.npz")}
    for of, model in (({"seed": 1}, other_people), ({}, flu_in_worlds)):
        with (
            pytest.raises(FileExistsError, match=r"another simulation .* nothing is written over"),
            Checkpoints(tmp_path, 2, of),
        ):
            whole(model)
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*.npz")}
    (tmp_path / "simulation-0" / "notes.txt").touch()
    with pytest.raises(FileExistsError, match=r"holds notes\.txt, which is no checkpoint"), Checkpoints(tmp_path, 2):
        other_people()


@pytest.mark.parametrize(
    ("seed", "rate", "prior", "steps", "sentence"),
    [
        (2, 0.1, 1.0, 1, "its seed of the noise differs"),
        (1, 0.2, 1.0, 1, "its site 'rate' differs"),
        (1, 0.1, 2.0, 1, "its site 'scale' differs"),
        (1, 0.1, 1.0, 2, "its length of a step differs"),
    ],
)
def test_so_are_those_under_another_seed_or_with_another_policy_or_parameter(
    seed: int, rate: float, prior: float, steps: int, sentence: str, tmp_path: Path
) -> None:
    def ill(seed: int, rate: float, prior: float, steps: int) -> None:
        with KeyedNoise(seed):
            hazard = policy("rate", rate) * pyro.sample("scale", pyro.distributions.Delta(torch.tensor(prior)))
            rollout(
                lambda s: {"x": event("ill", hazard)}, {"x": torch.zeros(5, dtype=torch.bool)}, 6, steps_per_day=steps
            )

    for _ in range(2):
        with Checkpoints(tmp_path, 2):
            ill(1, 0.1, 1.0, 1)
    with pytest.raises(FileExistsError, match=sentence), Checkpoints(tmp_path, 2):
        ill(seed, rate, prior, steps)


def test_a_damaged_checkpoint_counts_as_missing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Checkpoints(tmp_path, 4):
        other_people()
    next(tmp_path.rglob("00004-*.npz")).write_bytes(b"PK")
    with Checkpoints(tmp_path, 4):
        assert other_people().state["x"].tolist() == [6, 7, 8, 9, 10]
    assert "counts as missing" in caplog.text


@pytest.mark.parametrize(
    ("handler", "sentence"),
    [
        (lambda: LogTrajectory(torch.tensor([1.0])), "LogTrajectory needs all days of a simulation"),
        (Recording, "Recording needs all days"),
        (Transmissions, "Transmissions needs all days"),
        (StraightThrough, "StraightThrough needs all days"),
    ],
)
def test_what_needs_all_days_is_refused(handler: Callable[[], Any], sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=sentence), Checkpoints(tmp_path / "kept", 2), handler():
        other_people()
    assert not (tmp_path / "kept").exists()


def test_worlds_without_names_are_refused_where_they_may_split_on_the_way(tmp_path: Path) -> None:
    act = StaticIntervention(torch.tensor(2.0), {"x": torch.tensor(0.0)})
    with (
        pytest.raises(ValueError, match="may split worlds that have no names"),
        Checkpoints(tmp_path, 2),
        Worlds(),
        act,
    ):
        other_people()


@pytest.mark.parametrize("every", [0, -1, 1.5])
def test_days_between_two_checkpoints_are_a_whole_number_from_one(every: float, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="days between two checkpoints is"):
        Checkpoints(tmp_path, every)  # type: ignore[arg-type]
