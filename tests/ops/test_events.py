"""`event`: frequencies, tiny hazards, abduction of what was observed, bad input."""

import contextlib
import math
from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from chirho.interventional.handlers import do
from chirho.observational.handlers import condition
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, Worlds, event, exogenous, hazard_of, observed, policy, rollout
from causal_lpm.kernels import hashing
from causal_lpm.ops.responses import Event

MASK = 2**64 - 1


def close_to(frequency: float, probability: float, draws: int, sds: float = 5.0) -> bool:
    """Within `sds` standard deviations: 5 give a false alarm in less than 1e-6 of the tests (normal approximation)."""
    return abs(frequency - probability) <= sds * math.sqrt(probability * (1 - probability) / draws) + 1e-12


# False alarms: 14 tests at 5 standard deviations, below 1e-5 together; the smallest expected count is 400.
@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize("hazard", [1e-4, 1e-3, 1e-2, 0.1, 1.0, 3.0, 10.0])
def test_frequencies_are_one_minus_exp_of_minus_hazard(hazard: float, keyed: bool) -> None:
    agents = 4_000_000 if hazard < 1e-3 else 400_000
    pyro.set_rng_seed(0)
    rate = torch.full((agents,), hazard)
    if keyed:
        with KeyedNoise(1):
            happened = event("x", rate)
    else:
        happened = event("x", rate)
    assert close_to(float(happened.double().mean()), -math.expm1(-hazard), agents)


def unmix(x: int) -> int:
    """The inverse of the SplitMix64 finaliser: which 64 bits become x."""

    def unshift(y: int, by: int) -> int:
        z = y
        for _ in range(64 // by + 1):
            z = y ^ (z >> by)
        return z

    x = unshift(x, 31) * pow(0x94D049BB133111EB, -1, 2**64) & MASK
    x = unshift(x, 27) * pow(0xBF58476D1CE4E5B9, -1, 2**64) & MASK
    return unshift(x, 30)


class Injected(KeyedNoise):
    """Agent 0 of replicate r gets the 64 bits `words[r]`."""

    def __init__(self, words: list[int]) -> None:
        super().__init__(0)
        keys = [unmix(word) for word in words]
        self.keys = torch.tensor([key - 2**64 if key >= 2**63 else key for key in keys])[:, None]

    def key(self, name: str) -> torch.Tensor:
        return self.keys


def test_the_injection_injects() -> None:
    words = [0, 1, 2**63 + 12345, MASK]
    with Injected(words):
        got = exogenous("x", 2, "bits")[:, 0]
    assert [int(bits) & MASK for bits in got] == words


@pytest.mark.parametrize("hazard", [1e-9, 1e-12, 1e-4, 1.0])
def test_the_transform_of_integers_has_the_right_probability(hazard: float) -> None:
    """E < hazard for the integers k of 53 bits below (1 - exp(-hazard)) 2**53, up to the last digit of a float32."""
    probability = -math.expm1(-hazard)
    edge = probability * 2**53
    slack = edge * 2**-22 + 1
    happens = [int(edge - slack), 0] if edge > slack else [0]
    spared = [math.ceil(edge + slack), 2**53 - 1]
    with Injected([k << 11 for k in happens + spared]):
        got = event("x", torch.full((2,), hazard))[:, 0].tolist()
    assert got == [True] * len(happens) + [False] * len(spared)
    assert hashing.uniform(torch.tensor([0])).item() == 2.0**-54, "noise is never 0: hazard 0 never fires"


def test_hazards_of_zero_and_infinity() -> None:
    with KeyedNoise(1):
        assert not bool(event("x", torch.zeros(100_000)).any())
        assert bool(event("y", torch.full((100_000,), math.inf)).all())


AGENTS = 100_000
RATE = -math.log1p(-0.30)
RATE_THERE = -math.log1p(-0.31)


def infection(obs: torch.Tensor | None = None) -> torch.Tensor:
    rate = policy("rate", RATE)
    return event("x", rate.expand((*rate.shape[:-1], AGENTS)), obs)


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize("how", ["nothing observed", "obs=", "condition"])
def test_an_observed_event_is_abducted(how: str, keyed: bool) -> None:
    """p .30 -> .31: 0.010 of the agents differ, all of them from 0 to 1; sd of the share 0.0003, so 5 sd = 0.0015."""
    pyro.set_rng_seed(0)
    data = torch.rand(AGENTS) < 0.3
    model = condition(infection, data={"x": data}) if how == "condition" else infection
    noise = KeyedNoise(5) if keyed else pyro.poutine.trace()
    with Worlds(), pyro.poutine.trace() as tr, noise, do(actions={"rate": torch.tensor(RATE_THERE)}):
        happened = model(data if how == "obs=" else None)
    assert happened.shape == (2, AGENTS)
    assert bool((happened[1] >= happened[0]).all())
    assert abs(float((happened[0] != happened[1]).double().mean()) - 0.010) < 0.0015
    tr.trace.compute_log_prob()
    if how != "nothing observed":
        assert torch.equal(happened[0], data)
        expected = dist.Bernoulli(torch.tensor(0.3)).log_prob(data.float()).sum()
        assert float(tr.trace.nodes["x_factual"]["log_prob_sum"]) == pytest.approx(float(expected), rel=1e-4)
        luck = 0.0 if keyed else float(tr.trace.nodes["x_noise"]["log_prob_sum"])
        assert float(tr.trace.log_prob_sum()) == pytest.approx(float(expected) + luck, rel=1e-4)
    elif keyed:
        assert list(tr.trace.nodes) == ["rate"]


def test_abduction_with_replicates_keeps_the_fact_in_every_replicate() -> None:
    pyro.set_rng_seed(0)
    data = torch.rand(AGENTS) < 0.3
    luck = torch.tensor([[1], [2]])
    with Worlds(replicates=2), KeyedNoise(luck), do(actions={"rate": torch.tensor(RATE_THERE)}):
        happened = infection(data)
    assert happened.shape == (2, 2, AGENTS)
    assert bool((happened[0] == data).all())
    flips = (happened[0] != happened[1]).double().mean(-1)
    assert bool(((flips - 0.010).abs() < 0.0015).all())
    assert not torch.equal(happened[1, 0], happened[1, 1])


@settings(max_examples=40)
@given(hazard=st.floats(2.0**-100, 80.0, width=32), noise=st.floats(2.0**-30, 40.0, width=32), fact=st.booleans())
def test_abducted_noise_gives_the_fact_back(hazard: float, noise: float, fact: bool) -> None:
    response = Event("x", torch.tensor([hazard]))
    drawn = response.abduct(torch.tensor([noise]), torch.tensor([fact]))
    assert bool(response.respond(drawn)) is fact
    assert float(drawn) >= 0


def test_abducted_noise_is_exponential_when_the_fact_is_typical() -> None:
    """Prior = posterior averaged over the data: Kolmogorov distance below 2.7 / sqrt(n), false alarm 1e-6."""
    hazard = torch.full((AGENTS,), 0.7)
    with KeyedNoise(1):
        fact = event("x", hazard)
        fresh = exogenous("another", AGENTS)
    drawn = Event("x", hazard).abduct(fresh, fact).double().sort().values
    ecdf = torch.arange(1, AGENTS + 1) / AGENTS
    assert float((ecdf - -torch.expm1(-drawn)).abs().max()) < 2.7 / math.sqrt(AGENTS)


def test_the_gradient_of_an_observed_event_is_finite_at_hazard_zero() -> None:
    """Agents without infectious contacts have hazard 0, and were not infected."""
    beta = torch.tensor(0.1, requires_grad=True)
    contacts = torch.tensor([0.0, 1.0, 2.0])
    log_p = Event("x", beta * contacts).marginal(torch.tensor([False, True, False]))
    (slope,) = torch.autograd.grad(log_p.sum(), beta)
    assert float(slope) == pytest.approx(1.0 / math.expm1(0.1) - 2.0, rel=1e-5)


def test_what_the_data_forbid_has_log_probability_minus_infinity() -> None:
    log_p = Event("x", torch.tensor([0.0, math.inf])).marginal(torch.tensor([True, False]))
    assert log_p.tolist() == [-math.inf, -math.inf]


def test_without_keyed_noise_the_density_is_that_of_the_noise() -> None:
    pyro.set_rng_seed(0)
    with pyro.poutine.trace() as tr:
        event("x", torch.full((10,), 0.5))
    tr.trace.compute_log_prob()
    assert float(tr.trace.nodes["x"]["log_prob_sum"]) == 0.0
    assert tr.trace.nodes["x_noise"]["log_prob"].shape == (10,)


def test_a_number_as_hazard_is_for_all_agents_of_the_rollout() -> None:
    with KeyedNoise(3):
        state = rollout(lambda s: {"x": s["x"] | event("e", 0.2)}, {"x": torch.zeros(50, dtype=torch.bool)}, 1).state
    with KeyedNoise(3):
        again = rollout(
            lambda s: {"x": s["x"] | event("e", torch.full((50,), 0.2))}, {"x": torch.zeros(50, dtype=torch.bool)}, 1
        ).state
    assert torch.equal(state["x"], again["x"])
    with pytest.raises(ValueError, match="known only inside a rollout"):
        event("e", 0.2)


@pytest.mark.parametrize(
    ("hazard", "message"),
    [
        (torch.tensor([0.1, -0.5]), r"hazard of event 'infection' contains -0.5: .* must be >= 0"),
        (torch.tensor([0.1, math.nan]), r"contains NaN: .* division by zero"),
    ],
)
def test_bad_hazards_are_refused(hazard: torch.Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        event("infection", hazard)
    with pytest.raises(ValueError, match=message), KeyedNoise(1):
        event("infection", hazard)


@pytest.mark.parametrize(
    ("hazard", "where", "message"),
    [
        (torch.zeros(3, dtype=torch.complex64), None, r"came as torch\.complex64: give"),
        ("x", None, "is 'x' .*: give numbers"),
        (torch.zeros(0), None, "the number of agents of event 'x' is 0: give a whole number"),
        (0.1, torch.zeros(0, dtype=torch.bool), "the number of agents of event 'x' is 0: give a whole number"),
        (torch.ones(2, 3), torch.ones(3, 3, dtype=torch.bool), r"shapes \(2, 3\), \(3, 3\), which do not fit"),
    ],
)
def test_hazards_that_are_none_are_refused(hazard: Any, where: torch.Tensor | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        event("x", hazard, where=where)


def test_what_is_sure_has_an_infinite_hazard() -> None:
    assert [hazard_of(p) for p in (0, 0.0, 1, 1.0)] == [0.0, 0.0, math.inf, math.inf]
    assert math.copysign(1.0, hazard_of(0)) == 1.0
    with pytest.raises(ValueError, match="probability is nan"):
        hazard_of(math.nan)


def test_a_response_is_not_sampled_in_shapes() -> None:
    with pytest.raises(ValueError, match="use replicates"):
        Event("x", torch.ones(3)).sample((2,))


def test_observed_without_data_is_a_sample_site() -> None:
    pyro.set_rng_seed(0)
    with pyro.poutine.trace() as tr:
        observed("y", dist.Poisson(torch.tensor([3.0])))
    assert not tr.trace.nodes["y"]["is_observed"]


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize("seen", [False, True], ids=["unobserved", "observed"])
def test_an_event_asked_of_some_is_one_without_hazard_for_the_others(keyed: bool, seen: bool) -> None:
    def model(narrow: bool) -> torch.Tensor:
        rate = policy("rate", 0.4)
        where = torch.arange(60) % 3 > 0
        data = torch.arange(60) % 6 == 1 if seen else None
        if narrow:
            return event("x", rate, data, where)
        return event("x", torch.where(where, rate, 0.0), data)

    results = []
    for narrow in (True, False):
        pyro.set_rng_seed(3)
        noise = KeyedNoise(9) if keyed else contextlib.nullcontext()
        with noise, Worlds(), do(actions={"rate": torch.tensor(2.0)}), pyro.poutine.trace() as tr:
            results.append((model(narrow), tr.trace.log_prob_sum()))
    assert results[0][0].shape == (2, 60)
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_where_is_a_bool_an_agent() -> None:
    with pytest.raises(ValueError, match="give one bool an agent"):
        event("x", 0.1, where=torch.ones(3))
    with pytest.raises(ValueError, match="give one bool an agent"):
        event("x", torch.rand(4), where=torch.ones(3, dtype=torch.bool))
    assert event("x", torch.inf, where=torch.tensor([True, False])).tolist() == [True, False]


def test_one_answer_for_all_is_asked_of_every_agent() -> None:
    """A policy decides whom an event concerns: the agents still have luck of their own."""

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {**s, "x": s["x"] + event("x", 0.5, where=s["closed"] > 0.5)}

    def day_in_full(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        hazard = torch.where(s["closed"] > 0.5, torch.full_like(s["x"], 0.5), 0.0)
        return {**s, "x": s["x"] + event("x", hazard)}

    for closed in (0.0, 1.0):
        last = []
        for dynamics in (day, day_in_full):
            with KeyedNoise(4):
                state = {"x": torch.zeros(1000), "closed": torch.tensor([closed])}
                last.append(rollout(dynamics, state, 3).state["x"])
        assert torch.equal(*last)
        assert len(last[0].unique()) == (4 if closed else 1)


@pytest.mark.parametrize("handler", [lambda: KeyedNoise(3), lambda: KeyedNoise(torch.tensor([[3], [4]])), None])
def test_a_hazard_by_group_is_that_of_its_agents(handler: Any) -> None:
    by, hazard = torch.arange(2000) % 3, torch.tensor([[[0.0, 0.5, 2.0]], [[0.1, 0.5, torch.inf]]])
    where = torch.arange(2000) % 7 < 3
    found = []
    for groups in ({"by": by}, {}):
        pyro.set_rng_seed(0)
        with contextlib.nullcontext() if handler is None else handler():
            found.append(event("x", hazard if groups else hazard[..., by], where=where, **groups))
    assert torch.equal(*found)
    assert not found[0][..., ~where].any()


@pytest.mark.parametrize(
    ("by", "where", "says"),
    [
        (torch.tensor([0.0, 1.0]), None, "give one integer an agent"),
        (torch.tensor([[0, 1]]), None, "give one integer an agent"),
        (torch.tensor([0, 2]), None, "2 hazards and an agent of group 2"),
        (torch.tensor([-1, 0]), None, "2 hazards and an agent of group -1"),
        (torch.tensor([0, 1]), torch.tensor([True]), "there are 2 agents"),
        (torch.tensor([], dtype=torch.int64), None, "the number of agents of event 'x' is 0"),
    ],
)
def test_groups_without_a_hazard_are_refused(by: torch.Tensor, where: torch.Tensor | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        event("x", torch.tensor([0.1, 0.2]), where=where, by=by)
