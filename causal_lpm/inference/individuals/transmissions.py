"""Records who infected whom: a handler that follows what each contact adds to the hazard of an infection."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from causal_lpm.agents.layers import stretches
from causal_lpm.handlers.handler import Handler
from causal_lpm.inference.individuals.infectors import Infected, Sum, at, derivatives, infectors
from causal_lpm.inference.individuals.transmission_tree import TransmissionTree
from causal_lpm.ops.population import population
from causal_lpm.ops.step import running_step, step_length
from causal_lpm.typing import Dynamics, State

__all__ = ["Transmissions"]


class Transmissions(Handler):
    """Records who infected whom, the infector drawn in proportion to what each contact added to the hazard.

    The hazard of the event must be a sum of exposures, each times a number of the agent's own (a policy, a
    susceptibility): the derivative by the exposure is that number, and that times what a contact sends is the
    contact's part. Given that an agent was infected, each contact was the cause with the probability of its share,
    since infection comes from the first of several independent ones.

    Infectors are drawn from the noise of the run, numbered by the infectee, the number of the infectee's infection, and
    the contact. So the same seeds give the same tree, in every world as far as hazards agree, and the run itself is the
    same as without this handler. It stands inside of the noise.

    Args:
        event: Name of the event, after that of its rollout (`"name/event"`), if it has one. Give it a `where` of whom
            it concerns: what the model takes back afterwards is in the tree all the same.
        importation: Whether hazards have a part that does not come from contacts. Its infections have the infector
            `OUTSIDE`. Otherwise such a part is refused, on days on which the event has exposures.

    Raises:
        ValueError: a network that cannot say who meets whom; a hazard that is no sum of exposures; an agent that is
            infected again, without `where`; a process that holds a part of the population; replicates that are
            resampled; a run without the event.

    Source: Cori et al. (2013), American Journal of Epidemiology 178, for infection pressure as a sum over the
    infectious.

    >>> from causal_lpm import KeyedNoise, event, exposure, rollout
    >>> from causal_lpm.agents import Groups
    >>> home = Groups(torch.tensor([0, 0, 1, 1]))
    >>> def day(s):
    ...     return {"ill": s["ill"] | event("infection", 2 * exposure(home, s["ill"]), where=~s["ill"])}
    >>> with KeyedNoise(1), Transmissions() as seen:
    ...     _ = rollout(day, {"ill": torch.tensor([True, False, False, True])}, days=5)
    >>> sorted(zip(seen.tree().infector.tolist(), seen.tree().infectee.tolist()))
    [(0, 1), (3, 2)]
    """

    recorder = one_process = True

    def __init__(self, event: str = "infection", importation: bool = False) -> None:
        super().__init__()
        self.event, self.importation = event, importation
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._sums: list[Sum] = []  # of the running step
        self._parts: tuple[Tensor, list[Tensor | None]] | None = None  # hazard, and its derivative by each sum
        self._found: list[tuple[torch.Size, Tensor, int, Tensor, Tensor]] = []  # dims, row, step, infectee, infector
        self._times: Tensor | None = None  # how often each agent was infected, int64 `[*dims, agents]`
        self._days, self._length = 0, 1.0

    def tree(self) -> TransmissionTree:
        """The infections that were seen."""
        if self._times is None:
            raise ValueError(
                f"no event {self.event!r} was seen: run the model under this handler, or correct the name."
            )
        dims = torch.broadcast_shapes(*(each[0] for each in self._found), self._times.shape[:-1])
        columns: list[list[Tensor]] = [[], [], [], []]
        for own, row, step, infectee, infector in self._found:
            # Days before worlds split were recorded once for all of them.
            of_all = torch.arange(own.numel()).reshape(own).expand(dims).reshape(-1)
            count = torch.bincount(row, minlength=own.numel())
            rows, which = stretches((count.cumsum(0) - count)[of_all], count[of_all])  # they are in the order of rows
            for column, value in zip(
                columns, (rows, torch.full_like(rows, step), infectee[which], infector[which]), strict=True
            ):
                column.append(value)
        row, day, infectee, infector = (torch.cat([torch.zeros(0, dtype=torch.int64), *each]) for each in columns)
        agents = self._times.shape[-1]
        return TransmissionTree(tuple(dims), agents, self._days, row, day, infectee, infector, self._length)

    def _pyro_step(self, msg: Any) -> None:
        self._sums, self._parts = [], None
        self._days, self._length = max(self._days, msg["args"][2] + 1), float(step_length())
        msg["args"] = (self._watched(msg["args"][0]), *msg["args"][1:])

    def _watched(self, dynamics: Dynamics) -> Dynamics:
        def watched(state: State) -> Mapping[str, Tensor]:
            with torch.enable_grad():
                new = dynamics(state)
            self._sums, self._parts = [], None
            if isinstance(new, Mapping):  # the step says what is wrong otherwise
                new = {name: value.detach() if _carries(value) else value for name, value in new.items()}
            return new

        return watched

    # What is watched is the way from an exposure to a hazard; all else gets plain numbers.
    def _pyro_exposure(self, msg: Any) -> None:
        msg["args"] = tuple(x.detach() if _carries(x) else x for x in msg["args"])

    _pyro_tally = _pyro_choose = _pyro_allocate = _pyro_look_up = _pyro_exposure

    def _pyro_post_exposure(self, msg: Any) -> None:
        if running_step() is None:
            return
        layers, sent = msg["args"]
        with torch.enable_grad():
            for name, total in msg["value"].items():
                received = total.detach().clone().requires_grad_()
                self._sums.append(Sum(layers[name], sent, received))
                msg["value"][name] = received.clone()  # which the model may write into

    def _pyro_event(self, msg: Any) -> None:
        name, hazard, *rest = msg["args"]
        if self._is_ours(name):
            self._parts = hazard.detach(), derivatives(name, hazard, self._sums)
        msg["args"] = (name, hazard.detach(), *rest)

    def _is_ours(self, name: str) -> bool:
        step = running_step()
        return step is not None and step.prefix + name == self.event

    def _pyro_post_event(self, msg: Any) -> None:
        name, _, _, where = msg["args"]
        step = running_step()
        if step is None or not self._is_ours(name) or self._parts is None:
            return
        happened: Tensor = msg["value"]
        if happened.dtype != torch.bool or population(happened.shape[-1]).is_part:
            raise ValueError(
                f"event {name!r} came as {happened.dtype} of a part of the population or under a handler of gradients: "
                "record transmissions of a plain run, in one process."
            )
        dims = happened.shape[:-1]
        row, infectee = happened.reshape(-1, happened.shape[-1]).nonzero().unbind(-1)
        times = torch.zeros_like(happened, dtype=torch.int64) if self._times is None else self._times
        number = at(times, dims, row, infectee)
        if where is None and bool((number > 0).any()):
            agent = int(infectee[(number > 0).nonzero()[0, 0]])
            raise ValueError(
                f"event {name!r} happens again to agent {agent} in step {step.number}, and has no where=: say whom it "
                "can happen to, or infections would count that the model takes back."
            )
        self._times = times + happened
        hazard, slopes = self._parts
        infected = Infected(name, dims, row, infectee, number)
        infector = infectors(infected, hazard, list(zip(self._sums, slopes, strict=True)), self.importation)
        self._found.append((dims, row.cpu(), step.number, infectee.cpu(), infector.cpu()))

    def _pyro_resampled(self, msg: Any) -> None:
        raise ValueError(
            "rows are resampled while transmissions are recorded: replay the rows that are left, and record it."
        )


def _carries(value: Any) -> bool:
    return isinstance(value, Tensor) and value.requires_grad
