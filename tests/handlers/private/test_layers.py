"""The laws of a share layer: the same numbers for one, two and three parties, whatever the parts are."""

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.handlers.private.share_layer import ShareLayer
from tests.handlers.private.runs import layers, split

PARTIES = st.sampled_from([1, 2, 3, 4])
SEEDS = st.integers(0, 2**20)
QUICK = settings(deadline=None, max_examples=40)


def numbers(width: int, seed: int) -> torch.Tensor:
    """The ends of a width, 0 and -1, and some in between."""
    half = 1 << (width - 1)
    drawn = torch.randint(-half, min(half, 2**63 - 1), (12,), generator=torch.Generator().manual_seed(seed))
    return torch.cat([drawn, torch.tensor([-half, half - 1, 0, -1])])


def of_all(parties: int, x: torch.Tensor, seed: int, use: Any) -> list[torch.Tensor]:
    """What the parties find, opened: the same for each."""

    def run(layer: ShareLayer) -> list[torch.Tensor]:
        return layer.open(*use(layer, split(layer, x, seed)))

    first, *others = layers(parties, run)
    assert all(torch.equal(a, b) for other in others for a, b in zip(first, other, strict=True))
    return first


@QUICK
@given(PARTIES, st.integers(1, 60), SEEDS)
def test_signs_zeros_and_truncation(parties: int, width: int, seed: int) -> None:
    x, drop = numbers(width, seed), max(0, width - 5)
    negative, zero, short = of_all(
        parties, x, seed, lambda ly, s: (ly.negative(s, width), ly.is_zero(s, width), ly.truncate(s, drop, width))
    )
    assert torch.equal(negative, (x < 0).long())
    assert torch.equal(zero, (x == 0).long())
    assert bool(((short - (x >> drop)) * (short - (x >> drop) - 1) == 0).all()), "rounded down or up"


@pytest.mark.parametrize("width", [61, 62, 63, 64])
@pytest.mark.parametrize("many", [1, 3000])
def test_signs_of_the_widest_numbers(width: int, many: int) -> None:
    x = numbers(width, 1).repeat(many)
    (negative,) = of_all(3, x, 1, lambda ly, s: (ly.negative(s, width),))
    assert torch.equal(negative, (x < 0).long())


@QUICK
@given(PARTIES, SEEDS)
def test_products_wrap_around_as_whole_numbers_do(parties: int, seed: int) -> None:
    x = numbers(64, seed)
    if parties > 1:
        plain, square = of_all(parties, x, seed, lambda ly, s: ly.product((s, s[:1]), (s, s)))
        assert torch.equal(plain, x * x[:1])
        assert torch.equal(square, x * x)
    bits = (x % 3 == 0).long()
    (both,) = of_all(parties, bits, seed, lambda ly, s: ly.both((s, s.flip(0))))
    assert torch.equal(both, bits * bits.flip(0))


@QUICK
@given(PARTIES, st.integers(1, 7), SEEDS)
def test_unit_vectors(parties: int, bits: int, seed: int) -> None:
    x = torch.arange(1 << bits)
    (vectors,) = of_all(parties, x, seed, lambda ly, s: (ly.units(s, bits),))
    assert torch.equal(vectors, torch.eye(1 << bits, dtype=torch.int64))


@QUICK
@given(PARTIES, st.integers(2, 5), st.integers(1, 4), SEEDS)
def test_unit_vectors_of_digits(parties: int, low: int, high: int, seed: int) -> None:
    x = torch.arange(1 << (low + high))

    def run(layer: ShareLayer) -> torch.Tensor:
        shift, first, second = layer.digit_units(split(layer, x, seed), low, high)
        one, two = (v.argmax(-1) for v in layer.open(first, second))
        return (shift + one + (two << low)) % (1 << (low + high))

    assert all(torch.equal(found, x) for found in layers(parties, run))


@pytest.mark.parametrize("parties", [1, 2, 3])
def test_dealt_luck_has_its_distribution(parties: int) -> None:
    """Means of 20,000 draws within 6 standard errors: fails by chance once in 10**8."""
    many, hazard = 20_000, 0.7

    def run(layer: ShareLayer) -> list[torch.Tensor]:
        table = torch.tensor([0.0, hazard, 2 * hazard])
        return layer.open(
            layer.noise("exponential", 20, (many,)),
            layer.outcome(torch.full((many,), hazard), (many,)),
            layer.threshold(table, (many,), (many,)),
        )

    for noise, outcome, threshold in layers(parties, run):
        assert abs(float(noise.double().mean()) / 2**20 - 1.0) < 6 / many**0.5
        once, twice = (1 - torch.exp(-torch.tensor(k * hazard)).item() for k in (1, 2))
        assert abs(float(outcome.double().mean()) - once) < 3 / many**0.5
        assert abs(float((threshold <= 1).double().mean()) - once) < 3 / many**0.5
        assert abs(float((threshold <= 2).double().mean()) - twice) < 3 / many**0.5
        assert int(threshold.min()) >= 1, "nothing happens with hazard 0"


def test_one_party_says_where_a_bound_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"is 5, in its units, and was to be from 0 to 3"):
        layers(1, lambda layer: layer.units(torch.tensor([5]), 2))
    with pytest.raises(ValueError, match="closer bounds"):
        layers(1, lambda layer: layer.product((torch.tensor([2**40]), torch.tensor([2**40]))))
