"""Which worlds no other world beats in everything."""

import numpy as np
import numpy.typing as npt

__all__ = ["on_front", "share_on_front"]

Values = npt.NDArray[np.float64]


def on_front(costs: Values) -> npt.NDArray[np.bool_]:
    """Who is on the Pareto front: no other is as good in every cost and better in one.

    Args:
        costs: `[world, cost]`; less is better.

    >>> on_front(np.array([[1.0, 4.0], [2.0, 2.0], [3.0, 3.0]])).tolist()
    [True, True, False]
    """
    other, own = costs[:, None], costs[None]
    beaten: npt.NDArray[np.bool_] = np.any((other <= own).all(-1) & (other < own).any(-1), axis=0)
    return ~beaten


def share_on_front(costs: Values, resamples: int = 200, seed: int = 0) -> Values:
    """How sure the front of the mean costs is: the share of bootstrap resamples of the replicates with a world on it.

    Args:
        costs: `[world, replicate, cost]`; all worlds of a replicate are drawn together.
        resamples: How often the replicates are drawn anew.
        seed: Of the draws.
    """
    rng, replicates = np.random.default_rng(seed), costs.shape[1]
    drawn = (costs[:, rng.integers(replicates, size=replicates)].mean(1) for _ in range(resamples))
    shares: Values = np.stack([on_front(each) for each in drawn]).mean(0)
    return shares
