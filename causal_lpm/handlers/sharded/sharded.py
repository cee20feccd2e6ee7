"""One population over several processes: what the operations mean where each holds some of the agents."""

from __future__ import annotations

import contextlib
import functools
import operator
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.incremental import Incremental
from causal_lpm.handlers.noise import KeyedNoise
from causal_lpm.handlers.sharded.found import FoundHere
from causal_lpm.handlers.sharded.held import Held, cut, whole
from causal_lpm.handlers.sharded.held_by_rules import HeldByRules
from causal_lpm.handlers.sharded.meeting import meet, part
from causal_lpm.handlers.sharded.ranks import Ranks
from causal_lpm.ops.exposure import checked_size, sums
from causal_lpm.ops.kept_sums import KeptSums
from causal_lpm.ops.outcomes import data_of
from causal_lpm.ops.population import Address
from causal_lpm.ops.pyro_stack import handlers_in_force, innermost
from causal_lpm.typing import Network, State

__all__ = ["Sharded"]


class Sharded(Handler):
    """Shares the agents of a model out among the processes that `torch.distributed` has brought together.

    Every process runs the same program; each holds a contiguous part of the agents, with their noise and contacts, and
    all see the same tallies, those of one process bit for bit. The model does not change: tensors with one entry an
    agent are whole to it, and what it does to each agent is done where the agent is.

    It stands outside of all other handlers, which the program enters inside of it, the same in every process.

    Args:
        ranks: The processes; those that this one was started among, by torchrun for example, if not given.

    Raises:
        ValueError: entered inside of other handlers; a simulation of fewer than two agents a process; noise without
            `KeyedNoise` or `Seeds`; what agents did is observed; gradients.
    """

    def __init__(self, ranks: Ranks | None = None) -> None:
        super().__init__()
        self.ranks = meet() if ranks is None else ranks
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._total: int | None = None  # agents of the operation that is computed for those here
        self._layers: WeakKeyDictionary[Network, Any] = WeakKeyDictionary()  # a layer -> that of the agents here
        self._following = Incremental(KeptSums())

    def __enter__(self) -> Any:
        for other in handlers_in_force():
            if isinstance(other, Handler):
                raise ValueError(
                    f"Sharded is entered inside of {type(other).__name__}, which would not see what all ranks hold: "
                    "enter Sharded before all other handlers."
                )
        torch.set_rng_state(self.ranks.stacked(torch.get_rng_state())[0])  # what Pyro draws is the same on all ranks
        return super().__enter__()

    def __exit__(self, *error: Any) -> Any:
        if isinstance(error[1], BaseException):
            part(self.ranks, error[1])
        return super().__exit__(*error)

    # Operations: computed for the agents here, by whatever answers them further in

    @contextlib.contextmanager
    def _here(self, total: int) -> Iterator[None]:
        before, self._total = self._total, total
        try:
            yield
        finally:
            self._total = before

    def _pyro_post_population(self, msg: Any) -> None:
        if self._total is None or not isinstance(msg["value"], Address):
            return
        first, here = self.ranks.own(self._total)
        if msg["value"].here == here:
            msg["value"] = replace(msg["value"], first=first, total=self._total)

    def _pyro_sum_over_ranges(self, msg: Any) -> None:
        if self._total is not None:
            msg["fn"] = self.ranks.sum

    def _pyro_join_ranges(self, msg: Any) -> None:
        if (total := self._total) is not None:
            msg["fn"] = lambda part: self.ranks.joined(part, -1, total)

    def _pyro_own_part(self, msg: Any) -> None:
        if (total := self._total) is not None:
            msg["fn"] = lambda column: cut(column, -1, total, self.ranks)

    def _pyro_bounds_of_ranges(self, msg: Any) -> None:
        msg["fn"] = self.ranks.bounds

    def _pyro_swap(self, msg: Any) -> None:
        msg["fn"] = self.ranks.swapped

    def _pyro_hold(self, msg: Any) -> None:
        msg["fn"] = self._held

    def _held(self, x: Tensor) -> Tensor:
        total = x.shape[-1] if x.dim() else 1
        if isinstance(x, Held) or total < 2 * self.ranks.count:
            return x
        return HeldByRules(cut(x, -1, total, self.ranks).clone(), -1, total, self.ranks)

    def _answer(self, msg: Any, total: int, axes: dict[int, int], axis: int = -1) -> None:
        """Lets the operation be computed from the parts of its arguments.

        Args:
            msg: Of the operation.
            total: How many agents there are.
            axes: Position of an argument -> its dimension of agents.
            axis: That of the result.
        """
        if self._total is not None or total < 2 * self.ranks.count:
            return
        answer: Callable[..., Tensor] = msg["fn"]

        def of_those_here(*args: Any, **kwargs: Any) -> Held:
            given = [cut(x, axes[i], total, self.ranks) if i in axes else x for i, x in enumerate(args)]
            with self._here(total):
                local = answer(*given, **kwargs)
            return HeldByRules(local, axis, total, self.ranks)

        msg["fn"] = of_those_here

    def _pyro_exogenous(self, msg: Any) -> None:
        name, agents, _, slots, index = msg["args"]
        if self._total is None and agents < 2 * self.ranks.count:
            return
        if innermost(KeyedNoise) is None and agents > 1:
            raise ValueError(
                f"the noise {name!r} would be drawn by Pyro agent by agent, and ranks that hold some of them could not "
                "draw the same: run the model under KeyedNoise or Seeds."
            )
        if self._total is not None:
            return
        axis = -2 if slots > 1 and index is None else -1
        self._answer(msg, agents, {4: -1}, axis)
        answer, here = msg["fn"], self.ranks.own(agents)[1]
        msg["fn"] = lambda name, _, *rest: answer(name, here, *rest)

    def _pyro_event(self, msg: Any) -> None:
        name, rate, obs, _ = msg["args"]
        self._refuse_data(name, obs, rate.shape[-1])
        self._answer(msg, rate.shape[-1], {1: -1, 3: -1})

    def _pyro_choose(self, msg: Any) -> None:
        name, logits, obs, _, one_hot = msg["args"]
        self._refuse_data(name, obs, logits.shape[-2])
        self._answer(msg, logits.shape[-2], {1: -2}, -2 if one_hot else -1)

    def _pyro_above(self, msg: Any) -> None:
        margin = msg["args"][1]
        if isinstance(margin, Held) and margin.axis == -1:
            self._answer(msg, margin.total, {1: -1})

    def _refuse_data(self, name: str, obs: Any, agents: int) -> None:
        if agents >= 2 * self.ranks.count and data_of(name, obs) is not None:
            raise ValueError(
                f"what agents did at {name!r} is observed, and single agents are not conditioned on where several "
                "ranks hold them: run it in one process, or observe tallies."
            )

    def _pyro_look_up(self, msg: Any) -> None:
        index = msg["args"][1]
        if isinstance(index, Held) and index.axis == -1:
            axes = {1: -1} if msg["args"][0].dim() == 1 else {0: -2, 1: -1}
            self._answer(msg, index.total, axes)

    def _pyro_allocate(self, msg: Any) -> None:
        self._answer(msg, msg["args"][1].shape[-1], {1: -1, 3: -1})

    def _pyro_tally(self, msg: Any) -> None:
        values = msg["args"][1]
        answer, total = msg["fn"], values.shape[-1]
        if not isinstance(values, Held) or self._total is not None:
            return

        def sum_of_all(name: str, values: Tensor, by: Tensor | None, *rest: Any, **kwargs: Any) -> Tensor:
            if values.is_floating_point():  # in the order of one process, to the last bit
                of_all: Tensor = answer(name, whole(values), whole(by), *rest, **kwargs)
                return of_all
            with self._here(total):
                part = answer(name, cut(values, -1, total, self.ranks), cut(by, -1, total, self.ranks), *rest, **kwargs)
            return self.ranks.sum(part)

        msg["fn"] = sum_of_all

    def _pyro_exposure(self, msg: Any) -> None:
        self._answer(msg, msg["args"][1].shape[-1], {1: -1, 3: -1})
        if self._total is None and msg["args"][1].shape[-1] >= 2 * self.ranks.count:
            total = msg["args"][1].shape[-1]
            msg["fn"] = lambda layers, x: self._received(layers, cut(x, -1, total, self.ranks), total)

    def _received(self, layers: Any, x: Tensor, total: int) -> dict[str, Tensor]:
        with self._here(total):
            size = float(self.ranks.stacked(torch.tensor(float(checked_size(x)), dtype=torch.float64)).max())
            found = sums(layers, x, lambda layer, part: self._sum(layer, part, total), size)
        return {name: HeldByRules(one, -1, total, self.ranks) for name, one in found.items()}

    def _sum(self, layer: Any, x: Tensor, total: int) -> Tensor:
        first, here = self.ranks.own(total)
        if singles := getattr(layer, "networks", None):
            sums_of = [self._sum(single, x, total) for single in singles]
            return functools.reduce(operator.add, sums_of)
        if not hasattr(layer, "of_range"):  # somebody's own network, which connects everybody
            everybody: Tensor = layer.total(self.ranks.joined(x, -1, total))
            return everybody.narrow(-1, first, here)
        if layer not in self._layers:
            self._layers[layer] = layer.of_range(Address(first, here, total))
        found: Tensor = self._layers[layer].total(x, self._following.total)
        return found

    # What is looked at between the operations

    def _pyro_found(self, msg: Any) -> None:
        if isinstance(msg["args"][0], Held):
            msg["fn"] = FoundHere

    # A simulation

    def _pyro_rollout(self, msg: Any) -> None:
        for handler in handlers_in_force():
            if isinstance(handler, Handler) and handler.one_process:
                raise ValueError(
                    f"{type(handler).__name__} needs all agents in one process, and {self.ranks.count} ranks share "
                    "them: leave either out."
                )
        state, answer = msg["args"][1], msg["fn"]
        agents = max(entry.shape[-1] for entry in state.values())
        if agents < 2 * self.ranks.count:
            raise ValueError(
                f"{agents} agents are simulated by {self.ranks.count} ranks: give each rank two agents or more, or "
                "start fewer ranks."
            )
        msg["fn"] = lambda dynamics, state, *rest: answer(dynamics, self._shared(state, agents), *rest)

    def _pyro_step(self, msg: Any) -> None:
        answer, agents = msg["fn"], max(entry.shape[-1] for entry in msg["args"][1].values())

        def step(dynamics: Any, state: State, *rest: Any) -> State:
            return self._shared(answer(dynamics, self._shared(state, agents), *rest), agents)

        msg["fn"] = step

    def _shared(self, state: State, agents: int) -> State:
        for name, entry in state.items():
            if entry.requires_grad:
                raise ValueError(
                    f"the entry {name!r} carries a gradient, and gradients do not cross ranks: run it in one process."
                )
        return {name: self._held(x) if x.shape[-1] == agents else x for name, x in state.items()}
