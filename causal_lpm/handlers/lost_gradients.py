"""Where a gradient would be lost in silence: outcomes that refuse to be compared, and series that have none."""

from collections.abc import Iterable, Mapping
from typing import Any

import torch

__all__ = ["Outcome", "reached", "without_gradient"]

_CUTTING = {"bool", "byte", "short", "int", "long", "nonzero", "argwhere", "isclose", "equal", "__bool__"}
_CUTTING |= {f"{bitwise}_{op}" for bitwise in ("bitwise", "logical") for op in ("and", "or", "xor", "not")}
_CUTTING |= {f"__{side}{op}__" for side in ("", "r", "i") for op in ("and", "or", "xor")} | {"__invert__"}
_CUTTING |= {f"{under}{op}{under}" for under in ("", "__") for op in ("eq", "ne", "lt", "le", "gt", "ge")}
# These leave 0 and 1 as they are, but their derivatives are 0, or not that of the event.
_CUTTING |= {"round", "sign", "sgn", "ceil", "floor", "trunc", "fix", "floor_divide", "__floordiv__", "__rfloordiv__"}
_CUTTING |= {"pow", "__pow__", "__rpow__", "__ipow__", "float_power", "square"}


class Outcome(torch.Tensor):
    """An event under a gradient handler: a float that refuses logic, rounding and powers; its products are plain."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        condition = args[:1] if func is torch.where else args[1:2]  # the second of x.where and x.masked_fill
        masked = name in ("where", "masked_fill") and any(isinstance(x, Outcome) for x in condition)
        if name in _CUTTING or name.removesuffix("_") in _CUTTING or masked:
            raise ValueError(
                f"{name.strip('_')!r} of an event under a gradient handler, where events are floats and the "
                "gradient would be lost or wrong: multiply float columns, as in s['S'] * event(...), instead of using "
                "&, |, ~, comparisons, masks, rounding or powers."
            )
        with torch._C.DisableTorchFunctionSubclass():
            return func(*args, **(kwargs or {}))


def reached(events: Mapping[str, Any], ends: Iterable[torch.Tensor], begins: Iterable[Any]) -> set[str]:
    """Names of the events from which a gradient flows to one of `ends`, no further back than the nodes `begins`."""
    names = {node: name for name, node in events.items()}
    seen = set(begins)
    found: set[str] = set()
    waiting = [end.grad_fn for end in ends]
    while waiting and len(found) < len(events):
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if node in names:
            found.add(names[node])
        waiting += [following for following, _ in node.next_functions]
    return found


class _Flat(torch.Tensor):
    """A series that depends on no parameter through floats: it says so where torch would speak of its elements."""

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in _BACKWARD:
            outputs = args[0] if args else kwargs.get("outputs", ())
            outputs = outputs if isinstance(outputs, list | tuple) else [outputs]
            if not any(output.requires_grad for output in outputs):
                raise ValueError(
                    "no gradient reaches this outcome under a gradient handler: nothing in it depends on the parameter "
                    "through floats; write events whose hazards are computed from the parameter, thresholds by "
                    "above(name, margin, width) instead of a comparison, choices with one_hot=True, and tally floats."
                )
        with torch._C.DisableTorchFunctionSubclass():
            result = func(*args, **kwargs)
        # Whatever is added to it that has a gradient gives a plain tensor.
        plain = type(result) is torch.Tensor and not result.requires_grad
        return result.as_subclass(cls) if plain else result


_BACKWARD = (torch.Tensor.backward, torch.autograd.backward, torch.autograd.grad)


def without_gradient(x: torch.Tensor) -> torch.Tensor:
    """The same numbers, which say why there is no gradient when they are asked for one.

    >>> without_gradient(torch.tensor([1.0])).sum().backward()
    Traceback (most recent call last):
    ValueError: no gradient reaches this outcome under a gradient handler: nothing in it depends on the parameter ...
    """
    return x.as_subclass(_Flat)
