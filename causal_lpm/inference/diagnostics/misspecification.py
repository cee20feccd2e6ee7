"""Misspecification: do the data look like something the model can produce?"""

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, finite
from causal_lpm.inference.diagnostics.report import WARN_P, Gate, gate_of_test

__all__ = ["misspecification_gate", "mmd_to_cloud"]

_MOST_SIMULATIONS = 2000  # the kernel matrix is of their square; more change the p-value little


def mmd_to_cloud(observed: npt.ArrayLike, simulated: npt.ArrayLike) -> tuple[float, float]:
    """The maximum mean discrepancy of one feature vector to a cloud of simulated ones, and its p-value.

    Gaussian kernel, its width the median distance; each feature scaled by the interquartile range. The p-value is
    the share of vectors, the observed one included, that lie at least as far from all others: exact if the observed
    one is from the same distribution.

    Source: Schmitt, Buerkner, Koethe, Radev 2023, "Detecting model misspecification in amortized Bayesian inference"
    (arXiv:2112.08866); Gretton et al. 2012, JMLR 13:723-773.

    Args:
        observed: features of the data, `[f]`.
        simulated: the same features of n simulated data sets, `[n, f]`; of more than 2000, the first 2000 are used.

    Returns:
        The discrepancy, 0 to sqrt(2), and the p-value.

    Raises:
        ValueError: the shapes do not fit, or a value is not finite.

    Example:
        >>> cloud = np.random.default_rng(0).normal(size=(200, 3))
        >>> round(mmd_to_cloud([4.0, -4.0, 4.0], cloud)[1], 3)
        0.005
    """
    vector, cloud = _checked(observed, simulated)
    pooled = np.concatenate([cloud, vector[None]])
    low, high = np.quantile(pooled, [0.25, 0.75], axis=0)
    scale = np.where(high > low, high - low, pooled.std(0))
    pooled = pooled / np.where(scale > 0, scale, 1.0)
    pooled = pooled - pooled.mean(0)
    lengths = np.square(pooled).sum(1)
    squared = np.maximum(lengths[:, None] + lengths[None] - 2 * pooled @ pooled.T, 0.0)
    others = squared[np.triu_indices(len(pooled), 1)]
    width = np.median(others) or others.mean() or 1.0  # zero if most of the cloud is one point
    kernel = np.exp(-squared / (2 * width))
    nearness = kernel.sum(1) - 1.0  # without the vector itself
    n = len(cloud)
    mmd = np.sqrt(max(1.0 - 2 * nearness[-1] / n + kernel[:n, :n].mean(), 0.0))
    return float(mmd), float((nearness <= nearness[-1]).mean())


def misspecification_gate(observed: npt.ArrayLike, simulated: npt.ArrayLike) -> Gate:
    """Fails if the features of the data lie outside the cloud of simulated features.

    With features of the training simulations it asks whether prior and model can produce the data at all, which is
    where a neural posterior is trained. Takes and raises what `mmd_to_cloud` does.
    """
    mmd, p = mmd_to_cloud(observed, simulated)
    vector, cloud = _checked(observed, simulated)
    finding = f"The data are {'within' if p >= WARN_P else 'outside'} what the model simulates, MMD {mmd:.2f}"
    outside = int(((vector < cloud.min(0)) | (vector > cloud.max(0))).sum())
    if outside:
        finding += f", {outside} of {vector.size} features beyond every simulation"
    next_step = (
        "Plot the data over the prior predictive: widen the prior if it never comes near, else change the model or "
        "its reporting."
    )
    return gate_of_test("misspecification", p, finding, next_step, len(cloud))


def _checked(observed: npt.ArrayLike, simulated: npt.ArrayLike) -> tuple[Floats, Floats]:
    vector = finite("observed", observed, 1, "[features]")
    cloud = finite("simulated", simulated, 2, "[simulations, features]")[:_MOST_SIMULATIONS]
    if cloud.shape[1] != vector.size:
        raise ValueError(f"{vector.size} observed features and {cloud.shape[1]} simulated: give the same features.")
    return vector, cloud
