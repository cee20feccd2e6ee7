"""ChiRho's recording and observing handlers, unchanged, on agents."""

from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from chirho.counterfactual.handlers import MultiWorldCounterfactual, TwinWorldCounterfactual
from chirho.dynamical.handlers import LogTrajectory, StaticBatchObservation, StaticIntervention, StaticObservation
from chirho.indexed.ops import IndexSet, gather
from chirho.interventional.handlers import do
from chirho.observational.handlers import condition

from causal_lpm import DiscreteTime, KeyedNoise, ProductWorlds, Seeds, Worlds, event, observed, policy, rollout, tally
from causal_lpm.typing import State
from tests.contracts.models import AGENTS, FLU, MODELS, Model, S, differ, flat, flu, layers, people, pick

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
DAYS = torch.tensor([0.0, 5.0, 10.0, 20.0])


@each_model
@pytest.mark.parametrize("order", ["inside", "outside", "alone"])
def test_a_trajectory_holds_the_states_of_shorter_runs(model: Model, order: str) -> None:
    log = LogTrajectory(DAYS)
    with KeyedNoise(7):
        if order == "inside":
            with DiscreteTime(), log:
                run = model()
        elif order == "outside":
            with log, DiscreteTime():
                run = model()
        else:
            with log:
                run = model()
    assert differ(flat(run), flat(model.alone())) == []
    for column, days in enumerate(DAYS.long().tolist()):
        if days == 0:
            continue
        with KeyedNoise(7):
            state = model.simulate(days).state
        for name, value in state.items():
            assert torch.equal(log.trajectory[name][..., column].to(value.dtype), value), (name, days)


@each_model
def test_a_trajectory_under_worlds_and_an_intervention(model: Model) -> None:
    log = LogTrajectory(DAYS)
    acts = torch.tensor([model.acts[0]])
    with Worlds() as worlds, log, KeyedNoise(7), StaticIntervention(torch.tensor(7.0), {model.policy: acts}):
        run = model()
    with KeyedNoise(7), StaticIntervention(torch.tensor(7.0), {model.policy: acts}):
        alone = model()
    assert differ(pick(worlds, run, world=0), flat(model.alone())) == []
    assert differ(pick(worlds, run, world=1), flat(alone)) == []
    assert log.trajectory["stage"].shape == (2, AGENTS, len(DAYS))
    assert torch.equal(log.trajectory["stage"][1, :, -1].to(torch.uint8), alone.state["stage"])
    assert torch.equal(log.trajectory["stage"][0, :, 1], log.trajectory["stage"][1, :, 1]), "day 5: not split yet"


def ill(state: State, days: bool = False) -> torch.Tensor:
    """Agents that left stage S, `[*dims, 1]`, or `[*dims, days]` of a trajectory."""
    return (state["stage"] != S).float().sum(-2 if days else -1, keepdim=True)


def site(trace: Any, name: str) -> Any:
    trace.compute_log_prob()
    return trace.nodes[name]


def test_a_static_observation_reads_the_state_of_its_day() -> None:
    def swab(state: State) -> None:
        pyro.sample("positive", dist.Normal(ill(state), 50.0))

    with (
        pyro.poutine.trace() as tr,
        KeyedNoise(7),
        StaticObservation(torch.tensor(10.0), condition(swab, data={"positive": torch.tensor([100.0])})),
    ):
        FLU()
    with KeyedNoise(7):
        there = ill(FLU.simulate(10).state)
    node = site(tr.trace, "t=10.0/positive")
    assert torch.allclose(node["log_prob"], dist.Normal(there, 50.0).log_prob(torch.tensor(100.0)))


@pytest.mark.parametrize("handler", [Worlds, lambda: TwinWorldCounterfactual(-2)], ids=["Worlds", "Twin"])
def test_a_static_observation_counts_the_factual_world_once(handler: Callable[[], Any]) -> None:
    def swab(state: State) -> None:
        pyro.sample("positive", dist.Normal(ill(state), 50.0))

    observation = StaticObservation(torch.tensor(10.0), condition(swab, data={"positive": torch.tensor([100.0])}))
    with handler(), pyro.poutine.trace() as tr, KeyedNoise(7), observation, FLU.do(3.0):
        FLU()
    with KeyedNoise(7):
        there = ill(FLU.simulate(10).state)
    tr.trace.compute_log_prob()
    total = sum(float(n["log_prob_sum"]) for name, n in tr.trace.nodes.items() if "positive_factual" in name)
    assert total == pytest.approx(float(dist.Normal(there, 50.0).log_prob(torch.tensor(100.0))), rel=1e-5)


@pytest.mark.parametrize("handler", [Worlds, ProductWorlds], ids=["Worlds", "ProductWorlds"])
def test_a_static_observation_says_what_another_world_would_have_read(handler: Callable[[], Any]) -> None:
    """A reading that is the ill plus noise has the same noise in the other world, whose days it stands between."""

    def swab(state: State) -> None:
        read = dist.transforms.AffineTransform(ill(state), 50.0)
        pyro.sample("positive", dist.TransformedDistribution(dist.Normal(0.0, 1.0), [read]))

    data = {5.0: 30.0, 10.0: 100.0}
    with handler(), pyro.poutine.trace() as tr, KeyedNoise(7), FLU.do(3.0), ExitStack() as stack:
        for day, number in data.items():
            stack.enter_context(StaticObservation(torch.tensor(day), condition(swab, data={"positive": number})))
        FLU()
    for day, number in data.items():
        with KeyedNoise(7):
            fact = ill(FLU.simulate(int(day)).state)
        with KeyedNoise(7), FLU.do(3.0):
            other = ill(FLU.simulate(int(day)).state)
        read = tr.trace.nodes[f"t={day}/positive"]["value"].flatten()
        assert read.tolist() == pytest.approx([number, float(other + number - fact)], rel=1e-4)
    assert float(fact) != float(other), "by day 10 the closure of day 3 shows"


def test_a_static_batch_observation_reads_all_its_days() -> None:
    def swab(trajectory: State) -> None:
        pyro.sample("positive", dist.Normal(ill(trajectory, days=True), 50.0).to_event(1))

    data = torch.full((1, len(DAYS)), 100.0)
    with (
        pyro.poutine.trace() as tr,
        KeyedNoise(7),
        StaticBatchObservation(DAYS, condition(swab, data={"positive": data})),
    ):
        FLU()
    log = LogTrajectory(DAYS)
    with KeyedNoise(7), log:
        FLU()
    expected = dist.Normal(ill(log.trajectory, days=True), 50.0).log_prob(data).sum(-1)
    assert torch.allclose(site(tr.trace, "positive")["log_prob"], expected)


def test_a_static_batch_observation_counts_the_factual_world_once() -> None:
    def swab(trajectory: State) -> None:
        pyro.sample("positive", dist.Normal(ill(trajectory, days=True), 50.0).to_event(1))

    data = torch.full((1, len(DAYS)), 100.0)
    observation = StaticBatchObservation(DAYS, condition(swab, data={"positive": data}))
    with Worlds(), pyro.poutine.trace() as tr, KeyedNoise(7), observation, FLU.do(3.0):
        FLU()
    log = LogTrajectory(DAYS)
    with KeyedNoise(7), log:
        FLU()
    expected = dist.Normal(ill(log.trajectory, days=True), 50.0).log_prob(data).sum()
    assert float(site(tr.trace, "positive_factual")["log_prob_sum"]) == pytest.approx(float(expected), rel=1e-5)


def run_flu(cases: torch.Tensor | None = None) -> Any:
    fixed = pyro.poutine.condition(flu, data={"beta": torch.tensor(0.06)})
    return fixed(people(), layers(), 12, cases)


@pytest.mark.parametrize("how", ["cases=", "condition"])
def test_a_reported_series_belongs_to_the_factual_world(how: str) -> None:
    series = torch.full((1, 12), 4.0)
    with pyro.poutine.trace() as plain, KeyedNoise(7):
        run_flu(series)
    single = float(site(plain.trace, "reported")["log_prob_sum"])
    with Worlds(), pyro.poutine.trace() as tr, KeyedNoise(7), FLU.do(3.0):
        if how == "cases=":
            run_flu(series)
        else:
            condition(run_flu, data={"reported": series})()
    nodes = tr.trace.nodes
    assert float(site(tr.trace, "reported_factual")["log_prob_sum"]) == pytest.approx(single, rel=1e-5)
    others = site(tr.trace, "reported_counterfactual")["log_prob"]
    assert float(others[0]) == 0 > float(others[1])
    assert tr.trace.log_prob_sum() - nodes["beta"]["log_prob_sum"] - others.sum() == pytest.approx(single, rel=1e-5)
    assert torch.equal(nodes["reported"]["value"][0].float(), series)
    assert not torch.equal(nodes["reported"]["value"][1].float(), series)


def test_all_replicates_and_draws_count_in_a_likelihood() -> None:
    series = torch.full((1, 12), 4.0)
    luck = torch.tensor([[1], [2], [3]])
    with Worlds(replicates=3), pyro.poutine.trace() as tr, KeyedNoise(luck), FLU.do(3.0):
        run_flu(series)
    factual = site(tr.trace, "reported_factual")["log_prob"]
    assert factual.shape == (2, 3, 1)
    for replicate, seed in enumerate(luck.flatten()):
        with pyro.poutine.trace() as one, KeyedNoise(seed):
            run_flu(series)
        assert float(factual[0, replicate]) == pytest.approx(
            float(site(one.trace, "reported")["log_prob_sum"]), rel=1e-5
        )
    assert bool((factual[1] == 0).all())


def test_series_by_group_are_observed_in_a_plate_of_groups() -> None:
    def model(data: torch.Tensor | None) -> Any:
        rate = policy("rate", 0.1)

        def day(s: State) -> State:
            tally("cases", event("x", s["rate"]), by=torch.arange(AGENTS) % 4, groups=4)
            return s

        run = rollout(day, {"x": torch.zeros(AGENTS), "rate": rate}, 6)
        with pyro.plate("groups", 4, dim=-1):
            observed("reported", dist.Poisson(run.tallies["cases"].float() + 0.1).to_event(1), data)
        return run

    data = torch.full((4, 6), 10.0)
    with Worlds(replicates=3), Seeds(), do(actions={"rate": torch.tensor(0.05)}), pyro.poutine.trace() as tr:
        run = model(data)
    assert run.tallies["cases"].shape == (2, 3, 4, 6)
    assert site(tr.trace, "reported_factual")["log_prob"].shape == (2, 3, 4)


def test_one_event_of_one_day_can_be_conditioned_on() -> None:
    """The factual world of two is the one world under the same condition, and log p is counted once."""
    nobody = torch.zeros(AGENTS, dtype=torch.bool)
    data = {"t=3/infection": nobody}
    with KeyedNoise(7), pyro.poutine.trace() as one, condition(data=data):
        alone = FLU()
    with Worlds() as worlds, KeyedNoise(7), FLU.do(1.0), condition(data=data), pyro.poutine.trace() as two:
        run = FLU()
    assert differ(pick(worlds, run, world=0), flat(alone)) == []
    assert float(alone.tallies["cases"][0, 3]) == 0
    single = float(site(one.trace, "t=3/infection")["log_prob_sum"])
    assert single < 0
    assert float(site(two.trace, "t=3/infection_factual")["log_prob_sum"]) == pytest.approx(single, rel=1e-5)


@pytest.mark.parametrize("keyed", [True, False])
def test_pyro_and_chirho_condition_agree_on_one_world(keyed: bool) -> None:
    data = {"t=3/infection": torch.zeros(AGENTS, dtype=torch.bool)}
    found = []
    for handler in (pyro.poutine.condition, condition):
        pyro.set_rng_seed(0)
        noise = KeyedNoise(7) if keyed else pyro.poutine.trace()
        with noise, pyro.poutine.trace() as tr, handler(data=data):
            FLU()
        node = site(tr.trace, "t=3/infection")
        assert node["is_observed"]
        assert "t=3/infection_noise" not in tr.trace.nodes
        found.append(float(node["log_prob_sum"]))
    assert found[0] == found[1] < 0


def test_the_order_of_condition_and_keyed_noise_does_not_matter() -> None:
    data = {"t=3/recovery": torch.zeros(AGENTS, dtype=torch.bool)}
    runs, logs = [], []
    for outside in (True, False):
        first, second = pyro.poutine.condition(data=data), KeyedNoise(7)
        with pyro.poutine.trace() as tr, first if outside else second, second if outside else first:
            runs.append(flat(FLU()))
        logs.append(float(site(tr.trace, "t=3/recovery")["log_prob_sum"]))
    assert differ(*runs) == []
    assert logs == pytest.approx([-0.2 * AGENTS] * 2)


def test_the_log_density_without_keyed_noise_is_that_of_noise_and_data() -> None:
    pyro.set_rng_seed(0)
    with pyro.poutine.trace() as tr:
        run_flu(torch.full((1, 12), 4.0))
    tr.trace.compute_log_prob()
    parts = sum(
        n["log_prob_sum"]
        for name, n in tr.trace.nodes.items()
        if name.endswith("_noise") or name in ("beta", "reported")
    )
    assert tr.trace.log_prob_sum() == pytest.approx(float(parts), rel=1e-5)


def test_worlds_of_a_traced_model_share_its_noise_sites() -> None:
    """Without keyed noise too: luck is a site without worlds."""
    pyro.set_rng_seed(0)
    with Worlds() as worlds, do(actions={"p": torch.tensor([0.2])}), pyro.poutine.trace() as tr:
        happened = event("x", policy("p", 0.1).expand(-1, AGENTS))
    assert tr.trace.nodes["x_noise"]["value"].shape == (AGENTS,)
    with worlds:
        assert bool((gather(happened, IndexSet(world={1})) >= gather(happened, IndexSet(world={0}))).all())


def test_a_replayed_trace_gives_the_same_run() -> None:
    pyro.set_rng_seed(0)
    with Seeds("luck", (0, 4)), pyro.poutine.trace() as tr:
        first = run_flu()
    with Seeds("luck", (0, 4)), pyro.poutine.replay(trace=tr.trace):
        again = run_flu()
    seeds = {name: node["value"] for name, node in tr.trace.nodes.items() if name.startswith("luck")}
    with Seeds("luck", (0, 4)), pyro.poutine.condition(data=seeds):
        third = run_flu()
    assert differ(flat(first), flat(again)) == [] == differ(flat(first), flat(third))


@pytest.mark.parametrize("handler", [TwinWorldCounterfactual, MultiWorldCounterfactual])
@pytest.mark.parametrize("keyed", [True, False])
def test_chirhos_own_worlds_abduct_an_observed_event(handler: Any, keyed: bool) -> None:
    """p .30 -> .31 flips 0.010 of the agents (0.42 if redrawn); sd 0.0007, so 5 sd are a false alarm of 1e-6."""
    agents = 20_000
    happened = torch.rand(agents, generator=torch.Generator().manual_seed(1)) < 0.3

    def model() -> torch.Tensor:
        p = policy("p", 0.30)
        hazard = -torch.log1p(-p)
        return event("x", hazard.expand((*hazard.shape[:-1], agents)), happened.float())

    with handler(-2), do(actions={"p": torch.tensor(0.31)}), KeyedNoise(5) if keyed else nullcontext():
        worlds = model().reshape(2, agents)
    assert torch.equal(worlds[0], happened)
    assert float((worlds[0] != worlds[1]).float().mean()) == pytest.approx(0.01, abs=0.0035)
