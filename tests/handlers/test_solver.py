"""`DiscreteTime`, triggers, `Recording` and `rollout`: time, rules, series, and what is refused."""

import pyro
import pytest
import torch
from chirho.dynamical.handlers import DynamicIntervention, LogTrajectory, StaticIntervention, StaticObservation
from chirho.dynamical.ops import on, simulate
from chirho.interventional.handlers import do
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import DiscreteTime, Recording, Worlds, event, policy, rollout, tally
from causal_lpm.typing import State


def count(s: State) -> State:
    return {**s, "x": s["x"] + 1}


def at(day: float) -> torch.Tensor:
    return torch.tensor(day)


@given(dt=st.sampled_from([0.1, 0.25, 0.5, 1.0, 7.0]), steps=st.integers(1, 40))
def test_the_number_of_steps_and_their_times(dt: float, steps: int) -> None:
    times: list[float] = []

    def day(s: State) -> State:
        times.append(float(s["t"]))
        return count(s)

    with DiscreteTime(dt):
        state = simulate(day, {"x": torch.zeros(1)}, at(0.0), at(dt * steps))
    assert float(state["x"]) == steps
    assert times == pytest.approx([dt * k for k in range(steps)])


def test_a_simulation_may_go_on_where_another_ended() -> None:
    """The steps are numbered by time, so that their luck is that of one long run."""
    from causal_lpm import KeyedNoise

    def day(s: State) -> State:
        return {"x": s["x"] + event("e", torch.full((50,), 0.3))}

    with KeyedNoise(3), DiscreteTime():
        whole = simulate(day, {"x": torch.zeros(50)}, at(0.0), at(6.0))
        half = simulate(day, {"x": torch.zeros(50)}, at(0.0), at(2.0))
        rest = simulate(day, half, at(2.0), at(6.0))
    assert torch.equal(whole["x"], rest["x"])


def test_several_interventions_on_one_day_all_act() -> None:
    changes = [StaticIntervention(at(2.0), {name: torch.tensor([float(i)])}) for i, name in enumerate("abc", start=1)]
    with changes[0], changes[1], changes[2]:
        state = rollout(count, {"x": torch.zeros(2), **{name: torch.zeros(1) for name in "abc"}}, 4).state
    assert [float(state[name]) for name in "abc"] == [1.0, 2.0, 3.0]
    assert state["x"].tolist() == [4.0, 4.0]


def test_an_intervention_on_day_0_acts_before_the_first_step() -> None:
    with StaticIntervention(at(0.0), {"x": torch.tensor([10.0])}):
        assert float(rollout(count, {"x": torch.zeros(1)}, 2).state["x"]) == 12.0


def test_interventions_on_steps_shorter_than_a_day() -> None:
    with DiscreteTime(0.5), StaticIntervention(at(1.5), {"x": torch.tensor([100.0])}):
        assert float(simulate(count, {"x": torch.zeros(1)}, at(0.0), at(3.0))["x"]) == 103.0


def rule(threshold: float, value: float):  # type: ignore[no-untyped-def]
    return on(lambda s: s["x"] >= threshold)(lambda f, s: (f, {**s, "y": s["y"] + value * s["x"]}))


@given(st.lists(st.integers(0, 6), min_size=1, max_size=4))
def test_rules_fire_once_a_world_on_their_own_days(starts: list[int]) -> None:
    """World w starts at starts[w]; x reaches 5 on its own day, and y remembers x of that moment."""
    first = torch.tensor(starts, dtype=torch.float32)[:, None]
    with rule(5.0, 1.0):
        state = rollout(count, {"x": first, "y": torch.zeros(len(starts), 1)}, 8).state
    assert state["y"].flatten().tolist() == [max(5.0, float(start)) for start in starts]
    assert state["x"].flatten().tolist() == [start + 8.0 for start in starts]


def test_several_rules_and_a_date() -> None:
    with rule(3.0, 1.0), rule(3.0, 10.0), rule(6.0, 100.0), StaticIntervention(at(4.0), {"y": torch.tensor([0.0])}):
        state = rollout(count, {"x": torch.zeros(1), "y": torch.zeros(1)}, 8).state
    assert float(state["y"]) == 600.0, "33 of day 3 is set to 0 on day 4; 600 come on day 6"


def test_a_rule_that_starts_true_fires_on_day_0() -> None:
    with rule(0.0, 1.0):
        state = rollout(lambda s: {**s, "x": s["x"] + s["y"]}, {"x": torch.ones(1), "y": torch.zeros(1)}, 3).state
    assert float(state["x"]) == 4.0


@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_an_event_function_may_cross_zero_in_either_direction(sign: float) -> None:
    crossing = DynamicIntervention(lambda t, s: sign * (s["x"] - 3.0), {"x": torch.tensor([50.0])})
    with crossing:
        assert float(rollout(count, {"x": torch.zeros(1)}, 5).state["x"]) == 52.0


def test_a_rule_may_change_the_dynamics_where_it_fires_in_all_worlds() -> None:
    stop = on(lambda s: s["x"] >= 3.0)(lambda f, s: (lambda now: now, s))
    with stop:
        assert float(rollout(count, {"x": torch.zeros(1)}, 9).state["x"]) == 3.0
    with pytest.raises(ValueError, match="changes the dynamics fired in some worlds only"), stop:
        rollout(count, {"x": torch.tensor([[0.0], [2.0]])}, 9)


def test_a_rule_says_one_thing_a_world() -> None:
    """Without keepdim the worlds would be taken for agents."""
    careless = on(lambda s: s["x"].mean(-1) >= 3.0)(lambda f, s: (f, {**s, "y": s["y"] + 1}))
    with pytest.raises(ValueError, match=r"has shape \(2,\): give one value a world, \[\*dims, 1\]"), careless:
        rollout(count, {"x": torch.zeros(2, 2), "y": torch.zeros(2, 1)}, 9)


def test_a_population_inside_a_step_of_another_is_refused() -> None:
    def day(s: State) -> State:
        return {"x": rollout(count, {"x": s["x"]}, 2).state["x"]}

    with DiscreteTime():
        with pytest.raises(
            ValueError, match="simulated inside a step of another: its noise would be the same every day"
        ):
            rollout(day, {"x": torch.zeros(2)}, 2)
        assert rollout(count, {"x": torch.zeros(2)}, 2).state["x"].tolist() == [2.0, 2.0]


def test_a_rule_and_a_trajectory() -> None:
    log = LogTrajectory(torch.tensor([0.0, 2.0, 3.0, 6.0]))
    with log, rule(3.0, 1.0):
        rollout(count, {"x": torch.zeros(2, 1), "y": torch.zeros(1)}, 7)
    assert log.trajectory["x"].tolist() == [[[0.0, 2.0, 3.0, 6.0]]] * 2
    assert log.trajectory["y"].broadcast_to(2, 1, 4)[..., [0, 1, 3]].tolist() == [[[0.0, 0.0, 3.0]]] * 2


def test_a_rule_that_loses_entries_is_refused() -> None:
    for starts in (torch.zeros(2, 1), torch.tensor([[0.0], [2.0]])):
        partial = on(lambda s: s["x"] >= 3.0)(lambda f, s: (f, {"x": s["x"]}))
        with pytest.raises(ValueError, match="returned a partial state without 'y'"), partial:
            rollout(count, {"x": starts, "y": torch.zeros(1)}, 9)


def test_a_state_function_that_returns_a_partial_state_is_refused() -> None:
    message = r"state function of an intervention returned a partial state without 'y': return \{\*\*state, \.\.\.\}"
    for worlds in (Worlds(), pyro.poutine.trace()):
        change = StaticIntervention(at(1.0), lambda s: {"x": s["x"]})
        with pytest.raises(ValueError, match=message), worlds, change:
            rollout(count, {"x": torch.zeros(2), "y": torch.zeros(2)}, 3)


def test_an_entry_that_the_state_does_not_have_is_refused() -> None:
    """ChiRho would ignore it."""
    for change in (
        StaticIntervention(at(1.0), {"vacination": torch.tensor([1.0])}),
        DynamicIntervention(lambda t, s: s["x"] - 1.0, {"vacination": torch.tensor([1.0])}),
    ):
        with (
            pytest.raises(ValueError, match="unknown entry of the state in an intervention 'vacination': did you mean"),
            change,
        ):
            rollout(count, {"x": torch.zeros(1), "vaccination": torch.zeros(1)}, 3)


@pytest.mark.parametrize("day", [-1.0, 5.5, 200.0])
def test_an_intervention_outside_the_days_is_refused(day: float) -> None:
    message = f"the interruption at day {day:g} lies outside the simulated days 0 to 5: move it, or simulate longer"
    with pytest.raises(ValueError, match=message), StaticIntervention(at(day), {"x": torch.ones(1)}):
        rollout(count, {"x": torch.zeros(1)}, 5)


def test_an_interruption_at_the_end_is_refused() -> None:
    """ChiRho would drop the observation in silence."""
    look = StaticObservation(at(5.0), lambda s: None)
    with pytest.raises(ValueError, match="day 5 acts before a step, and day 5 is the end: simulate longer"), look:
        rollout(count, {"x": torch.zeros(1)}, 5)


@pytest.mark.parametrize("dt", [0.0, -1.0, float("nan")])
def test_steps_have_a_length(dt: float) -> None:
    with pytest.raises(ValueError, match="the length of a step must be positive"):
        DiscreteTime(dt)


@pytest.mark.parametrize(
    ("state", "days", "message"),
    [
        ({"x": torch.zeros(2)}, 0, "days is 0"),
        ({"x": torch.zeros(2)}, 2.5, "days is 2.5: give a whole number"),
        ({"x": torch.zeros(0)}, 3, "zero agents"),
        ({}, 3, "zero agents"),
        ({"x": torch.zeros(2), "t": torch.zeros(1)}, 3, "entry 't': that is the time"),
    ],
)
def test_a_rollout_checks_what_it_is_given(state: State, days: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rollout(count, state, days)


def test_series_have_a_column_a_day() -> None:
    def day(s: State) -> State:
        tally("sum", s["x"])
        tally("by group", s["x"] > 1, by=torch.tensor([0, 0, 1]), groups=2)
        return count(s)

    run = rollout(day, {"x": torch.tensor([0.0, 1.0, 2.0])}, 3)
    assert run.tallies["sum"].tolist() == [[3.0, 6.0, 9.0]]
    assert run.tallies["by group"].tolist() == [[0, 1, 2], [1, 1, 1]]
    assert run.state["x"].tolist() == [3.0, 4.0, 5.0]


def test_series_of_worlds_that_split_late_are_broadcast() -> None:
    def day(s: State) -> State:
        tally("sum", s["x"] * s["p"])
        return count(s)

    with Worlds(), StaticIntervention(at(2.0), {"p": torch.tensor([10.0])}):
        run = rollout(day, {"x": torch.ones(2), "p": torch.ones(1)}, 4)
    assert run.tallies["sum"].tolist() == [[[2.0, 4.0, 6.0, 8.0]], [[2.0, 4.0, 60.0, 80.0]]]


def test_tallies_twice_or_missing_are_refused() -> None:
    def twice(s: State) -> State:
        tally("x", s["x"])
        tally("x", s["x"])
        return s

    def sometimes(s: State) -> State:
        if float(s["t"]) != 1.0:
            tally("x", s["x"])
        return s

    with pytest.raises(ValueError, match="tally 'x' is made twice in step 0: give each its own name"):
        rollout(twice, {"x": torch.ones(2)}, 3)
    with pytest.raises(ValueError, match="tally 'x' is missing in step 1: call it in every step"):
        rollout(sometimes, {"x": torch.ones(2)}, 3)


def test_recording_starts_anew_and_ignores_tallies_outside_steps() -> None:
    record = Recording()
    for days in (2, 3):
        with record:
            tally("before", torch.ones(2))
            rollout(lambda s: {"x": s["x"] + tally("x", s["x"]) * 0}, {"x": torch.ones(2)}, days)
        assert record.series()["x"].shape == (1, days)
        assert list(record.series()) == ["x"]


def test_a_solver_given_is_used() -> None:
    with DiscreteTime(dt=0.5):
        assert float(rollout(count, {"x": torch.zeros(1)}, 3).state["x"]) == 6.0


def test_a_trace_of_a_rollout_names_the_steps() -> None:
    def day(s: State) -> State:
        return {**s, "x": s["x"] + event("e", 0.5)}

    with pyro.poutine.trace() as tr, do(actions={"p": at(1.0)}):
        rollout(day, {"x": torch.zeros(3), "p": policy("p", 0.0)}, 2)
    assert list(tr.trace.nodes) == ["p", "t=0/e_noise", "t=0/e", "t=1/e_noise", "t=1/e"]


@pytest.mark.parametrize("dt", [0.01, 0.05, 0.1, 1 / 3, 1 / 7])
def test_a_rule_that_never_fires_leaves_every_short_step_to_run_once(dt: float) -> None:
    """Times are float32: 17 * 0.05 is not quite the 17th step, and must not be taken for the 16th."""
    with DiscreteTime(dt), rule(1e9, 1.0):
        state = simulate(count, {"x": torch.zeros(1), "y": torch.zeros(1)}, at(0.0), at(40.0))
    assert float(state["x"]) == round(40 / dt)
