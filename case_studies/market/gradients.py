"""Derivatives of both markets by each estimator, held against finite differences with common random numbers."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pyro
import pyro.distributions as dist
import torch

from case_studies.market.brock_hommes import market as chaotic
from case_studies.market.cont import calm_market
from causal_lpm import MeanField, Rollout, Score, StraightThrough, Truncated
from causal_lpm.inference import check_gradient

__all__ = ["WIDTHS", "WINDOWS", "brock_hommes", "cont"]

WIDTHS = (5.0, 1.0, 0.2, 0.05)
"""Slopes of a threshold, in standard deviations of the news."""
WINDOWS = (10, 5, 2, 1)
"""Days of a truncated gradient."""


def cont(replicates: int, seed: int) -> list[dict[str, Any]]:
    """The derivative of E[sum of squared returns, 20 days] by log news, 500 agents, by the width of the slope.

    Args:
        replicates: Pairs of finite differences, and replicates of `StraightThrough`; `MeanField` has a tenth.
        seed: Of the noise.
    """
    rows = []
    for width in WIDTHS:

        def calm(width: float = width) -> Rollout:
            loudness = pyro.sample("log_news", dist.Normal(torch.tensor(0.0), 1.0))
            return calm_market(20, 500, width, torch.atleast_1d(loudness).exp())

        # The news stay random under MeanField, which is run two replicates at a time: it is the slow one.
        for estimator, share in ((StraightThrough(), 1), (MeanField(), 10)):
            found = check_gradient(
                calm,
                lambda tallies: (100 * tallies["returns"]) ** 2,
                at={"log_news": 0.0},
                estimators=(estimator,),
                replicates=max(replicates // share, 2),
                pairs=replicates,
                step={"log_news": 0.1},
                seed=seed,
            )
            rows += [{"width": width, **asdict(row)} for row in found]
    return rows


def brock_hommes(horizons: Sequence[int], replicates: int, seed: int) -> list[dict[str, Any]]:
    """The derivative of E[sum of squared prices] by g of the second predictor, by days, estimator and window.

    Args:
        horizons: Days.
        replicates: Pairs of finite differences, and replicates of each estimator.
        seed: Of the noise.
    """
    rows = []
    for days in horizons:

        def trending(days: int = days) -> Rollout:
            trend = pyro.sample("trend", dist.Normal(torch.tensor(1.0), 1.0))
            return chaotic(torch.atleast_1d(trend), days=days)

        found = check_gradient(
            trending,
            lambda tallies: tallies["price"] ** 2,
            at={"trend": 0.9},
            estimators=(
                Score(),
                StraightThrough(),
                MeanField(),
                *((StraightThrough(), Truncated(window)) for window in WINDOWS if window < days),
            ),
            replicates=replicates,
            step={"trend": 0.02},
            seed=seed,
        )
        rows += [{"days": days, **asdict(row)} for row in found]
    return rows
