"""How far point forecasts are from what came."""

from typing import NamedTuple

import torch

__all__ = ["Scores", "scores"]


class Scores(NamedTuple):
    """Errors over all forecasts.

    Attributes:
        nd: Normal deviation, the sum of absolute errors by the sum of what came; 0 is perfect, and the forecast of no
            deaths at all has 1.
        rmse: Root mean squared error, deaths a county and week.
        mae: Mean absolute error, deaths a county and week.
    """

    nd: float
    rmse: float
    mae: float


def scores(forecast: torch.Tensor, came: torch.Tensor) -> Scores:
    """Scores of forecasts against what came, tensors of one shape.

    Raises:
        ValueError: different shapes, or nothing came at all.

    >>> scores(torch.tensor([2.0, 4.0]), torch.tensor([1.0, 3.0]))
    Scores(nd=0.5, rmse=1.0, mae=1.0)
    """
    if forecast.shape != came.shape:
        raise ValueError(f"forecasts {tuple(forecast.shape)} and what came {tuple(came.shape)} differ in shape.")
    if not bool(came.sum() > 0):
        raise ValueError("the normal deviation is not defined: nothing came; take more weeks or counties together.")
    error = (forecast - came).double()
    return Scores(
        float(error.abs().sum() / came.double().sum()),
        float(error.square().mean().sqrt()),
        float(error.abs().mean()),
    )
