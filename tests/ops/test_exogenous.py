"""`exogenous`: shapes, distributions, picking by number, and no worlds in it."""

import math

import pyro
import pytest
import torch
from chirho.interventional.handlers import do

from causal_lpm import KeyedNoise, ProductWorlds, Seeds, Worlds, exogenous, policy
from causal_lpm.ops.dimensions import world_dimensions
from causal_lpm.ops.exogenous import RandomBits, agent_plate
from causal_lpm.typing import NoiseKind

AGENTS = 100_000


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize(
    ("kind", "cdf"),
    [
        ("exponential", lambda x: -torch.expm1(-x)),
        ("uniform", lambda x: x),
        ("gumbel", lambda x: torch.exp(-torch.exp(-x))),
        ("normal", torch.special.ndtr),
    ],
)
def test_distributions(kind: NoiseKind, cdf, keyed: bool) -> None:  # type: ignore[no-untyped-def]
    """Kolmogorov distance below 2.7 / sqrt(n): false alarm 1e-6 each."""
    pyro.set_rng_seed(0)
    with KeyedNoise(2) if keyed else pyro.poutine.trace():
        noise = exogenous("luck", AGENTS, kind)
    assert noise.dtype == torch.float32
    ecdf = torch.arange(1, AGENTS + 1) / AGENTS
    assert float((ecdf - cdf(noise.double().sort().values)).abs().max()) < 2.7 / math.sqrt(AGENTS)


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize("kind", ["exponential", "uniform", "gumbel", "normal", "bits"])
def test_shapes(kind: NoiseKind, keyed: bool) -> None:
    with KeyedNoise(2) if keyed else pyro.poutine.trace():
        assert exogenous("a", 5, kind).shape == (5,)
        assert exogenous("b", 5, kind, slots=3).shape == (5, 3)
        assert exogenous("c", 5, kind, slots=3, index=torch.tensor([[0, 1, 2, 0, 1], [2, 2, 2, 2, 2]])).shape == (2, 5)
        assert exogenous("d", 1, kind).shape == (1,)
    assert exogenous("e", 5, "bits").dtype == torch.int64


def test_replicates_are_rows() -> None:
    with KeyedNoise(torch.tensor([[3], [4]])):
        both = exogenous("luck", 7, slots=2)
    for row, seed in enumerate((3, 4)):
        with KeyedNoise(seed):
            assert torch.equal(both[row], exogenous("luck", 7, slots=2))


def test_an_index_picks_from_a_field_that_does_not_depend_on_the_day() -> None:
    """By number: the same agent's second infection has the same luck whenever and in whichever world it happens."""
    numbers = torch.tensor([[0, 1, 2, 2], [2, 1, 0, 1]])
    with KeyedNoise(torch.tensor([[5], [6]])):
        field = torch.stack([exogenous("course", 4, slots=3, index=torch.full((1, 4), n)) for n in range(3)], -1)
        picked = exogenous("course", 4, slots=3, index=numbers)
    assert torch.equal(picked, field.gather(-1, numbers[..., None])[..., 0])


def test_an_index_picks_without_keyed_noise_too() -> None:
    pyro.set_rng_seed(0)
    numbers = torch.tensor([[0, 1, 2, 2], [2, 1, 0, 1]])
    with pyro.poutine.trace() as tr:
        picked = exogenous("course", 4, slots=3, index=numbers)
    field = tr.trace.nodes["course_noise"]["value"]
    assert field.shape == (4, 3)
    assert torch.equal(picked, field.expand(2, 4, 3).gather(-1, numbers[..., None])[..., 0])


@pytest.mark.parametrize("index", [torch.tensor([0, 3]), torch.tensor([-1, 0])])
def test_an_index_outside_the_slots_is_refused(index: torch.Tensor) -> None:
    with pytest.raises(ValueError, match=r"leaves 0\.\.2: give as many slots as the index counts"):
        exogenous("course", 2, slots=3, index=index)
    with pytest.raises(ValueError, match=r"leaves 0\.\.2"), KeyedNoise(1):
        exogenous("course", 2, slots=3, index=index)


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize(
    "dtype", [torch.uint8, torch.int8, torch.uint16, torch.int32, torch.uint64, torch.float16, torch.float64]
)
def test_an_index_of_whole_numbers_may_have_any_type(dtype: torch.dtype, keyed: bool) -> None:
    picked = []
    for kind in (torch.int64, dtype):
        pyro.set_rng_seed(0)
        with KeyedNoise(1) if keyed else pyro.poutine.trace():
            picked.append(exogenous("course", 4, slots=3, index=torch.tensor([[0, 2, 1, 2]]).to(kind)))
    assert torch.equal(*picked)


@pytest.mark.parametrize("keyed", [True, False], ids=["keyed", "sites"])
@pytest.mark.parametrize(
    ("index", "message"),
    [
        ([0.5, 1.0], "has NaN or fractions: give whole numbers"),
        ([torch.nan, 1.0], "has NaN or fractions: give whole numbers"),
        ([torch.inf, 1.0], r"leaves 0\.\.2"),
        ([0, 1, 2], r"has shape \(3,\) for 2 agents: give one an agent"),
        (1, r"has shape \(1,\) for 2 agents: give one an agent"),
    ],
)
def test_an_index_is_one_whole_number_an_agent(index: list[float], message: str, keyed: bool) -> None:
    with pytest.raises(ValueError, match=message), KeyedNoise(1) if keyed else pyro.poutine.trace():
        exogenous("course", 2, slots=3, index=torch.tensor(index))


def test_names_and_agents_make_different_noise() -> None:
    with KeyedNoise(1):
        assert not torch.equal(exogenous("a", 100), exogenous("b", 100))
        assert torch.equal(exogenous("a", 100), exogenous("a", 200)[:100])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"kind": "cauchy"}, "unknown kind of noise 'cauchy'"),
        ({"kind": "uniforn"}, "did you mean 'uniform'"),
        ({"slots": 0}, "slots is 0: give a whole number of at least 1"),
    ],
)
def test_bad_input(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        exogenous("luck", 3, **arguments)  # type: ignore[arg-type]
    for agents in (0, -1, 2.5, True, None, "x", torch.nan, torch.inf):
        with pytest.raises(ValueError, match=f"agents is {agents!r}: give a whole number of at least 1"):
            exogenous("luck", agents)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="agents with 2 values each of noise 'luck' need about 16000000 GB"):
        exogenous("luck", 10**15, slots=2)
    with KeyedNoise(1):
        assert exogenous("luck", 5, slots=torch.tensor(2)).shape == (5, 2)  # type: ignore[arg-type]
        # Whoever picks one of many values has but one.
        assert exogenous("luck", 2, slots=10**15, index=torch.tensor([0, 10**14])).shape == (2,)


def test_a_world_dimension_in_a_noise_site_is_refused() -> None:
    act = {"luck_noise": torch.zeros(4)}
    with (
        pytest.raises(ValueError, match="'luck' carries the world dimension 'world': noise belongs to agents"),
        Worlds(),
        do(actions=act),
    ):
        exogenous("luck", 4)
    with pytest.raises(ValueError, match="carries the world dimension 'luck_noise'"), ProductWorlds(), do(actions=act):
        exogenous("luck", 4)


def test_a_world_dimension_in_a_seed_is_refused() -> None:
    with (
        pytest.raises(ValueError, match="the seed of the exogenous noise carries the world dimension"),
        Worlds(),
        Seeds("luck"),
        do(actions={"luck_0": torch.tensor(5)}),
    ):
        exogenous("x", 4)
    with (
        pytest.raises(ValueError, match="carries the world dimension"),
        Worlds(),
        KeyedNoise(torch.tensor([[1], [2]])),
        do(actions={"p": torch.tensor(5.0)}),
    ):
        exogenous("x", int(policy("p", 4.0)[0]))


def test_replicates_draws_and_particles_are_no_worlds() -> None:
    with Worlds(replicates=2, draws=3), do(actions={"p": torch.tensor(1.0)}):
        assert world_dimensions() == {}
        policy("p", 0.0)
        assert world_dimensions() == {"world": -4}


def test_the_agent_plate_is_entered_once() -> None:
    with agent_plate(3), agent_plate(3), pyro.poutine.trace() as tr:
        exogenous("luck", 3)
    frames = tr.trace.nodes["luck_noise"]["cond_indep_stack"]
    assert [(frame.name, frame.size, frame.dim) for frame in frames] == [("agents", 3, -1)]


def test_random_bits_are_63_fair_bits() -> None:
    """Each bit is set in half of 20,000 draws; 63 tests at 5.5 sd: false alarm 3e-6."""
    pyro.set_rng_seed(0)
    draws = RandomBits().expand((20_000,)).sample()
    assert draws.dtype == torch.int64
    assert bool((draws >= 0).all())
    shares = torch.stack([((draws >> bit) & 1).double().mean() for bit in range(63)])
    assert float((shares - 0.5).abs().max()) < 5.5 * 0.5 / math.sqrt(20_000)
    assert bool((RandomBits((2, 1)).log_prob(draws[:2, None]) == 0).all())
    assert RandomBits((2, 1)).sample((3,)).shape == (3, 2, 1)
