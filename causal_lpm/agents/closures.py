"""Settings that are closed: schools, workplaces, borders, or whatever else has contacts of its own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from causal_lpm import validate
from causal_lpm.agents.days import NEVER
from causal_lpm.agents.timed_policies import TimedPolicy
from causal_lpm.typing import State

__all__ = ["Closures"]


@dataclass(frozen=True)
class Closures:
    """Settings of which each can be closed for itself, from one day to another, in whole or in part.

    Each has the policies `{setting}_closure_start`, `{setting}_closure_end` and `{setting}_closure_strength`: the share
    of its contacts that are prevented. A border is closed in the same way: what is left multiplies importations.

    Args:
        settings: Their names, such as those of the layers of an exposure.
        strength: Share of the contacts prevented while closed, for all settings or by name.
        start: First day of a closure; `NEVER`: open unless somebody intervenes.
        end: First day on which it is open again; `NEVER`: it stays closed.

    Raises:
        ValueError: a setting given twice or without a strength, a strength outside [0, 1].

    >>> closures = Closures(("school", "work"), start=3)
    >>> s = {**closures.start(), "t": torch.tensor(5.0)}
    >>> closures.left(s, {"home": torch.ones(2), "school": torch.ones(2)})
    {'home': tensor([1., 1.]), 'school': tensor([0., 0.])}
    """

    settings: Sequence[str]
    strength: float | Mapping[str, float] = 1.0
    start_day: float = NEVER
    end_day: float = NEVER
