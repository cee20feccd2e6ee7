"""Two things with the same luck by accident are refused; on purpose they have it."""

from collections.abc import Callable

import pytest
import torch

from causal_lpm import DiscreteTime, KeyedNoise, Seeds, allocate, choose, event, exogenous, rollout
from causal_lpm.typing import State

N = 50


def season(s: State) -> State:
    return {"ill": s["ill"] | event("infection", torch.full((N,), 0.5))}


def ill(name: str = "", fails_at: float = -1.0) -> torch.Tensor:
    def day(s: State) -> State:
        if float(s["t"]) == fails_at:
            raise ZeroDivisionError
        return season(s)

    return rollout(day, {"ill": torch.zeros(N, dtype=torch.bool)}, 2, name=name).state["ill"]


@pytest.mark.parametrize("noise", [lambda: KeyedNoise(1), lambda: Seeds("luck")], ids=["KeyedNoise", "Seeds"])
def test_two_seasons_without_a_name_would_share_their_luck(noise: Callable[[], KeyedNoise]) -> None:
    message = "a rollout without a name is drawn twice under one seed: both would have the same luck"
    for solver in (False, True):
        with pytest.raises(ValueError, match=message), noise(), DiscreteTime() if solver else noise():
            ill(), ill()
    with noise():
        assert not torch.equal(ill(), ill("second"))
        assert torch.equal(ill("again"), ill("again")), "asked for by name"
    for _ in range(2):
        with noise():
            ill()


def test_solvers_of_two_names_are_two_names() -> None:
    with KeyedNoise(1):
        with DiscreteTime(name="a"):
            first = ill()
        with DiscreteTime(name="b"):
            assert not torch.equal(first, ill())
            with pytest.raises(ValueError, match="a rollout without a name in b/ is drawn twice"):
                ill()


def test_noise_entered_anew_in_every_call() -> None:
    model = KeyedNoise(1)(ill)
    assert torch.equal(model(), model())


FIELDS: dict[str, Callable[[], torch.Tensor]] = {
    "exogenous": lambda: exogenous("x", N),
    "event": lambda: event("x", torch.full((N,), 0.5)),
    "choose": lambda: choose("x", torch.zeros(N, 3)),
    "allocate": lambda: allocate("x", torch.zeros(N, dtype=torch.long), 3),
}


@pytest.mark.parametrize("kind", FIELDS)
def test_a_field_is_asked_for_by_name_as_often_as_one_likes(kind: str) -> None:
    with KeyedNoise(1):
        assert torch.equal(FIELDS[kind](), FIELDS[kind]())


def test_a_simulation_that_failed_has_used_no_name_and_leaves_no_step() -> None:
    with KeyedNoise(1):
        right = ill()
    with KeyedNoise(1), DiscreteTime():
        for day in (0.0, 1.0):
            event("before", torch.full((N,), 0.5))
            with pytest.raises(ZeroDivisionError):
                ill(fails_at=day)
        before = exogenous("outside", N)
        assert torch.equal(ill(), right)
    with KeyedNoise(1):
        assert torch.equal(exogenous("outside", N), before)


BAD_SEEDS: list[object] = [
    1.5,
    2.0,
    float("nan"),
    "1",
    None,
    2**64,
    torch.tensor(1.9),
    torch.tensor([[1.0], [2.0]]),
    torch.tensor([], dtype=torch.int64),
    torch.tensor([True, False]),
]


@pytest.mark.parametrize("seed", BAD_SEEDS, ids=str)
def test_a_seed_is_a_whole_number(seed: int) -> None:
    with pytest.raises(ValueError, match=r"(?s)the seed is .*: give a whole number"):
        KeyedNoise(seed)


def test_seeds_of_replicates_differ() -> None:
    with pytest.raises(ValueError, match="the seed 4 stands there 2 times: these replicates would be one and the same"):
        KeyedNoise(torch.tensor([[4], [1], [4]]))


def test_seeds_of_any_integers_are_the_same_seeds() -> None:
    with KeyedNoise(7):
        right = exogenous("x", N)
    for seed in (torch.tensor(7, dtype=torch.uint8), torch.tensor(7, dtype=torch.int16)):
        with KeyedNoise(seed):
            assert torch.equal(exogenous("x", N), right)


@pytest.mark.parametrize("windows", [(0, 2.5), (0.0, 2), ("0", "1")])
def test_windows_are_whole_steps(windows: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="give ascending first steps that start at 0"):
        Seeds("luck", windows)
