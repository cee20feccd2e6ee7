"""Standard normal noise: the quantiles, the same bits from torch and from compiled loops, and what its tails hold."""

import math
import statistics

import pytest
import torch

from causal_lpm import kernels
from causal_lpm.kernels import hashing, reference
from causal_lpm.kernels.normal import standard_normal

N = 3_000_000
KEY = torch.tensor([17])
EDGES = [0, -1, 1, 2**63 - 1, -(2**63), 1 << 62, 1 << 61, (1 << 62) - (1 << 59)]


def test_it_is_the_normal_quantile_of_the_bits() -> None:
    """Of probabilities of all sizes, to 1e-15 of the standard library's, which has another logarithm."""
    words = torch.cat(
        [hashing.bits(KEY, torch.arange(2000)), torch.tensor([k << s for s in range(12, 62) for k in (1, 3)])]
    )
    got = standard_normal(words)
    for word, z in zip(words.tolist(), got.tolist(), strict=True):
        p = (((word >> 11) & ((1 << 52) - 1)) + 0.5) * 2.0**-53
        exact = statistics.NormalDist().inv_cdf(p)
        assert z == pytest.approx(-exact if word < 0 else exact, rel=2e-15, abs=0)


def test_the_sign_is_one_bit_and_nothing_is_infinite() -> None:
    words = torch.cat([hashing.bits(KEY, torch.arange(10_000)), torch.tensor(EDGES)])
    z = standard_normal(words)
    assert torch.equal(standard_normal(words ^ (-(2**63))), -z)
    assert bool(z.isfinite().all())
    assert float(z.abs().max()) == pytest.approx(8.2924, abs=1e-4)
    assert bool((z != 0).all())


def test_compiled_loops_give_the_same_float64_to_the_bit() -> None:
    """Not only after rounding to float32: sums and products are made in one order, the logarithm too."""
    numba = pytest.importorskip("numba")
    from causal_lpm.kernels import cpu_normal

    @numba.njit  # type: ignore[misc, untyped-decorator, unused-ignore]
    def all_of(words, out):  # type: ignore[no-untyped-def]
        for i in range(words.size):
            out[i] = cpu_normal.standard_normal(words[i])

    words = torch.cat([hashing.bits(KEY, torch.arange(N)), torch.tensor(EDGES), torch.arange(1000) << 20])
    out = torch.empty(len(words), dtype=torch.float64)
    all_of(words.numpy().view("uint64"), out.numpy())
    assert torch.equal(out, standard_normal(words))


def test_fields_of_millions_are_the_same_in_both() -> None:
    drawn = []
    for how in ("reference", "numba"):
        with kernels.use(how):
            drawn.append((kernels.field(KEY, N, "normal"), kernels.field_at(KEY, torch.arange(9999) % 7, "normal")))
    for one, other in zip(*drawn, strict=True):
        assert torch.equal(one, other)
        assert one.dtype == torch.float32


@pytest.mark.parametrize("implementation", ["reference", "numba"])
def test_moments_and_tails(implementation: str) -> None:
    """Four moments within 5 standard errors, and numbers beyond 1 to 5 within 5 of a Poisson's: false alarm 1e-5."""
    with kernels.use(implementation):
        z = kernels.field(torch.tensor([5]), N, "normal").double()
    for power, mean, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs(float((z**power).mean()) - mean) < 5 * (variance / N) ** 0.5
    for beyond in range(1, 6):
        expected = N * math.erfc(beyond / 2**0.5) / 2
        for count in (int((z > beyond).sum()), int((z < -beyond).sum())):
            assert abs(count - expected) < 5 * expected**0.5 + 5


def test_neighbours_are_uncorrelated() -> None:
    """Ten lags, each within 5 / sqrt(n): false alarm 6e-6."""
    z = reference.field(KEY, N, "normal").double()
    for lag in range(1, 11):
        assert abs(float((z[lag:] * z[:-lag]).mean())) < 5 / N**0.5
