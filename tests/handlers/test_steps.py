"""Which steps a simulation takes, and what a rollout is given and returns."""

import pytest
import torch
from chirho.dynamical.ops import simulate
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import DiscreteTime, KeyedNoise, Rollout, comparing, event, hazard_of, policy, rollout, tally
from causal_lpm.handlers.steps import Steps
from causal_lpm.typing import State


def count(s: State) -> State:
    return {**s, "x": s["x"] + 1}


@given(st.sampled_from([0.1, 0.25, 1 / 3, 1.0, 2.0, 7.0]), st.integers(0, 200), st.integers(1, 200))
def test_whole_steps_are_those_of_float32_times(dt: float, first: int, number: int) -> None:
    start, end = torch.tensor(first * dt), torch.tensor((first + number) * dt)
    steps = Steps(start, end, dt)
    assert (steps.first, steps.last) == (first, first + number)


@pytest.mark.parametrize(
    ("days", "dt", "choices"),
    [(60, 7.0, "until day 56 or 63"), (60, 100.0, "until day 100"), (1, 0.3, "until day 0.9 or 1.2")],
)
def test_a_horizon_of_no_whole_number_of_steps_is_refused(days: int, dt: float, choices: str) -> None:
    sentence = f"day {days} is not a whole number of steps of {dt:g} days: simulate {choices}"
    with pytest.raises(ValueError, match=sentence), DiscreteTime(dt):
        rollout(count, {"x": torch.zeros(1)}, days)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        (0.5, 3.0, "day 0.5 is not a whole number of steps of 1 days: simulate from day 0 or 1"),
        (3.0, 1.0, "ends on day 1 and begins on day 3"),
        (0.0, float("nan"), "the end of a simulation is day nan"),
        (0.0, float("inf"), "the end of a simulation is day inf"),
        (0.0, 1e11, r"day 1e\+11 is 1e\+11 steps away and 16,777,216 can be numbered"),
    ],
)
def test_times_that_no_simulation_has(start: float, end: float, message: str) -> None:
    with pytest.raises(ValueError, match=message), DiscreteTime():
        simulate(count, {"x": torch.zeros(1)}, torch.tensor(start), torch.tensor(end))


def test_times_may_be_plain_numbers() -> None:
    with DiscreteTime():
        assert float(simulate(count, {"x": torch.zeros(1)}, 0, 3)["x"]) == 3.0


@pytest.mark.parametrize("days", [10**11, "5", None, float("nan"), float("inf"), 2.5, -1])
def test_a_number_of_days_that_cannot_be_simulated(days: int) -> None:
    with pytest.raises(ValueError, match=r"day.* is .*(give a whole number|simulate fewer days)"):
        rollout(count, {"x": torch.zeros(1)}, days)


@pytest.mark.parametrize(
    ("initial", "message"),
    [
        ({"x": torch.zeros(2), "y": torch.zeros(3)}, "the entry 'x' of the initial state has 2 agents and 'y' has 3"),
        ({"x": [1, 2]}, "the entry 'x' of the initial state is list: give a tensor"),
        ({"x": 1.0}, "the entry 'x' of the initial state is float: give a tensor"),
        ({"x": torch.zeros(2), "y": torch.zeros(0)}, "zero agents"),
    ],
)
def test_initial_states_that_are_refused(initial: State, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rollout(lambda s: s, initial, 2)
    with pytest.raises(ValueError, match=message), DiscreteTime():
        simulate(lambda s: s, initial, torch.tensor(0.0), torch.tensor(2.0))


def test_a_step_that_returns_other_agents_or_no_state() -> None:
    with pytest.raises(ValueError, match=r"step 0 returned the shape \(3,\) for 'x', but there are 2 agents"):
        rollout(lambda s: {"x": torch.zeros(3)}, {"x": torch.zeros(2)}, 2)
    with pytest.raises(ValueError, match="step 0 returned NoneType: return the next state"):
        rollout(lambda s: None, {"x": torch.zeros(2)}, 2)  # type: ignore[arg-type, return-value]


@pytest.mark.parametrize(
    ("new", "old", "message"),
    [
        (torch.tensor([2**24 + 1, 0]), torch.zeros(2), "which is torch.float32: begin with an entry of a type"),
        (torch.tensor([1e60, 0.0], dtype=torch.float64), torch.zeros(2), "which is torch.float32"),
        (torch.tensor([1j, 0]), torch.zeros(2), "what step 0 returned for 'x' came as torch.complex64"),
        (None, torch.zeros(2), "what step 0 returned for 'x' is 'None'"),
        ("a", torch.zeros(2), "what step 0 returned for 'x' is 'a'"),
    ],
)
def test_numbers_that_an_entry_does_not_hold_are_refused(new: torch.Tensor, old: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        rollout(lambda s: {"x": new}, {"x": old}, 2)


def test_days_are_no_truth_value_and_begin_at_0() -> None:
    with pytest.raises(ValueError, match="days is True"):
        rollout(count, {"x": torch.zeros(1)}, True)
    with pytest.raises(ValueError, match="the simulation begins on day -1: days are counted from 0"), DiscreteTime():
        simulate(count, {"x": torch.zeros(1)}, torch.tensor(-1.0), torch.tensor(3.0))


# Steps of parts of a day

AGENTS = 20_000


def leaving(days: int, hazard: float, **options: int) -> Rollout:
    """Agents leave at a hazard a day, half as often from a day on."""
    later = policy("day", 999.0)

    def step(s: State) -> State:
        slow = torch.where(s["t"] < s["day"], 1.0, 0.5)
        left = event("leave", hazard * slow, where=s["here"])
        tally("left", left)
        tally("here", s["here"] & ~left, stock=True)
        return {**s, "here": s["here"] & ~left}

    return rollout(step, {"here": torch.ones(AGENTS, dtype=torch.bool), "day": later}, days, **options)


@pytest.mark.parametrize("per_day", [1, 2, 3, 4, 24])
def test_series_and_hazards_stay_in_days(per_day: int) -> None:
    """A constant hazard is survived with exp(-hazard days), whatever the steps: 4.5 standard errors, 1 in 1.5e5."""
    with KeyedNoise(1):
        run = leaving(5, 0.2, steps_per_day=per_day)
    left, here = run.tallies["left"][0], run.tallies["here"][0]
    assert left.shape == here.shape == (5,)
    assert torch.equal(here, AGENTS - left.cumsum(0))
    assert run.stocks == {"here"}
    share = torch.exp(torch.tensor(-0.2 * 5))
    assert abs(float(here[-1]) / AGENTS - share) < 4.5 * float(share * (1 - share) / AGENTS) ** 0.5


@pytest.mark.parametrize("per_day", [2, 4])
def test_they_are_the_steps_of_a_solver_with_that_length(per_day: int) -> None:
    with KeyedNoise(1):
        run = leaving(5, 0.2, steps_per_day=per_day)
    with KeyedNoise(1), DiscreteTime(1 / per_day):
        other = leaving(5, 0.2)
    assert torch.equal(run.tallies["left"], other.tallies["left"])
    assert torch.equal(run.state["here"], other.state["here"])


def test_policies_act_within_a_day_and_worlds_are_runs() -> None:
    acts = {"never": {}, "after half a day": {"day": 0.5}, "after a day": {"day": 1.0}}
    with KeyedNoise(1), comparing(acts):
        worlds = leaving(3, 0.4, steps_per_day=2).tallies["left"]
    each = []
    for act in acts.values():
        with KeyedNoise(1), comparing({"one": act, "other": {}}):
            each.append(leaving(3, 0.4, steps_per_day=2).tallies["left"][0])
    assert torch.equal(worlds.reshape(3, -1), torch.stack(each).reshape(3, -1))
    first = worlds.reshape(3, -1)[:, 0]
    assert first[1] < first[0] == first[2]


def test_a_part_of_a_day_is_refused_where_it_would_be_lost() -> None:
    with pytest.raises(ValueError, match="steps_per_day is 4 under a solver whose steps have 1 days"), DiscreteTime():
        leaving(3, 0.1, steps_per_day=4)
    with pytest.raises(ValueError, match="steps_per_day"):
        leaving(3, 0.1, steps_per_day=0)


def test_a_simulation_that_goes_on_is_the_whole() -> None:
    def day(s: State) -> State:
        left = event("leave", 0.3, where=s["here"])
        tally("left", left)
        return {"here": s["here"] & ~left}

    first = {"here": torch.ones(100, dtype=torch.bool)}
    with KeyedNoise(1):
        whole = rollout(day, dict(first), 4, "a", steps_per_day=4)
    with KeyedNoise(1):
        begun = rollout(day, dict(first), 3, "a", steps_per_day=4)
        rest = rollout(day, begun.state, 1, "a", first_day=3, steps_per_day=4)
    assert torch.equal(whole.tallies["left"], begun.followed_by(rest).tallies["left"])


@pytest.mark.parametrize("per_day", [1, 5])
def test_a_branch_is_not_integrated_over_a_step(per_day: int) -> None:
    """Everybody leaves once, and a third of them stays away: 4.5 standard errors, 1 in 1.5e5."""

    def step(s: State) -> State:
        left = event("leave", 50.0, where=s["here"])
        tally("away", event("stays away", hazard_of(1 / 3), where=left, at_once=True))
        return {"here": s["here"] & ~left}

    with KeyedNoise(2):
        run = rollout(step, {"here": torch.ones(AGENTS, dtype=torch.bool)}, 2, steps_per_day=per_day)
    assert abs(float(run.tallies["away"].sum()) / AGENTS - 1 / 3) < 4.5 * (2 / 9 / AGENTS) ** 0.5
