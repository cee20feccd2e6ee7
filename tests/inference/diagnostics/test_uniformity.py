import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference.diagnostics.uniformity import uniform_of_ranks, uniformity


def test_the_p_value_is_uniform_if_the_numbers_are() -> None:
    """4000 sets of 200. P < 0.001 under exact chi-squared: 4 expected, more than 14 in 0.003% of seeds."""
    rng = np.random.default_rng(0)
    p = np.array([uniformity(row).p for row in rng.random((4000, 200))])
    assert abs(p.mean() - 0.5) < 0.02  # 4.4 standard errors
    assert abs((p < 0.05).mean() - 0.05) < 0.015  # 4.4 standard errors
    assert (p < 0.001).sum() <= 14


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_reflection_turns_the_slope_and_nothing_else(values: list[float]) -> None:
    test, mirrored = uniformity(values), uniformity(1 - np.array(values))
    assert np.isclose(test.p, mirrored.p, atol=1e-9)
    assert np.isclose(test.slope, -mirrored.slope, atol=1e-6)
    assert np.isclose(test.bowl, mirrored.bowl, atol=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "slope", "bowl"), [(2, 1, 1, 0), (1, 2, -1, 0), (0.7, 0.7, 0, 1), (1.6, 1.6, 0, -1)]
)
def test_it_names_the_shape(a: float, b: float, slope: int, bowl: int) -> None:
    test = uniformity(np.random.default_rng(0).beta(a, b, 400))
    assert test.p < 0.001
    assert np.sign(test.slope) == slope or not slope
    assert np.sign(test.bowl) == bowl or not bowl
    assert (abs(test.slope) > abs(test.bowl)) == bool(slope)


@given(st.integers(1, 50), st.integers(0, 2**32))
def test_ranks_stay_in_their_cell(draws: int, seed: int) -> None:
    ranks = np.arange(draws + 1)
    u = uniform_of_ranks(ranks, draws, seed)
    assert ((u >= ranks / (draws + 1)) & (u <= (ranks + 1) / (draws + 1))).all()


def test_refusals() -> None:
    with pytest.raises(ValueError, match="must be within 0 and 1"):
        uniformity([0.5, 1.5])
    with pytest.raises(ValueError, match="they must be 0 to 9"):
        uniform_of_ranks([10], 9, 0)
