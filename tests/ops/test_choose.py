"""`choose`: frequencies, couplings across worlds, abduction."""

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

from causal_lpm import KeyedNoise, Worlds, choose, exogenous, policy
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
        (torch.tensor([[0.0, math.nan]]), "gumbel", "contain NaN"),
        (torch.tensor([[0.0, math.inf]]), "gumbel", "contain infinity"),
        (torch.tensor([[0.0, 1.0], [-math.inf, -math.inf]]), "gumbel", "no possible option for an agent"),
    ],
)
def test_bad_input(logits: torch.Tensor, coupling: Coupling, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        choose("mode", logits, coupling=coupling)
