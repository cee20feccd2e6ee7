"""ChiRho's interventions and counterfactual handlers, unchanged, on every model."""

from typing import Any

import pyro
import pytest
import torch
from chirho.counterfactual.handlers import (
    MultiWorldCounterfactual,
    SingleWorldCounterfactual,
    SingleWorldFactual,
    TwinWorldCounterfactual,
)
from chirho.dynamical.handlers import DynamicIntervention, StaticIntervention
from chirho.dynamical.ops import on
from chirho.indexed.ops import IndexSet, gather, indices_of
from chirho.interventional.handlers import do

from causal_lpm import DiscreteTime, KeyedNoise, ProductWorlds, Seeds, Worlds, policy, rollout
from causal_lpm.typing import State
from tests.contracts.models import AGENTS, FLU, IMMUNITY, MODELS, Model, S, differ, flat, pick

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
SPLIT = "__fresh_split__"


def act(model: Model, number: int = 0) -> torch.Tensor:
    return torch.tensor([model.acts[number]])


def ever_infected(state: State) -> torch.Tensor:
    """Share of agents that left stage S, `[*dims, 1]`."""
    return (state["stage"] != S).float().mean(-1, keepdim=True)


@each_model
def test_do_and_a_static_intervention_on_day_0_are_the_same(model: Model) -> None:
    with KeyedNoise(7), StaticIntervention(torch.tensor(0.0), {model.policy: act(model)}):
        run = model()
    assert differ(flat(run), flat(model.alone(value=model.acts[0]))) == []


@each_model
def test_a_static_intervention_leaves_the_days_before_alone(model: Model) -> None:
    with KeyedNoise(7), StaticIntervention(torch.tensor(6.0), {model.policy: act(model)}):
        run = model()
    base = model.alone()
    assert torch.equal(run.state[model.policy], act(model))
    assert all(torch.equal(run.tallies[n][..., :6], base.tallies[n][..., :6]) for n in base.tallies)
    assert "stage" in differ(flat(run), flat(base))


def test_an_intervention_within_a_day_acts_before_the_step_of_that_day() -> None:
    """The state at time t is the state after floor(t / dt) steps."""
    seen: list[float] = []

    def day(s: State) -> State:
        seen.append(float(s["p"]))
        return {**s, "x": s["x"] + 1}

    with StaticIntervention(torch.tensor(1.5), {"p": torch.tensor([1.0])}):
        rollout(day, {"x": torch.zeros(3), "p": torch.zeros(1)}, 4)
    assert seen == [0.0, 1.0, 1.0, 1.0]


@each_model
@pytest.mark.parametrize("outside", [True, False], ids=["solver given", "solver by rollout"])
def test_single_world_handlers(model: Model, outside: bool) -> None:
    for handler, value in ((SingleWorldCounterfactual(), model.acts[0]), (SingleWorldFactual(), None)):
        with handler, KeyedNoise(7), model.do(model.acts[0]):
            if outside:
                with DiscreteTime():
                    run = model()
            else:
                run = model()
        assert differ(flat(run), flat(model.alone(value=value))) == []


@each_model
def test_twin_worlds_of_chirho(model: Model) -> None:
    with TwinWorldCounterfactual(-2) as twin, KeyedNoise(7), model.do(model.acts[0]):
        run = model()
        assert dict(indices_of(run.state["stage"])) == {SPLIT: {0, 1}}
    assert differ(pick(twin, run, **{SPLIT: 0}), flat(model.alone())) == []
    assert differ(pick(twin, run, **{SPLIT: 1}), flat(model.alone(value=model.acts[0]))) == []


@each_model
def test_twin_worlds_of_chirho_with_a_tuple_of_acts(model: Model) -> None:
    with TwinWorldCounterfactual(-2) as twin, KeyedNoise(7), model.do(*model.acts):
        run = model()
    for world, value in enumerate((None, *model.acts)):
        assert differ(pick(twin, run, **{SPLIT: world}), flat(model.alone(value=value))) == []


@each_model
def test_multi_worlds_of_chirho(model: Model) -> None:
    later = StaticIntervention(torch.tensor(10.0), {model.policy: act(model, 1)})
    with MultiWorldCounterfactual(-2) as multi, KeyedNoise(7), later, model.do(model.acts[0]):
        run = model()
    dims = list(multi.plates)
    assert dims[0] == model.policy
    assert len(dims) == 2
    for early, value in enumerate((None, model.acts[0])):
        assert (
            differ(pick(multi, run, **dict(zip(dims, (early, 0), strict=True))), flat(model.alone(value=value))) == []
        )
        with KeyedNoise(7), StaticIntervention(torch.tensor(10.0), {model.policy: act(model, 1)}), model.do(value):
            alone = model()
        assert differ(pick(multi, run, **dict(zip(dims, (early, 1), strict=True))), flat(alone)) == []


@each_model
@pytest.mark.parametrize("kind", ["dynamic", "on"])
def test_a_rule_acts_on_the_day_on_which_the_state_crosses(model: Model, kind: str) -> None:
    threshold = 0.10
    if kind == "dynamic":
        rule = DynamicIntervention(lambda t, s: threshold - ever_infected(s), {model.policy: act(model)})
    else:
        rule = on(lambda s: ever_infected(s) > threshold)(lambda f, s: (f, {**s, model.policy: act(model)}))
    with KeyedNoise(7), rule:
        run = model()
    crossed = next(d for d in range(1, model.days) if _share(model, d) >= threshold)
    with KeyedNoise(7), StaticIntervention(torch.tensor(float(crossed)), {model.policy: act(model)}):
        assert differ(flat(run), flat(model())) == []


def _share(model: Model, days: int) -> float:
    with KeyedNoise(7):
        return float(ever_infected(model.simulate(days).state))


@each_model
def test_a_rule_fires_on_its_own_day_in_every_world_and_replicate(model: Model) -> None:
    luck = torch.tensor([[7], [8]])

    def halve() -> Any:
        return on(lambda s: ever_infected(s) > 0.12)(lambda f, s: (f, {**s, model.policy: s[model.policy] / 2}))

    with Worlds(replicates=2) as worlds, KeyedNoise(luck), halve(), model.do(*model.acts):
        run = model()
    for replicate, seed in enumerate(luck.flatten()):
        for world, value in enumerate((model.fact, *model.acts)):
            with halve():
                alone = model.alone(seed, value)
            assert differ(pick(worlds, run, replicates=replicate, world=world), flat(alone)) == [], (replicate, world)


def test_a_dynamic_intervention_splits_worlds_of_its_own() -> None:
    """In the factual world its act is not applied."""
    rule = DynamicIntervention(lambda t, s: 0.1 - ever_infected(s), {FLU.policy: torch.tensor([0.0])})
    with Worlds() as worlds, KeyedNoise(7), rule:
        run = FLU()
    with KeyedNoise(7), rule:
        alone = FLU()
    assert differ(pick(worlds, run, world=0), flat(FLU.alone())) == []
    assert differ(pick(worlds, run, world=1), flat(alone)) == []


def test_a_function_of_the_state_as_intervention() -> None:
    """A booster for all, two days into the epidemic, with worlds."""

    def boost(s: State) -> State:
        return {**s, "antibody": s["antibody"] + 3.0}

    booster = StaticIntervention(torch.tensor(2.0), boost)
    with Worlds() as worlds, KeyedNoise(7), booster:
        run = IMMUNITY()
    with KeyedNoise(7), booster:
        alone = IMMUNITY()
    assert differ(pick(worlds, run, world=0), flat(IMMUNITY.alone())) == []
    assert differ(pick(worlds, run, world=1), flat(alone)) == []
    assert int((alone.state["stage"] != S).sum()) < int((IMMUNITY.alone().state["stage"] != S).sum())


@each_model
def test_a_handler_can_be_used_again(model: Model) -> None:
    static = StaticIntervention(torch.tensor(4.0), {model.policy: act(model)})
    rule = on(lambda s: ever_infected(s) > 0.12)(lambda f, s: (f, {**s, model.policy: act(model, 1)}))
    noise, solver, first = KeyedNoise(7), DiscreteTime(), None
    for _ in range(2):
        with noise, solver, static, rule:
            run = flat(model())
        assert first is None or differ(first, run) == []
        first = run


@each_model
def test_worlds_can_be_used_again(model: Model) -> None:
    worlds, intervention = Worlds(replicates=2), model.do(*model.acts)
    runs = []
    for _ in range(2):
        with worlds, KeyedNoise(torch.tensor([[1], [2]])), intervention:
            runs.append(flat(model()))
    assert differ(*runs) == []


def test_a_plain_replicate_plate_beside_worlds() -> None:
    """A plain plate keeps -2 for itself, worlds go to its left, and every replicate has luck of its own."""
    luck = torch.tensor([[1], [2], [3], [4]])
    with pyro.plate("replicates", 4, dim=-2), TwinWorldCounterfactual(-3) as twin, KeyedNoise(luck), FLU.do(3.0):
        run = FLU()
    assert run.state["stage"].shape == (2, 4, len(FLU.alone().state["stage"]))
    for replicate, seed in enumerate(luck.flatten()):
        for world, value in enumerate((None, 3.0)):
            with twin:
                stage = gather(run.state["stage"], IndexSet(**{SPLIT: {world}}))[0, replicate]
            assert torch.equal(stage, FLU.alone(seed, value).state["stage"])


def test_seeds_in_a_plain_replicate_plate_are_one_a_replicate() -> None:
    plate = pyro.plate("replicates", 2, dim=-2)
    with plate, TwinWorldCounterfactual(-3), Seeds("luck"), FLU.do(3.0), pyro.poutine.trace() as tr:
        stage = FLU().state["stage"]
    assert tr.trace.nodes["luck_0"]["value"].shape == (2, 1)
    assert stage.shape == (2, 2, AGENTS)
    assert not torch.equal(stage[0, 0], stage[0, 1])


def test_a_plain_plate_where_the_dimensions_of_worlds_are_is_refused() -> None:
    with (
        pytest.raises(ValueError, match=r"dimension -2 .* taken by a plain plate"),
        pyro.plate("replicates", 4, dim=-2),
        Worlds(replicates=4),
    ):
        FLU()


def test_do_on_two_policies_gives_the_product_of_worlds() -> None:
    with ProductWorlds() as worlds, do(actions={"a": torch.tensor(1.0), "b": torch.tensor(2.0)}):
        total = policy("a", 0.0) + policy("b", 0.0)
    with worlds:
        for a in (0, 1):
            for b in (0, 1):
                assert float(gather(total, IndexSet(a={a}, b={b}))) == a + 2 * b
