"""Identifiability, prior sensitivity, ensemble disagreement, k-hat and R-hat."""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference import (
    contraction,
    disagreement,
    disagreement_gate,
    disagreements,
    identifiability_gate,
    khat_gate,
    pareto_smooth,
    prior_sensitivity,
    prior_sensitivity_gate,
    rhat_gate,
    split_rhat,
    strongest_correlation,
)

RNG = np.random.default_rng
seeds = st.integers(0, 2**32 - 1)


@given(seeds)
def test_contraction_and_correlation_do_not_change_with_units(seed: int) -> None:
    rng = RNG(seed)
    posterior, prior = rng.normal(size=(30, 3)), 2 * rng.normal(size=(50, 3))
    scale = np.array([2.0, 0.25, 16.0])
    assert np.allclose(contraction(posterior, prior), contraction(posterior * scale + 1, prior * scale - 5))
    assert strongest_correlation(posterior * scale)[2] == pytest.approx(strongest_correlation(posterior)[2])


def test_identifiability_warns_of_the_prior_and_of_a_ridge() -> None:
    rng = RNG(0)
    prior = rng.normal(size=(2000, 3))
    tight = 0.3 * rng.normal(size=(2000, 3))
    assert identifiability_gate(tight, prior).verdict == "pass"
    weak = identifiability_gate(tight * [1, 1, 1 / 0.3], prior, ["a", "b", "c"])
    assert weak.verdict == "warn"
    assert "What is reported of c is the prior" in weak.next_step
    tight[:, 1] = tight[:, 0] + 0.01 * rng.normal(size=2000)
    ridge = identifiability_gate(tight, prior, ["a", "b", "c"])
    assert ridge.verdict == "warn"
    assert "Report a and b together" in ridge.next_step
    wider = identifiability_gate(tight * [1, 1, 1.1 / 0.3], prior, ["a", "b", "c"])
    assert "least: wider than the prior, its variance rises by" in wider.sentence
    assert "-" not in wider.sentence.partition("%")[0]
    assert identifiability_gate(tight[:, :1], prior[:, :1]).verdict == "pass"


def conjugate(prior_sd: float, prior_mean: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """4000 exact posterior draws of a mean, one datum at 0 with sd 1; and their log prior."""
    variance = 1 / (1 + 1 / prior_sd**2)
    draws = variance * prior_mean / prior_sd**2 + np.sqrt(variance) * RNG(seed).normal(size=(4000, 1))
    return draws, -0.5 * np.square((draws[:, 0] - prior_mean) / prior_sd)


def prior_draws(prior_sd: float, prior_mean: float) -> np.ndarray:
    return prior_mean + prior_sd * RNG(9).normal(size=(2000, 1))


def test_a_flat_prior_does_not_move_the_posterior_and_a_conflicting_one_does() -> None:
    assert prior_sensitivity_gate(*conjugate(20.0, 0.0), prior_draws(20.0, 0.0)).verdict == "pass"
    # In a right world an informative prior moves the posterior as well, which is no news.
    assert prior_sensitivity_gate(*conjugate(1.0, 1.0), prior_draws(1.0, 1.0)).verdict == "pass"
    gate = prior_sensitivity_gate(*conjugate(1.0, 5.0), prior_draws(1.0, 5.0), names=["beta"])
    assert gate.verdict == "warn"
    assert "where the prior of beta expects none" in gate.sentence
    assert "the prior of beta" in gate.next_step
    values = [prior_sensitivity(*conjugate(sd, 3.0))[0][0] for sd in (20.0, 5.0, 2.0, 1.0)]
    assert values == sorted(values)


def tight_uniform(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three parameters with uniform priors, nearly known, as logits; their log prior; draws of the prior."""
    seen = rng.random(3) + 0.02 * rng.normal(size=3)
    wide = seen + 0.02 * rng.normal(size=(40_000, 3))
    share = np.stack([column[(column > 0) & (column < 1)][:400] for column in wide.T], 1)
    prior = rng.random((2000, 3))
    return np.log(share / (1 - share)), np.log(share * (1 - share)).sum(1), np.log(prior / (1 - prior))


def exact_normal(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three standard normal parameters, data of half of their standard deviation, exact posterior draws."""
    mean = 0.8 * (rng.normal(size=3) + 0.5 * rng.normal(size=3))
    draws = mean + np.sqrt(0.2) * rng.normal(size=(400, 3))
    return draws, -np.square(draws).sum(1) / 2, rng.normal(size=(2000, 3))


@pytest.mark.parametrize("world", [exact_normal, tight_uniform])
def test_prior_sensitivity_rarely_warns_in_right_worlds(world: Callable[[np.random.Generator], Any]) -> None:
    """200 worlds; at most 1% expected, more than 8 in 0.1% of seeds."""
    rng = RNG(5)
    verdicts = [prior_sensitivity_gate(*world(rng)).verdict for _ in range(200)]
    assert verdicts.count("warn") <= 8


def test_the_weighted_draws_are_those_of_the_scaled_prior() -> None:
    """What power-scaling claims: reweighting gives the mean of the posterior under the prior to the power 1.25."""
    draws, log_prior = conjugate(1.0, 3.0)
    weights = np.exp(pareto_smooth(0.25 * log_prior)[0])
    exact = 1.25 * 3.0 / (1 + 1.25)  # precision of the prior times 1.25
    assert (weights * draws[:, 0]).sum() == pytest.approx(exact, abs=0.05)  # 4 standard errors of about 0.0125


@given(seeds)
def test_prior_sensitivity_does_not_change_with_mirror_or_units(seed: int) -> None:
    rng = RNG(seed)
    draws, log_prior = rng.normal(size=(60, 2)), rng.normal(size=60)
    sensitivity = prior_sensitivity(draws, log_prior)[0]
    assert np.allclose(sensitivity, prior_sensitivity(-8 * draws, log_prior)[0])
    assert ((sensitivity >= 0) & (sensitivity <= 1 / np.log2(1.25))).all()


def test_an_equal_prior_density_moves_nothing() -> None:
    assert prior_sensitivity(RNG(0).normal(size=(100, 2)), np.zeros(100))[0].max() < 1e-6


@pytest.mark.parametrize(
    ("shift", "factor", "verdict"), [(0, 1, "pass"), (0.8, 1, "warn"), (3, 1, "fail"), (0, 2, "warn"), (0, 4, "fail")]
)
def test_disagreement(shift: float, factor: float, verdict: str) -> None:
    draws = RNG(0).normal(size=(4, 1000, 2))
    draws[0, :, 1] = draws[0, :, 1] * factor + shift
    elsewhere = disagreements(RNG(1).normal(size=(4, 1000, 200, 2)))
    gate = disagreement_gate(draws, ["beta", "rho"], elsewhere)
    assert gate.verdict == verdict
    # Where members differ as much everywhere, it is no news; nor is it known without simulated data sets.
    assert disagreement_gate(draws, elsewhere=np.full(200, 0.9)).verdict == verdict.replace("warn", "pass")
    assert disagreement_gate(draws, elsewhere=elsewhere[:50]).verdict == verdict.replace("warn", "pass")
    if verdict != "pass":
        assert "rho" in gate.sentence


def test_disagreement_of_equal_members_is_none() -> None:
    spread, ratio = disagreement(np.repeat(RNG(0).normal(size=(1, 50, 3)), 4, axis=0))
    assert spread.max() < 1e-12
    assert ratio.tolist() == [1, 1, 1]


@pytest.mark.parametrize("k", [0.2, 0.5, 0.9])
def test_khat_finds_the_shape_of_a_pareto(k: float) -> None:
    """Mean of 40 fits of 300 tail values each (draws 10,000): standard error below 0.02."""
    rng = RNG(0)
    found = [pareto_smooth(-k * np.log(rng.random(10_000)))[1] for _ in range(40)]
    assert np.mean(found) == pytest.approx(k, abs=0.08)


def test_pareto_smoothing_agrees_with_arviz() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ArviZ announces its next version once a day
        az = pytest.importorskip("arviz")
        for scale in (0.5, 2.0):
            logs = scale * RNG(1).normal(size=2000)
            theirs, k = az.psislw(logs)
            ours, khat = pareto_smooth(logs)
            assert khat == pytest.approx(float(k), abs=0.01)
            assert np.allclose(ours, theirs, atol=0.02)
        chains = RNG(2).normal(size=(4, 500)) + np.array([0.0, 0.0, 0.0, 0.2])[:, None]
        assert split_rhat(chains[..., None])[0] == pytest.approx(float(az.rhat(chains)), abs=1e-3)


@given(seeds, st.integers(1, 300))
def test_smoothed_weights_sum_to_one_and_keep_their_order(seed: int, count: int) -> None:
    logs = 3 * RNG(seed).normal(size=count)
    smooth, _ = pareto_smooth(logs)
    assert np.exp(smooth).sum() == pytest.approx(1)
    assert (np.diff(smooth[np.argsort(logs)]) >= -1e-9).all()


def test_khat_gate() -> None:
    normal = RNG(0).normal(size=4000)
    assert khat_gate(0.3 * normal).verdict == "pass"
    assert khat_gate(5 * normal).verdict == "fail"
    assert khat_gate(normal[:20]).verdict == "fail", "too few to tell"
    assert khat_gate(np.zeros(100)).verdict == "pass", "equal weights are the best there are"


def test_weights_of_zero_are_weights() -> None:
    logs = 0.3 * RNG(0).normal(size=1000)
    logs[::2] = -np.inf
    smooth, k = pareto_smooth(logs)
    assert np.exp(smooth[::2]).tolist() == [0.0] * 500
    assert k < 0.5
    assert "of 1000 draws" in khat_gate(logs).sentence
    with pytest.raises(ValueError, match="never met the posterior"):
        pareto_smooth(np.full(100, -np.inf))


def test_rhat_gate() -> None:
    chains = RNG(0).normal(size=(4, 1000, 2))
    assert rhat_gate(chains).verdict == "pass"
    for fault in (chains + np.arange(4)[:, None, None], chains * np.array([1, 1, 1, 5])[:, None, None]):
        assert rhat_gate(fault, ["a", "b"]).verdict == "fail"
    drift = chains[:1] + np.linspace(0, 3, 1000)[None, :, None]
    assert rhat_gate(drift).verdict == "fail", "one chain against its own second half"


def test_chains_that_stand_still() -> None:
    assert split_rhat(np.ones((2, 10, 1))).tolist() == [1.0]
    assert rhat_gate(np.arange(2.0)[:, None, None] * np.ones((2, 10, 1))).verdict == "fail"


def test_refusals() -> None:
    with pytest.raises(ValueError, match="all the same: there is nothing to learn"):
        contraction(np.eye(3), np.ones((5, 3)))
    with pytest.raises(ValueError, match="3 posterior parameters and 2 prior"):
        contraction(np.eye(3), np.ones((5, 2)))
    with pytest.raises(ValueError, match="holds 1 draw"):
        contraction([[1.0]], [[1.0], [2.0]])
    with pytest.raises(ValueError, match="3 draws and 2 log prior"):
        prior_sensitivity(np.eye(3), np.zeros(2))
    with pytest.raises(ValueError, match="at least 2 members"):
        disagreement(np.zeros((1, 10, 2)))
    collapsed = disagreement_gate(np.zeros((2, 10, 2)), ["a", "b"])
    assert (collapsed.verdict, "training has collapsed" in collapsed.sentence) == ("fail", True)
    with pytest.raises(ValueError, match="needs at least 4"):
        split_rhat(np.zeros((2, 3, 1)))


def test_weights_that_are_far_too_heavy_are_said_to_be() -> None:
    """Their largest quantiles overflow, which is no error: k says what there is to say."""
    weights, k = pareto_smooth(-1e4 * np.random.default_rng(0).gamma(1.0, size=(2, 400))[1])
    assert k > 10
    assert bool(np.isfinite(weights).all())
