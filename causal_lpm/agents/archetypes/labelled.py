"""Numbers of groups and contexts, put in order by their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from causal_lpm import validate
from causal_lpm.agents.archetypes.contexts import Contexts

__all__ = ["in_order"]


def in_order(what: str, given: Any, groups: Sequence[str], contexts: Contexts) -> torch.Tensor:
    """Numbers by group and context in the order of the groups, float64 `[G, C]`; bare numbers as they are.

    Args:
        what: They are, for errors.
        given: Group label -> C numbers; a pandas DataFrame with groups as its index and the texts of one field of the
            contexts as its columns, or, with one context, a Series; or numbers without labels.
        groups: Labels, G.
        contexts: C of them.

    Raises:
        ValueError: labels that are unknown, missing or given twice, another number of contexts.
    """
    if hasattr(given, "to_numpy"):  # of pandas, which need not be installed
        given = _rows(what, given, contexts)
    if not isinstance(given, Mapping):
        return torch.as_tensor(given).double()
    for label in given:
        validate.known("group", label, groups)
    if missing := [label for label in groups if label not in given]:
        raise ValueError(f"group {missing[0]!r} has no {what}: give NaN where it is unknown.")
    rows = [torch.as_tensor(np.asarray(given[label], np.float64)) for label in groups]
    for label, row in zip(groups, rows, strict=True):
        if row.shape != (len(contexts),):
            raise ValueError(
                f"the {what} of group {label!r} has shape {tuple(row.shape)} for {len(contexts)} contexts: give one "
                "number each, NaN where it is unknown."
            )
    return torch.stack(rows)


def _rows(what: str, table: Any, contexts: Contexts) -> dict[str, Any]:
    """Group label -> numbers in the order of the contexts."""
    labels = [str(label) for label in table.index]
    for label in labels:
        if labels.count(label) > 1:
            raise ValueError(f"the {what} of group {label!r} is given twice: give each group one row.")
    numbers = np.asarray(table.to_numpy(), np.float64)
    if numbers.ndim == 1 and len(contexts) == 1:
        return dict(zip(labels, numbers[:, None], strict=True))
    if numbers.ndim == 1:
        raise ValueError(
            f"the {what} is a Series and there are {len(contexts)} contexts: give a DataFrame with groups as its index "
            "and a column for each context."
        )
    columns = [str(label).removesuffix(".0") for label in table.columns]
    fields = [tuple(cell[name] for cell in contexts.cells) for name in contexts.cells[0]]
    orders = {texts for texts in fields if sorted(texts) == sorted(columns) and len(set(texts)) == len(texts)}
    if len(orders) != 1:
        raise ValueError(
            f"the columns of the {what} are {', '.join(columns)}, which are not the texts of a field of the contexts: "
            f"name them as one of {', '.join(contexts.cells[0])} does, or give label -> {len(contexts)} numbers."
        )
    places = [columns.index(text) for text in orders.pop()]
    return dict(zip(labels, numbers[:, places], strict=True))
