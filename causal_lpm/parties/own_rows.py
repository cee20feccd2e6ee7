"""A party's own agents: read from its own file, checked by itself alone, and shared."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from torch import Tensor

from causal_lpm import validate
from causal_lpm.agents.population import Population
from causal_lpm.handlers.private.numbers import is_secret
from causal_lpm.handlers.private.owned import Blocks
from causal_lpm.handlers.private.share_layer import ShareLayer
from causal_lpm.handlers.private.sharing import reveal
from causal_lpm.handlers.private.sharing import share as share_rows

__all__ = ["check_rows", "columns", "read_rows", "share"]

Ends = Mapping[str, tuple[int, int]]
"""Name of an attribute -> its lowest and highest whole number."""

_BITS = {
    torch.float64: torch.int64,
    torch.float32: torch.int32,
    torch.float16: torch.int16,
    torch.bfloat16: torch.int16,
}


def read_rows(population: Population | str | Path) -> Population:
    """The agents of this party; raises ValueError for a file without agents, or that `Population.load` refuses."""
    return population if isinstance(population, Population) else Population.load(population)


def columns(mine: Population) -> str:
    """What of a population must be equal at all parties: names, types and labels, as text."""
    kinds = (f"{name} ({str(value.dtype).removeprefix('torch.')})" for name, value in mine.attributes.items())
    labels = (f"{name}: {'/'.join(classes)}" for name, classes in sorted(mine.labels.items()))
    return "; ".join([", ".join(kinds), *labels])


def check_rows(mine: Population, ends: Ends) -> None:
    """Raises ValueError for numbers that may not be shared: NaN, infinity, out of the range that was agreed on.

    Nobody can check them later. Whole numbers without a range must not be negative.

    >>> check_rows(Population({"stage": torch.tensor([0, 3])}), {"stage": (0, 2)})
    Traceback (most recent call last):
    ValueError: attribute 'stage' runs from 0 to 3 and 0 to 2 was agreed on: correct the rows, or agree on another range
    (small=).
    """
    for name in ends:
        validate.known("attribute", name, mine.attributes)
    for name, value in mine.attributes.items():
        if value.is_floating_point() and not bool(value.isfinite().all()):
            raise ValueError(f"attribute {name!r} has NaN or infinity: fill it in, or leave those agents out.")
        low, high = float(value.min()), float(value.max())
        least, most = ends.get(name, (-torch.inf, torch.inf))
        if not least <= low <= high <= most:
            raise ValueError(
                f"attribute {name!r} runs from {low:g} to {high:g} and {least} to {most} was agreed on: correct the "
                "rows, or agree on another range (small=)."
            )
        if low < 0 and name not in ends and not value.is_floating_point():
            raise ValueError(
                f"attribute {name!r} has {low:g}: correct the rows, or agree on a range with numbers below 0, as in "
                f"small={{{name!r}: ({low:g}, {max(0.0, high):g})}}."
            )


def share(
    mine: Population, blocks: Blocks, layer: ShareLayer, small: Ends | None = None, public: Collection[str] = ()
) -> Population:
    """Everybody's population, of which each party has given its own agents: secrets, without a message.

    Args:
        mine: The agents of this party.
        blocks: The rows of each party; those of this one are for `mine`.
        layer: Of this party.
        small: The range of an attribute of whole numbers; a class attribute has that of its labels.
        public: Names of attributes that everybody may see; one round opens all.

    Raises:
        ValueError: rows that `check_rows` refuses, or another number of them.

    >>> from causal_lpm.handlers.private.clear import Clear
    >>> mine = Population({"ill": torch.tensor([True, False]), "age": torch.tensor([34, 71])})
    >>> everybody = share(mine, [(0, 2)], Clear(), public=["age"])
    >>> everybody["ill"], everybody["age"]
    (Secret((2,), torch.bool), tensor([34, 71]))
    """
    for name in public:
        validate.known("attribute", name, mine.attributes)
    ends = {**{name: (0, len(classes) - 1) for name, classes in mine.labels.items()}, **(small or {})}
    check_rows(mine, ends)
    attributes: dict[str, Tensor] = {}
    for name, value in mine.attributes.items():
        if name in public:
            attributes[name] = _joined(layer, value, blocks)
        else:
            low, high = ends.get(name, (None, None))
            attributes[name] = share_rows(layer, value, blocks, low, high)
    with _RowsAreChecked():
        return Population(attributes, mine.labels)


def _joined(layer: ShareLayer, own: Tensor, blocks: Blocks) -> Tensor:
    """Everybody's rows, public: opened as the whole numbers that their bits are, so that no float is rounded."""
    whole = own.view(_BITS[own.dtype]) if own.is_floating_point() else own
    halves = torch.stack([whole.long() & 0xFFFFFFFF, (whole.long() >> 32) & 0xFFFFFFFF])
    low, high = reveal(share_rows(layer, halves, blocks, 0, 2**32 - 1))
    joined: Tensor = (low | (high << 32)).to(whole.dtype)
    return joined.view(own.dtype) if own.is_floating_point() else joined


class _RowsAreChecked(Messenger):
    """Nobody looks at secrets: each party has checked its own rows."""

    def _pyro_check(self, msg: Any) -> None:
        if any(is_secret(value) for value in msg["args"][0]):
            msg["fn"] = lambda *_: None
