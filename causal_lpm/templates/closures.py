"""Closing of settings, as policies of a template: from when, until when, and which share of the contacts ends."""

from collections.abc import Iterable

import torch

from causal_lpm.agents import Closures
from causal_lpm.typing import State

__all__ = ["closures", "open_share"]


def closures(settings: Iterable[str]) -> State:
    """Three policies a setting but the household, as entries of the initial state.

    `SETTING_closure_day` and `SETTING_reopening_day` are the first days of the closure and after it, -1 for never;
    `SETTING_closure_strength` is the share of the contacts there that ends.

    >>> sorted(closures(["household", "school"]))
    ['school_closure_day', 'school_closure_strength', 'school_reopening_day']
    """
    named = [setting for setting in settings if setting != "household"]
    return Closures(named).start() if named else {}


def open_share(s: State, setting: str) -> torch.Tensor | float:
    """The share of today's contacts in a setting that takes place, `[*dims, 1]`.

    >>> s = {"t": torch.tensor(30.0), **closures(["school"]), "school_closure_day": torch.tensor([20.0])}
    >>> open_share(s, "school")
    tensor([0.])
    """
    return 1.0 if setting == "household" else Closures((setting,)).factor(s, setting)
