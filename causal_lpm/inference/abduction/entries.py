"""Log densities of data entry by entry: which number of which site, for many rows of a program side by side."""

from collections.abc import Mapping
from typing import Any

import pyro
import torch
from pyro.poutine.messenger import Messenger
from torch.distributions import Independent

from causal_lpm.inference.program.scoring import by_day, valid_density
from causal_lpm.inference.program.series import Series

__all__ = ["Entries", "place"]


class Entries(Messenger):
    """Answers data sites with their data, and keeps the log density of each number that is there.

    Args:
        data: Site -> its data.
        distances: Whether the distances of the data from what is expected are asked for, too.

    Attributes:
        log_prob: Site -> `[rows or 1, *shape of the data]`; 0 where a number is missing, -infinity where it, or the
            distribution, is impossible. A distribution that is joint over groups or days has one number for all of
            them, which stands at the last of its entries.

        distance: Site -> how many standard deviations each number is away from its mean, of the same shape; 0 where it
            is missing, and NaN where a distribution has no variance, or is joint.

    Raises:
        ValueError: data are missing inside of a joint distribution.
    """

    def __init__(self, data: Mapping[str, Series], distances: bool = False) -> None:
        super().__init__()
        self._data, self._distances = data, distances
        self.log_prob: dict[str, torch.Tensor] = {}
        self.distance: dict[str, torch.Tensor] = {}

    def __enter__(self) -> Any:
        self.log_prob, self.distance = {}, {}
        # Where one row is impossible, the others go on.
        self._unchecked = pyro.settings.context(validate_distributions_torch=False, validate_distributions_pyro=False)
        self._unchecked.__enter__()
        return super().__enter__()

    def __exit__(self, *error: Any) -> Any:
        self._unchecked.__exit__(*error)
        return super().__exit__(*error)

    def _pyro_sample(self, msg: Any) -> None:
        series = self._data.get(msg["name"])
        if series is None:
            return
        fn, shape = msg["fn"], series.values.shape
        whole = torch.broadcast_shapes(tuple(fn.shape()), tuple(shape))
        known = torch.nan_to_num(series.values)
        value = known.expand(whole)
        self.log_prob[msg["name"]] = _each(msg["name"], fn, value, series.present)
        if self._distances:
            self.distance[msg["name"]] = _distance(fn, value, series.present)
        msg["value"], msg["done"] = value, True
        msg["infer"]["_do_not_trace"] = True


def place(there: torch.Tensor) -> str:
    """Where the first True of a data site stands, for a message: bool `[*batch, days]`.

    >>> place(torch.tensor([[False, False], [False, True]]))
    ' on day 1, group 1'
    """
    at = there.nonzero()[0].tolist()
    group = f", group {at[-2]}" if len(at) > 1 and there.shape[-2] > 1 else ""
    return f" on day {at[-1]}{group}" if at else ""


def _each(name: str, fn: Any, value: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """`[*rows, *shape]`."""
    inner = fn
    while isinstance(inner, Independent):
        inner = inner.base_dist
    joint = len(inner.event_shape)
    if not joint:
        inner, _ = by_day(name, fn)
    elif not bool(present.all()):
        by_day(name, fn)  # says that they are missing
    # A number of another day will do in the place of a missing one: it is left out.
    filled = value if joint else torch.where(present, value, value[..., present][..., :1].reshape(-1)[0])
    found = valid_density(inner, filled).nan_to_num(nan=-torch.inf, neginf=-torch.inf)
    if joint:
        shape = value.shape[value.dim() - present.dim() :]
        spread = torch.zeros(*found.shape[: found.dim() - present.dim() + joint], *shape, dtype=found.dtype)
        last: Any = (..., *[-1] * joint)
        spread[last] = found
        return spread
    return torch.where(present, found, torch.zeros_like(found))


def _distance(fn: Any, value: torch.Tensor, present: torch.Tensor) -> torch.Tensor:
    """`[*rows, *shape]`."""
    while isinstance(fn, Independent):
        fn = fn.base_dist
    try:
        mean, deviation = fn.mean, fn.variance.sqrt()
    except (NotImplementedError, AttributeError):
        return torch.full_like(value, torch.nan)
    if fn.event_shape:
        return torch.full_like(value, torch.nan)
    return torch.where(present, (value - mean).abs() / deviation, torch.zeros_like(value))
