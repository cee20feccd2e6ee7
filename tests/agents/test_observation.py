"""What is observed of an epidemic: the scatter of counts and the delay of reports."""

import pyro
import pyro.distributions as dist
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pyro.poutine import trace

from causal_lpm import observed
from causal_lpm.agents.disease import gamma_days, mean_days
from causal_lpm.agents.observation import negative_binomial, reporting_delay

SHARES = st.lists(st.floats(0.01, 1.0), min_size=1, max_size=12).map(
    lambda weights: tuple(w / sum(weights) for w in weights)
)


@given(st.floats(0.01, 1e6), st.floats(0.05, 1e4))
def test_mean_and_variance_are_as_stated(mean: float, dispersion: float) -> None:
    counts = negative_binomial(torch.tensor([mean]), dispersion)
    assert float(counts.mean) == pytest.approx(mean, rel=1e-5)
    assert float(counts.variance) == pytest.approx(mean + mean**2 / dispersion, rel=1e-5)


def test_draws_have_the_stated_mean_and_variance() -> None:
    # 200,000 draws: the standard error is 0.017 for the mean and 0.22 for the variance; bounds at five of them are
    # crossed by chance less often than once in 500,000 (and the seed is fixed).
    pyro.set_rng_seed(0)
    draws = negative_binomial(torch.tensor(20.0), 10.0).sample((200_000,))
    assert abs(float(draws.mean()) - 20.0) < 0.085
    assert abs(float(draws.var()) - 60.0) < 1.1


def test_large_dispersion_comes_near_poisson() -> None:
    k = torch.arange(30.0, dtype=torch.float64)
    near = negative_binomial(torch.tensor(8.0), 1e6).log_prob(k)
    poisson = dist.Poisson(torch.tensor(8.0, dtype=torch.float64)).log_prob(k)
    torch.testing.assert_close(near, poisson, rtol=0.0, atol=1e-3)


def test_a_report_where_the_model_has_no_case_is_improbable_but_possible() -> None:
    none = negative_binomial(torch.zeros(1, 3, dtype=torch.int64))
    log_p = none.log_prob(torch.tensor([[0.0, 1.0, 5.0]]))
    assert bool(log_p.isfinite().all())
    assert bool((log_p.diff() < -2).all())


def test_integer_series_become_sites_with_time_as_event() -> None:
    tally = torch.tensor([[[3, 5, 0]], [[4, 4, 1]]])  # [worlds, 1, days]
    reports = negative_binomial(tally).to_event(1)
    assert (reports.batch_shape, reports.event_shape) == ((2, 1), (3,))
    with trace() as recorded:
        observed("reported", reports, torch.tensor([3.0, 5.0, 0.0]))
    assert recorded.trace.nodes["reported"]["is_observed"]


def test_dispersion_can_be_learned() -> None:
    dispersion = torch.tensor(5.0, requires_grad=True)
    mean = torch.tensor([[10.0, 20.0]], requires_grad=True)
    negative_binomial(mean, dispersion).log_prob(torch.tensor([12.0, 15.0])).sum().backward()
    assert dispersion.grad is not None
    assert bool(dispersion.grad.isfinite())
    assert mean.grad is not None
    assert bool(mean.grad.isfinite().all())


@pytest.mark.parametrize(("mean", "what"), [(float("nan"), "contains NaN"), (-2.0, "contains -2")])
def test_bad_means_are_refused(mean: float, what: str) -> None:
    with pytest.raises(ValueError, match=f"{what}: give expected counts >= 0"):
        negative_binomial(torch.tensor([1.0, mean]))


@pytest.mark.parametrize("dispersion", [0.0, -1.0, float("nan")])
def test_bad_dispersions_are_refused(dispersion: float) -> None:
    with pytest.raises(ValueError, match=r"dispersion .* give a positive number"):
        negative_binomial(torch.tensor([1.0]), dispersion)


@given(SHARES, st.lists(st.integers(0, 10_000), min_size=1, max_size=30))
def test_reports_are_cases_moved_later(shares: tuple[float, ...], cases: list[int]) -> None:
    series = torch.tensor([cases])
    reported = reporting_delay(series, shares)
    assert reported.shape == series.shape
    # By any day no more is reported than has happened; with a long enough tail everything is reported.
    tolerance = 1e-4 * (1 + sum(cases))
    assert bool((reported.cumsum(-1) <= series.cumsum(-1) + tolerance).all())
    padded = torch.nn.functional.pad(series, (0, len(shares) - 1))
    assert abs(float(reporting_delay(padded, shares).sum()) - sum(cases)) < tolerance


@settings(max_examples=20)
@given(SHARES)
def test_no_case_on_a_day_is_reported_before_it(shares: tuple[float, ...]) -> None:
    impulse = torch.zeros(1, len(shares) + 4)
    impulse[0, 3] = 1.0
    reported = reporting_delay(impulse, shares)
    torch.testing.assert_close(reported[0, 3 : 3 + len(shares)], torch.tensor(shares))
    assert not bool(reported[0, :3].any())


def test_no_delay_changes_nothing_and_worlds_do_not_mix() -> None:
    worlds = torch.randint(0, 50, (3, 2, 1, 20))
    assert torch.equal(reporting_delay(worlds, (1.0,)), worlds.float())
    delayed = reporting_delay(worlds, gamma_days(4.0, 1.0).probabilities)
    for w in range(3):
        assert torch.equal(delayed[w], reporting_delay(worlds[w], gamma_days(4.0, 1.0).probabilities))


def test_the_times_of_stage_graphs_are_delays_too() -> None:
    assert reporting_delay(torch.tensor([[4, 0, 0, 0]]), mean_days(2.5).probabilities).tolist() == [[0, 0, 2, 2]]


def test_bad_delays_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'reporting delay' sum to 0\.9"):
        reporting_delay(torch.tensor([[1, 2]]), (0.4, 0.5))
    with pytest.raises(ValueError, match="a share must be >= 0"):
        reporting_delay(torch.tensor([[1, 2]]), (1.5, -0.5))
    with pytest.raises(ValueError, match="at least one day"):
        reporting_delay(torch.zeros(1, 0), (1.0,))
