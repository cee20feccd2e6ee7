"""What functions of a user write in place reaches no other world, no other day, no log and nothing of the caller's."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from chirho.dynamical.handlers import DynamicIntervention, LogTrajectory, StaticIntervention, StaticObservation
from chirho.dynamical.handlers.interruption import StaticEvent
from chirho.dynamical.ops import on
from chirho.interventional.handlers import do
from chirho.interventional.ops import intervene

from causal_lpm import DiscreteTime, KeyedNoise, Worlds, choose, event, exposure, policy, rollout, tally
from causal_lpm.agents.networks import random_graph
from causal_lpm.agents.population import Population, start
from causal_lpm.typing import State

AGENTS = 1_000
GRAPH = random_graph(AGENTS, mean_degree=6, seed=3)
PEOPLE = Population({"stage": (torch.arange(AGENTS) % 100 == 0).to(torch.uint8)})


def at(day: float) -> torch.Tensor:
    return torch.tensor(day)


def infected(s: State) -> torch.Tensor:
    return event("infection", 0.06 * exposure(GRAPH, s["stage"] == 1)) & (s["stage"] == 0)


def anew(s: State) -> State:
    new = infected(s)
    tally("cases", new)
    return {**s, "stage": s["stage"] + new}


def in_place(s: State) -> State:
    new = infected(s)
    tally("cases", new)
    s["stage"][new] = 1
    return s


def through_numpy(s: State) -> State:
    new = infected(s)
    tally("cases", new)
    s["stage"].numpy()[new.numpy()] = 1
    return s


def through_data(s: State) -> State:
    new = infected(s)
    tally("cases", new)
    s["stage"].data.masked_fill_(new, 1)
    return s


def cases(day: Callable[[State], State], initial: State | None = None, seed: int = 1) -> list[int]:
    with KeyedNoise(seed):
        total: torch.Tensor = rollout(day, start(PEOPLE) if initial is None else initial, 20).tallies["cases"].sum(-1)
    return [int(x) for x in total.flatten()]


ALONE = cases(anew)


@pytest.mark.parametrize("day", [in_place, through_numpy, through_data])
def test_a_step_that_writes_in_place_leaves_the_callers_state_alone(day: Callable[[State], State]) -> None:
    initial = start(PEOPLE)
    before = initial["stage"].clone()
    assert cases(day, initial) == cases(day, initial) == ALONE
    assert torch.equal(initial["stage"], before)


def test_a_step_that_returns_one_buffer_every_day() -> None:
    """Yesterday's state, a log and the results of an earlier run are not this buffer."""
    buffer = torch.zeros(3)

    def day(s: State) -> State:
        buffer.copy_(s["x"] + 1)
        return {"x": buffer}

    with LogTrajectory(torch.tensor([0.0, 1.0, 2.0, 3.0])) as log:
        first = rollout(day, {"x": torch.zeros(3)}, 4).state["x"]
    rollout(day, {"x": torch.full((3,), 70.0)}, 4)
    assert log.trajectory["x"].tolist() == [[0.0, 1.0, 2.0, 3.0]] * 3
    assert first.tolist() == [4.0, 4.0, 4.0]


@pytest.mark.parametrize("day", [in_place, through_numpy])
def test_a_log_keeps_what_was_and_not_what_became_of_it(day: Callable[[State], State]) -> None:
    def logged(day: Callable[[State], State]) -> torch.Tensor:
        with KeyedNoise(1), LogTrajectory(torch.arange(20.0)) as log:
            rollout(day, start(PEOPLE), 20)
        stage: torch.Tensor = log.trajectory["stage"]
        return stage

    assert torch.equal(logged(day), logged(anew))


def vaccinated(state: State) -> State:
    return {**state, "stage": torch.where(torch.arange(AGENTS) % 10 == 0, 2, state["stage"]).to(torch.uint8)}


def vaccinate(state: State) -> State:
    state["stage"][..., ::10] = 2
    return state


def vaccinate_through_numpy(state: State) -> State:
    state["stage"].numpy()[..., ::10] = 2
    return state


def vaccinate_one(stage: torch.Tensor) -> torch.Tensor:
    stage[..., ::10] = 2
    return stage


def rule(time: Any, state: State) -> torch.Tensor:
    return (state["stage"] == 1).sum(-1, keepdim=True) - 60.0


@pytest.mark.parametrize(
    "act", [vaccinate, vaccinate_through_numpy, {"stage": vaccinate_one}], ids=["state", "through numpy", "entry"]
)
@pytest.mark.parametrize("dynamic", [False, True], ids=["on a day", "by a rule"])
def test_a_state_function_that_writes_in_place_changes_its_own_world_only(act: Any, dynamic: bool) -> None:
    def intervention(act: Any) -> Any:
        return DynamicIntervention(rule, act) if dynamic else StaticIntervention(at(8.0), act)

    with intervention(vaccinated):
        right = cases(anew)
    assert right != ALONE
    for day in (anew, in_place):
        with Worlds(["as it was", "vaccinated"]), intervention(act):
            assert cases(day) == ALONE + right
        with DiscreteTime(), Worlds(), intervention(act):
            assert cases(day) == ALONE + right
        with intervention(act):
            assert cases(day) == right


WRITES: dict[str, Callable[[State], object]] = {
    "torch": lambda s: s["stage"].fill_(2),
    "numpy": lambda s: s["stage"].numpy().fill(2),
    "data": lambda s: s["stage"].data.fill_(2),
    "entry": lambda s: s.__setitem__("stage", torch.full_like(s["stage"], 2)),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


def test_acts_of_do_that_write_in_place() -> None:
    own = torch.zeros(1)
    for worlds in (True, False):
        acted = do(actions={"p": lambda value: value.add_(1.0)})
        if worlds:
            with Worlds(), acted:
                assert policy("p", own).flatten().tolist() == [0.0, 1.0]
    assert own.tolist() == [0.0]


def test_an_act_keeps_its_value_when_steps_write_in_place() -> None:
    def day(s: State) -> State:
        s["x"] += 1
        return s

    act = torch.tensor([10.0])
    with StaticIntervention(at(2.0), {"x": act}):
        ends = [float(rollout(day, {"x": torch.zeros(1)}, 5).state["x"]) for _ in range(2)]
    assert ends == [13.0, 13.0]
    assert act.tolist() == [10.0]


def test_a_callback_may_write_in_place() -> None:
    @on(StaticEvent(at(8.0)))
    def callback(dynamics: Any, state: State) -> tuple[Any, State]:
        state["stage"][..., ::10] = 2
        return dynamics, state

    with StaticIntervention(at(8.0), vaccinated):
        right = cases(anew)
    for _ in range(2):
        with callback:
            assert cases(anew) == right


def test_a_callback_may_put_a_tensor_of_its_own_into_the_state() -> None:
    own = torch.tensor([10.0])

    @on(StaticEvent(at(1.0)))
    def callback(dynamics: Any, state: State) -> tuple[Any, State]:
        state["x"] = own
        return dynamics, state

    def day(s: State) -> State:
        s["x"] += 1
        return s

    with callback:
        assert float(rollout(day, {"x": torch.zeros(1)}, 3).state["x"]) == 12.0
    assert own.tolist() == [10.0]


@pytest.mark.parametrize("write", [WRITES[way] for way in ("torch", "numpy", "data")], ids=["torch", "numpy", "data"])
def test_a_callback_that_writes_before_it_intervenes_is_refused(write: Callable[[State], object]) -> None:
    """The copy of a dictionary holds the same tensors: the factual world would change as well."""

    @on(StaticEvent(at(8.0)))
    def callback(dynamics: Any, state: State) -> tuple[Any, State]:
        new = dict(state)
        write(new)
        return dynamics, intervene(state, new)

    message = "the callback of an interruption wrote into the entry 'stage' in place"
    with pytest.raises(ValueError, match=message), Worlds(), callback:
        cases(anew)


def test_a_rule_in_some_worlds_writes_into_those_only() -> None:
    @on(lambda s: s["x"].sum(-1, keepdim=True) >= 6.0)
    def callback(dynamics: Any, state: State) -> tuple[Any, State]:
        state["y"] += 1
        return dynamics, state

    start_ = {"x": torch.tensor([[0.0, 0.0], [3.0, 3.0]]), "y": torch.zeros(2, 1)}
    with callback:
        state = rollout(lambda s: {**s, "x": s["x"] + 1}, start_, 2).state
    assert state["y"].tolist() == [[0.0], [1.0]]


@each_write
def test_what_a_condition_writes_is_not_the_state(write: Callable[[State], object]) -> None:
    def condition(state: State) -> torch.Tensor:
        write(state)
        return torch.tensor([False])

    def function(time: torch.Tensor, state: State) -> torch.Tensor:
        write(state)
        time -= 15.0
        state["t"] -= 15.0
        return torch.ones(1)

    for handler in (on(condition, lambda d, s: (d, s)), DynamicIntervention(function, vaccinated)):
        with handler:
            assert cases(anew) == ALONE
        with torch.inference_mode(), handler:
            assert cases(anew) == ALONE


@each_write
def test_what_an_observation_writes_is_not_the_state(write: Callable[[State], object]) -> None:
    def look(state: State) -> State:
        write(state)
        return state

    if write is WRITES["entry"]:
        pytest.skip("an observation that returns another state has changed it on purpose")
    with StaticObservation(at(8.0), look):
        assert cases(anew) == ALONE


def test_an_act_is_what_it_was_whatever_a_model_does_with_its_policy() -> None:
    act, base = torch.tensor([0.25]), torch.tensor([1.0])
    for _ in range(3):
        with do(actions={"p": act}):
            p = policy("p", base)
            p *= 2
        assert float(p) == 0.5
        policy("q", base).add_(1)
    assert act.tolist() == [0.25]
    assert base.tolist() == [1.0]


def test_data_are_what_they_were_whatever_a_model_does_with_what_happened() -> None:
    data = torch.tensor([1, 0, 1])
    for seed in range(2):
        with KeyedNoise(seed):
            chosen = choose("mode", torch.zeros(3, 2), obs=data)
            chosen += 1
    assert data.tolist() == [1, 0, 1]


def test_a_sum_that_the_model_changes_in_place_is_recorded_as_it_was() -> None:
    rate = torch.tensor([2.0], requires_grad=True)

    def day(s: State) -> State:
        total = tally("x", s["x"] * rate)
        total += 1000
        return s

    assert rollout(day, {"x": torch.ones(3)}, 2).tallies["x"].tolist() == [[6.0, 6.0]]


def test_gradients_flow_through_a_step_that_writes_in_place() -> None:
    x = torch.tensor([0.5], requires_grad=True)

    def day(s: State) -> State:
        s["x"].mul_(2.0)
        return s

    rollout(day, {"x": x}, 3).state["x"].backward()
    assert x.grad is not None
    assert x.grad.tolist() == [8.0]
