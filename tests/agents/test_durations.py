import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from causal_lpm.agents.disease import Duration, gamma_days, mean_days
from causal_lpm.agents.durations import log_normal_days


@given(st.floats(0.3, 60.0), st.floats(0.05, 3.0))
def test_gamma_days_are_the_gamma_distribution_rounded(shape: float, scale: float) -> None:
    probabilities = gamma_days(shape, scale).probabilities
    assert math.isclose(math.fsum(probabilities), 1.0, abs_tol=1e-9)
    gamma = stats.gamma(shape, scale=scale)
    for day in (0, 1, int(shape * scale), int(shape * scale) + 3):
        below = gamma.cdf(day - 0.5) if day else 0.0
        assert math.isclose(probabilities[day], gamma.cdf(day + 0.5) - below, abs_tol=1e-9)


@given(st.floats(9.0, 60.0), st.floats(0.5, 2.0))
def test_rounding_keeps_the_mean_of_broad_times(shape: float, scale: float) -> None:
    # Sheppard: for a density that is smooth on the scale of a day, rounding shifts the mean by next to nothing.
    assert math.isclose(gamma_days(shape, scale).mean(), shape * scale, rel_tol=2e-3)


@given(st.floats(0, 249.9))
def test_mean_days_keep_the_mean_on_two_neighbouring_days(mean: float) -> None:
    duration = mean_days(mean)
    assert math.isclose(duration.mean(), mean, rel_tol=1e-9, abs_tol=1e-9)
    assert {k for k, p in enumerate(duration.probabilities) if p > 0} <= {int(mean), int(mean) + 1}


@given(st.lists(st.integers(0, 3), min_size=1, max_size=20).filter(any))
def test_days_of_probability_zero_are_never_drawn(counts: list[int]) -> None:
    duration = Duration(tuple(count / sum(counts) for count in counts))
    # The ends of the unit interval, and every border between days with its neighbours.
    borders = torch.tensor(counts, dtype=torch.float64).cumsum(0) / sum(counts)
    uniforms = torch.cat([torch.tensor([0.0, 1e-17, 1 - 1e-16, 1.0]).double(), borders, borders - 1e-9, borders + 1e-9])
    days = set(duration.draw(uniforms.clamp(0, 1)).tolist())
    assert days <= {day for day, count in enumerate(counts) if count}
    assert days == set(duration.draw(torch.linspace(0, 1, 4001)).tolist())


def test_float32_rounding_leaves_no_sliver_to_the_longest_day() -> None:
    nearly_one = torch.nextafter(torch.tensor(1.0), torch.tensor(0.0))
    for duration in (gamma_days(9.0, 15 / 9), mean_days(5.0)):
        assert int(duration.draw(nearly_one)) <= 60
    assert int(mean_days(5.0).draw(torch.tensor(1.0))) == 5


@pytest.mark.parametrize(
    ("probabilities", "sentence"),
    [
        ((), "'waiting time' is empty"),
        ((0.5, 0.4), "sum to 0.9"),
        ((1.5, -0.5), "the share -0.5"),
        ((math.nan, 1.0), "the share nan"),
        ((0.0,) * 251 + (1.0,), "up to 251 days is too long: 250 days"),
    ],
)
def test_bad_durations_are_refused(probabilities: tuple[float, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Duration(probabilities)


@pytest.mark.parametrize(("shape", "scale"), [(0.0, 1.0), (1.0, -1.0), (math.nan, 1.0)])
def test_bad_gamma_parameters_are_refused(shape: float, scale: float) -> None:
    with pytest.raises(ValueError, match="both must be positive"):
        gamma_days(shape, scale)


@pytest.mark.parametrize("mean", [-0.1, 250.0, math.nan])
def test_bad_means_are_refused(mean: float) -> None:
    with pytest.raises(ValueError, match="outside 0 to 250"):
        mean_days(mean)


@pytest.mark.parametrize(("mean", "sd"), [(4.5, 1.5), (1.1, 0.9), (8.0, 2.0)])
def test_log_normal_days_are_rounded_log_normal_times(mean: float, sd: float) -> None:
    spread = math.sqrt(math.log1p((sd / mean) ** 2))
    law = stats.lognorm(spread, scale=mean * math.exp(-(spread**2) / 2))
    assert math.isclose(law.mean(), mean)
    assert math.isclose(law.std(), sd)
    for days, p in enumerate(log_normal_days(mean, sd).probabilities[:30]):
        assert math.isclose(p, law.cdf(days + 0.5) - law.cdf(days - 0.5), abs_tol=1e-12)


@pytest.mark.parametrize(("mean", "sd"), [(0.0, 1.0), (1.0, -1.0), (math.nan, 1.0), (1.0, math.inf)])
def test_bad_log_normal_parameters_are_refused(mean: float, sd: float) -> None:
    with pytest.raises(ValueError, match="both must be positive, and finite"):
        log_normal_days(mean, sd)


def test_log_normal_times_beyond_all_days_are_refused() -> None:
    with pytest.raises(ValueError, match="are longer than 250 days"):
        log_normal_days(200.0, 100.0)
