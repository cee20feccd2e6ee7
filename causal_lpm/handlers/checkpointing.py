"""Gradients through many days in little memory: days are computed again in the backward pass, noise included."""

import copy
import ctypes
import functools
import math
import os
import types
from collections.abc import Callable
from typing import Any

import torch
from chirho.dynamical.handlers import LogTrajectory
from chirho.dynamical.internals.solver import Solver
from pyro.poutine.messenger import Messenger
from pyro.poutine.trace_messenger import TraceMessenger
from torch._functorch.pyfunctorch import temporarily_clear_interpreter_stack
from torch.autograd.graph import saved_tensors_hooks

from causal_lpm.handlers.handler import Handler
from causal_lpm.ops.pyro_stack import handlers_in_force, in_place_of_all
from causal_lpm.typing import Dynamics, State
from causal_lpm.validate import positive_count

__all__ = ["Checkpointing"]

LARGE = 2**18
"""From so many agents on, free memory is handed back to the system after every step."""


class Checkpointing(Handler):
    """Keeps the state only every few steps, and computes the steps between again when the backward pass needs them.

    With sqrt(T) steps a block, memory grows with sqrt(T) instead of T, for one more forward simulation. Keyed noise is
    computed again from its key, other noise by torch's generator of the CPU; so gradients are the same, bit for bit.
    Other noise on a GPU is not restored: use keyed noise there. Whatever the dynamics read besides must still be the
    same in the backward pass: variables of the enclosing function, parameters (step the optimiser afterwards), the
    initial state. Tallies come out as without it. It stands outside of the solver; `rollout` brings its own. Where a
    rule (`on` with a function of the state) is in force, a block is one step.

    Args:
        steps: Steps a block, or None for the square root of their number, rounded up.

    Raises:
        ValueError: steps below 1; entered inside a solver; days that come out otherwise when they are computed again,
            where gradients depend on them.

    Source: Griewank and Walther (2000), Algorithm 799: revolve, ACM Trans Math Softw 26. The name is torch's.

    >>> import torch
    >>> from causal_lpm import rollout
    >>> x = torch.tensor([0.5], requires_grad=True)
    >>> with Checkpointing():
    ...     rollout(lambda s: {"x": s["x"] * s["x"]}, {"x": x}, days=4).state["x"].backward()
    >>> x.grad  # d x**16 / dx
    tensor([0.0005])
    """

    one_process = True

    def __init__(self, steps: int | None = None) -> None:
        if steps is not None:
            positive_count("steps of a block", steps)
        super().__init__()
        self.steps = steps

    def _pyro_simulate_point(self, msg: Any) -> None:
        if msg["done"] or not torch.is_grad_enabled():
            return
        if not isinstance(getattr(msg["fn"], "__self__", None), Solver):
            raise ValueError("Checkpointing stands inside of the solver, whose steps it divides: enter it first.")
        msg["fn"] = functools.partial(self._in_blocks, msg["fn"])

    # For this alone, copies of this handler stay on the stack when days are computed again.
    def _pyro_post_step(self, msg: Any) -> None:
        if max(entry.numel() for entry in msg["value"].values()) >= LARGE:
            _trim()

    def _in_blocks(
        self, advance: Any, dynamics: Dynamics, state: State, start: torch.Tensor, end: torch.Tensor, **options: Any
    ) -> State:
        dt = advance.__self__.dt
        length = dt * (self.steps or math.ceil(math.sqrt(max(float(end - start) / dt, 1.0))))
        while start < end:
            # Blocks begin at multiples of their length, up to the rounding of float32 times.
            following = torch.tensor((math.floor(float(start) / length + 1e-6) + 1) * length).to(start)
            following = torch.minimum(following, end)
            block = _Block(advance, dynamics, state, start, following, options)
            with saved_tensors_hooks(block.drop, block.computed_again):
                state = advance(dynamics, state, start, following, **options)
            start = following
        return state


class _Block:
    """Some steps, whose intermediate results are dropped in the forward pass and computed again at first need."""

    def __init__(self, advance: Any, dynamics: Dynamics, state: State, *times_and_options: Any) -> None:
        self._stack, self._advance = _twins(handlers_in_force(), advance)
        self._dynamics, (self._start, self._end, self._options) = dynamics, times_and_options
        self._state = state
        self._random = torch.get_rng_state()
        self._dropped: list[torch.Tensor] = []  # fingerprints
        self._results: dict[int, torch.Tensor] = {}

    def drop(self, result: torch.Tensor) -> int:
        self._dropped.append(_fingerprint(result))
        return len(self._dropped) - 1

    def computed_again(self, number: int) -> torch.Tensor:
        if number not in self._results:
            with temporarily_clear_interpreter_stack():  # many gradients may go backward at once, of the same days
                self._compute()
        return self._results.pop(number)

    def _compute(self) -> None:
        results: list[torch.Tensor] = []
        state = {name: x.detach().requires_grad_(x.requires_grad) for name, x in self._state.items()}
        # Twins of the twins: a second backward pass finds them as the first one did.
        stack, advance = _twins(self._stack, self._advance)
        for handler in stack:
            if isinstance(handler, Handler):
                handler.serve_this_thread()  # one of torch's, for the backward pass on a GPU

        def keep(result: torch.Tensor) -> torch.Tensor:
            results.append(result.detach())
            return results[-1]

        with (
            torch.enable_grad(),
            torch.random.fork_rng(devices=[]),
            in_place_of_all(stack),
            saved_tensors_hooks(keep, lambda result: result),
        ):
            torch.set_rng_state(self._random)
            advance(self._dynamics, state, self._start, self._end, **self._options)
        again = [_fingerprint(result) for result in results]
        if len(again) != len(self._dropped) or not all(map(torch.equal, again, self._dropped)):
            raise ValueError(
                f"the days {float(self._start):g} to {float(self._end):g} came out otherwise when Checkpointing "
                "computed them again: the dynamics may depend on their state, on noise, and on what stays as it is "
                "until the backward pass; change parameters and variables of the enclosing function after it."
            )
        self._results = dict(enumerate(results))


def _fingerprint(x: torch.Tensor) -> torch.Tensor:
    """The sum of all bit patterns, in wrapping int64 `[]`: the order plays no part, and nothing waits for a GPU."""
    x = x.detach()
    if x.layout != torch.strided or x.is_complex():  # these are not compared
        return torch.zeros((), dtype=torch.int64)
    return (x.view(_BITS[x.element_size()]) if x.is_floating_point() else x).sum(dtype=torch.int64)


_BITS = {1: torch.int8, 2: torch.int16, 4: torch.int32, 8: torch.int64}


def _twins(handlers: list[Messenger], advance: Any) -> tuple[list[Messenger], Any]:
    """Copies of these handlers without recorders, and the solver's method bound to its copy.

    Handlers may be entered again before the backward pass, with another seed for example.
    """
    copies = {id(handler): _twin(handler) for handler in handlers if not _records(handler)}
    return list(copies.values()), types.MethodType(advance.__func__, copies[id(advance.__self__)])


def _records(handler: Messenger) -> bool:
    """Whether a handler only remembers what happened: it has seen it already when days are computed again."""
    return handler.recorder if isinstance(handler, Handler) else isinstance(handler, LogTrajectory | TraceMessenger)


def _twin(handler: Messenger) -> Messenger:
    if isinstance(handler, Handler):
        return handler.twin()
    twin = copy.copy(handler)  # of Pyro or ChiRho
    vars(twin).update({k: copy.copy(v) for k, v in vars(twin).items() if type(v) in (dict, list, set)})
    return twin


@functools.cache
def _malloc_trim() -> Callable[[int], int] | None:
    """The function of glibc, None with other C libraries."""
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    return trim


def _trim() -> None:
    """Hands free memory back to the system.

    glibc takes tensors between 128 KiB and 32 MiB from its heap once one of that size has been freed, and keeps the
    heap's holes: the memory of dropped results would stay with the process, 20 MB a day for a million agents.
    """
    if (trim := _malloc_trim()) is not None:
        trim(0)
