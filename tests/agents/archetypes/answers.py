"""People, contexts and a table of answers, small enough for laws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from causal_lpm.agents import Archetypes, Contexts, Population

CLASSES = {"age": ("young", "old"), "borough": ("Bronx", "Queens", "Kings")}


@dataclass(frozen=True)
class Asked:
    name: str = "work"
    answer: Any = "yes_no"


@dataclass(frozen=True)
class Table:
    question: Asked
    archetypes: Sequence[dict[str, str]]
    contexts: Sequence[dict[str, str]]
    yes: Any
    asked: Any
    refused: Any
    shares: Any = None
    squares: Any = None
    by_wording: Any = field(default_factory=dict)
    served: Sequence[str] = ("model-1",)
    source: str = field(default="synthetic respondent, no language model was asked")


def kinds() -> Archetypes:
    cells = torch.cartesian_prod(torch.arange(2), torch.arange(3)).repeat(20, 1)
    cells = torch.cat([cells, cells[:30] % 2])
    return Archetypes.from_columns(Population({"age": cells[:, 0], "borough": cells[:, 1]}, CLASSES), list(CLASSES))


def contexts() -> Contexts:
    return Contexts(
        {"payment": [0.0, 0.0, 500.0, 1000.0], "cases": [100.0, 400.0, 200.0, 300.0]},
        centre={"payment": 0.0},
        scale={"payment": 500.0},
    )


def table(seed: int = 0, most: int = 8) -> Table:
    luck = np.random.default_rng(seed)
    asked = luck.integers(0, most + 1, (4, 6))
    asked[0, 0] = most
    return Table(Asked(), kinds().labels, contexts().cells, luck.binomial(asked, 0.6), asked, asked * 0)
