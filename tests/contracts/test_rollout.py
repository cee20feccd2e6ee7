"""The law: a simulation that a handler cuts or continues is the simulation, bit for bit, under all handlers."""

import contextlib
import functools
import itertools
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pyro
import pytest
import torch
from chirho.dynamical.handlers import LogTrajectory, StaticIntervention
from chirho.dynamical.handlers.interruption import StaticEvent
from chirho.dynamical.ops import on, simulate
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from pyro.poutine.messenger import Messenger

from causal_lpm import (
    Checkpointing,
    DiscreteTime,
    KeyedNoise,
    ProductWorlds,
    Recording,
    Rollout,
    Score,
    Seeds,
    Worlds,
    comparing,
    event,
    policy,
    rollout,
    tally,
)
from causal_lpm.typing import State
from tests.contracts.blocks import DAYS, EXACT, GRADIENTS, SEEDS, Block, Told, allowed, columns, unlike
from tests.contracts.models import FLU, MODELS, Model

Body = Callable[..., Rollout]


class Cuts(Messenger):
    """Simulates the days in parts, each from the state that the one before has left."""

    def __init__(self, *at: int) -> None:
        super().__init__()
        self.at, self.parts = at, list[Rollout]()

    def _pyro_rollout(self, msg: Any) -> None:
        body: Body = msg["fn"]

        def in_parts(dynamics: Any, state: State, first: int, days: int, name: str) -> Rollout:
            edges = [first, *(day for day in self.at if first < day < first + days), first + days]
            self.parts = []
            for begins, ends in itertools.pairwise(edges):
                state = self.parts[-1].state if self.parts else state
                self.parts.append(body(dynamics, state, begins, ends - begins, name))
            return functools.reduce(Rollout.followed_by, self.parts)

        msg["fn"] = in_parts


def compare(names: list[str], model: Model, *at: int, outside: bool = True) -> None:
    whole, cut = Block(names, model), Block(names, model)
    with whole():
        expected = whole.told(SEEDS[0])
    cuts = Cuts(*at)
    if outside:
        with cuts, cut():
            told = cut.told(SEEDS[0])
    else:
        with cut(), cuts:
            told = cut.told(SEEDS[0])
    assert len(cuts.parts) == len({day for day in at if 0 < day < DAYS}) + 1
    assert unlike(told, expected) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
@pytest.mark.parametrize("name", EXACT)
def test_days_in_three_parts_under_one_handler(model: Model, name: str) -> None:
    """Interventions act on days 2 and 3: at a cut, before and after one."""
    compare([name], model, 2, 4)
    compare([name], model, 3, outside=False)


@pytest.mark.parametrize("name", sorted(GRADIENTS))
def test_gradients_of_days_in_parts(name: str) -> None:
    compare([name], FLU, 1, 4)
    compare(["checkpointing", name], FLU, 3)


@settings(max_examples=25)
@given(
    model=st.sampled_from(MODELS),
    names=st.lists(st.sampled_from(EXACT), min_size=2, max_size=5, unique=True),
    at=st.lists(st.integers(1, DAYS - 1), min_size=1, max_size=3, unique=True).map(sorted),
    outside=st.booleans(),
)
def test_days_in_parts_under_several_handlers(model: Model, names: list[str], at: list[int], outside: bool) -> None:
    assume(allowed(names))
    compare(names, model, *at, outside=outside)


def waves(days: int, cut: tuple[int, ...], *handlers: Any, worlds: Any = None) -> Rollout:
    """The flu of the contracts for so many days, cut, under handlers."""
    pyro.set_rng_seed(0)
    with Cuts(*cut):
        if worlds is None:
            with handlers[0]:
                return FLU.simulate(days)
        with worlds, handlers[0]:
            return FLU.simulate(days)


@pytest.mark.parametrize("cut", [(10,), (3, 10, 17), (5,)])
def test_windows_of_seeds(cut: tuple[int, ...]) -> None:
    def replicates() -> Worlds:
        return Worlds(replicates=3)

    def seeds() -> Seeds:
        return Seeds("luck", (0, 5, 10))

    whole, parts = (waves(20, at, seeds(), worlds=replicates()) for at in ((), cut))
    assert unlike(parts.state | parts.tallies, whole.state | whole.tallies) == []
    assert whole.tallies["cases"].shape == (3, 1, 20)


def test_acts_and_rules_around_a_cut() -> None:
    """Acts before, at and after the cut and between days; rules that fire on days of their own in each world."""

    def ill(s: State) -> torch.Tensor:
        return (s["stage"] != 0).float().mean(-1, keepdim=True)

    fired: dict[float, int] = {}

    def shifts(share: float, days: float) -> Any:
        def shift(dynamics: Any, state: State) -> tuple[Any, State]:
            fired[share] = fired.get(share, 0) + 1
            return dynamics, {**state, FLU.policy: state[FLU.policy] + days}

        return on(lambda s: ill(s) > share, shift)

    def run(*cut: int) -> tuple[Rollout, State]:
        log = LogTrajectory(torch.tensor([10.0, 12.0, 20.0]))
        acts = [
            StaticIntervention(torch.tensor(t), {FLU.policy: torch.tensor([d])})
            for t, d in ((9.0, 30.0), (10.0, 14.0), (11.5, 40.0))
        ]
        with (
            Cuts(*cut),
            ProductWorlds(),
            KeyedNoise(3),
            FLU.do(2.0),
            log,
            shifts(0.2, 3.0),
            shifts(0.3, -1.0),
            acts[0],
            acts[1],
            acts[2],
        ):
            return FLU.simulate(20), log.trajectory

    whole, seen = run()
    assert fired.keys() == {0.2, 0.3}
    assert min(fired.values()) > 1, "not in all worlds on one day"
    for cut in ((10,), (9, 10, 11, 12), tuple(range(1, 20))):
        parts, again = run(*cut)
        assert unlike(parts.state | parts.tallies, whole.state | whole.tallies) == []
        assert unlike(again, seen) == []


def test_dynamics_that_an_act_or_a_rule_has_changed_stay_changed_after_a_cut() -> None:
    def slow(s: State) -> State:
        tally("x", s["x"])
        return {"x": s["x"] + 1}

    def fast(s: State) -> State:
        tally("x", s["x"])
        return {"x": s["x"] + 10}

    whens: list[Any] = [StaticEvent(torch.tensor(2.0)), lambda s: s["x"].amax(-1, keepdim=True) > 1]
    for when in whens:
        for cut in ((), (1,), (2,), (5,), (2, 5, 7)):
            with Cuts(*cut), on(when)(lambda f, s: (fast, s)):
                assert rollout(slow, {"x": torch.zeros(2)}, 8).state["x"].tolist() == [62.0, 62.0], cut

    class Other(Cuts):
        def _pyro_rollout(self, msg: Any) -> None:
            body: Body = msg["fn"]

            def others(dynamics: Any, state: State, first: int, days: int, name: str) -> Rollout:
                part = body(dynamics, state, 0, 5, name)
                return part.followed_by(body(lambda s: dynamics(s), part.state, 5, 3, name))

            msg["fn"] = others

    sentence = "changed before day 5, and a handler lets the simulation go on with others"
    with pytest.raises(ValueError, match=sentence), Other(), on(whens[0])(lambda f, s: (fast, s)):
        rollout(slow, {"x": torch.zeros(2)}, 8)


def test_worlds_that_split_after_a_cut() -> None:
    act = StaticIntervention(torch.tensor(12.0), {FLU.policy: torch.tensor([0.0])})
    for split in (Worlds, ProductWorlds):
        with split(), act, KeyedNoise(1):
            whole = FLU.simulate(20)
        with Cuts(10) as cuts, split(), act, KeyedNoise(1):
            parts = FLU.simulate(20)
        assert [part.tallies["cases"].shape for part in cuts.parts] == [(1, 10), (2, 1, 10)]
        assert unlike(parts.state | parts.tallies, whole.state | whole.tallies) == []


def test_two_handlers_that_cut() -> None:
    with KeyedNoise(1):
        whole = FLU.simulate(20)
    with Cuts(10) as outer, KeyedNoise(1), Cuts(4, 10, 15) as inner:
        parts = FLU.simulate(20)
    assert (len(outer.parts), len(inner.parts)) == (2, 2)  # the inner one cut each of the outer one's parts
    assert unlike(parts.state | parts.tallies, whole.state | whole.tallies) == []


# Called twice instead of cut


def season(days: int, state: State | None = None, first_day: int = 0, name: str = "") -> Rollout:
    def day(s: State) -> State:
        ill = s["ill"] | event("infection", torch.full((60,), 0.05))
        tally("ill", ill)
        return {"ill": ill}

    return rollout(day, state or {"ill": torch.zeros(60, dtype=torch.bool)}, days, name, first_day)


@pytest.mark.parametrize("noise", [lambda: KeyedNoise(4), lambda: Seeds("luck", (0, 7))], ids=["keyed", "seeds"])
def test_a_second_call_goes_on_from_the_first(noise: Callable[[], KeyedNoise]) -> None:
    def entered() -> KeyedNoise:
        pyro.set_rng_seed(0)
        return noise()

    with entered(), Recording() as record:
        whole = season(20)
    with entered(), Recording() as again:
        first = season(10)
        rest = season(10, first.state, first_day=10)
    both = first.followed_by(rest)
    assert unlike(both.state | both.tallies, whole.state | whole.tallies) == []
    assert unlike(again.series(), record.series()) == []
    with entered(), pytest.raises(ValueError, match="first_day is -1"):
        season(10, first_day=-1)


def test_a_second_call_goes_on_in_all_worlds() -> None:
    act = StaticIntervention(torch.tensor(12.0), {"closed": torch.tensor([0.5])})

    def day(s: State) -> State:
        ill = s["ill"] | event("infection", 0.1 * (1 - s["closed"]) * torch.ones(60))
        tally("ill", ill)
        return {**s, "ill": ill}

    def run(*lengths: int) -> Rollout:
        parts: list[Rollout] = []
        with comparing({"open": {}, "closed": {"closed": 0.8}}, replicates=2), KeyedNoise(torch.tensor([[4], [5]])):
            state = {"ill": torch.zeros(60, dtype=torch.bool), "closed": policy("closed", 0.0)}
            for days in lengths:
                first = int(sum(part.tallies["ill"].shape[-1] for part in parts))
                with act if first + days > 12 else nullcontext():
                    parts.append(rollout(day, parts[-1].state if parts else state, days, first_day=first))
            return functools.reduce(Rollout.followed_by, parts)

    whole, continued = run(20), run(10, 10)
    assert whole.tallies["ill"].shape == (2, 2, 1, 20)
    assert unlike(continued.state | continued.tallies, whole.state | whole.tallies) == []


# Answers


class Remembers(Messenger):
    """Answers with the first simulation that it has seen."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Rollout | None = None

    def _pyro_rollout(self, msg: Any) -> None:
        if self.seen is not None:
            msg["value"], msg["done"] = self.seen, True

    def _pyro_post_rollout(self, msg: Any) -> None:
        self.seen = msg["value"]


def test_an_answered_simulation_runs_no_day() -> None:
    days: list[float] = []

    def day(s: State) -> State:
        days.append(float(s["t"]))
        tally("x", s["x"])
        return {"x": s["x"] + 1}

    with Remembers():
        runs = [rollout(day, {"x": torch.zeros(3)}, 4) for _ in range(2)]
        with DiscreteTime():
            last = simulate(day, {"x": torch.zeros(3)}, torch.tensor(0.0), torch.tensor(4.0))
    assert days == [0.0, 1.0, 2.0, 3.0]
    assert runs[0] is runs[1]
    assert torch.equal(last["x"], runs[0].state["x"])


def test_an_answer_that_is_no_rollout_is_refused() -> None:
    remembers = Remembers()
    remembers.seen = {"x": torch.zeros(3)}  # type: ignore[assignment]
    with pytest.raises(ValueError, match="a handler answered a simulation with dict: give a Rollout"), remembers:
        season(5)


def test_the_outermost_handler_hears_of_the_end_where_worlds_split_within() -> None:
    act = StaticIntervention(torch.tensor(2.0), {"x": torch.tensor([9.0])})
    for worlds in (Worlds(replicates=2), comparing({"a": {}, "b": {}}), ProductWorlds()):
        for solver in (DiscreteTime(), nullcontext()):
            with Remembers() as outermost, solver, worlds, act:
                run = rollout(lambda s: s, {"x": torch.zeros(1)}, 4)
            assert outermost.seen is run


def test_parts_that_are_none_are_refused() -> None:
    class Asks(Messenger):
        def __init__(self, first: int, days: int, **entries: torch.Tensor) -> None:
            super().__init__()
            self.first, self.days, self.entries, self.body = first, days, entries, None

        def _pyro_rollout(self, msg: Any) -> None:
            body, self.body = msg["fn"], msg["fn"]
            msg["fn"] = lambda f, s, first, days, name: body(f, self.entries or s, self.first, self.days, name)

    with pytest.raises(ValueError, match="asks for the days 2 to 6, which are not those of the simulation"), Asks(2, 4):
        season(5)
    with (
        pytest.raises(ValueError, match="the state from which a handler lets a simulation go on"),
        Asks(0, 3, x=torch.ones(60)),
    ):
        season(5)
    with Asks(0, 5) as asks:
        season(5)
    with pytest.raises(ValueError, match="ask for a part of its days, while it runs"):
        asks.body(None, {}, 0, 5, "")  # type: ignore[misc]


class Plans(Messenger):
    """Simulates days as a plan says: `plan(simulated, state, days)`; `simulated(state, first, days)` does some."""

    def __init__(self, plan: Callable[..., Rollout]) -> None:
        super().__init__()
        self.plan = plan

    def _pyro_rollout(self, msg: Any) -> None:
        body: Body = msg["fn"]
        msg["fn"] = lambda f, s, first, days, name: self.plan(
            lambda state, begins, some: body(f, state, begins, some, name), s, days
        )


@pytest.mark.parametrize("again", [0, 2])
def test_days_that_are_simulated_twice_find_the_memory_of_rules_as_it_was(again: int) -> None:
    """A handler that looks ahead, or tries a part again, changes nothing: the rule fires in the days that count."""

    def plan(simulated: Callable[..., Rollout], state: State, days: int) -> Rollout:
        first = simulated(state, 0, again)
        simulated(first.state, again, days - again)
        rest = simulated(first.state, again, days - again)
        return first.followed_by(rest) if again else rest

    def told(*handlers: Any) -> dict[str, torch.Tensor]:
        with contextlib.ExitStack() as stack:
            for handler in (*handlers, KeyedNoise(3), comparing({"a": {}, "b": {FLU.policy: 9.0}})):
                stack.enter_context(handler)
            rule = on(
                lambda s: (s["stage"] != 0).float().mean(-1, keepdim=True) - 0.2,
                lambda f, s: (f, {**s, FLU.policy: s[FLU.policy] + 3.0}),
            )
            with rule:
                run = FLU.simulate(20)
            return {**run.state, **run.tallies}

    whole = told()
    assert unlike(told(Plans(plan)), whole) == []
    assert (whole[FLU.policy] != 9.0).any()  # the rule has fired


@pytest.mark.parametrize(
    ("plan", "sentence"),
    [
        (
            lambda simulated, state, days: simulated(state, 0, 2).followed_by(simulated(state, 3, 2)),
            "no part has ended",
        ),
        (lambda simulated, state, days: simulated(state, 0, 2), "of 5 steps with 2 of the tally 'cases'"),
    ],
)
def test_days_that_are_left_out_are_refused(plan: Callable[..., Rollout], sentence: str) -> None:
    with KeyedNoise(0), Plans(plan), pytest.raises(ValueError, match=sentence):
        FLU.simulate(5)


def test_days_without_tallies_are_not_left_out_either() -> None:
    def plan(simulated: Callable[..., Rollout], state: State, days: int) -> Rollout:
        return simulated(state, 0, 2)

    with Plans(plan), pytest.raises(ValueError, match="left a simulation after step 2 of 4"):
        rollout(lambda s: s, {"x": torch.zeros(3)}, 4)


def test_a_tally_that_is_not_in_all_parts_is_refused() -> None:
    with pytest.raises(ValueError, match="the tally 'a' is missing in some of the days"):
        Rollout({}, {"a": torch.zeros(1, 2)}).followed_by(Rollout({}))


def test_gradients_through_checkpoints_and_a_cut() -> None:
    found = []
    for cut in ((), (3,)):
        beta = torch.tensor(0.06, requires_grad=True)
        with Cuts(*cut), Checkpointing(), KeyedNoise(torch.arange(3)[:, None]), Score() as score:
            cases = columns(beta).tallies["cases"]
        score.surrogate(cases).mean().backward()
        found.append(Told(cases=cases.detach(), gradient=beta.grad))
    assert unlike(found[1], found[0]) == []
    assert found[0]["gradient"].abs() > 0


def test_comparing_asks_for_its_policies_before_a_handler_answers() -> None:
    with Remembers():
        FLU.simulate(DAYS)
        with pytest.raises(ValueError, match="unknown policy 'closure'"), comparing({"a": {"closure": 1.0}}):
            FLU.simulate(DAYS)
