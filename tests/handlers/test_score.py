"""The score-function estimator: the exact simulation, and a gradient that is right on average."""

import contextlib

import pytest
import torch
from chirho.interventional.handlers import do
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import (
    Checkpointing,
    KeyedNoise,
    Rollout,
    Score,
    Worlds,
    choose,
    event,
    exogenous,
    exposure,
    policy,
    rollout,
    tally,
)
from causal_lpm.agents.networks import FreshRandom, Groups, random_graph
from causal_lpm.typing import State

AGENTS = 60
AGE = torch.arange(AGENTS) % 3
NETWORKS = {
    "groups": Groups(torch.arange(AGENTS) // 4),
    "graph": random_graph(AGENTS, 4, seed=1),
    "stubs": FreshRandom(torch.full((AGENTS,), 2)),
}
S, I = range(2)  # noqa: E741


def stages(
    beta: torch.Tensor,
    *handlers: contextlib.AbstractContextManager[object],
    network: str = "graph",
    days: int = 8,
    infectivity: torch.Tensor | None = None,
) -> Rollout:
    """An SIR of integer stages, logic and comparisons: what no other estimator takes."""
    share = torch.tensor([1.0]) if infectivity is None else infectivity

    def day(s: State) -> State:
        hazard = beta * exposure(NETWORKS[network], (s["stage"] == I) * share)
        infected = event("infection", hazard) & (s["stage"] == S)
        recovered = event("recovery", 0.2) & (s["stage"] == I)
        tally("infections", infected)
        tally("by_age", infected, by=AGE, groups=3)
        return {**s, "stage": s["stage"] + infected + recovered}

    with contextlib.ExitStack() as stack:
        for handler in handlers:
            stack.enter_context(handler)
        return rollout(day, {"stage": (torch.arange(AGENTS) < 6).to(torch.uint8)}, days)


@settings(max_examples=8)
@given(st.integers(0, 2**40), st.sampled_from(sorted(NETWORKS)), st.booleans(), st.floats(0.3, 1.7))
def test_the_simulation_is_the_same(seed: int, network: str, inside: bool, infectivity: float) -> None:
    share = torch.tensor([infectivity])
    seeds = seed + torch.arange(3)[:, None]
    plain = stages(torch.tensor([0.1]), KeyedNoise(seeds), network=network, infectivity=share)
    handlers = [KeyedNoise(seeds), Score()]
    beta = torch.full((3, 1), 0.1, requires_grad=True)
    share.requires_grad_()
    got = stages(beta, *(handlers if inside else handlers[::-1]), network=network, infectivity=share)
    assert torch.equal(got.state["stage"], plain.state["stage"])
    for name, series in plain.tallies.items():
        assert got.tallies[name].dtype == series.dtype
        assert torch.equal(got.tallies[name], series)


def test_the_value_is_the_total() -> None:
    beta = torch.tensor([0.1], requires_grad=True)
    with Score() as score:
        series = stages(beta, KeyedNoise(torch.arange(5)[:, None])).tallies["by_age"]
    surrogate = score.surrogate(series)
    assert surrogate.shape == (5, 3)
    assert torch.equal(surrogate.detach(), series.sum(-1).double())


def one_agent(hazard: torch.Tensor, seeds: torch.Tensor, days: int = 3) -> tuple[Score, torch.Tensor]:
    def day(s: State) -> State:
        happened = event("x", hazard.expand(*hazard.shape[:-1], 1))
        tally("x", happened)
        return s

    with KeyedNoise(seeds), Score() as score:
        return score, rollout(day, {"none": torch.zeros(1)}, days).tallies["x"]


def by_hand(series: torch.Tensor, hazard: float) -> torch.Tensor:
    """d log p / d hazard of each day, 1 / (exp(h) - 1) if it happened and -1 if not."""
    return torch.where(series > 0, 1 / torch.expm1(torch.tensor(hazard, dtype=torch.float64)), -1.0)


def test_reward_to_go_by_hand() -> None:
    seen = set()
    for seed in range(12):
        hazard = torch.tensor([0.7], requires_grad=True)
        score, series = one_agent(hazard, torch.tensor(seed))
        (slope,) = torch.autograd.grad(score.surrogate(series).sum(), hazard)
        x = series[0].double()
        to_go = torch.stack([x.sum(), x[1:].sum(), x[2]])
        assert float(slope) == pytest.approx(float((by_hand(x, 0.7) * to_go).sum()), rel=1e-4)
        seen.add(tuple(x.tolist()))
    assert len(seen) > 3


@given(st.integers(2, 7), st.integers(0, 2**40))
def test_the_baseline_is_the_mean_of_all_others_by_hand(replicates: int, seed: int) -> None:
    hazard = torch.full((replicates, 1), 0.7, requires_grad=True)
    score, series = one_agent(hazard, seed + torch.arange(replicates)[:, None])
    (slopes,) = torch.autograd.grad(score.surrogate(series).sum(), hazard)
    x = series[:, 0].double()
    to_go = x.flip(-1).cumsum(-1).flip(-1)
    for i in range(replicates):
        others = torch.cat([to_go[:i], to_go[i + 1 :]]).mean(0)
        expected = float((by_hand(x[i], 0.7) * (to_go[i] - others)).sum())
        assert float(slopes[i]) == pytest.approx(expected, rel=1e-4, abs=1e-4)


def unbiased(slopes: torch.Tensor, truth: float) -> None:
    """False alarm: 4.5 standard errors of a mean of many, less than 1e-5."""
    error = float(slopes.std()) / len(slopes) ** 0.5
    assert abs(float(slopes.mean()) - truth) < 4.5 * error
    assert error < 0.2 * abs(truth)  # it could have failed


def test_it_is_unbiased_where_the_answer_is_known() -> None:
    """40 agents whom nobody infects, 4 days: d E / d hazard = 160 exp(-4 hazard)."""
    hazard = torch.full((2000, 1), 0.2, requires_grad=True)

    def day(s: State) -> State:
        infected = event("infection", hazard, where=s["stage"] == S)
        tally("infections", infected)
        return {"stage": s["stage"] + infected}

    with KeyedNoise(torch.arange(2000)[:, None]), Score() as score:
        series = rollout(day, {"stage": torch.zeros(40, dtype=torch.uint8)}, 4).tallies["infections"]
    (slopes,) = torch.autograd.grad(score.surrogate(series).sum(), hazard)
    unbiased(slopes[:, 0], 160 * float(torch.exp(torch.tensor(-0.8))))


def test_it_is_unbiased_in_an_epidemic() -> None:
    seeds = torch.arange(3000)[:, None]
    h = 0.01
    low, high = (
        stages(torch.tensor([0.1 + sign * h]), KeyedNoise(seeds)).tallies["infections"].sum(-1)[:, 0].double()
        for sign in (-1, 1)
    )
    beta = torch.full((3000, 1), 0.1, requires_grad=True)
    with Score() as score:
        series = stages(beta, KeyedNoise(seeds + 3000)).tallies["infections"]
    (slopes,) = torch.autograd.grad(score.surrogate(series).sum(), beta)
    # The truth has an error of its own, a tenth of that of the estimator.
    unbiased(slopes[:, 0], float((high - low).mean()) / (2 * h))


def test_choices_count() -> None:
    """300 agents, two options: d E[second] / d logit = 300 p (1 - p)."""
    logit = torch.full((1000, 1), 0.4, requires_grad=True)

    def day(s: State) -> State:
        logits = torch.stack([torch.zeros_like(logit), logit], -1).expand(-1, 300, -1)
        tally("second", choose("mode", logits) == 1)
        return s

    with KeyedNoise(torch.arange(1000)[:, None]), Score() as score:
        series = rollout(day, {"none": torch.zeros(300)}, 1).tallies["second"]
    (slopes,) = torch.autograd.grad(score.surrogate(series).sum(), logit)
    p = float(torch.sigmoid(torch.tensor(0.4)))
    unbiased(slopes[:, 0], 300 * p * (1 - p))


@pytest.mark.parametrize("network", NETWORKS)
def test_a_parameter_of_the_messages_is_one_of_the_hazard(network: str) -> None:
    seeds = torch.arange(4)[:, None]
    slopes = []
    for beta, share in ((0.1, 0.5), (0.05, 1.0)):
        factor = torch.tensor([beta], requires_grad=True), torch.tensor([share], requires_grad=True)
        with KeyedNoise(seeds), Score() as score:
            series = stages(factor[0], network=network, infectivity=factor[1]).tallies["infections"]
        slopes.append(torch.autograd.grad(score.surrogate(series).sum(), factor))
    # The hazard is beta * share: d / d log beta and d / d log share are the same.
    (a, b), (c, _) = slopes
    assert float(a) * 0.1 == pytest.approx(float(b) * 0.5, rel=1e-4)
    assert float(a) * 0.1 == pytest.approx(float(c) * 0.05, rel=1e-4)


@pytest.mark.parametrize("by", [None, AGE])
def test_what_depends_on_the_parameter_itself_is_differentiated(by: torch.Tensor | None) -> None:
    beta = torch.tensor([0.5], requires_grad=True)

    def day(s: State) -> State:
        tally("expected", 1 - torch.exp(-beta.expand(AGENTS)), by=by, groups=None if by is None else 3)
        return s

    with KeyedNoise(1), Score() as score:
        series = rollout(day, {"none": torch.zeros(AGENTS)}, 2).tallies["expected"]
    (slope,) = torch.autograd.grad(score.surrogate(series).sum(), beta)
    assert float(slope) == pytest.approx(2 * AGENTS * float(torch.exp(torch.tensor(-0.5))))


def test_worlds_are_not_replicates() -> None:
    def run(score: Score) -> torch.Tensor:
        with KeyedNoise(3), score:
            return stages(policy("beta", 0.1)).tallies["infections"]

    acts = [torch.tensor(value, requires_grad=True) for value in (0.2, 0.3)]
    with Worlds(), do(actions={"beta": tuple(acts)}):
        together = Score()
        series = run(together)
    assert series.shape == (3, 1, 8)
    slopes = torch.autograd.grad(together.surrogate(series).sum(), acts)
    for act, slope in zip(acts, slopes, strict=True):
        with do(actions={"beta": act}):
            alone = Score()
            series = run(alone)
        (expected,) = torch.autograd.grad(alone.surrogate(series).sum(), act)
        assert float(slope) == pytest.approx(float(expected), rel=1e-4)


def test_checkpoints_change_nothing() -> None:
    slopes = []
    for handlers in ([], [Checkpointing()]):
        beta = torch.full((3, 1), 0.1, requires_grad=True)
        with Score() as score:
            series = stages(beta, *handlers, KeyedNoise(torch.arange(3)[:, None])).tallies["infections"]
        slopes += torch.autograd.grad(score.surrogate(series).sum(), beta)
    assert torch.equal(*slopes)


def test_what_happens_before_the_first_day_counts_for_all_days() -> None:
    hazard = torch.tensor([0.7], requires_grad=True)
    for seed in range(4):
        with KeyedNoise(seed), Score() as score:
            first = event("seeding", hazard.expand(2))

            def day(s: State, first: torch.Tensor = first) -> State:
                tally("x", first)
                return s

            series = rollout(day, {"none": torch.zeros(2)}, 3).tallies["x"]
        (slope,) = torch.autograd.grad(score.surrogate(series).sum(), hazard)
        assert float(slope) == pytest.approx(float(by_hand(first, 0.7).sum()) * float(series.sum()), rel=1e-4)


def test_data_do_not_count() -> None:
    hazard = torch.full((2,), 0.3, requires_grad=True)

    def day(s: State) -> State:
        tally("x", event("x", hazard, obs=torch.tensor([1.0, 0.0])))
        return s

    with KeyedNoise(1), Score() as score:
        series = rollout(day, {"none": torch.zeros(2)}, 1).tallies["x"]
    with pytest.raises(ValueError, match="no event has a hazard that carries a gradient"):
        score.surrogate(series)


def test_a_handler_may_be_used_again() -> None:
    score, slopes = Score(), []
    for _ in range(2):
        beta = torch.tensor([0.1], requires_grad=True)
        with KeyedNoise(1), score:
            series = stages(beta).tallies["infections"]
        slopes += torch.autograd.grad(score.surrogate(series).sum(), beta)
    assert torch.equal(*slopes)


def test_what_is_refused() -> None:
    beta = torch.tensor([0.1], requires_grad=True)
    with KeyedNoise(1), Score() as score:
        series = stages(beta).tallies["infections"]
    with pytest.raises(ValueError, match="Score has seen 8 steps"):
        score.surrogate(series[..., 2:])
    with KeyedNoise(1), Score() as score:
        series = stages(beta.detach()).tallies["infections"]
    with pytest.raises(ValueError, match="no event has a hazard that carries a gradient"):
        score.surrogate(series)


def test_noise_that_the_model_uses_itself_is_the_same() -> None:
    def day(s: State) -> State:
        return {"x": s["x"] + exogenous("luck", 5)}

    with KeyedNoise(1):
        plain = rollout(day, {"x": torch.zeros(5)}, 2).state["x"]
    with KeyedNoise(1), Score():
        assert torch.equal(rollout(day, {"x": torch.zeros(5)}, 2).state["x"], plain)


def test_a_series_of_the_rollout_before_is_not_taken_for_that_of_the_last() -> None:
    hazard = torch.tensor([0.3], requires_grad=True)

    def day(s: State) -> State:
        tally("x", event("x", hazard.expand(50)))
        return s

    def series(name: str) -> torch.Tensor:
        return rollout(day, {"none": torch.zeros(50)}, 3, name=name).tallies["x"]

    def slope(total: torch.Tensor) -> float:
        return float(torch.autograd.grad(total.sum(), hazard, retain_graph=True)[0])

    with KeyedNoise(1), Score() as score:
        first = slope(score.surrogate(series("a")))
        second = slope(score.surrogate(series("b")))
    with KeyedNoise(1), Score() as score:
        assert slope(score.surrogate(series("b"))) == second != first
        a, _ = series("a"), series("b")
        with pytest.raises(ValueError, match="Score has seen two rollouts"):
            score.surrogate(a)
