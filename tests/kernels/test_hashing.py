"""The hash against plain integers, and the keyed permutation against what a permutation must be."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from causal_lpm.kernels import hashing

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
FALSE_ALARM = 1e-6  # of every chi-square test here; the keys are fixed, so a test that passes once always passes
int64 = st.integers(-(2**63), 2**63 - 1)


def mix(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def unsigned(x: torch.Tensor) -> int:
    return int(x) & MASK


@given(int64)
def test_mix_is_the_splitmix64_finaliser(x: int) -> None:
    assert unsigned(hashing.mix(torch.tensor(x))) == mix(x & MASK)


@given(int64, st.text(max_size=20), st.integers(-1, 2**40), st.integers(0, 2**62))
def test_stream_and_bits_in_plain_integers(seed: int, name: str, counter: int, i: int) -> None:
    word = hashing.word(name) & MASK
    key = mix(mix((mix((seed + word) & MASK) + counter * GOLDEN) & MASK))
    got = hashing.stream(torch.tensor([seed]), name, counter)
    assert unsigned(got) == key
    assert unsigned(hashing.bits(got, torch.tensor(i))) == mix((key + i * GOLDEN) & MASK)


def test_word_is_little_endian_blake2b() -> None:
    assert hashing.word("infection") & MASK == 0x654BF786FAB2B1EE


def test_uniform_uses_53_bits_and_never_reaches_zero() -> None:
    words = torch.tensor([0, 1 << 11, -1])
    assert hashing.uniform(words).tolist() == [2.0**-54, 1.5 * 2.0**-53, 1.0]


@given(int64, st.integers(1, 2**31 - 1))
def test_below_stays_below(word: int, limit: int) -> None:
    assert int(hashing.below(torch.tensor(word), limit)) == ((word & MASK) >> 32) * limit >> 32 < limit


def test_every_small_permutation_is_a_bijection_with_its_inverse() -> None:
    keys = hashing.mix(torch.arange(20))[:, None]
    for size in range(1, 201):
        index = torch.arange(size)
        images = hashing.permutation(keys, index, size)
        assert torch.equal(images.sort(-1).values, index.expand(20, size))
        assert torch.equal(hashing.permutation(keys, images, size, inverse=True), index.expand(20, size))


@pytest.mark.parametrize("size", [1023, 1024, 1025, 65_537, 344_001])
def test_large_permutations_are_bijections(size: int) -> None:
    images = hashing.permutation(torch.tensor([77]), torch.arange(size), size)
    assert torch.equal(images.sort().values, torch.arange(size))


@given(st.integers(1, 2**40), int64, st.data())
def test_the_inverse_returns(size: int, key: int, data: st.DataObject) -> None:
    index = torch.tensor([data.draw(st.integers(0, size - 1))])
    image = hashing.permutation(torch.tensor([key]), index, size)
    assert 0 <= int(image) < size
    assert torch.equal(hashing.permutation(torch.tensor([key]), image, size, inverse=True), index)


def improbable(count: torch.Tensor, expected: float, freedom: int) -> bool:
    return float(((count.double() - expected) ** 2 / expected).sum()) > chi2.isf(FALSE_ALARM, freedom)


@pytest.mark.parametrize("size", [2, 3, 5, 8, 11])
def test_small_permutations_are_uniform_singly_and_in_consecutive_pairs(size: int) -> None:
    draws = 50_000
    images = hashing.permutation(hashing.mix(torch.arange(draws))[:, None], torch.arange(size), size)
    off_diagonal = ~torch.eye(size, dtype=torch.bool).flatten()
    for k in (0, size - 2):
        assert not improbable(images[:, k].bincount(minlength=size), draws / size, size - 1)
        pairs = (images[:, k] * size + images[:, k + 1]).bincount(minlength=size * size)[off_diagonal]
        assert not improbable(pairs, draws / (size * (size - 1)), size * (size - 1) - 1)


@pytest.mark.parametrize("size", [1500, 40_000])  # six rounds
def test_large_permutations_are_uniform_in_consecutive_pairs(size: int) -> None:
    # Binned 10 x 10: pairs of different elements are all equally likely, so the diagonal is lighter by 10 / size.
    keys = hashing.mix(torch.arange(600_000 // size))[:, None]
    images = hashing.permutation(keys, torch.arange(size), size)
    for later in (1, 2, 7):
        bins = images * 10 // size
        count = (bins[:, :-later] * 10 + bins[:, later:]).flatten().bincount(minlength=100).double()
        share = torch.full((10, 10), 0.01) - torch.eye(10) * 0.1 / size
        expected = (share / share.sum()).flatten() * count.sum()
        assert float(((count - expected) ** 2 / expected).sum()) < chi2.isf(FALSE_ALARM, 99)
