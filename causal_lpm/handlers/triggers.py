"""Rules that fire when the state crosses something, on different days in different worlds."""

import weakref
from collections.abc import Callable, Sequence
from typing import Any

import torch
from chirho.dynamical.handlers.interruption import ZeroEvent
from chirho.dynamical.internals.solver import Interruption

from causal_lpm.handlers.acts import fitting
from causal_lpm.handlers.in_place import copied
from causal_lpm.ops.dimensions import of_replicates
from causal_lpm.ops.number_types import numbers
from causal_lpm.typing import State
from causal_lpm.validate import hidden, same_entries

__all__ = ["Triggers"]


class Triggers:
    """The memory of one simulation about its state-dependent interruptions, world by world.

    An interruption fires in a world once: on the first day on which its event function has come to zero or changed sign
    there, or on which its condition is true. The memory is here and not on the handler, so that a handler can be used
    again.
    """

    def __init__(self) -> None:
        # Held weakly: a handler that is gone needs no memory.
        self._sign: weakref.WeakKeyDictionary[Any, torch.Tensor] = weakref.WeakKeyDictionary()
        self._fired: weakref.WeakKeyDictionary[Any, torch.Tensor] = weakref.WeakKeyDictionary()

    def copy(self) -> "Triggers":
        """The same memory, which goes its own way from here."""
        twin = Triggers()
        twin._sign, twin._fired = self._sign.copy(), self._fired.copy()
        return twin

    @classmethod
    def of(cls, rules: Sequence[Any], seen: Sequence[tuple[torch.Tensor, torch.Tensor] | None]) -> "Triggers":
        """The memory of rules in their order, as `told`.

        Raises:
            ValueError: another number of rules.
        """
        if len(rules) != len(seen):
            raise ValueError(
                f"a simulation goes on under {len(rules)} rules, and was kept under {len(seen)}: let it go on under "
                "the same."
            )
        memory = cls()
        for rule, one in zip(rules, seen, strict=True):
            if one is not None:
                memory._sign[rule], memory._fired[rule] = one
        return memory

    def told(self, rules: Sequence[Any]) -> tuple[tuple[torch.Tensor, torch.Tensor] | None, ...]:
        """What each of some rules has seen, `[*dims, 1]`: its first sign, and whether it has fired."""
        return tuple((self._sign[rule], self._fired[rule]) if rule in self._sign else None for rule in rules)

    def firing(self, handler: Any, time: torch.Tensor, state: State) -> torch.Tensor:
        """In which worlds `handler` fires now: bool `[*dims, 1]` or `[]`.

        NaN (a share of no agents, 0/0) has no sign: nothing fires on it, and the first number gives the first sign.

        Raises:
            ValueError: the condition is not a number, or has one value an agent.
        """
        predicate, now = handler.predicate, time.clone()
        env = {**copied(state), "t": now}  # what a condition writes in place is not the state
        if isinstance(predicate, ZeroEvent):
            value = _number(predicate.event_fn(now, env))
        else:
            value = torch.where(_number(predicate(env)).nan_to_num(0.0) != 0, 0.0, -1.0)
        if value.dim() and value.shape[-1] != 1:
            raise ValueError(
                f"the condition of a rule has shape {tuple(value.shape)}: give one value a world, [*dims, 1]; sum over "
                "agents with keepdim=True."
            )
        sign = torch.where(value.isnan(), torch.nan, value.sign())  # torch's sign of NaN is 0
        first = self._sign.get(handler)
        first = self._sign[handler] = sign if first is None else torch.where(first.isnan(), sign, first)
        done = self._fired.setdefault(handler, torch.zeros_like(sign, dtype=torch.bool))
        return ((sign == 0) | (sign != first)) & ~sign.isnan() & ~done

    def resample(self, ancestors: torch.Tensor) -> None:
        """Replicates go on with the memory of their ancestors."""
        for memory in (self._sign, self._fired):
            for handler, seen in list(memory.items()):
                memory[handler] = of_replicates(seen, ancestors)

    def interruption(self, handler: Any, firing: torch.Tensor, lend: Callable[[State], State]) -> Any:
        """`handler` acting only in the worlds where it fires; the other worlds stay armed."""
        self._fired[handler] = self._fired[handler] | firing

        def callback(dynamics: Any, state: Any) -> tuple[Any, State]:
            changed, new = handler.callback(dynamics, lend(state))
            same_entries("the callback of a rule", new, state)
            new = {name: fitting(new[name], old) for name, old in state.items()}
            if bool(firing.all()):
                return changed, new
            if changed is not dynamics:
                raise ValueError(
                    "a rule that changes the dynamics fired in some worlds only: let it change an entry of the state "
                    "that the dynamics read."
                )
            return dynamics, {name: torch.where(firing, new[name], old) for name, old in state.items()}

        return Interruption(handler.predicate, callback)


def _number(value: Any) -> torch.Tensor:
    if not isinstance(value, torch.Tensor | bool | int | float):
        raise ValueError(
            f"the condition of a rule returned {type(value).__name__}: return one number or truth value a world, "
            "[*dims, 1]."
        )
    if hidden(value):
        raise ValueError(
            "the condition of a rule is a secret, and nobody may know whether it holds: let the model act on it with "
            "torch.where, or let a rule look at what is public."
        )
    return numbers("the condition of a rule", value) if isinstance(value, torch.Tensor) else torch.as_tensor(value)
