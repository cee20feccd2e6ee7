"""Reports that stand at the quantile of their datum: monotone, exact where nothing differs, and of the right law."""

from typing import Any

import pyro.distributions as dist
import pytest
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.agents.observation import negative_binomial
from causal_lpm.inference.abduction.quantiles import at_quantiles, base_of

counts = st.integers(0, 2_999)  # one more is the most that a binomial here may have
means = st.floats(0.001, 2_000.0)
places = st.floats(0.0, 1.0)


def _poisson(mean: torch.Tensor) -> dist.Poisson:
    return dist.Poisson(mean)


def _binomial(mean: torch.Tensor) -> dist.Binomial:
    return dist.Binomial(3_000, probs=mean / 4_000)


def _normal(mean: torch.Tensor) -> dist.Normal:
    return dist.Normal(mean, 1.0 + torch.zeros_like(mean))


def _log_normal(mean: torch.Tensor) -> dist.LogNormal:
    return dist.LogNormal(mean.log(), 0.5)


def _student(mean: torch.Tensor) -> dist.StudentT:
    return dist.StudentT(4.0, mean, 2.0)


FAMILIES = [_poisson, negative_binomial, _binomial, _normal, _log_normal, _student]
DISCRETE = FAMILIES[:3]


def _moved(family: Any, fact: float, others: list[float], datum: float, place: float) -> list[float]:
    fn, _ = base_of("x", family(torch.tensor([fact, *others], dtype=torch.float64)))
    found = at_quantiles(fn, lambda value: value[:1], torch.tensor([datum]), torch.tensor(place, dtype=torch.float64))
    assert not bool(found.isnan().any())
    return found.tolist()


@pytest.mark.parametrize("family", FAMILIES)
@given(fact=means, other=means, datum=counts, place=places)
@settings(max_examples=60, deadline=None)
def test_higher_means_never_give_fewer_reports(
    family: Any, fact: float, other: float, datum: int, place: float
) -> None:
    same, one, two = _moved(family, fact, sorted([other, fact + other]), datum + 1.0, place)
    assert same == datum + 1.0
    assert one <= two
    assert two >= datum + 1.0
    if other <= fact:
        assert one <= datum + 1.0


LAWS = {
    _poisson: scipy.stats.poisson,
    _binomial: lambda mean: scipy.stats.binom(3_000, mean / 4_000),
    negative_binomial: lambda mean: scipy.stats.nbinom(10.0, 10.0 / (10.0 + mean)),
    _normal: lambda mean: scipy.stats.norm(mean, 1.0),
    _log_normal: lambda mean: scipy.stats.lognorm(0.5, scale=mean),
    _student: lambda mean: scipy.stats.t(4.0, mean, 2.0),
}


@pytest.mark.parametrize("family", FAMILIES)
@given(fact=means, other=means, place=st.floats(1e-6, 1 - 1e-6))
@settings(max_examples=60, deadline=None)
def test_what_is_missing_stands_at_one_quantile_in_all_worlds(
    family: Any, fact: float, other: float, place: float
) -> None:
    for mean, value in zip([fact, other], _moved(family, fact, [other], float("nan"), place), strict=True):
        law = LAWS[family](mean)
        assert law.cdf(value) >= place * (1 - 1e-7)
        if family in DISCRETE:
            assert law.sf(value - 1) >= (1 - place) * (1 - 1e-7)
        else:
            assert law.sf(value) >= (1 - place) * (1 - 1e-7)


@pytest.mark.parametrize("family", DISCRETE)
def test_reports_of_the_other_world_have_its_law(family: Any) -> None:
    """Data of the factual world, 20,000: a chi-squared test, p below 1e-4 by chance; the seed is fixed."""
    pyro_fn = family(torch.tensor([[7.0], [11.0]], dtype=torch.float64))
    with torch.random.fork_rng():
        torch.manual_seed(1)
        data = family(torch.full((20_000,), 7.0, dtype=torch.float64)).sample().double()
        places = torch.rand(20_000, dtype=torch.float64)
    found = at_quantiles(pyro_fn.expand((2, 20_000)), lambda value: value[:1], data, places)[1]
    low, high = 3, 20  # what is beyond counts as these
    chances = pyro_fn.expand((2, 1)).log_prob(torch.arange(200, dtype=torch.float64)).exp()[1]
    expected = torch.zeros(high + 1).double().index_add(0, torch.arange(200).clamp(low, high), chances)[low:].numpy()
    seen = torch.bincount(found.clamp(low, high).long(), minlength=high + 1)[low:].numpy()
    expected *= len(found) / expected.sum()  # of a probability below 1e-9 beyond 200
    assert expected.min() > 5
    assert scipy.stats.chisquare(seen, expected).pvalue > 1e-4


def test_a_datum_far_from_its_mean_keeps_its_place() -> None:
    """At 30 standard deviations of a Poisson, a world of nearly the same mean has nearly the same number."""
    for datum in (500.0, 13_500.0):
        below, above = _moved(_poisson, 10_000.0, [9_999.0, 10_001.0], datum, 0.5)[1:]
        assert datum - 3 <= below <= datum <= above <= datum + 3


def test_impossible_data_do_not_run_for_ever() -> None:
    assert _moved(_poisson, 0.0, [5.0], 3.0, 0.5)[0] == 3.0
    assert _moved(_binomial, 10.0, [20.0], 3_001.0, 0.5)[1] >= 0.0


def test_bernoulli_changes_with_its_probability_alone() -> None:
    fn = dist.Bernoulli(torch.tensor([[0.2], [0.6], [0.1]]))
    found = at_quantiles(fn, lambda value: value[:1], torch.tensor([1.0]), torch.tensor([0.9]))
    assert found[:, 0].tolist() == [1.0, 1.0, 1.0]
    found = at_quantiles(fn, lambda value: value[:1], torch.tensor([0.0]), torch.tensor([0.9]))
    assert found[:, 0].tolist() == [0.0, 1.0, 0.0]


def test_tails_of_other_degrees_of_freedom() -> None:
    fn = dist.StudentT(torch.tensor([[3.0], [30.0]]), 0.0, 1.0)
    found = at_quantiles(fn, lambda value: value[:1], torch.tensor([[-4.0, 0.0, 4.0]]), torch.tensor(0.5))
    expected = scipy.stats.t(30).ppf(scipy.stats.t(3).cdf([-4.0, 0.0, 4.0]))
    assert found[1].numpy() == pytest.approx(expected, abs=1e-9)


def test_other_distributions_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="site 'cases' would stand in another world is not known of a Gamma: leave"):
        base_of("cases", dist.Gamma(torch.ones(3), 1.0).to_event(1))
