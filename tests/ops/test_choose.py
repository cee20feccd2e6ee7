"""`choose`: frequencies, couplings across worlds, abduction."""

import contextlib
import math
from typing import get_args

import pyro
import pyro.distributions as dist
import pytest
import torch
from chirho.counterfactual.handlers import TwinWorldCounterfactual
from chirho.interventional.handlers import do
from chirho.observational.handlers import condition
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, Seeds, Worlds, choose, exogenous, policy
from causal_lpm.ops.responses import Choice, Coupling

COUPLINGS = get_args(Coupling)
AGENTS = 100_000
# Share of agents that choose otherwise when (.30, .35, .35) becomes (.31, .345, .345): only towards the option that
# gains; every threshold of the cumulative probabilities moves; or two draws of their own.
FLIPS = {"gumbel": 0.010, "inverse_cdf": 0.015, "independent": 1 - 0.3 * 0.31 - 2 * 0.35 * 0.345}


def mode(obs: torch.Tensor | None = None, coupling: Coupling = "gumbel") -> torch.Tensor:
    share = policy("share", 0.30)
    probabilities = torch.stack((share, (1 - share) / 2, (1 - share) / 2), -1)
    return choose("mode", probabilities.log().expand((*share.shape[:-1], AGENTS, 3)), obs, coupling)


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize("how", ["nothing observed", "obs=", "condition"])
@pytest.mark.parametrize("coupling", COUPLINGS)
def test_couplings_and_abduction(coupling: Coupling, how: str, keyed: bool) -> None:
    """sd of the share of flips at most 0.0016; 5 sd each, 18 tests: false alarm about 1e-5."""
    pyro.set_rng_seed(0)
    data = dist.Categorical(torch.tensor([0.3, 0.35, 0.35])).sample((AGENTS,))
    model = condition(mode, data={"mode": data}) if how == "condition" else mode
    noise = KeyedNoise(5) if keyed else pyro.poutine.trace()
    with Worlds(), pyro.poutine.trace() as tr, noise, do(actions={"share": torch.tensor(0.31)}):
        chosen = model(data if how == "obs=" else None, coupling)
    assert chosen.shape == (2, AGENTS)
    flips, expected = (chosen[0] != chosen[1]).double().mean(), FLIPS[coupling]
    assert abs(float(flips) - expected) < 5 * math.sqrt(expected * (1 - expected) / AGENTS)
    if coupling == "gumbel":
        assert bool((chosen[1][chosen[0] != chosen[1]] == 0).all()), "only towards the option that gains"
    if how != "nothing observed":
        assert torch.equal(chosen[0], data)
        tr.trace.compute_log_prob()
        expected_log_p = dist.Categorical(torch.tensor([0.3, 0.35, 0.35])).log_prob(data).sum()
        assert float(tr.trace.nodes["mode_factual"]["log_prob_sum"]) == pytest.approx(float(expected_log_p), rel=1e-4)


@pytest.mark.parametrize("coupling", COUPLINGS)
def test_frequencies_are_the_softmax(coupling: Coupling) -> None:
    """Chi-square with 2 degrees of freedom below 28: false alarm 1e-6 each."""
    logits = torch.tensor([0.2, -1.0, 1.5])
    with KeyedNoise(1):
        chosen = choose("mode", logits.expand(AGENTS, 3), coupling=coupling)
    expected = logits.double().softmax(-1) * AGENTS
    assert float(((chosen.bincount(minlength=3) - expected) ** 2 / expected).sum()) < 28


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("handler", [Worlds, lambda: TwinWorldCounterfactual(-2)], ids=["Worlds", "Twin"])
def test_the_factual_world_is_a_run_without_worlds(coupling: Coupling, handler) -> None:  # type: ignore[no-untyped-def]
    with KeyedNoise(5):
        alone = mode(coupling=coupling)
    with handler(), KeyedNoise(5), do(actions={"share": (torch.tensor(0.31), torch.tensor(0.1))}):
        chosen = mode(coupling=coupling)
    assert chosen.shape == (3, AGENTS)
    assert torch.equal(chosen[0], alone)


def test_independent_worlds_of_replicates() -> None:
    """Worlds left of replicates: every cell has a draw of its own, the factual ones those of runs alone."""
    luck = torch.tensor([[1], [2], [3]])
    acts = (torch.tensor(0.3), torch.tensor(0.3))
    with Worlds(replicates=3), KeyedNoise(luck), do(actions={"share": acts}):
        chosen = mode(coupling="independent")
    assert chosen.shape == (3, 3, AGENTS)
    for replicate, seed in enumerate(luck.flatten()):
        with KeyedNoise(seed):
            assert torch.equal(chosen[0, replicate], mode(coupling="independent"))
    rows = chosen.reshape(9, AGENTS)
    assert all(not torch.equal(rows[i], rows[j]) for i in range(9) for j in range(i))


def test_independent_worlds_right_of_draws() -> None:
    """ChiRho's own handlers may put worlds there."""
    with (
        TwinWorldCounterfactual(-2),
        KeyedNoise(torch.arange(3).reshape(3, 1, 1)),
        do(actions={"share": torch.tensor(0.3)}),
    ):
        chosen = mode(coupling="independent")
    assert chosen.shape == (3, 2, AGENTS)
    for seed in range(3):
        with KeyedNoise(seed):
            assert torch.equal(chosen[seed, 0], mode(coupling="independent"))


@settings(max_examples=40)
@given(
    logits=st.lists(st.floats(-20.0, 20.0, width=32), min_size=2, max_size=5),
    data=st.data(),
    coupling=st.sampled_from(["gumbel", "inverse_cdf"]),
)
def test_abducted_noise_gives_the_fact_back(logits: list[float], data: st.DataObject, coupling: Coupling) -> None:
    response = Choice("mode", torch.tensor([logits]), 1)
    response.coupling = coupling
    possible = [k for k, p in enumerate(torch.tensor(logits).softmax(-1).tolist()) if p > 1e-4]
    fact = torch.tensor([data.draw(st.sampled_from(possible))])
    with KeyedNoise(data.draw(st.integers(0, 2**40))):
        noise = response.noise()
    assert torch.equal(response.respond(response.abduct(noise, fact)), fact)


def test_abducted_races_are_exponential_when_the_fact_is_typical() -> None:
    """Kolmogorov distance of each lane below 2.7 / sqrt(n): false alarm 3e-6; they stay uncorrelated (5 sd)."""
    logits = torch.tensor([0.0, 1.0, -1.0]).expand(AGENTS, 3)
    response = Choice("mode", logits, 1)
    with KeyedNoise(1):
        fact = choose("mode", logits)
        fresh = exogenous("another", AGENTS, slots=3)
    drawn = response.abduct(fresh, fact).double()
    ecdf = (torch.arange(1, AGENTS + 1) / AGENTS)[:, None]
    cdf = -torch.expm1(-drawn.sort(0).values)
    assert float((ecdf - cdf).abs().max()) < 2.7 / math.sqrt(AGENTS)
    assert float(torch.corrcoef(drawn.T).triu(1).abs().max()) < 5 / math.sqrt(AGENTS)


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize("agents", [1, 5])
@pytest.mark.parametrize("how", ["alone", "two rows", "worlds", "replicates"])
@pytest.mark.parametrize("coupling", COUPLINGS)
def test_one_option_is_chosen_by_all(coupling: Coupling, how: str, agents: int, keyed: bool) -> None:
    """Whatever its logit and its type, observed or not, where a field of one slot has no dimension of slots."""
    noise = KeyedNoise(torch.tensor([[1], [2]]) if how == "replicates" else 1) if keyed else Seeds("luck")
    worlds = Worlds(replicates=2 if how == "replicates" else 1) if how in ("worlds", "replicates") else None
    with noise, worlds or contextlib.nullcontext(), do(actions={"p": torch.tensor(5.0)}):
        logits = policy("p", -3.0)[..., None].expand(*policy("p", -3.0).shape[:-1], agents, 1)
        logits = torch.stack((logits, logits)) if how == "two rows" else logits
        for dtype in (torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64):
            for obs in (None, torch.full((agents,), torch.nan), torch.zeros(agents)):
                name = f"c {dtype} {None if obs is None else obs[0]}"
                chosen = choose(name, logits.to(dtype), obs, coupling)
                assert chosen.shape in (logits.shape[:-1], (2, 2, agents))
                assert not chosen.any()


@pytest.mark.parametrize("coupling", COUPLINGS)
@pytest.mark.parametrize("dtype", [torch.bool, torch.uint8, torch.int16, torch.int64, torch.uint32, torch.float16])
def test_logits_of_every_type_are_those_of_float32(dtype: torch.dtype, coupling: Coupling) -> None:
    logits = (torch.arange(3000).reshape(1000, 3) % 2).to(dtype)
    with KeyedNoise(1):
        chosen = choose("mode", logits, coupling=coupling)
    with KeyedNoise(1):
        assert torch.equal(chosen, choose("mode", logits.float(), coupling=coupling))


@pytest.mark.parametrize("uniform", [0.0, 2.0**-24, 0.5, 1.0 - 2.0**-24, 1.0])
def test_an_impossible_option_is_not_chosen_by_any_uniform(uniform: float) -> None:
    """Cumulative probabilities end a little below 1, and uniforms may be 0 or 1."""
    for options in range(2, 40):
        logits = torch.full((options + 2,), 1.0)
        logits[0] = logits[-1] = -math.inf
        with pyro.poutine.condition(data={"mode_noise": torch.full((4,), uniform)}):
            chosen = choose("mode", logits.expand(4, -1), coupling="inverse_cdf")
        assert bool(((chosen > 0) & (chosen < options + 1)).all())


def test_an_impossible_option_is_never_chosen() -> None:
    logits = torch.tensor([0.0, -math.inf, 0.0]).expand(10_000, 3)
    for coupling in COUPLINGS:
        with KeyedNoise(1):
            assert not bool((choose("mode", logits, coupling=coupling) == 1).any())


def test_unobserved_choices_leave_no_site_under_keyed_noise() -> None:
    with KeyedNoise(1), pyro.poutine.trace() as tr:
        choose("mode", torch.zeros(5, 3))
    assert list(tr.trace.nodes) == []


@pytest.mark.parametrize(
    ("logits", "coupling", "message"),
    [
        (torch.zeros(3, 2), "gumble", "unknown coupling 'gumble': did you mean 'gumbel'"),
        (torch.zeros(3), "gumbel", r"have shape \(3,\): give \[\*dims, agents, K\]"),
        (torch.zeros(3, 0), "gumbel", r"have shape \(3, 0\): give \[\*dims, agents, K\]"),
        (torch.zeros(0, 3), "gumbel", r"have shape \(0, 3\): give \[\*dims, agents, K\]"),
        (torch.tensor([[0, 2**24 + 1]]), "gumbel", r"\[16777217\], which float32 does not hold"),
        (torch.tensor([[0.0, math.nan]]), "gumbel", "contain NaN"),
        (torch.tensor([[0.0, math.inf]]), "gumbel", "contain infinity"),
        (torch.tensor([[0.0, 1.0], [-math.inf, -math.inf]]), "gumbel", "no possible option for an agent"),
    ],
)
def test_bad_input(logits: torch.Tensor, coupling: Coupling, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose("mode", logits, coupling=coupling)
