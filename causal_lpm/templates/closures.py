"""Closing of settings, as policies of a template: from when, until when, and which share of the contacts ends."""

from collections.abc import Iterable

import torch

from causal_lpm.agents import NEVER
from causal_lpm.ops import policy
from causal_lpm.typing import State

__all__ = ["closures", "open_share"]


def closures(settings: Iterable[str]) -> State:
    """Three policies a setting but the household, as entries of the initial state.

    `SETTING_closure_day` and `SETTING_reopening_day` are the first days of the closure and after it, -1 for never;
    `SETTING_closure_strength` is the share of the contacts there that ends.

    >>> sorted(closures(["household", "school"]))
    ['school_closure_day', 'school_closure_strength', 'school_reopening_day']
    """
    defaults = {"closure_day": NEVER, "reopening_day": NEVER, "closure_strength": 1.0}
    named = [f"{setting}_{{}}" for setting in settings if setting != "household"]
    return {each.format(what): policy(each.format(what), value) for each in named for what, value in defaults.items()}


def open_share(s: State, setting: str) -> torch.Tensor | float:
    """The share of today's contacts in a setting that takes place, `[*dims, 1]`.

    >>> s = {"t": torch.tensor(30.0), **closures(["school"]), "school_closure_day": torch.tensor([20.0])}
    >>> open_share(s, "school")
    tensor([0.])
    """
    if setting == "household":
        return 1.0
    begins, ends = s[f"{setting}_closure_day"], s[f"{setting}_reopening_day"]
    closed = (begins >= 0) & (s["t"] >= begins) & ((ends < 0) | (s["t"] < ends))
    return torch.where(closed, 1 - s[f"{setting}_closure_strength"], 1.0)
