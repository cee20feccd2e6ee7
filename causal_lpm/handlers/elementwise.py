"""The elementwise operations of a step on many agents, done by compiled loops where torch takes ten times as long."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import torch

from causal_lpm.handlers.handler import Handler
from causal_lpm.kernels.dispatch import compiled
from causal_lpm.kernels.elementwise import LARGE
from causal_lpm.kernels.one_thread import WORTH_THREADS, OneThread
from causal_lpm.kernels.quick_mode import QuickMode
from causal_lpm.kernels.waiting import let_threads_sleep
from causal_lpm.typing import Dynamics, State

__all__ = ["Elementwise"]


class Elementwise(Handler):
    """Comparisons, `where`, counts and the like on large CPU tensors, with the bits that torch gives.

    `rollout` puts it on the stack. It changes how long a step takes and no number that the package computes: whatever
    it does not know, it leaves to torch, with one thread where the state takes less than 2 MB an entry and the
    operation multiplies no matrices. Where torch has several threads, its sums of floats may end in another bit there
    than outside of a step. It does nothing where the state is small, where another mode of torch is in force, without
    numba, and in `with causal_lpm.kernels.use("reference")`, which turns it off.

    >>> from causal_lpm import rollout
    >>> with Elementwise():
    ...     run = rollout(lambda s: {"x": torch.where(s["x"] < 3, s["x"] + 1, 0)}, {"x": torch.zeros(100_000)}, 5)
    >>> run.state["x"][:2]
    tensor([1., 1.])
    """

    recorder = True

    # `fn` and not the value is set, so that a handler further out that answers steps still does.
    def _pyro_step(self, msg: Any) -> None:
        msg["fn"] = functools.partial(_step, msg["fn"])


def _step(step: Callable[..., State], dynamics: Dynamics, state: State, *others: Any) -> State:
    large = max([x.numel() if x.is_cpu else 0 for x in state.values()]) >= LARGE
    if large:
        let_threads_sleep()
    if not large or not compiled() or torch._C._len_torch_function_stack():
        return step(dynamics, state, *others)

    def quick(now: State) -> Mapping[str, torch.Tensor]:
        with QuickMode():
            return dynamics(now)

    if max([x.nbytes for x in state.values()]) >= WORTH_THREADS:
        return step(quick, state, *others)
    with OneThread():
        return step(quick, state, *others)
