"""Gradients that reach back a number of days and no further."""

from collections.abc import Mapping
from typing import Any, Self

import torch

from causal_lpm.handlers.handler import Handler
from causal_lpm.ops.step import step_length
from causal_lpm.typing import Dynamics, State
from causal_lpm.validate import whole_number

__all__ = ["Truncated"]


class Truncated(Handler):
    """Cuts the gradient every few days, where it would explode: what came before is taken as given. Biased.

    At the start of each window of so many days the state forgets what it was made of, so a tally of the 13th day of
    windows of 5 has the gradient of the days 10 to 12 alone (truncated backpropagation through time). Where errors grow
    from day to day, as in a market that is chaotic, the derivative of each single run grows with them, and its mean
    over runs with it: a few days are less noisy, and leave out what works through the state for longer. How much that
    is, `check_gradient` measures: give it `(StraightThrough(), Truncated(5))` among the estimators.

    It stands beside a handler of gradients, in any order, or alone where the model is differentiable as it is. Entries
    that no step has changed keep their gradient: parameters and policies that the state carries. Nothing of the forward
    simulation changes. A simulation that goes on at the day where the last one ended is cut as one.

    Args:
        days: Days of a window, a whole number from 1; they are counted from day 0.

    Raises:
        ValueError: days that are not a whole number of steps.

    Source: Williams and Peng (1990), An efficient gradient-based algorithm for on-line training of recurrent network
    trajectories, Neural Computation 2; Metz et al. (2021), Gradients are not all you need, arXiv:2111.05803.

    >>> import torch
    >>> from causal_lpm import rollout, tally
    >>> def growth(s):
    ...     size = s["size"] * s["rate"]
    ...     tally("size", size)
    ...     return {**s, "size": size}
    >>> slopes = []
    >>> for days in (100, 2):
    ...     rate = torch.tensor([1.5], requires_grad=True)
    ...     with Truncated(days):
    ...         run = rollout(growth, {"size": torch.ones(1), "rate": rate}, days=4)
    ...     slopes += torch.autograd.grad(run.tallies["size"].sum(), rate)
    >>> slopes  # 1 + 2 r + 3 r**2 + 4 r**3, and 1 + 2 r + r**2 + 2 r**3
    [tensor([24.2500]), tensor([13.])]
    """

    def __init__(self, days: int) -> None:
        super().__init__()
        self.days = whole_number("days of a truncated gradient", days)
        self._begin_anew()

    def __repr__(self) -> str:
        return f"Truncated({self.days})"

    def _begin_anew(self) -> None:
        self._changed: set[str] = set()  # entries that a step has made
        self._day = self._end = 0.0  # until which the last simulation went, and at which one ended well

    def twin(self) -> Self:
        other = super().twin()
        other._changed = set(self._changed)
        return other

    # A simulation that goes on where the last one ended is one with it.
    def _pyro_rollout(self, msg: Any) -> None:
        _, _, first_day, days, _ = msg["args"]
        if first_day != self._end:
            self._changed = set()
        self._day = first_day + days

    def _pyro_simulation_ends(self, msg: Any) -> None:
        if msg["args"][0]:
            self._end = self._day

    def _pyro_step(self, msg: Any) -> None:
        dynamics, state, number, *others = msg["args"]
        length = step_length()
        steps = round(self.days / length)
        if steps < 1 or abs(steps * length - self.days) > 1e-6 * self.days:
            raise ValueError(
                f"the gradient is cut every {self.days} days and a step has {length:g}: give a multiple of the step."
            )
        if number % steps == 0:
            state = {name: x.detach() if name in self._changed else x for name, x in state.items()}
        msg["args"] = (self._watched(dynamics), state, number, *others)

    def _watched(self, dynamics: Dynamics) -> Dynamics:
        def watched(state: State) -> Mapping[str, torch.Tensor]:
            before = {name: (x, _writes(x)) for name, x in state.items()}  # the dynamics may write into it
            new = dynamics(state)
            if isinstance(new, Mapping):  # the step says what is wrong otherwise
                for name, value in new.items():
                    old, writes = before.get(name, (None, 0))
                    if value is not old or _writes(value) != writes:
                        self._changed.add(name)
            return new

        return watched


def _writes(x: torch.Tensor) -> int:
    """How often a tensor has been written into."""
    return 0 if x.is_inference() else x._version
