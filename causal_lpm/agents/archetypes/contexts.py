"""The circumstances in which people are asked: what the question says of them, and the numbers that describe them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from copy import copy
from typing import TypeAlias

import numpy as np
import torch

from causal_lpm import validate
from causal_lpm.ops.looking import check
from causal_lpm.ops.number_types import common_shape, single_precision

__all__ = ["Contexts", "Texts", "written_numbers"]

Texts: TypeAlias = np.ndarray[tuple[int, ...], np.dtype[np.object_]]
"""An array of texts."""

FAR = 0.5
"""A value is far outside those asked where it lies beyond them by more than this share of their range."""


class Contexts:
    """C contexts, described by D covariates, and by texts that stand in the question.

    A covariate enters a surrogate as (value - centre) / scale.

    Args:
        values: Covariate -> C numbers.
        texts: Field -> C texts. A covariate without texts is written as its number; a field that is no covariate, such
            as the name of a month, stands in the question only.
        centre: Covariate -> the value that becomes 0; the mean over contexts where none is given.
        scale: Covariate -> how much becomes 1; the standard deviation over contexts where none is given.

    Attributes:
        names: D names of covariates.
        values: Their numbers, float32 `[C, D]`.
        centre: float32 `[D]`.
        scale: float32 `[D]`.
        z: Standardised values, float32 `[C, D]`.
        cells: C mappings, field -> text.

    Raises:
        ValueError: no covariate or no context, different numbers of contexts, NaN or infinity, a covariate that is the
            same in all contexts and has no scale, a scale that is not above 0, a centre or scale of an unknown
            covariate, two contexts of one text, which no question tells apart.

    >>> asked = Contexts({"payment": [0, 600], "cases": [100, 900]}, centre={"payment": 0}, scale={"payment": 500})
    >>> asked.z
    tensor([[ 0.0000, -1.0000],
            [ 1.2000,  1.0000]])
    >>> asked.cells[1]
    {'payment': '600', 'cases': '900'}
    >>> asked.standardised(payment=500, cases=500)
    tensor([1., 0.])
    """

    def __init__(
        self,
        values: Mapping[str, Sequence[float] | torch.Tensor],
        texts: Mapping[str, Sequence[str]] | None = None,
        centre: Mapping[str, float] | None = None,
        scale: Mapping[str, float] | None = None,
    ) -> None:
        if not values:
            raise ValueError("the contexts have no covariate: give at least one, such as {'payment': [0, 600]}.")
        columns = {name: single_precision(f"covariate {name!r}", given) for name, given in values.items()}
        written = {name: written_numbers(column).tolist() for name, column in columns.items()}
        written |= {name: _listed(name, given) for name, given in (texts or {}).items()}
        sizes = {name: len(given) for name, given in written.items()}
        if len(set(sizes.values())) > 1:
            raise ValueError(f"the contexts are given {sizes} times: give each covariate and text once a context.")
        self.names = tuple(columns)
        self.cells = tuple(dict(zip(written, row, strict=True)) for row in zip(*written.values(), strict=True))
        _check_cells(self.cells)
        self.values = torch.stack(list(columns.values()), -1)
        if not bool(self.values.isfinite().all()):
            raise ValueError("the covariates of the contexts contain infinity: give numbers.")
        for given in (centre or {}, scale or {}):
            for name in given:
                validate.known("covariate", name, self.names)
        means = dict(zip(self.names, self.values.double().mean(0).tolist(), strict=True))
        self.centre = torch.tensor(list({**means, **(centre or {})}.values()))
        self.scale = torch.tensor([_scale(name, columns[name], (scale or {}).get(name)) for name in self.names])
        if not bool(self.centre.isfinite().all()):
            raise ValueError("the centre of a covariate is NaN or infinity: give the number that becomes 0.")
        self.z = (self.values - self.centre) / self.scale
        self._warned: set[str] = set()

    def __len__(self) -> int:
        return len(self.cells)

    def in_units_of(self, other: Contexts) -> Contexts:
        """The same contexts with the centre and scale of others of the same covariates, so that their z agree."""
        same = copy(self)
        same.centre, same.scale, same._warned = other.centre, other.scale, set()
        same.z = (same.values - same.centre) / same.scale
        return same

    def standardised(self, **values: torch.Tensor | float) -> torch.Tensor:
        """A new context as the surrogate takes it; each value for itself, so that worlds and draws may differ in it.

        Args:
            **values: Each covariate, a number or `[*dims, 1]`.

        Returns:
            float32 `[*dims, D]`.

        Warns:
            UserWarning: once a covariate, where a value lies beyond those asked by more than half their range.

        Raises:
            ValueError: a covariate that is missing or unknown, NaN, a value for each agent.
        """
        for name in values:
            validate.known("covariate", name, self.names)
        for name in self.names:
            if name not in values:
                raise ValueError(f"the context lacks {name!r}: give {', '.join(self.names)}.")
        columns = []
        for i, name in enumerate(self.names):
            column = single_precision(f"covariate {name!r}", values[name])
            if column.shape[-1] != 1:
                raise ValueError(
                    f"covariate {name!r} has shape {tuple(column.shape)}: give one value for all agents, [*dims, 1]."
                )
            self._warn_where_far(i, column)
            columns.append((column - self.centre[i].to(column.device)) / self.scale[i].to(column.device))
        shape = common_shape("the covariates", *(column.shape for column in columns))
        return torch.cat([column.expand(shape) for column in columns], -1)

    def _warn_where_far(self, i: int, column: torch.Tensor) -> None:
        name = self.names[i]
        low, high = float(self.values[:, i].min()), float(self.values[:, i].max())
        margin = FAR * ((high - low) or float(self.scale[i]))

        def looked_at() -> bool:
            far = column[(column < low - margin) | (column > high + margin)]
            if far.numel() and name not in self._warned:
                self._warned.add(name)
                warnings.warn(
                    f"{name} = {float(far[0]):g} lies far outside the {low:g} to {high:g} that were asked: what "
                    "follows is extrapolated, and no answer speaks of it.",
                    stacklevel=2,
                )
            return True

        check((column,), looked_at, str)


def _check_cells(cells: Sequence[Mapping[str, str]]) -> None:
    if not cells:
        raise ValueError("there are no contexts: give each covariate at least one value.")
    seen: set[tuple[str, ...]] = set()
    for cell in cells:
        for name, text in cell.items():
            if not isinstance(text, str):
                raise ValueError(f"the text of {name!r} is {text!r}: give texts, and numbers as covariates.")
        key = tuple(cell.values())
        if key in seen:
            raise ValueError(f"the context {dict(cell)} is given twice: give each its own text, or leave one out.")
        seen.add(key)


def written_numbers(values: torch.Tensor) -> Texts:
    """Numbers as questions name them, with the digits that float32 holds: 0.1 is "0.1"; of the same shape."""
    plain = values.detach().cpu().numpy() + np.float32(0)  # no "-0"
    texts = [np.format_float_positional(number, trim="-") for number in plain.ravel()]
    return np.array(texts, object).reshape(plain.shape)


def _listed(name: str, given: Sequence[str]) -> list[str]:
    if isinstance(given, str):
        raise ValueError(f"the texts of {name!r} are {given!r}: give a list, one text a context.")
    return list(given)


def _scale(name: str, column: torch.Tensor, given: float | None) -> float:
    if given is not None:
        if not 0 < given < float("inf"):
            raise ValueError(f"the scale of covariate {name!r} is {given}: give a number above 0.")
        return float(given)
    spread = float(column.double().std(correction=0))
    if spread == 0:
        raise ValueError(
            f"covariate {name!r} is {float(column[0]):g} in all contexts, so its scale is unknown: give it, as in "
            f"scale={{{name!r}: 1.0}}, or leave the covariate out."
        )
    return spread
