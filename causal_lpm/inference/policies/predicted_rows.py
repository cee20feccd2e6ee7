"""Blocks of predictions: rows, each a draw of the parameters with a replicate of the luck, side by side."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.handlers import KeyedNoise, Worlds, comparing
from causal_lpm.inference.policies.outcomes import Outcomes
from causal_lpm.inference.program.evaluation import ELEMENTWISE, Given, torch_seed
from causal_lpm.inference.program.program import Model, series_of
from causal_lpm.inference.program.site_noise import SiteNoise
from causal_lpm.inference.runs.run_folder import Arrays, fingerprint
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.provenance import versions

__all__ = ["PredictedRows", "row_seed"]

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class PredictedRows:
    """Number of a block -> outcome -> `[world, row, group, day]`; the same numbers wherever it is called.

    Attributes:
        model: A Pyro program without arguments.
        parameters: Name -> draws `[draw, ...]`.
        worlds: Name -> policy -> value.
        paired: Whether the worlds of a row share their luck.
        replicates: Rows of each draw.
        seed: Of all luck.
        batch: Rows in a block; the last block may have fewer.
        has: What the model has to show.
        outcomes: Which of it is wanted.
        chosen: Numbers of the rows that are run; all, if not given.
        attempt: How often they were run before; each time with other luck.
    """

    model: Model
    parameters: Mapping[str, torch.Tensor]
    worlds: Mapping[str, Mapping[str, float]]
    paired: bool
    replicates: int
    seed: int
    batch: int
    has: Outcomes
    outcomes: Sequence[str]
    chosen: tuple[int, ...] | None = field(default=None, kw_only=True)  # subclasses have more fields
    attempt: int = field(default=0, kw_only=True)

    @property
    def draws(self) -> int:
        """How many draws there are; a model without parameters has one."""
        return len(next(iter(self.parameters.values()), [None]))

    @property
    def rows(self) -> int:
        """How many rows there are, in all blocks."""
        return self.draws * self.replicates if self.chosen is None else len(self.chosen)

    def __call__(self, number: int) -> dict[str, Array]:
        """Block `number`."""
        rows = range(self.rows)[number * self.batch : (number + 1) * self.batch]
        if self.paired:
            return self._together(rows, self.worlds, self.seed)
        alone = [
            self._together(rows, {name: acts}, replicate_seed(self.seed, world))
            for world, (name, acts) in enumerate(self.worlds.items())
        ]
        return {name: np.concatenate([part[name] for part in alone]) for name in self.outcomes}

    def check(self, arrays: Arrays) -> None:
        """Raises ValueError for what is no block of this."""
        for name in self.outcomes:
            if name not in arrays:
                raise ValueError(f"has no {name!r}")
            world, rows, *series = arrays[name].shape
            if world != len(self.worlds) or not 0 < rows <= self.batch or tuple(series) != self.has.shapes[name]:
                raise ValueError(f"has {name!r} of shape {arrays[name].shape}")

    def manifest(self) -> dict[str, Any]:
        """What determines the numbers; of the model, a fingerprint of its first row."""
        worlds = self.worlds.items()
        first = replace(self, batch=1)(0)
        return {
            "format": 2,
            "kind": "predictions",
            "seed": self.seed,
            "batch": self.batch,
            "statement": "paired" if self.paired else "interventional",
            "replicates": self.replicates,
            "draws": self.draws,
            # As texts: a policy may be infinite, which JSON cannot say.
            "worlds": [[name, {policy: repr(value) for policy, value in acts.items()}] for name, acts in worlds],
            "parameters": fingerprint({name: value.cpu().numpy() for name, value in self.parameters.items()}),
            "model": fingerprint(first),
            "versions": versions(),
            **({"attempt": self.attempt, "chosen": list(self.chosen or ())} if self.attempt else {}),
        }

    def luck(
        self, rows: range, seeds: Sequence[int], device: torch.device | None
    ) -> AbstractContextManager[object, bool | None]:
        """The noise of the agents in some rows, which have these seeds."""
        return KeyedNoise(torch.tensor(seeds, dtype=torch.int64, device=device)[:, None])

    def reports(self, seeds: Sequence[int]) -> SiteNoise:
        """What answers the data sites of the rows with these seeds."""
        return SiteNoise([*self.has.event_dims, *self.has.nuisances], seeds)

    def _together(self, rows: range, settings: Mapping[str, Mapping[str, float]], seed: int) -> dict[str, Array]:
        """Some rows, in worlds that share their luck."""
        numbers = list(rows if self.chosen is None else self.chosen[rows.start : rows.stop])
        seeds = [row_seed(seed, number, self.replicates, self.attempt) for number in numbers]
        draw = torch.tensor(numbers) // self.replicates
        values = {name: value[draw.to(value.device)] for name, value in self.parameters.items()}
        device = next((value.device for value in values.values()), None)
        with (
            torch.no_grad(),
            torch_seed(seeds[0]),  # of data sites that are no outcomes
            self.luck(rows, seeds, device),
            self.reports(seeds) as noise,
            comparing(settings, draws=len(rows)) as worlds,
            Given(values),
        ):
            series = series_of(self.model())
        for name in self.outcomes:
            if name in self.has.event_dims:
                series[name] = noise.values[name] if self.has.event_dims[name] else noise.values[name][..., None]
        shape = (len(settings), len(rows))
        return {name: _by_world(name, series[name], worlds, (*shape, *self.has.shapes[name])) for name in self.outcomes}


def row_seed(seed: int, row: int, replicates: int, attempt: int = 0) -> int:
    """The seed of a row, which does not depend on how many draws there are; that of a further attempt is another one.

    >>> row_seed(3, 5, 2) == replicate_seed(replicate_seed(3, 2), 1)
    True
    """
    draw, replicate = divmod(row, replicates)
    own = replicate_seed(replicate_seed(seed, draw), replicate)
    return replicate_seed(own, attempt) if attempt else own


def _by_world(name: str, value: torch.Tensor, worlds: Worlds, shape: tuple[int, int, int, int]) -> Array:
    """`[world, row, group, day]` of a series; what does not differ by world or row is repeated."""
    count, rows, *series = shape
    parts = []
    for world in range(count):
        one = worlds.take(value, world, event_dim=1)
        if list(one.shape[-2:]) != series or one.numel() not in (np.prod(series), rows * np.prod(series)):
            raise ValueError(
                f"outcome {name!r} came out with shape {tuple(value.shape)} for {rows} draws and {count} worlds of "
                f"{tuple(series)}: {ELEMENTWISE}"
            )
        parts.append(one.reshape(-1, *series).expand(rows, *series))
    array: Array = torch.stack(parts).cpu().numpy()
    return array
