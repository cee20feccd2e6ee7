"""What a program on several ranks gives back: with tensors of all agents in the place of those held in parts."""

from dataclasses import is_dataclass, replace
from typing import Any

import torch

from causal_lpm.handlers.sharded.held import whole

__all__ = ["in_whole"]


def in_whole(value: Any) -> Any:
    """The same with whole tensors, on all ranks; looks into dictionaries, lists, tuples and dataclasses.

    >>> in_whole({"cases": [torch.tensor([1, 2])]})
    {'cases': [tensor([1, 2])]}
    """
    if isinstance(value, torch.Tensor):
        return whole(value)
    if isinstance(value, dict):
        return {name: in_whole(each) for name, each in value.items()}
    if type(value) in (list, tuple):
        return type(value)(in_whole(each) for each in value)
    if is_dataclass(value) and not isinstance(value, type):
        fields = {name: in_whole(each) for name, each in vars(value).items()}
        changed = {name: each for name, each in fields.items() if each is not getattr(value, name)}
        return replace(value, **changed) if changed else value
    return value
