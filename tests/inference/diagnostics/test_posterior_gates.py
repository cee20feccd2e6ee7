"""SBC, coverage and TARP: what each measures. Power and false alarms are in test_gates.py."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.diagnostics import POSTERIORS, gates_of_posterior
from causal_lpm.inference import (
    coverage_curve,
    expected_coverage_gate,
    highest_density_levels,
    interval_coverage,
    interval_coverage_gate,
    sbc_gate,
    sbc_ranks,
    tarp_levels,
)

seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(1, 20))
def test_ranks_do_not_change_with_monotone_transforms(seed: int, draws: int) -> None:
    rng = np.random.default_rng(seed)
    sample, truth = rng.normal(size=(draws, 7, 2)), rng.normal(size=(7, 2))
    ranks = sbc_ranks(sample, truth)
    assert (ranks == sbc_ranks(np.exp(sample), np.exp(truth))).all()
    assert (ranks == draws - sbc_ranks(-sample, -truth)).all()


def test_ties_are_broken_uniformly() -> None:
    """A parameter of two values; chi-squared with 10 degrees of freedom exceeds 35 in 0.01% of seeds."""
    rng = np.random.default_rng(0)
    sample, truth = rng.integers(0, 2, (10, 5000, 1)), rng.integers(0, 2, (5000, 1))
    counts = np.bincount(sbc_ranks(sample, truth).ravel(), minlength=11)
    expected = 5000 / 11
    assert (np.square(counts - expected) / expected).sum() < 35


@pytest.mark.parametrize(
    ("fault", "word"),
    [("too narrow, 0.7", "too narrow"), ("too wide, 1.5", "too wide"), ("shifted by 0.5 sd", "too high")],
)
def test_the_sentence_names_the_fault(fault: str, word: str) -> None:
    sbc = gates_of_posterior(POSTERIORS[fault], seed=0)[0]
    assert word in sbc.sentence
    assert sbc.next_step


@given(seeds)
def test_interval_coverage_is_nominal_for_every_rank_once(seed: int) -> None:
    draws = int(np.random.default_rng(seed).integers(3, 200))
    for level in (0.5, 0.9):
        covered, nominal = interval_coverage(np.arange(draws + 1)[:, None], draws, level)
        assert covered[0] == pytest.approx(nominal)
        assert abs(nominal - level) <= 1.001 / (draws + 1)


def test_interval_coverage_is_not_rejected_for_the_right_number_inside() -> None:
    ranks = np.r_[np.repeat([10, 90], 50), np.full(100, 50)][:, None]
    assert interval_coverage(ranks, 99, 0.5)[0] == 0.5
    gate = interval_coverage_gate(ranks, 99)
    assert gate.value < 1e-6, "half are inside the 50% interval, but all are inside that of 90%"
    assert "90% interval" in gate.sentence
    assert "too wide" in gate.next_step


def test_highest_density_levels_of_a_standard_normal() -> None:
    """The level of a truth at 1.96 is 0.95, up to 5 standard errors of 4000 draws."""
    draws = np.random.default_rng(0).normal(size=(4000, 1))
    level = highest_density_levels([-0.5 * 1.96**2], -0.5 * draws**2)
    assert level[0] == pytest.approx(0.95, abs=0.018)


def test_a_truth_that_the_posterior_excludes_is_in_its_last_region() -> None:
    level = highest_density_levels([-np.inf], np.zeros((99, 1)))
    assert level[0] >= 0.99


def test_coverage_curve_is_the_distribution_function() -> None:
    curve = coverage_curve(np.arange(1, 101) / 100, [0.0, 0.25, 1.0])
    assert curve.tolist() == [0.0, 0.25, 1.0]


@given(seeds)
def test_tarp_does_not_change_with_scale_and_origin(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sample, truth = rng.normal(size=(20, 9, 3)), rng.normal(size=(9, 3))
    levels = tarp_levels(sample, truth, seed)
    scale, origin = np.array([0.5, 2.0, 8.0]), np.array([4.0, 0.0, -1.0])
    assert np.allclose(levels, tarp_levels(sample * scale + origin, truth * scale + origin, seed))


def test_refusals() -> None:
    with pytest.raises(ValueError, match="draws have shape"):
        sbc_ranks(np.zeros((5, 4, 2)), np.zeros((5, 2)))
    with pytest.raises(ValueError, match="1 of 8 values that are NaN"):
        sbc_ranks(np.zeros((5, 4, 2)), [[np.nan, 0], [0, 0], [0, 0], [0, 0]])
    with pytest.raises(ValueError, match="2 names for 3 parameters"):
        sbc_gate(np.zeros((5, 3)), 9, names=["a", "b"])
    with pytest.raises(ValueError, match="level is 90"):
        interval_coverage(np.zeros((5, 3)), 9, 90)
    with pytest.raises(ValueError, match="of 3 simulations and log_q_truth of 4"):
        expected_coverage_gate(np.zeros(4), np.zeros((9, 3)))
