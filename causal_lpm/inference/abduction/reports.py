"""Data sites in a replay: the data in the factual world, and elsewhere the reports that go with them."""

import zlib
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch
from chirho.indexed.ops import gather

from causal_lpm import validate
from causal_lpm.handlers.factual import factual_indices
from causal_lpm.inference.abduction.quantiles import at_quantiles, base_of
from causal_lpm.inference.program.series import Series, as_series, check_support
from causal_lpm.inference.program.site_noise import SiteNoise
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["Reports"]


class Reports(SiteNoise):
    """Answers data sites that are asked for from their data, and draws those without data as `SiteNoise` does.

    A site with data that is not asked for has them in all worlds, as it had when its path was found.

    Args:
        names: Data sites that are asked for, and sites that are drawn anew in each row.
        seeds: One a row.
        data: Site -> its numbers, NaN where missing; of the first world.

    Raises:
        ValueError: data of sites that the model does not have, or that are impossible there; a site that is asked for
            whose distribution has no known quantiles.
    """

    def __init__(self, names: Collection[str], seeds: Sequence[int], data: Mapping[str, Any]) -> None:
        super().__init__([name for name in names if name not in data], seeds)
        self._asked, self._data = set(names), data
        self._met: list[str] = []

    def _pyro_sample(self, msg: Any) -> None:
        name = msg["name"]
        self._met.append(name)
        if name not in self._data or msg["done"]:
            super()._pyro_sample(msg)
            return
        fn = msg["fn"]
        # Series have groups left of their days; a table is one event.
        shape = tuple(fn.shape())[-(fn.event_dim if fn.event_dim > 1 else fn.event_dim + 1) :]
        series = as_series(name, self._data[name], shape)
        check_support(name, series, fn)
        if name in self._asked:
            msg["value"] = self.values[name] = self._reported(name, fn, series)
        else:
            msg["value"] = torch.nan_to_num(series.values).expand(torch.broadcast_shapes(fn.shape(), shape))
        msg["done"] = True

    def _reported(self, name: str, fn: Any, series: Series) -> torch.Tensor:
        one, summed = base_of(name, fn)
        own = [replicate_seed(seed, zlib.crc32(name.encode())) for seed in self._seeds]
        uniform = torch.stack([_uniform(seed, tuple(series.values.shape)) for seed in own])
        found = at_quantiles(
            one,
            lambda value: gather(value.expand(one.batch_shape), factual_indices(), event_dim=summed),
            series.values,
            uniform if len(own) > 1 else uniform[0],  # one row needs no dimension of rows
        )
        return found.to(one.mean.device)

    def __exit__(self, *error: Any) -> Any:
        if error[0] is None:
            for name in self._data:
                validate.known("data site", name, self._met)
        return super().__exit__(*error)


def _uniform(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64)
