"""Stylised facts of Cont's market, and what a tax does to it, in paired worlds."""

import torch

from case_studies.market.cont import calm_market
from case_studies.market.question import WORLDS
from causal_lpm import KeyedNoise, comparing

__all__ = ["LAGS", "autocorrelation", "kurtosis", "measured"]

LAGS = (1, 10, 50)
BURN_IN = 500
"""Days until the first thresholds are forgotten."""


def kurtosis(x: torch.Tensor) -> torch.Tensor:
    """Of the last dimension; 3 of a normal distribution."""
    x = x - x.mean(-1, keepdim=True)
    return (x**4).mean(-1) / (x**2).mean(-1) ** 2


def autocorrelation(x: torch.Tensor, lag: int) -> torch.Tensor:
    """Over the last dimension, NaN where nothing varies."""
    x = x - x.mean(-1, keepdim=True)
    return (x[..., lag:] * x[..., :-lag]).mean(-1) / (x**2).mean(-1)


def measured(days: int, replicates: int, seed: int) -> dict[str, dict[str, list[float]]]:
    """World -> measure -> mean over replicates and its standard error.

    The variance of returns is the product of the share of days with a trade and the mean squared return of those, to
    the digit: which of the two a tax moves says how it acts. `log sd against free` is paired: news and luck are shared.

    Args:
        days: To simulate; the first 500 are left out.
        replicates: With luck of their own.
        seed: Of the first.

    Raises:
        ValueError: no days are left.
    """
    if days <= BURN_IN:
        raise ValueError(f"{days} days, of which the first {BURN_IN} are left out: give more.")
    luck = KeyedNoise(seed + torch.arange(replicates)[:, None])
    with torch.no_grad(), luck, comparing(WORLDS, replicates=replicates):
        run = calm_market(days)
    shape = (len(WORLDS), replicates, days)
    returns = run.tallies["returns"].double().reshape(shape)[..., BURN_IN:]
    traders = run.tallies["traders"].double().reshape(shape)[..., BURN_IN:] / 1500
    logs = returns.std(-1).log()
    return {
        world: {name: _mean(values) for name, values in _of(returns[at], traders[at]).items()}
        | {"log sd against free": _mean(logs[at] - logs[0]), "the same unpaired": _unpaired(logs[at], logs[0])}
        for at, world in enumerate(WORLDS)
    }


def _of(returns: torch.Tensor, traders: torch.Tensor) -> dict[str, torch.Tensor]:
    active = traders > 0
    days = active.double().sum(-1)
    return {
        "sd of returns": returns.std(-1),
        "kurtosis": kurtosis(returns),
        "autocorrelation of returns": autocorrelation(returns, 1),
        **{f"autocorrelation of sizes, lag {lag}": autocorrelation(returns.abs(), lag) for lag in LAGS},
        "days with a trade": active.double().mean(-1),
        "root mean square return of those": ((returns**2).sum(-1) / days).sqrt(),
        "agents who trade, of those days": (traders * active).sum(-1) / days,
        "trades per agent and day": traders.mean(-1),
    }


def _mean(values: torch.Tensor) -> list[float]:
    return [float(values.mean()), float(values.std() / len(values) ** 0.5)]


def _unpaired(here: torch.Tensor, there: torch.Tensor) -> list[float]:
    """The difference of two means whose replicates have luck of their own: the same mean, another error."""
    return [float(here.mean() - there.mean()), float((here.var() + there.var()).sqrt() / len(here) ** 0.5)]
