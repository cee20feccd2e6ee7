"""`Truncated`: the gradient of windows of days, the forward simulation as it is."""

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import (
    Checkpointing,
    DiscreteTime,
    KeyedNoise,
    MeanField,
    Rollout,
    StraightThrough,
    Truncated,
    event,
    exogenous,
    exposure,
    rollout,
    tally,
)
from causal_lpm.agents.networks import random_graph
from causal_lpm.inference import check_gradient, sensitivity
from causal_lpm.typing import State

AGENTS, DAYS = 300, 12
GRAPH = random_graph(AGENTS, 6, seed=1)


def epidemic(beta: torch.Tensor, days: int = DAYS, carried: bool = True) -> Rollout:
    """An SIR whose rate is an entry of the state, or comes from outside."""

    def day(s: State) -> State:
        rate = s["beta"] if carried else beta
        infected = s["S"] * event("infection", rate * exposure(GRAPH, s["I"]))
        recovered = s["I"] * event("recovery", 0.2)
        tally("infections", infected)
        return {**s, "S": s["S"] - infected, "I": s["I"] + infected - recovered}

    ill = (torch.arange(AGENTS) < 9).float()
    return rollout(day, {"S": 1 - ill, "I": ill, **({"beta": beta} if carried else {})}, days)


def slope(*handlers: Any, carried: bool = True) -> tuple[torch.Tensor, torch.Tensor]:
    """Daily infections, and the derivative of each day's by the rate."""
    beta = torch.tensor([0.08], requires_grad=True)
    with KeyedNoise(2):
        for handler in handlers:
            handler.__enter__()
        try:
            series = epidemic(beta, carried=carried).tallies["infections"][0]
        finally:
            for handler in reversed(handlers):
                handler.__exit__(None, None, None)
    slopes = [torch.autograd.grad(x, beta, retain_graph=True)[0] for x in series]
    return series.detach(), torch.cat(slopes)


@given(st.integers(1, 14), st.integers(1, 8), st.floats(0.5, 1.5), st.integers(0, 9))
def test_each_day_has_the_gradient_of_its_window(days: int, window: int, rate: float, first: int) -> None:
    """Of x[t+1] = r x[t] + r: what was there at the start of the window is a number."""
    r = torch.tensor([rate], dtype=torch.float64, requires_grad=True)

    def day(s: State) -> State:
        x = s["x"] * s["r"] + r
        tally("x", x)
        return {**s, "x": x}

    with Truncated(window):
        run = rollout(day, {"x": torch.ones(1, dtype=torch.float64), "r": r}, days, first_day=first)
    x, slope_of_x, values, expected = 1.0, 0.0, [], []
    for t in range(first, first + days):
        slope_of_x = 0.0 if t % window == 0 else slope_of_x
        x, slope_of_x = rate * x + rate, x + rate * slope_of_x + 1
        values.append(x)
        expected.append(slope_of_x)
    series = run.tallies["x"][0]
    got = [float(torch.autograd.grad(each, r, retain_graph=True)[0]) for each in series]
    assert got == pytest.approx(expected, rel=1e-12)
    assert series.tolist() == pytest.approx(values, rel=1e-12)


@pytest.mark.parametrize("carried", [True, False])
def test_windows_as_long_as_the_simulation_cut_nothing(carried: bool) -> None:
    whole = slope(StraightThrough(), carried=carried)
    for days in (DAYS, 100):
        for cut in (
            slope(StraightThrough(), Truncated(days), carried=carried),
            slope(Truncated(days), StraightThrough(), carried=carried),
        ):
            assert torch.equal(cut[0], whole[0])
            assert torch.equal(cut[1], whole[1])


def test_shorter_windows_change_the_gradient_and_nothing_else() -> None:
    whole, cut = slope(StraightThrough()), slope(StraightThrough(), Truncated(4))
    assert torch.equal(cut[0], whole[0])
    assert torch.equal(cut[1][:4], whole[1][:4]), "the first window is whole"
    assert not torch.equal(cut[1][4:], whole[1][4:])
    assert bool((cut[1] != 0).all()), "a parameter that the state carries keeps its gradient in each window"


@pytest.mark.parametrize("window", [1, 3, 5])
def test_orders_checkpoints_and_where_the_rate_comes_from_play_no_part(window: int) -> None:
    cut = slope(StraightThrough(), Truncated(window))
    assert torch.equal(slope(Truncated(window), StraightThrough())[1], cut[1])
    assert torch.equal(slope(Checkpointing(), StraightThrough(), Truncated(window))[1], cut[1])
    assert torch.equal(slope(Checkpointing(2), Truncated(window), StraightThrough())[1], cut[1])
    assert torch.allclose(slope(StraightThrough(), Truncated(window), carried=False)[1], cut[1], rtol=1e-5)


def test_an_intervention_keeps_its_gradient() -> None:
    level = torch.tensor([3.0], requires_grad=True)

    def day(s: State) -> State:
        tally("x", s["x"] * s["level"])
        return {**s, "x": s["x"] + 1}

    with Truncated(2), StaticIntervention(time=3.0, intervention={"level": level}):
        run = rollout(day, {"x": torch.ones(1), "level": torch.ones(1)}, days=8)
    (slope_of_level,) = torch.autograd.grad(run.tallies["x"].sum(), level)
    assert float(slope_of_level) == 4 + 5 + 6 + 7 + 8


def test_a_second_simulation_begins_anew() -> None:
    r = torch.tensor([2.0], requires_grad=True)

    def day(s: State) -> State:
        tally("x", s["x"])
        return {"x": s["x"] * 2}

    with Truncated(2):
        for _ in range(2):
            series = rollout(day, {"x": r}, days=4).tallies["x"][0]
            assert float(torch.autograd.grad(series.sum(), r)[0]) == 1 + 2


@pytest.mark.parametrize("days", [0, -1, 2.5, None, "x"])
def test_a_window_is_of_whole_days(days: Any) -> None:
    with pytest.raises(ValueError, match=r"days of a truncated gradient is .*: give a whole number of at least 1"):
        Truncated(days)


def test_windows_are_whole_steps() -> None:
    def day(s: State) -> State:
        return {"x": s["x"] * 2}

    with (
        DiscreteTime(7.0),
        Truncated(10),
        pytest.raises(ValueError, match="every 10 days and a step has 7: give a mul"),
    ):
        rollout(day, {"x": torch.ones(1)}, days=14)
    r = torch.tensor([2.0], requires_grad=True)
    with Truncated(1):
        run = rollout(day, {"x": r}, days=1, steps_per_day=4)
    assert float(torch.autograd.grad(run.state["x"], r)[0]) == 16, "a day of four steps is one window"


def chaos() -> Rollout:
    """A logistic map, whose derivative grows twofold a day and means nothing after a while."""
    r = pyro.sample("r", dist.Uniform(3.0, 4.0))

    def day(s: State) -> State:
        x = r * s["x"] * (1 - s["x"]) * 0.999 + 0.0005 * exogenous("noise", 20, "uniform")
        tally("x", x)
        return {"x": x}

    return rollout(day, {"x": torch.linspace(0.2, 0.7, 20)}, days=30)


def test_check_gradient_reports_what_is_cut() -> None:
    estimators = [StraightThrough(), (StraightThrough(), Truncated(3)), (Truncated(1), MeanField())]
    rows = check_gradient(chaos, "x", at={"r": 3.9}, estimators=estimators, replicates=100, step=0.01)
    assert [row.estimator for row in rows] == [
        "StraightThrough()",
        "StraightThrough(), Truncated(3)",
        "Truncated(1), MeanField()",
    ]
    exploded, three, one = rows
    assert exploded.sd > 1e4 * three.sd, "each run's own derivative is no guide"
    assert three.sd > one.sd
    found = sensitivity(chaos, "x", at={"r": 3.9}, estimator=(StraightThrough(), Truncated(3)), pairs=0)
    assert found.attrs["estimator"] == "StraightThrough(), Truncated(3)"


def growth() -> Rollout:
    r = pyro.sample("r", dist.Uniform(0.0, 2.0))

    def day(s: State) -> State:
        x = r * s["x"] + 0.01 * exogenous("noise", 5, "normal")
        tally("x", x)
        return {"x": x}

    return rollout(day, {"x": torch.ones(5)}, days=4)


def test_the_bias_of_what_is_cut_is_called_one() -> None:
    """E[sum of x] is 5 (r + r**2 + r**3 + r**4), so the slope at 1 is 50, of days by themselves 20, of pairs 30."""
    estimators = [StraightThrough(), Truncated(1), (Truncated(2), StraightThrough())]
    exact, single, pairs = check_gradient(growth, "x", at={"r": 1.0}, estimators=estimators, step=0.01)
    assert exact.verdict.startswith("unbiased within error"), exact
    for row, slope_of_days in ((single, 20), (pairs, 30)):
        assert row.slope == pytest.approx(slope_of_days, rel=0.01)
        assert row.verdict.startswith(f"biased by -{100 - 2 * slope_of_days}%"), row


@pytest.mark.parametrize("wrong", [StraightThrough, "MeanField", [3]])
def test_estimators_are_handlers(wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"an estimator is .*: give a handler, as StraightThrough\(\)"):
        check_gradient(chaos, "x", at={"r": 3.9}, estimators=[wrong], replicates=2, pairs=2)


def grown(run: Any) -> float:
    """The derivative of sizes over four days by the rate of growth, cut every two: 1 + 2 r + r**2 + 2 r**3."""
    rate = torch.tensor([1.5], requires_grad=True)
    with Truncated(2):
        series = run(rate).tallies["size"]
    return float(torch.autograd.grad(series.sum(), rate)[0])


def made(s: State) -> State:
    size = s["size"] * s["rate"]
    tally("size", size)
    return {**s, "size": size}


def put(s: State) -> State:
    s["size"] = s["size"] * s["rate"]  # type: ignore[index]
    tally("size", s["size"])
    return s


def written(s: State) -> State:
    s["size"].mul_(s["rate"])
    tally("size", s["size"])
    return s


@pytest.mark.parametrize("day", [made, put, written])
def test_it_cuts_however_a_step_makes_the_next_state(day: Any) -> None:
    assert grown(lambda rate: rollout(day, {"size": torch.ones(1), "rate": rate}, 4)) == 13


@pytest.mark.parametrize("first", [1, 2, 3])
def test_a_simulation_that_goes_on_is_cut_as_one(first: int) -> None:
    def in_two(rate: torch.Tensor) -> Rollout:
        run = rollout(made, {"size": torch.ones(1), "rate": rate}, first)
        return run.followed_by(rollout(made, run.state, 4 - first, first_day=first))

    assert grown(in_two) == 13
