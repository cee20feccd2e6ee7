"""Three worlds of a search for causes: as it was, with a set of candidates changed, and with that set kept.

ChiRho's `SearchForExplanation` gives each candidate a dimension of three worlds of its own, which is `3 ** candidates`
worlds; it reads only those in which all candidates have the same number. `SearchWorlds` holds these three on one
dimension, and answers the two operations of the search that look for dimensions by the names of candidates.
"""

from collections.abc import Collection, Mapping
from typing import Any

import torch
from chirho.indexed.ops import IndexSet, gather
from pyro.poutine.messenger import Messenger

from causal_lpm.handlers import Worlds

__all__ = ["ANTECEDENT", "FACTUAL", "KEPT", "PREFIX", "WITHOUT", "WITNESS", "WORLDS", "Cases", "SearchWorlds"]

WORLDS = ("factual", "without", "kept")
FACTUAL, WITHOUT, KEPT = range(3)
PREFIX = "__cause__"
ANTECEDENT, WITNESS = f"{PREFIX}__antecedent_", f"{PREFIX}__witness_"


class SearchWorlds(Worlds):
    """World 0 is factual, 1 has the alternatives of the changed candidates, 2 has their causes.

    A candidate that a draw does not change keeps what it has in each world; a witness that a draw holds has its factual
    value in all worlds. Interventions that are part of the model act in every world.

    Args:
        candidates: Sites of the candidates.
        draws: How many draws there are, side by side.
    """

    def __init__(self, candidates: Collection[str], draws: int) -> None:
        super().__init__(WORLDS, draws=draws)
        self._candidates = frozenset(candidates)
        self._unchanged: dict[str, torch.Tensor] = {}

    def _pyro_intervene(self, msg: Any) -> None:  # type: ignore[override, unused-ignore]
        if msg["name"] in self._candidates:
            super()._pyro_intervene(msg)

    def _pyro_split(self, msg: Any) -> None:  # type: ignore[override, unused-ignore]
        self._unchanged[msg["name"]] = msg["args"][0]
        super()._pyro_split(msg)

    def _pyro_preempt(self, msg: Any) -> None:  # type: ignore[override, unused-ignore]
        super()._pyro_preempt(msg)
        value, _, case = msg["args"]
        name, event_dim = msg["name"], msg["kwargs"].get("event_dim", 0)
        if name.startswith(ANTECEDENT):
            instead = self._unchanged[name.removeprefix(ANTECEDENT)]
        else:
            instead = gather(value, IndexSet(**{self.fresh_prefix: {FACTUAL}}), event_dim=event_dim)
        msg["args"] = value, (lambda _: instead,), case


class Cases(Messenger):
    """Gives the search its random sets: which candidates a draw leaves unchanged, which witnesses it holds.

    Args:
        unchanged: Candidate's site -> bool `[rows]`.
        held: Witness's site -> bool `[rows]`.
    """

    def __init__(self, unchanged: Mapping[str, torch.Tensor], held: Mapping[str, torch.Tensor]) -> None:
        super().__init__()
        self._cases = {ANTECEDENT + name: value for name, value in unchanged.items()}
        self._cases |= {WITNESS + name: value for name, value in held.items()}

    def _pyro_sample(self, msg: Any) -> None:
        _, found, name = msg["name"].rpartition(PREFIX + "__")  # inside of a step, the name begins with the step's
        if found and (case := self._cases.get(found + name)) is not None:
            msg["value"], msg["done"] = case.long()[:, None].to(msg["fn"].probs.device), True
