"""Laws of worlds, for every model: worlds are separate runs that share their luck, and nothing else."""

import importlib.util

import pyro
import pytest
import torch
from chirho.dynamical.handlers import StaticIntervention
from chirho.interventional.handlers import do
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, ProductWorlds, Rollout, Seeds, Worlds, comparing, event, kernels, policy, rollout
from tests.contracts.models import AGENTS, MODELS, Model, differ, flat, pick

each_model = pytest.mark.parametrize("model", MODELS, ids=lambda m: m.name)
few = settings(max_examples=4)
seeds = st.integers(min_value=-(2**63), max_value=2**63 - 1)


@each_model
@few
@given(seed=seeds)
def test_an_act_equal_to_the_fact_changes_nothing(model: Model, seed: int) -> None:
    with Worlds() as worlds, KeyedNoise(seed), model.do(model.fact):
        run = model()
    assert differ(pick(worlds, run, world=0), pick(worlds, run, world=1)) == []
    assert differ(flat(model.alone(seed)), flat(model.alone(seed, model.fact))) == []


@each_model
@few
@given(seed=seeds)
def test_k_worlds_are_k_separate_runs(model: Model, seed: int) -> None:
    with Worlds() as worlds, KeyedNoise(seed), model.do(*model.acts):
        run = model()
    assert differ(pick(worlds, run, world=0), flat(model.alone(seed))) == []
    for number, act in enumerate(model.acts, start=1):
        assert differ(pick(worlds, run, world=number), flat(model.alone(seed, act))) == []


@each_model
def test_acts_make_a_difference(model: Model) -> None:
    fact = flat(model.alone())
    for act in model.acts:
        assert "stage" in differ(fact, flat(model.alone(value=act)))


@each_model
def test_threads_do_not_matter(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small loops are made to look worth a thread: agents and worlds are then shared among two."""
    if importlib.util.find_spec("numba") is not None:
        monkeypatch.setattr("causal_lpm.kernels.cpu_threads._WORTH_A_THREAD", 32)
    runs: list[Rollout] = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        try:
            with Worlds() as worlds, KeyedNoise(11), model.do(*model.acts):
                runs.append(model())
        finally:
            torch.set_num_threads(1)
    assert differ(flat(runs[0]), flat(runs[1])) == []
    assert differ(pick(worlds, runs[1], world=2), flat(model.alone(11, model.acts[1]))) == []


@each_model
def test_the_kernels_do_not_matter(model: Model) -> None:
    """Compiled loops or torch: the same worlds."""
    with Worlds() as worlds, KeyedNoise(11), model.do(*model.acts), kernels.use("reference"):
        run = model()
    for world, value in enumerate((None, *model.acts)):
        assert differ(pick(worlds, run, world=world), flat(model.alone(11, value))) == []


@each_model
def test_replicates_and_worlds_are_single_runs(model: Model) -> None:
    luck = torch.tensor([[3], [4], [5]])
    with Worlds(replicates=3) as worlds, KeyedNoise(luck), model.do(*model.acts):
        run = model()
    assert worlds.names == ["factual", *(f"{model.policy}={act:g}" for act in model.acts)]
    for replicate, seed in enumerate(luck.flatten()):
        for world, value in enumerate((model.fact, *model.acts)):
            one = pick(worlds, run, replicates=replicate, world=world)
            assert differ(one, flat(model.alone(seed, value))) == [], (replicate, world)


@each_model
def test_replicates_live_on_the_seed_site(model: Model) -> None:
    pyro.set_rng_seed(0)
    with Worlds(replicates=2) as worlds, Seeds("luck", (0, 10)), model.do(model.acts[0]), pyro.poutine.trace() as tr:
        run = model()
    sites = {name: node["value"].shape for name, node in tr.trace.nodes.items() if name.startswith("luck")}
    assert sites == {"luck_0": (2, 1), "luck_1": (2, 1)}
    first = pick(worlds, run, replicates=0, world=0)
    assert "stage" in differ(first, pick(worlds, run, replicates=1, world=0))
    values = {name: tr.trace.nodes[name]["value"][0] for name in sites}
    with Seeds("luck", (0, 10)), pyro.poutine.condition(data=values):
        assert differ(first, flat(model())) == []


@each_model
def test_the_product_of_worlds_has_the_policy_as_dimension(model: Model) -> None:
    with ProductWorlds() as worlds, KeyedNoise(7), model.do(model.acts[0]):
        run = model()
    assert list(worlds.plates) == [model.policy]
    assert differ(pick(worlds, run, **{model.policy: 0}), flat(model.alone())) == []
    assert differ(pick(worlds, run, **{model.policy: 1}), flat(model.alone(value=model.acts[0]))) == []


@each_model
def test_comparing_settings_is_the_same_as_separate_runs(model: Model) -> None:
    settings = {"base": {model.policy: model.acts[0]}, "as it is": {}, "other": {model.policy: model.acts[1]}}
    with comparing(settings) as worlds, KeyedNoise(7):
        run = model()
    assert worlds.names == ["base", "as it is", "other"]
    for world, value in enumerate((model.acts[0], None, model.acts[1])):
        assert differ(pick(worlds, run, world=world), flat(model.alone(value=value))) == []


@few
@given(seed=seeds, low=st.floats(0.001, 0.2), more=st.floats(0.0, 0.2))
def test_without_a_network_a_higher_hazard_spares_nobody(seed: int, low: float, more: float) -> None:
    """Monotone coupling: nobody is infected only in the world with the lower hazard."""

    def model() -> torch.Tensor:
        rate = policy("rate", low)

        def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            return {**s, "infected": s["infected"] | event("infection", s["rate"])}

        return rollout(day, {"infected": torch.zeros(AGENTS, dtype=torch.bool), "rate": rate}, 10).state["infected"]

    with Worlds(), KeyedNoise(seed), do(actions={"rate": torch.tensor(low + more)}):
        infected = model()
    assert infected.shape == (2, AGENTS)
    assert bool((infected[1] >= infected[0]).all())


def test_worlds_split_only_when_the_intervention_acts() -> None:
    """Days before an intervention run once for all worlds."""
    shapes: list[torch.Size] = []

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        shapes.append(torch.broadcast_shapes(*(s[name].shape for name in ("x", "rate"))))
        return {**s, "x": s["x"] | event("infection", s["rate"])}

    with Worlds(), KeyedNoise(1), StaticIntervention(torch.tensor(2.0), {"rate": torch.tensor([0.5])}):
        rollout(day, {"x": torch.zeros(5, dtype=torch.bool), "rate": torch.tensor([0.1])}, 4)
    assert shapes == [(5,), (5,), (2, 5), (2, 5)]
