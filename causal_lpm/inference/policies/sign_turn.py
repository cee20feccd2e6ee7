"""Where a policy stops helping: the value at which what is averted changes sign."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.policies.statements import kind_of

__all__ = ["SignTurn", "sign_turn"]

Values = npt.NDArray[np.float64]


@dataclass(frozen=True)
class SignTurn:
    """Where the mean of what is averted crosses zero, with a 95% bootstrap interval over draws and replicates.

    Attributes:
        kind: "paired", "interventional" or "counterfactual", as of the effects.
        outcome: What is counted.
        value: The crossing, by linear interpolation; NaN if there is none.
        low: Lower end of the percentile bootstrap interval, from the bootstrap samples that cross.
        high: Its upper end.
        crossing_share: The share of bootstrap samples with a crossing; below 1 the interval is too narrow.
        runs: Draws times replicates.
    """

    kind: str
    outcome: str
    value: float
    low: float
    high: float
    crossing_share: float
    runs: int


def sign_turn(effects: xr.Dataset, points: Mapping[str, float], samples: int = 2000, seed: int = 0) -> SignTurn:
    """The value of a policy, such as an efficacy, at which the mean of what is averted changes sign.

    Whole runs (draw and replicate) are resampled, because the contrasts of a run share their noise. Where the mean
    crosses zero more than once, the crossing at the lowest value counts.

    Args:
        effects: Of `effects`, of one outcome.
        points: Other world of a contrast -> value of the policy in it; at least two.
        samples: Of the bootstrap.
        seed: Of the bootstrap.

    Raises:
        ValueError: fewer than two points.
    """
    if len(points) < 2:
        raise ValueError(f"a sign turn needs at least two contrasts at different values, not {len(points)}.")
    worlds = sorted(points, key=lambda world: points[world])
    x = np.array([points[world] for world in worlds])
    averted = effects["averted"].swap_dims(contrast="world").sel(world=worlds)
    y = averted.transpose("draw", "replicate", "world").values.reshape(-1, len(worlds))
    picks = np.random.default_rng(seed).integers(0, len(y), (samples, len(y)))
    crossings = np.array([_crossing(x, y[pick].mean(0)) for pick in picks])
    found = crossings[~np.isnan(crossings)]
    low, high = np.quantile(found, [0.025, 0.975]).tolist() if found.size else [float("nan")] * 2
    value, share = _crossing(x, y.mean(0)), found.size / samples
    return SignTurn(kind_of(effects), str(effects["outcome"].item()), value, low, high, share, len(y))


def _crossing(x: Values, y: Values) -> float:
    """The lowest x at which the line through (x, y), x ascending, changes sign; NaN if it never does."""
    turns = np.flatnonzero(y[:-1] * y[1:] < 0)
    candidates = [float(x[i]) for i in np.flatnonzero(y == 0)]
    candidates += [float(x[i] - y[i] * (x[i + 1] - x[i]) / (y[i + 1] - y[i])) for i in turns]
    return min(candidates, default=float("nan"))
