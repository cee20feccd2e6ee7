"""Log densities of data entry by entry: which number of which site, for many rows of a program side by side."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pyro
import torch
from pyro.poutine.messenger import Messenger
from torch.distributions import Distribution, Independent, Transform

from causal_lpm.inference.program.scoring import by_day, valid_density
from causal_lpm.inference.program.series import Series

__all__ = ["Entries", "place", "right_of_rows", "same_entries"]


class Entries(Messenger):
    """Answers data sites with their data, and keeps the log density of each number that is there.

    Args:
        data: Site -> its data.
        distances: Whether the distances of the data from what is expected are asked for, too.
        arguments: Whether the arguments of the distributions are kept.

    Attributes:
        log_prob: Site -> `[rows or 1, *shape of the data]`; 0 where a number is missing, -infinity where it, or the
            distribution, is impossible. A distribution that is joint over groups or days has one number for all of
            them, which stands at the last of its entries.

        distance: Site -> how many standard deviations each number is away from its mean, of the same shape; 0 where it
            is missing, and NaN where a distribution has no variance, or is joint.
        arguments: Site -> name -> the tensors of its distribution,

    Raises:
        ValueError: data are missing inside of a joint distribution.
    """

    def __init__(self, data: Mapping[str, Series], distances: bool = False, arguments: bool = False) -> None:
        super().__init__()
        self._data, self._distances, self._arguments = data, distances, arguments
        self.log_prob: dict[str, torch.Tensor] = {}
        self.distance: dict[str, torch.Tensor] = {}
        self.arguments: dict[str, dict[str, torch.Tensor]] = {}

    def __enter__(self) -> Any:
        self.log_prob, self.distance, self.arguments = {}, {}, {}
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
        if self._arguments:
            self.arguments[msg["name"]] = _arguments(fn)
        self.log_prob[msg["name"]] = _each(msg["name"], fn, value, series.present)
        if self._distances:
            self.distance[msg["name"]] = _distance(fn, value, series.present)
        msg["value"], msg["done"] = value, True
        msg["infer"]["_do_not_trace"] = True


def right_of_rows(series: Series) -> Series:
    """The same data without leading dimensions of one, which would stand in the place of the rows: `[groups, days]`."""
    shape = series.values.shape
    while len(shape) > 2 and shape[0] == 1:
        shape = shape[1:]
    return replace(series, values=series.values.reshape(shape), present=series.present.reshape(shape))


def place(there: torch.Tensor) -> str:
    """Where the first True of a data site stands, for a message: bool `[*batch, days]`.

    >>> place(torch.tensor([[False, False], [False, True]]))
    ' on day 1, group 1'
    """
    at = there.nonzero()[0].tolist()
    group = f", group {at[-2]}" if len(at) > 1 and there.shape[-2] > 1 else ""
    return f" on day {at[-1]}{group}" if at else ""


def same_entries(one: Entries, other: Entries, name: str, shape: torch.Size) -> torch.Tensor:
    """Which entries of a site have the same distribution in two runs, in all rows: bool `[*shape]`.

    The arguments are compared, too: a number that is impossible under both has one density, whatever they are.
    """
    same = _over_rows(one.log_prob[name] == other.log_prob[name], shape)
    mine, its = one.arguments[name], other.arguments[name]
    for key in mine.keys() & its.keys():
        alike = mine[key] == its[key] if mine[key].shape == its[key].shape else torch.zeros((), dtype=torch.bool)
        same = same & _over_rows(alike, shape)
    return same


def _over_rows(alike: torch.Tensor, shape: torch.Size) -> torch.Tensor:
    """`[*rows, *shape]`, or what spreads to it, as `[*shape]`; of what does not, whether all is alike."""
    while alike.dim() > len(shape):
        alike = alike.all(0)
    if any(own not in (1, size) for own, size in zip(reversed(alike.shape), reversed(shape), strict=False)):
        alike = alike.all()
    return alike.expand(shape)


def _arguments(fn: Any) -> dict[str, torch.Tensor]:
    """Every tensor of a distribution and of those that it is made of, dimensions of the inside of a number first."""
    while isinstance(fn, Independent):
        fn = fn.base_dist
    found, batch = dict[str, torch.Tensor](), len(fn.batch_shape)

    def read(part: Any, at: str) -> None:
        for name, value in vars(part).items():
            for number, each in enumerate(value if isinstance(value, list | tuple) else [value]):
                if isinstance(each, torch.Tensor) and fn.event_shape:  # all of it is of each of its numbers
                    found[f"{at}{name}.{number}"] = each.reshape(-1, 1, 1, 1, 1)
                elif isinstance(each, torch.Tensor):
                    inside = range(batch, each.dim())
                    found[f"{at}{name}.{number}"] = each.movedim(tuple(inside), tuple(range(len(inside))))
                elif isinstance(each, Distribution | Transform):
                    read(each, f"{at}{name}.{number}.")

    read(fn, "")
    return found


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
