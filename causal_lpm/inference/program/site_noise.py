"""Draws of data sites with a seed for each row and group, the same in every world and in batches of any size.

Pyro draws data sites from torch's global generator, so that a row's reports depend on the rows beside it. Paired worlds
must share the noise of their reports too: here every row and group of a site starts from its own seed. The reports of a
group are the same in two worlds until the day on which they are expected to differ (negative binomial ones if their
size is the same); after it, counts that are drawn by rejection may go different ways.
"""

import copy
import zlib
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import torch
from pyro.poutine.messenger import Messenger
from torch.distributions import Distribution, Transform

from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["SiteNoise", "sample_rows", "whole_seeds"]


class SiteNoise(Messenger):
    """Draws the named sites row by row and keeps what was drawn in `values`.

    Rows are dimension -2 of a batch shape `[*worlds, rows, 1 or groups]`. Two worlds with the same distribution get the
    same values, to the last bit.

    Args:
        names: Of the sites.
        seeds: One a row.

    Attributes:
        values: site -> `[*worlds, rows, 1 or groups, *event]`.

    >>> import pyro, pyro.distributions as dist, torch
    >>> with SiteNoise({"cases"}, [7, 8, 7]):
    ...     cases = pyro.sample("cases", dist.Poisson(torch.full((2, 3, 1, 5), 9.0)).to_event(1))
    >>> bool((cases[0] == cases[1]).all()), bool((cases[0, 0] == cases[0, 2]).all())
    (True, True)
    """

    def __init__(self, names: Collection[str], seeds: Sequence[int]) -> None:
        super().__init__()
        self._names, self._seeds = names, seeds
        self.values: dict[str, torch.Tensor] = {}

    def _pyro_sample(self, msg: Any) -> None:
        name = msg["name"]
        if name in self._names and not msg["done"]:
            seeds = [replicate_seed(seed, zlib.crc32(name.encode())) for seed in self._seeds]
            msg["value"], msg["done"] = sample_rows(name, msg["fn"], seeds), True
            self.values[name] = msg["value"]


def whole_seeds(seeds: torch.Tensor, rows: int) -> torch.Tensor:
    """The seeds as int64 `[rows]`; ValueError where they are none: 1.2 and 1.7 would be one and the same.

    >>> whole_seeds(torch.tensor([1.2, 1.7]), 2)
    Traceback (most recent call last):
    ValueError: the seeds are torch.float32 of shape (2,): give a whole number of at least 0 a row, int64 [2].
    """
    whole = not (seeds.is_floating_point() or seeds.is_complex() or seeds.dtype == torch.bool)
    if not whole or tuple(seeds.shape) != (rows,) or bool((seeds < 0).any()):
        raise ValueError(
            f"the seeds are {seeds.dtype} of shape {tuple(seeds.shape)}: give a whole number of at least 0 a row, "
            f"int64 [{rows}]."
        )
    return seeds.long()


def sample_rows(name: str, fn: Any, seeds: Sequence[int]) -> torch.Tensor:
    """A draw of `fn` whose rows (dimension -2 of the batch) and groups start from seeds of their own.

    Args:
        name: Of the site, for the message.
        fn: Distribution with batch shape `[*worlds, rows, 1 or groups]`, or one that broadcasts against it.
        seeds: One a row; group 0 has it, the others have seeds made of it.

    Raises:
        ValueError: the distribution cannot be taken apart into rows.

    >>> import pyro.distributions as dist
    >>> both = sample_rows("x", dist.Normal(0.0, 1.0).expand((1, 3)), [5, 6])
    >>> bool((both[1] == sample_rows("x", dist.Normal(0.0, 1.0).expand((1, 3)), [6])[0]).all())
    True
    """
    rows = len(seeds)
    # One row needs no dimension of rows: what stands left of the groups may then be the worlds.
    shape = np.broadcast_shapes(tuple(fn.batch_shape), (rows, 1) if rows > 1 else (1,))
    groups = shape[-1]
    own = [[seed, *(replicate_seed(seed, group) for group in range(1, groups))] for seed in seeds]
    whole = fn.expand(shape)
    drawn = []
    with torch.random.fork_rng(devices=[]):
        for number, at in enumerate(np.ndindex(*shape)):
            torch.default_generator.manual_seed(own[number // groups % rows][at[-1]])
            drawn.append(_row(whole, at, shape).sample())
    if tuple(drawn[0].shape) != tuple(fn.event_shape):
        raise ValueError(
            f"the distribution of site {name!r} ({type(fn).__name__}) cannot be drawn row by row: use one whose "
            "parameters are tensors with the draws in front."
        )
    return torch.stack(drawn).reshape(*shape, *fn.event_shape)


def _row(part: Any, at: tuple[int, ...], lead: tuple[int, ...]) -> Any:
    """The same distribution (or transform) with every tensor that begins with the dimensions `lead` taken at `at`."""
    one = copy.copy(part)
    for name, value in vars(part).items():
        if name == "_batch_shape":
            new: Any = torch.Size(value[len(lead) :])
        elif isinstance(value, torch.Tensor):
            new = value[at] if tuple(value.shape[: len(lead)]) == lead else value
        elif isinstance(value, Distribution | Transform):
            new = _row(value, at, lead)
        elif isinstance(value, list):
            new = [_row(item, at, lead) if isinstance(item, Transform) else item for item in value]
        else:
            continue
        one.__dict__[name] = new
    return one
