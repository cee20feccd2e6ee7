import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference import misspecification_gate, mmd_to_cloud


def test_p_is_exact_for_data_of_the_model() -> None:
    """600 data sets of a skewed model; p below 0.05 in 30 expected, more than 53 in 0.004% of seeds."""
    rng = np.random.default_rng(0)
    p = np.array([mmd_to_cloud(rows[0], rows[1:])[1] for rows in np.exp(rng.normal(size=(600, 121, 4)))])
    assert (p < 0.05).sum() <= 53
    assert abs(p.mean() - 0.5) < 0.05  # 4.2 standard errors


@given(st.integers(0, 2**32 - 1))
def test_units_and_order_of_features_do_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    cloud, data = rng.normal(size=(40, 3)), rng.normal(size=3)
    scale = np.array([2.0, 1024.0, 0.125])
    mmd, p = mmd_to_cloud(data, cloud)
    changed = mmd_to_cloud((data * scale)[::-1], (cloud * scale)[:, ::-1])
    assert changed == pytest.approx((mmd, p), abs=1e-6)


def test_far_data_fail_whatever_their_distance() -> None:
    cloud = np.random.default_rng(0).normal(size=(300, 5))
    for distance in (4.0, 100.0, 1e8):
        gate = misspecification_gate(np.full(5, distance), cloud)
        assert gate.verdict == "fail"
        assert "5 of 5 features beyond" in gate.sentence


def test_data_between_two_clusters_fail() -> None:
    """Nothing is outside the range of any feature here; only the density shows it."""
    rng = np.random.default_rng(0)
    cloud = 0.2 * rng.normal(size=(300, 4)) + rng.choice([-3.0, 3.0], (300, 1))
    assert misspecification_gate([3.0, 3.0, -3.0, -3.0], cloud).verdict == "fail"
    assert misspecification_gate([3.0, 3.0, 3.0, 3.0], cloud).verdict == "pass"


def test_a_feature_that_never_varies() -> None:
    cloud = np.c_[np.random.default_rng(0).normal(size=300), np.ones(300)]
    assert misspecification_gate([0.0, 1.0], cloud).verdict == "pass"
    assert misspecification_gate([0.0, 2.0], cloud).verdict == "fail"


def test_few_simulations_warn_and_wrong_shapes_are_refused() -> None:
    assert misspecification_gate(np.zeros(2), np.random.default_rng(0).normal(size=(100, 2))).verdict == "warn"
    with pytest.raises(ValueError, match="2 observed features and 3 simulated"):
        mmd_to_cloud(np.zeros(2), np.zeros((10, 3)))
    with pytest.raises(ValueError, match="NaN or infinite"):
        mmd_to_cloud([np.nan], np.zeros((10, 1)))
