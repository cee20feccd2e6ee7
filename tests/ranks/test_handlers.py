"""Handlers on several ranks: each gives the numbers of one process, or says in one sentence that it cannot."""

from collections.abc import Callable, Iterator
from typing import Any

import pyro
import pytest
import torch
from chirho.counterfactual.handlers import MultiWorldCounterfactual
from chirho.dynamical.handlers import DynamicIntervention, LogTrajectory, StaticIntervention, StaticObservation
from chirho.dynamical.ops import on
from chirho.observational.handlers import condition as observe

from causal_lpm import KeyedNoise, ProductWorlds, Rollout, event, observed, rollout, solve_ode, tally
from causal_lpm.handlers.checkpointing import Checkpointing
from causal_lpm.handlers.gradients import MeanField, StraightThrough
from causal_lpm.handlers.recording import Recording
from causal_lpm.handlers.relaxed import Relaxed
from causal_lpm.handlers.score import Score
from causal_lpm.inference import Transmissions
from causal_lpm.ranks import RankExecutor, on_ranks
from causal_lpm.typing import State
from tests.contracts.models import I, flu, layers, people

pytestmark = pytest.mark.slow


def epidemic(days: int = 14) -> Rollout:
    pyro.set_rng_seed(5)
    model = pyro.poutine.condition(flu, data={"beta": torch.tensor(0.06)})
    run: Rollout = model(people(), layers(), days)
    return run


def many_ill(state: State) -> torch.Tensor:
    return (state["stage"] == I).sum(-1, keepdim=True) > 40


def logged() -> Any:
    with KeyedNoise(2), LogTrajectory(torch.tensor([2.0, 5.0, 14.0])) as log:
        run = epidemic()
    return run, dict(log.trajectory)


def recorded() -> Any:
    with KeyedNoise(2), Recording() as record:
        run = epidemic()
    return run, record.series()


def rules() -> Any:
    closing = on(many_ill)(lambda dynamics, s: (dynamics, {**s, "school_closure_day": torch.zeros(1)}))
    cured = DynamicIntervention(
        lambda t, s: (s["stage"] == I).float().mean(-1, keepdim=True) - 0.15,
        {"stage": lambda stage: torch.where(stage == I, 2.0, stage)},
    )
    with KeyedNoise(2), closing, cured:
        return epidemic()


def products() -> Any:
    acts = (StaticIntervention(torch.tensor(float(d)), {"school_closure_day": torch.tensor(0.0)}) for d in (3, 6))
    with KeyedNoise(2), ProductWorlds(), next(acts), next(acts):
        return epidemic()


def of_chirho() -> Any:
    act = StaticIntervention(torch.tensor(3.0), {"stage": lambda stage: torch.where(stage == I, 2.0, stage)})
    with KeyedNoise(2), MultiWorldCounterfactual(first_available_dim=-2), act:
        return epidemic()


def data_on_the_way() -> Any:
    def seen(state: State) -> None:
        share = (state["stage"] == I).float().mean(-1, keepdim=True)
        pyro.sample("share", pyro.distributions.Normal(share, 0.1))

    with (
        KeyedNoise(2),
        pyro.poutine.trace() as tr,
        StaticObservation(torch.tensor(4.0), observation=observe(data={"share": torch.tensor([0.1])})(seen)),
    ):
        run = epidemic()
    return run, tr.trace.log_prob_sum()


def tallies_observed() -> Any:
    data = {"cases_seen": torch.ones(1, 14)}
    with KeyedNoise(2), pyro.poutine.trace() as tr, pyro.condition(data=data):
        run = epidemic()
        observed("cases_seen", pyro.distributions.Poisson(run.tallies["cases"].float() + 0.1).to_event(1))
    return run, tr.trace.log_prob_sum()


def with_ode() -> Any:
    def day(s: State) -> State:
        load = solve_ode(lambda x: {"load": x["load"] * (1 - x["load"])}, {"load": s["load"]}, days=1.0)["load"]
        ill = event("ill", 0.3 * load)
        tally("ill", ill)
        return {**s, "load": load}

    with KeyedNoise(2):
        return rollout(day, {"load": torch.linspace(0.01, 0.9, 400)}, 5)


WORKS: dict[str, Callable[[], Any]] = {
    each.__name__: each
    for each in (
        logged, recorded, rules, products, of_chirho, data_on_the_way, tallies_observed, with_ode,
    )
}  # fmt: skip


def all_that_work() -> dict[str, Any]:
    return {name: run() for name, run in WORKS.items()}


def refused(handler: Callable[[], Any]) -> Any:
    with KeyedNoise(2), handler():
        return epidemic()


REFUSED: dict[str, Callable[[], Any]] = {
    "Transmissions": Transmissions,
    "Checkpointing": Checkpointing,
    "StraightThrough": StraightThrough,
    "MeanField": MeanField,
    "Relaxed": Relaxed,
    "Score": Score,
}


@pytest.fixture(scope="module")
def together() -> dict[str, Any]:
    return on_ranks(2, all_that_work)


def same(one: Any, other: Any) -> None:
    if isinstance(one, torch.Tensor):
        assert torch.equal(one, other)
    elif isinstance(one, Rollout):
        same(one.tallies, other.tallies)
        same(dict(one.state), dict(other.state))
    elif isinstance(one, dict):
        assert one.keys() == other.keys()
        for name, each in one.items():
            same(each, other[name])
    else:
        assert len(one) == len(other)
        for first, second in zip(one, other, strict=True):
            same(first, second)


@pytest.mark.parametrize("name", WORKS)
def test_it_gives_the_numbers_of_one_process(name: str, together: dict[str, Any]) -> None:
    same(WORKS[name](), together[name])


@pytest.fixture(scope="module")
def ranks() -> Iterator[RankExecutor]:
    with RankExecutor(2) as place:
        yield place


@pytest.mark.parametrize("name", REFUSED)
def test_it_says_in_one_sentence_that_it_cannot(name: str, ranks: RankExecutor) -> None:
    with pytest.raises(ValueError, match=f"^{name} needs all agents in one process, and 2 ranks share them"):
        ranks.submit(refused, REFUSED[name]).result()
