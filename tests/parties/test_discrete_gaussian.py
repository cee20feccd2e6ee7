"""The sampler has the distribution it should have, from whole numbers only."""

import math
import random
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from causal_lpm.parties.discrete_gaussian import discrete_gaussian


@pytest.mark.parametrize("sigma2", [Fraction(1, 3), 1, 7, Fraction(51, 2)])
def test_its_probabilities_are_those_of_the_formula(sigma2: Fraction | int) -> None:
    # Chi-square at 1e-6: four parameters fail by chance once in 250,000 runs, and with this seed never.
    luck = random.Random(5)
    draws = [discrete_gaussian(sigma2, luck.randrange) for _ in range(4000)]
    most = math.ceil(6 * math.sqrt(sigma2)) + 1
    weight = {x: math.exp(-(x**2) / (2 * float(sigma2))) for x in range(-most, most + 1)}
    total = sum(weight.values())
    cells = [x for x in weight if 4000 * weight[x] / total >= 5]
    seen = [draws.count(x) for x in cells]
    expected = [4000 * weight[x] / total for x in cells]
    rest = 4000 - sum(expected)
    if rest > 1:
        seen, expected = [*seen, 4000 - sum(seen)], [*expected, rest]
    assert stats.chisquare(seen, [e * sum(seen) / sum(expected) for e in expected]).pvalue > 1e-6


def test_the_operating_system_is_the_source_and_no_seed_fixes_it() -> None:
    random.seed(1)
    first = [discrete_gaussian(10**6) for _ in range(20)]
    random.seed(1)
    assert first != [discrete_gaussian(10**6) for _ in range(20)]


@given(st.fractions(max_value=0))
def test_a_variance_that_is_not_positive_is_refused(sigma2: Fraction) -> None:
    with pytest.raises(ValueError, match="must be above 0"):
        discrete_gaussian(sigma2)
