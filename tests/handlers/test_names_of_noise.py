"""Two things with the same luck by accident are refused; on purpose they have it."""

from collections.abc import Callable

import pyro
import pytest
import torch
from pyro.infer import Predictive

from causal_lpm import DiscreteTime, KeyedNoise, Seeds, allocate, choose, event, exogenous, exposure, rollout
from causal_lpm.agents.disease import StageGraph, Transition
from causal_lpm.agents.layers import Layer
from causal_lpm.agents.networks import FreshRandom, Groups
from causal_lpm.agents.vaccination import Vaccination
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
    message = "a rollout without a name is drawn twice under one seed: both would have the same noise"
    for solver in (False, True):
        with pytest.raises(ValueError, match=message), noise(), DiscreteTime() if solver else noise():
            ill(), ill()
    with noise():
        assert not torch.equal(ill(), ill("second"))
        assert torch.equal(ill("again"), ill("again")), "asked for by name"
    for _ in range(2):
        with noise():
            ill()


SIR = StageGraph(("S", "I", "R", "D"), [Transition("I", "R", 0.5), Transition("I", "D", 0.5)])


def deaths(name: str | None = None) -> torch.Tensor:
    """Whom a disease would kill that is deadly to one half."""
    everybody = torch.zeros(4_000, dtype=torch.long)
    course = SIR.course(everybody) if name is None else SIR.course(everybody, name)
    return course.following[:, SIR["I"]] == SIR["D"]


def test_two_diseases_have_courses_of_their_own() -> None:
    with KeyedNoise(1), pytest.raises(ValueError, match="a course of the default name 'course' is drawn twice"):
        deaths(), deaths()
    with KeyedNoise(1):
        both = deaths() & deaths("flu")
        assert torch.equal(deaths("flu"), deaths("flu"))
    # A quarter, and not the half of equal luck: 5 standard errors, one false alarm in a million seeds.
    assert abs(float(both.float().mean()) - 0.25) < 5 * (0.25 * 0.75 / 4_000) ** 0.5


def test_two_campaigns_have_luck_of_their_own() -> None:
    with KeyedNoise(1), pytest.raises(ValueError, match="the noise of a campaign without a name is drawn twice"):
        Vaccination().luck(N), Vaccination().luck(N)
    with KeyedNoise(1):
        assert not torch.equal(Vaccination().luck(N)[0], Vaccination(name="boosters").luck(N)[0])


def test_two_fresh_networks_of_one_name_in_one_step_are_refused() -> None:
    def contacts(*networks: Layer) -> None:
        def day(s: State) -> State:
            for network in networks:
                exposure(network, s["x"])
            return s

        with KeyedNoise(1):
            rollout(day, {"x": torch.ones(N)}, 2)

    first, second = FreshRandom(torch.full((N,), 3)), FreshRandom(torch.full((N,), 3))
    with pytest.raises(ValueError, match="of a fresh network is used twice in step 0: both would have the same noise"):
        contacts(first, second)
    contacts(first, first, Groups(torch.zeros(N, dtype=torch.long)) + first, FreshRandom(torch.full((N,), 3), name="b"))


def test_each_run_that_is_traced_is_a_run() -> None:
    """`Predictive` and SVI run a model many times inside of the noise."""
    with KeyedNoise(1):
        sampled = Predictive(lambda: pyro.deterministic("ill", ill()), num_samples=3)()["ill"]
    assert torch.equal(sampled[0], sampled[1])
    pyro.set_rng_seed(0)
    with Seeds("luck"):
        sampled = Predictive(lambda: pyro.deterministic("ill", ill()), num_samples=3)()["ill"]
    assert not torch.equal(sampled[0], sampled[1])


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
    with pytest.raises(ValueError, match="the seed 4 is given 2 times: these replicates would be one and the same"):
        KeyedNoise(torch.tensor([[4], [1], [4]]))


def test_seeds_of_any_integers_are_the_same_seeds() -> None:
    with KeyedNoise(7):
        right = exogenous("x", N)
    for seed in (torch.tensor(7, dtype=torch.uint8), torch.tensor(7, dtype=torch.int16)):
        with KeyedNoise(seed):
            assert torch.equal(exogenous("x", N), right)


@pytest.mark.parametrize("windows", [(0, 2.5), (0.0, 2), ("0", "1")])
def test_windows_are_whole_steps(windows: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="give ascending first days that start at 0"):
        Seeds("luck", windows)
