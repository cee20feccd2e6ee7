"""People, contexts and a table of answers, small enough for laws."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from causal_lpm.agents import Archetypes, Contexts, Population
from causal_lpm.elicitation import AnswerTable, Question
from causal_lpm.elicitation.answers import SAYS

CLASSES = {"age": ("young", "old"), "borough": ("Bronx", "Queens", "Kings")}


def question(name: str = "work", answer: str | tuple[str, ...] = "yes_no") -> Question:
    return Question(name, "You are {age}, from {borough}, paid {payment} at {cases} cases: what now?", answer=answer)


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


def counts(yes: Any, asked: Any) -> dict[str, Any]:
    """Counts `[C, A]` as those of one wording."""
    return {"yes": np.asarray(yes)[None], "asked": np.asarray(asked)[None]}


def table(seed: int = 0, most: int = 8) -> AnswerTable:
    luck = np.random.default_rng(seed)
    asked = luck.integers(0, most + 1, (4, 6))
    asked[0, 0] = most
    yes = luck.binomial(asked, 0.6)
    cells = kinds().labels, contexts().cells
    return AnswerTable.from_counts(question(), *cells, yes, asked, SAYS, served=("model-1",))
