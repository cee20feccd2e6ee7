"""Interruptions act in each simulation of their block; two simulations in one block are two blocks."""

from typing import Any

import pytest
import torch
from chirho.dynamical.handlers import DynamicIntervention, LogTrajectory, StaticIntervention, StaticObservation
from chirho.dynamical.handlers.interruption import StaticEvent
from chirho.dynamical.handlers.solver import TorchDiffEq
from chirho.dynamical.ops import on, simulate

from causal_lpm import DiscreteTime, KeyedNoise, Recording, Worlds, rollout, tally
from causal_lpm.typing import State


def at(day: float) -> torch.Tensor:
    return torch.tensor(day)


def drive(s: State) -> State:
    return {"x": s["x"] + s["speed"], "speed": s["speed"]}


def standing() -> State:
    return {"x": torch.zeros(1), "speed": torch.ones(1)}


def faster(dynamics: Any, s: State) -> tuple[Any, State]:
    return dynamics, {**s, "speed": torch.tensor([10.0])}


INTERRUPTIONS = {
    "static": lambda: StaticIntervention(at(3.0), {"speed": torch.tensor([10.0])}),
    "dynamic": lambda: DynamicIntervention(lambda t, s: s["x"] - 3.0, {"speed": torch.tensor([10.0])}),
    "on a date": lambda: on(StaticEvent(at(3.0)), faster),
    "on a condition": lambda: on(lambda s: s["x"] >= 3.0, faster),
}
each = pytest.mark.parametrize("interruption", INTERRUPTIONS.values(), ids=INTERRUPTIONS)


@each
@pytest.mark.parametrize("solver", [False, True], ids=["solver by rollout", "solver given"])
def test_it_acts_in_every_simulation_of_its_block(interruption: Any, solver: bool) -> None:
    found = []
    with DiscreteTime() if solver else Recording(), interruption():
        for seed in range(3):
            with KeyedNoise(seed):
                found.append(float(rollout(drive, standing(), 6, name="drive" if seed else "").state["x"]))
    assert found == [33.0, 33.0, 33.0]


@each
def test_it_acts_after_a_simulation_that_failed(interruption: Any) -> None:
    def breaks(s: State) -> State:
        if float(s["t"]) == 4.0:
            raise ZeroDivisionError
        return drive(s)

    log = LogTrajectory(torch.tensor([1.0, 2.0, 5.0]))
    with interruption(), Recording() as record, log:
        with pytest.raises(ZeroDivisionError):
            rollout(breaks, standing(), 6)
        assert record.series() == {}

        def day(s: State) -> State:
            tally("speed", s["speed"])
            return drive(s)

        run = rollout(day, standing(), 6)
        assert float(run.state["x"]) == 33.0
        assert torch.equal(record.series()["speed"], run.tallies["speed"])
    assert log.trajectory["x"].tolist() == [[1.0, 2.0, 23.0]]


@each
def test_it_splits_worlds_in_every_simulation(interruption: Any) -> None:
    found = []
    with Worlds(["as it was", "faster"]), interruption():
        for _ in range(2):
            x = rollout(drive, standing(), 6).state["x"]
            found.append(x.flatten().tolist())
    expected = (
        [33.0, 33.0] if interruption in (INTERRUPTIONS["on a date"], INTERRUPTIONS["on a condition"]) else [6.0, 33.0]
    )
    assert [sorted({*one}) for one in found] == [sorted({*expected})] * 2


def test_an_observation_at_a_date_sees_every_simulation() -> None:
    seen = []

    def look(state: State) -> State:
        seen.append(float(state["x"]))
        return state

    with StaticObservation(at(2.0), look):
        rollout(drive, standing(), 3)
        rollout(drive, {**standing(), "x": torch.full((1,), 50.0)}, 3)
    assert seen == [2.0, 52.0]


def test_logs_of_two_simulations_in_one_block() -> None:
    with LogTrajectory(torch.tensor([0.0, 2.0])) as log:
        rollout(drive, standing(), 3)
        rollout(drive, {**standing(), "x": torch.full((1,), 50.0)}, 3)
    assert log.trajectory["x"].tolist() == [[50.0, 52.0]]


def test_several_logs_run_every_day_once() -> None:
    days = []

    def day(s: State) -> State:
        days.append(float(s["t"]))
        return drive(s)

    logs = [LogTrajectory(torch.tensor(times)) for times in ([1.0, 3.0], [0.0, 2.0], [0.5])]
    with logs[0], logs[1], logs[2], INTERRUPTIONS["static"]():
        rollout(day, standing(), 6)
    assert days == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    assert [log.trajectory["x"].tolist() for log in logs] == [[[1.0, 3.0]], [[0.0, 2.0]], [[0.0]]]


@pytest.mark.parametrize("times", [[1.0, 4.0], [-1.0, 2.0]])
def test_a_log_outside_the_days_is_refused(times: list[float]) -> None:
    log = LogTrajectory(torch.tensor(times))
    with pytest.raises(ValueError, match=r"time of a log at day .* lies outside the simulated days 0 to 3"), log:
        rollout(drive, standing(), 3)


def test_two_acts_on_one_entry_at_one_time_are_refused() -> None:
    def set_to(value: float, day: float = 2.0) -> Any:
        return StaticIntervention(at(day), {"speed": torch.tensor([value])})

    with (
        pytest.raises(ValueError, match="two interventions set 'speed' before the step of day 2"),
        set_to(10.0),
        set_to(20.0),
    ):
        rollout(drive, standing(), 4)
    with set_to(10.0), set_to(20.0, day=3.0):
        assert float(rollout(drive, standing(), 4).state["x"]) == 32.0


def test_an_interruption_has_one_time() -> None:
    with (
        pytest.raises(ValueError, match=r"the times \[1.0, 2.0\]: give one time"),
        StaticIntervention(torch.tensor([1.0, 2.0]), {"x": torch.zeros(1)}),
    ):
        rollout(drive, standing(), 4)


@pytest.mark.parametrize("day", [55.5, 56.0, 58.0])
def test_an_interruption_that_no_step_follows_is_refused(day: float) -> None:
    with DiscreteTime(7.0), StaticIntervention(at(day), {"x": torch.zeros(1)}):
        if day < 56.0:
            assert float(rollout(drive, standing(), 56).state["x"]) == 1.0
        else:
            with pytest.raises(ValueError, match="interruption at day 5"):
                rollout(drive, standing(), 56)


def test_the_name_of_a_rollout_counts_under_a_given_solver() -> None:
    names = []

    def day(s: State) -> State:
        from causal_lpm.ops.step import running_step

        step = running_step()
        assert step is not None
        names.append(step.site_prefix)
        return s

    with DiscreteTime(name="x"):
        rollout(day, standing(), 1, name="a")
        rollout(day, standing(), 1)
    assert names == ["x/a/t=0/", "x/t=0/"]


def test_one_solver_at_a_time() -> None:
    with pytest.raises(ValueError, match="two solvers are active"), DiscreteTime(), DiscreteTime():
        simulate(drive, standing(), at(0.0), at(2.0))
    message = "the active solver is TorchDiffEq, which would take the next state for"
    with pytest.raises(ValueError, match=message), TorchDiffEq():
        rollout(drive, standing(), 2)


def test_a_rule_on_nan_waits_for_a_number() -> None:
    """A share of nobody, 0/0, on the first days."""

    def day(s: State) -> State:
        return {**s, "ended": s["ended"] + (s["t"] >= 2), "died": s["died"] + (s["t"] >= 5)}

    rare = DynamicIntervention(lambda t, s: 0.3 - s["died"] / s["ended"], {"stopped": at(1.0)})
    initial = {name: torch.zeros(1) for name in ("died", "ended", "stopped")}
    with rare:
        assert float(rollout(day, initial, 5).state["stopped"]) == 0.0
    with rare:
        assert float(rollout(day, initial, 9).state["stopped"]) == 1.0
    with on(lambda s: s["died"] / s["ended"])(lambda f, s: (f, {**s, "stopped": at(1.0)[None]})):
        assert float(rollout(day, initial, 4).state["stopped"]) == 0.0


def test_a_condition_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="the condition of a rule returned NoneType"), on(lambda s: None)(faster):
        rollout(drive, standing(), 2)


def test_an_act_of_another_number_of_agents_is_refused() -> None:
    with (
        pytest.raises(ValueError, match=r"gave 'x' the shape \(4,\), but there are 1 agents"),
        StaticIntervention(at(1.0), {"x": torch.zeros(4)}),
    ):
        rollout(drive, standing(), 3)


def test_acts_before_one_step_are_one_time() -> None:
    first, second = (StaticIntervention(at(day), {"speed": torch.tensor([9.0])}) for day in (2.2, 2.7))
    with pytest.raises(ValueError, match=r"two interventions set 'speed' before the step of day 2\.7"), first, second:
        rollout(drive, standing(), 4)


@pytest.mark.parametrize("act", [(faster, faster), [1, 2], torch.zeros(1)], ids=["tuple", "list", "tensor"])
def test_an_intervention_that_chirho_would_ignore_is_refused(act: Any) -> None:
    with (
        pytest.raises(ValueError, match="give a dictionary of entries, in which a tuple is one act a world"),
        StaticIntervention(at(1.0), act),
    ):
        rollout(drive, standing(), 4)


def test_a_rule_does_not_act_at_the_end_where_no_step_follows() -> None:
    stop = DynamicIntervention(lambda t, s: t - 5.0, {"x": torch.tensor([100.0])})
    with stop:
        assert float(rollout(drive, standing(), 5).state["x"]) == 5.0
        with KeyedNoise(1):
            assert float(rollout(drive, standing(), 6).state["x"]) == 101.0


def test_a_forecast_inside_of_an_interruption_is_refused() -> None:
    def forecast(dynamics: Any, state: State) -> tuple[Any, State]:
        rollout(drive, standing(), 5, name="inner")
        return dynamics, state

    for interruption in (on(StaticEvent(at(3.0)), forecast), on(lambda s: s["x"] >= 2.0, forecast)):
        with pytest.raises(ValueError, match="is simulated inside an interruption of another"), interruption:
            rollout(drive, standing(), 6)


def test_a_refusal_before_the_first_step_uses_no_name() -> None:
    with KeyedNoise(1), StaticIntervention(at(9.0), {"speed": torch.tensor([10.0])}):
        with pytest.raises(ValueError, match="lies outside the simulated days"):
            rollout(drive, standing(), 5)
        assert float(rollout(drive, standing(), 12).state["x"]) == 39.0


def test_a_recording_keeps_what_was_there_before_a_failure() -> None:
    def day(s: State) -> State:
        tally("x", s["x"])
        if float(s["t"]) == 5.0 and float(s["speed"]) == 0.0:
            raise ZeroDivisionError
        return drive(s)

    with DiscreteTime(), Recording() as record:
        state = simulate(day, standing(), at(0.0), at(2.0))
        state = simulate(day, state, at(2.0), at(4.0))
        with pytest.raises(ZeroDivisionError):
            simulate(day, {**state, "speed": torch.zeros(1)}, at(4.0), at(6.0))
        assert record.series()["x"].tolist() == [[0.0, 1.0, 2.0, 3.0]]
        simulate(day, state, at(4.0), at(6.0))
    assert record.series()["x"].tolist() == [[0.0, 1.0, 2.0, 3.0, 4.0, 5.0]]
