"""Observations of agents: unknown ones, impossible ones, and those that are no outcome."""

import contextlib
import math
from collections.abc import Callable
from typing import Any, get_args

import pyro
import pytest
import torch
from chirho.counterfactual.handlers import TwinWorldCounterfactual
from chirho.interventional.handlers import do
from chirho.observational.handlers import condition

from causal_lpm import (
    KeyedNoise,
    MeanField,
    ProductWorlds,
    Relaxed,
    Score,
    Seeds,
    StraightThrough,
    Worlds,
    choose,
    event,
    policy,
    rollout,
)
from causal_lpm.ops.responses import Choice, Coupling
from causal_lpm.typing import State

AGENTS = 600
WHO = torch.arange(AGENTS)
OBSERVED = torch.where(WHO % 3 == 0, torch.nan, (WHO % 2).float())
KNOWN = ~OBSERVED.isnan()
Model = Callable[[torch.Tensor | None], torch.Tensor]


def happening(obs: torch.Tensor | None) -> torch.Tensor:
    p = policy("p", 0.3)
    return event("x", p.expand((*p.shape[:-1], AGENTS)), obs)


def choosing(coupling: Coupling) -> Model:
    def model(obs: torch.Tensor | None) -> torch.Tensor:
        p = policy("p", 0.3)
        logits = torch.stack((p, (1 - p) / 2, (1 - p) / 2), -1).log()
        return choose("x", logits.expand((*p.shape[:-1], AGENTS, 3)), obs, coupling)

    return model


MODELS = {"event": happening, **{name: choosing(name) for name in get_args(Coupling)}}
WORLDS: dict[str, Callable[[], Any]] = {
    "one": contextlib.nullcontext,
    "worlds": Worlds,
    "product": ProductWorlds,
    "twin": lambda: TwinWorldCounterfactual(-2),
    "replicates": lambda: Worlds(replicates=2),
}


def simulated(model: Model, worlds: str, how: str, keyed: bool, obs: torch.Tensor | None) -> tuple[torch.Tensor, Any]:
    pyro.set_rng_seed(3)
    given = condition if how == "chirho" else pyro.poutine.condition
    many = worlds == "replicates"
    noise = KeyedNoise(torch.tensor([[5], [6]]) if many else 5) if keyed else Seeds("s") if many else None
    with contextlib.ExitStack() as stack:
        stack.enter_context(WORLDS[worlds]())
        stack.enter_context(noise or contextlib.nullcontext())
        stack.enter_context(do(actions={"p": torch.tensor(0.6)}) if worlds != "one" else contextlib.nullcontext())
        trace = stack.enter_context(pyro.poutine.trace())
        if obs is None or how == "obs=":
            return model(obs), trace.trace
        with given(data={"x": obs}):
            return model(None), trace.trace


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize("how", ["obs=", "pyro", "chirho"])
@pytest.mark.parametrize("worlds", WORLDS)
@pytest.mark.parametrize("name", MODELS)
def test_of_whom_nothing_is_known_is_as_if_nothing_was_observed(name: str, worlds: str, how: str, keyed: bool) -> None:
    """In every world; the others did what was observed in the factual one."""
    found, _ = simulated(MODELS[name], worlds, how, keyed, OBSERVED)
    free, _ = simulated(MODELS[name], worlds, how, keyed, None)
    assert found.dtype == free.dtype
    assert found.shape == free.shape
    assert torch.equal(found[..., ~KNOWN], free[..., ~KNOWN])
    factual = found.reshape(-1, AGENTS)[: 2 if worlds == "replicates" else 1]
    assert bool((factual[:, KNOWN] == OBSERVED[KNOWN]).all())
    assert not torch.equal(found, free)


@pytest.mark.parametrize("how", ["obs=", "chirho"])
@pytest.mark.parametrize("worlds", ["one", "worlds", "replicates"])
@pytest.mark.parametrize("name", ["event", "gumbel"])
def test_the_unknown_adds_no_log_probability(name: str, worlds: str, how: str) -> None:
    _, trace = simulated(MODELS[name], worlds, how, True, OBSERVED)
    ones = float(OBSERVED[KNOWN].sum())
    zeros = float(KNOWN.sum()) - ones
    p = (-math.expm1(-0.3), math.exp(-0.3)) if name == "event" else (0.35, 0.3)
    once = ones * math.log(p[0]) + zeros * math.log(p[1])
    # The hazard is the same in all replicates, and counts once.
    assert float(trace.log_prob_sum()) == pytest.approx(once, rel=1e-5)


@pytest.mark.parametrize("coupling", get_args(Coupling))
def test_the_noise_of_the_unknown_is_their_own_in_every_replicate(coupling: Coupling) -> None:
    """Also where noise has more dimensions than the logits."""
    response = Choice("x", torch.tensor([0.0, 1.0, 2.0]).expand(4, 3), 1)
    response.coupling = coupling
    with KeyedNoise(torch.tensor([[1], [2]])):
        noise = response.noise()
    found = response.abduct(noise, torch.tensor([torch.nan, 1.0, 2.0, torch.nan]))
    assert found.shape == noise.shape
    agents = found if coupling == "inverse_cdf" else found.mT
    assert torch.equal(agents[..., [0, 3]], (noise if coupling == "inverse_cdf" else noise.mT)[..., [0, 3]])
    if coupling != "independent":
        assert response.respond(found)[:, [1, 2]].tolist() == [[1, 2], [1, 2]]


def test_nobody_is_observed_in_no_row() -> None:
    assert event("e", torch.zeros(0, 3), torch.tensor([1, 0, 1])).shape == (0, 3)


def test_all_unknown_is_a_run_without_data() -> None:
    with KeyedNoise(1):
        unseen = event("x", torch.full((50,), 0.4), torch.full((50,), torch.nan))
    with KeyedNoise(1):
        assert torch.equal(unseen, event("x", torch.full((50,), 0.4)))


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize("how", ["obs=", "pyro", "chirho"])
@pytest.mark.parametrize("seen", [0.0, 1.0])
def test_an_impossible_observation_is_refused_with_agent_and_step(seen: float, how: str, keyed: bool) -> None:
    hazard = torch.tensor([0.5, torch.inf if seen == 0 else 0.0, 0.5])
    data = torch.tensor([0.0, seen, torch.nan])

    def day(s: State) -> State:
        return {"x": s["x"] + event("e", hazard, data if how == "obs=" and int(s["t"]) == 2 else None)}

    handler = {"obs=": contextlib.nullcontext, "pyro": pyro.poutine.condition, "chirho": condition}[how]
    given = handler() if how == "obs=" else handler(data={"t=2/e": data})
    with (
        pytest.raises(ValueError, match=f"observed of event 'e' in step 2 is {seen:g} for agent 1, .* probability 0"),
        KeyedNoise(1) if keyed else contextlib.nullcontext(),
        given,
    ):
        rollout(day, {"x": torch.zeros(3)}, 5)


def test_whom_an_event_does_not_concern_cannot_have_had_it() -> None:
    where = torch.tensor([True, False])
    assert event("e", 5.0, torch.tensor([1, 0]), where).tolist() == [True, False]
    with pytest.raises(ValueError, match="is 1 for agent 1, which has probability 0"):
        event("e", 5.0, torch.tensor([1, 1]), where)


def test_what_is_impossible_in_some_draws_has_no_weight_in_them() -> None:
    """Importance weights of 0 are an answer; weights of 0 in all draws are a mistake."""
    hazard = torch.tensor([[0.0, 0.5], [0.7, 0.5]])
    with pyro.poutine.trace() as tr:
        event("e", hazard, torch.tensor([1.0, 0.0]))
    tr.trace.compute_log_prob()
    assert tr.trace.nodes["e"]["log_prob"].sum(-1).isneginf().tolist() == [True, False]
    with pytest.raises(ValueError, match="for agent 0, which has probability 0"):
        event("e", hazard[:1], torch.tensor([1.0, 0.0]))


def test_data_that_no_row_can_give_are_refused_though_each_fails_for_another_agent() -> None:
    hazard = torch.tensor([[0.0, 0.5, 0.5], [0.7, 0.0, 0.5], [0.7, 0.0, 0.0]])
    with pytest.raises(ValueError, match="is 1 for agent 1, which has probability 0 in 2 of 3 rows"):
        event("e", hazard, torch.tensor([1, 1, 0]))
    assert bool(event("e", hazard, torch.tensor([1, 0, 0]))[1:, 0].all())


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize(
    "worlds",
    [
        contextlib.nullcontext,
        lambda: Worlds(replicates=2),
        lambda: ProductWorlds(2),
        lambda: TwinWorldCounterfactual(-3),
    ],
)
@pytest.mark.parametrize("how", ["obs=", "condition"])
def test_a_row_that_cannot_give_the_data_goes_on_as_if_there_were_none(how: str, worlds: Any, keyed: bool) -> None:
    """An infection of the immune would lead out of all stages that there are."""
    open_to = torch.tensor([[False, True, True], [True, True, True]])
    data = torch.tensor([1.0, torch.nan, 0.0])

    def run(obs: torch.Tensor | None) -> torch.Tensor:
        p = policy("p", 0.4)
        given = condition(data={"e": obs}) if how == "condition" and obs is not None else contextlib.nullcontext()
        pyro.set_rng_seed(1)
        with KeyedNoise(torch.tensor([[3], [4]])) if keyed else contextlib.nullcontext(), given:
            return event("e", p.expand((*p.shape[:-1], 3)), obs if how == "obs=" else None, open_to)

    with worlds(), do(actions={"p": torch.tensor([0.9])}):
        found, free = run(data), run(None)
    found, free = (x.expand(2, 2, 3) if x.dim() == 3 else x[None].expand(2, 2, 3) for x in (found, free))
    assert torch.equal(found[:, 0, :2], free[:, 0, :2]), "agent 0 is immune in row 0"
    assert not bool(found[:, 0, 0].any())
    assert bool(found[:, 1, 0].all())
    assert not bool(found[0, :, 2].any())


def test_noise_that_is_nan_or_given_beside_a_seed_is_refused() -> None:
    """NaN < hazard is False: it would count as known not to have happened."""
    with pyro.poutine.condition(data={"x_noise": torch.tensor([torch.nan, 0.1])}):
        with pytest.raises(ValueError, match="the exogenous noise 'x' contains NaN"):
            event("x", torch.full((2,), 0.5))
        with pytest.raises(ValueError, match="data on the noise 'x', which KeyedNoise makes"), KeyedNoise(1):
            choose("x", torch.zeros(2, 3))


def test_only_the_factual_world_must_be_able_to_do_it() -> None:
    def model() -> torch.Tensor:
        p = policy("p", 0.3)
        return event("x", p.expand((*p.shape[:-1], 2)), torch.tensor([1, 0]))

    with Worlds(), KeyedNoise(1), do(actions={"p": torch.tensor(0.0)}):
        assert model().tolist() == [[True, False], [False, False]]
    with Worlds(), KeyedNoise(1), do(actions={"p": torch.tensor(0.0)}), pytest.raises(ValueError, match="agent 0"):
        event("x", 0.3 - policy("p", 0.3).expand(-1, 2), torch.tensor([1, 0]))


LOGITS = torch.tensor([[0.0, -torch.inf, 0.0], [0.0, 0.0, 0.0]])


@pytest.mark.parametrize("coupling", get_args(Coupling))
@pytest.mark.parametrize(
    ("obs", "message"),
    [
        ([1, 0], "'c' is 1 for agent 0, which has probability 0"),
        ([0, 3], "'c' is 3 for agent 1: give whole numbers from 0 to 2, or NaN"),
        ([0, -1], "'c' is -1 for agent 1: give whole numbers from 0 to 2, or NaN"),
        ([0.5, 0], "'c' is 0.5 for agent 0: give whole numbers"),
        ([math.inf, 0], "'c' is inf for agent 0: give whole numbers"),
        ([0], r"'c' has shape \(1,\) where the model has \(2,\): give one number an agent"),
    ],
)
def test_choices_that_are_none_are_refused(obs: list[float], message: str, coupling: Coupling) -> None:
    with pytest.raises(ValueError, match=f"what is observed of choice {message}"):
        choose("c", LOGITS, torch.tensor(obs), coupling)


@pytest.mark.parametrize(
    ("obs", "message"),
    [
        ([2, 0], "'e' is 2 for agent 0: give whole numbers from 0 to 1, or NaN"),
        ([0.0, -1.0], "'e' is -1 for agent 1: give whole numbers from 0 to 1, or NaN"),
        (1, r"'e' has shape \(1,\) where the model has \(2,\): give one number an agent"),
        ([[0, 1], [1, 0]], r"'e' has shape \(2, 2\) where the model has \(2,\): give one number an agent"),
        (["a", "b"], "'e' is .*: give numbers that 64 bits hold"),
    ],
)
def test_events_that_are_none_are_refused(obs: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"what is observed of event {message}"):
        event("e", torch.ones(2), obs)


def test_data_of_a_world_are_refused() -> None:
    with (
        Worlds(),
        do(actions={"p": torch.tensor(0.5)}),
        pytest.raises(ValueError, match="the same in all worlds"),
    ):
        event("x", policy("p", 0.3).expand(2, 3), torch.zeros(2, 3))


@pytest.mark.parametrize("handler", [StraightThrough, MeanField, Relaxed, Score])
def test_gradients_want_all_or_nothing_observed(handler: type) -> None:
    hazard = torch.full((2,), 0.5, requires_grad=True)
    with pytest.raises(ValueError, match=r"unknown \(NaN\) what is observed of 'e'.*: where gradients"), handler():
        event("e", hazard, torch.tensor([1.0, torch.nan]))
