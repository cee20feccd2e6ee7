"""Tensors of which each rank holds a part, with which torch computes."""

from typing import Any

from causal_lpm.handlers.sharded.held import Held
from causal_lpm.handlers.sharded.rules import answered

__all__ = ["HeldByRules"]


class HeldByRules(Held):
    """One rank's part of a tensor with one entry an agent.

    torch's own code runs on it: each operator that it comes down to is answered by `rules`, whoever has called it. What
    has no rule is computed by every rank from the whole, which is slow, and right.
    """

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        return answered(func, args, kwargs or {})
