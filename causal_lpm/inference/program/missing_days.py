"""Data given to the sites of a program, with days that are missing."""

from collections.abc import Mapping
from typing import Any

import torch
from pyro.poutine.messenger import Messenger

from causal_lpm.inference.program.scoring import by_day
from causal_lpm.inference.program.series import Series

__all__ = ["GivenData"]


class GivenData(Messenger):
    """Gives data to their sites; missing numbers neither count nor pass a gradient.

    Args:
        data: Site -> its numbers.

    Raises:
        ValueError: numbers are missing inside of a joint distribution.
    """

    def __init__(self, data: Mapping[str, Series]) -> None:
        super().__init__()
        self.data = data

    def _pyro_sample(self, msg: Any) -> None:
        series = self.data.get(msg["name"])
        if series is None:
            return
        msg["is_observed"] = True
        msg["value"] = torch.where(series.present, series.values, series.values[series.present][0])
        if not bool(series.present.all()):
            fn, summed = by_day(msg["name"], msg["fn"])
            msg["fn"] = fn.mask(series.present).to_event(summed)
