"""Checkpoints of long simulations: one that was cut off goes on from the last, with the same numbers bit for bit."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from chirho.dynamical.handlers import LogTrajectory
from chirho.dynamical.internals.solver import Interruption
from chirho.indexed.handlers import IndexPlatesMessenger
from torch import Tensor

from causal_lpm import validate
from causal_lpm.handlers.checkpoints.folder import CheckpointFolder
from causal_lpm.handlers.checkpoints.here import Here, digest
from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.interruptions import observes
from causal_lpm.handlers.noise import KeyedNoise
from causal_lpm.handlers.recording import Recording
from causal_lpm.handlers.seeds import Seeds
from causal_lpm.handlers.worlds import Worlds
from causal_lpm.ops.pyro_stack import handlers_in_force, innermost
from causal_lpm.ops.simulation import Remembered, Rollout, goes_on, remembered
from causal_lpm.ops.step import running_step, step_length
from causal_lpm.typing import Dynamics, State

__all__ = ["Checkpoints"]


class Checkpoints(Handler):
    """Keeps each simulation of a program every few days, and goes on from the last checkpoint of one that was cut off.

    What is kept is the state, the series until then, what rules have seen, seeds that were drawn on the way, and the
    state of torch's generator: the numbers are those of a run that nothing has cut off. Under `Sharded` each rank
    writes its own agents, into a folder that all ranks share; the run may go on with another number of ranks. A file is
    there whole or not at all, and the checkpoint before the last goes when the last is whole on all ranks. The program
    runs from its top again. `Sharded` stands outside of it; in which order all others stand plays no part.

    Args:
        folder: For the checkpoints, of each simulation in a folder of its own; made if it is not there.
        every: Days between two of them.
        of: What the program is, as JSON has it, beside what its simulations say of themselves: their days, entries and
            initial states, the seed of `KeyedNoise`, and the values of policies and sites before them. A folder with
            the checkpoints of something else is refused. Of the dynamics they know nothing: name here what else the
            numbers depend on, a constant or a version of the program.

    Raises:
        ValueError: days below 1; gradients, private runs, logs and observations in the simulation, which need its first
            days, too; acts that would split worlds without names; dynamics that an act has changed.
        FileExistsError: the folder holds something else.
        WriteError: a checkpoint cannot be written.

    >>> import tempfile
    >>> from causal_lpm import rollout, tally
    >>> def day(s):
    ...     tally("x", s["x"])
    ...     return {"x": s["x"] + 1}
    >>> with tempfile.TemporaryDirectory() as folder, Checkpoints(folder, every=2):
    ...     rollout(day, {"x": torch.zeros(3)}, 5).tallies["x"]
    tensor([[ 0.,  3.,  6.,  9., 12.]], dtype=torch.float64)
    """

    lets_answers_be = True  # sites of steps are no concern of it

    def __init__(self, folder: str | os.PathLike[str], every: int, of: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        self._folder, self._of = Path(folder), dict(of or {})
        self._every = validate.whole_number("days between two checkpoints", every)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._simulations = 0
        self._runs = False
        self._drawn: dict[str, Tensor] = {}  # sites of the running simulation that belong to no step
        self._known: dict[str, Tensor] = {}  # the same, of the run that was cut off
        self._sites: dict[str, str] = {}  # what the program has said before: policies, parameters

    def _pyro_rollout(self, msg: Any) -> None:
        _refuse_what_needs_all_days()
        msg["fn"] = functools.partial(self._in_parts, msg["fn"])

    def _pyro_simulation_ends(self, msg: Any) -> None:
        self._runs = False

    # Seeds are drawn on the way, and asked for again where it goes on, those of the first days after the last one.
    def _pyro_sample(self, msg: Any) -> None:
        if msg["name"] in self._known and running_step() is None and msg["value"] is None:
            msg["value"], msg["done"] = self._known.pop(msg["name"]), True

    def _pyro_post_sample(self, msg: Any) -> None:
        if running_step() is not None:
            return
        name, value = msg["name"], msg["value"]
        if self._runs and not msg["infer"].get("_deterministic"):
            self._drawn[name] = value
        of_agents = any(frame.name == "agents" for frame in msg["cond_indep_stack"])  # luck, or in the initial state
        if not self._runs and type(value) is Tensor and not of_agents:
            self._sites[f"site {name!r}"] = digest(value)

    def _in_parts(self, body: Any, dynamics: Dynamics, state: State, first: float, days: float, name: str) -> Rollout:
        here = Here(state)
        about = {**self._of, "name": name, "first day": first, "days": days, "initial state": here.fingerprint(state)}
        about |= {**self._sites, "seed of the noise": _seed(), "length of a step": step_length()}
        folder = CheckpointFolder(self._folder / f"simulation-{self._simulations}", about)
        self._simulations, self._runs, self._drawn, self._known = self._simulations + 1, True, {}, {}
        run, begins = None, first
        if (last := here.last_day(folder)) > 0:
            run, begins = self._gone_on(folder, here, state, first + last), first + last
            state = run.state
        while begins < first + days:
            ends = min(first + days, begins + self._every)
            part: Rollout = body(dynamics, state, begins, ends - begins, name)
            run, state, begins = part if run is None else run.followed_by(part), part.state, ends
            if ends < first + days:
                self._keep(folder, here, run, ends - first)
        return Rollout(state) if run is None else run

    def _keep(self, folder: CheckpointFolder, here: Here, run: Rollout, day: float) -> None:
        memory = remembered()
        if not memory.same_dynamics:
            raise ValueError(
                f"an act has changed the dynamics in the first {day:g} days, which a checkpoint does not know: let it "
                "change an entry of the state that the dynamics read."
            )
        own, shared = here.parts(run.state)
        folder.write(int(day), (here.first, here.end), own)
        if here.first == 0:
            rules = [None if one is None else number for number, one in enumerate(memory.rules)]
            signs = {f"a/{number}": one[0] for number, one in enumerate(memory.rules) if one is not None}
            fired = {f"b/{number}": one[1] for number, one in enumerate(memory.rules) if one is not None}
            groups = {"state": shared, "tallies": run.tallies, "drawn": self._drawn, "seen": {**signs, **fired}}
            values = {f"{group}/{n}": x for group, each in groups.items() for n, x in each.items()}
            more = {"rules": rules, "stocks": sorted(run.stocks), "entries": list(run.state)}
            folder.write(int(day), None, {**values, "generator/": torch.get_rng_state()}, more)
        here.wait()
        folder.forget_before(int(day), here.first)

    def _gone_on(self, folder: CheckpointFolder, here: Here, state: State, day: float) -> Rollout:
        """What was kept, with which the simulation goes on."""
        kept = int(day)
        values, more = folder.shared(kept)
        groups: dict[str, dict[str, Tensor]] = {name: {} for name in ("state", "tallies", "drawn", "seen", "generator")}
        for name, x in values.items():
            group, _, own = name.partition("/")
            groups[group][own] = x
        seen = groups["seen"]
        rules = tuple(None if i is None else (seen[f"a/{i}"], seen[f"b/{i}"]) for i in more["rules"])
        goes_on(day, Remembered(rules))
        self._known, self._drawn = groups["drawn"], dict(groups["drawn"])
        torch.set_rng_state(groups["generator"][""])
        entries = {**here.entries(folder.entries(kept, here.first, here.end)), **groups["state"]}
        on = {name: entries[name].to(state[name].device) for name in more["entries"]}
        return Rollout(on, groups["tallies"], frozenset(more["stocks"]))


def _seed() -> str | None:
    """The seed of the noise; None where seeds are drawn, which a checkpoint keeps."""
    noise = innermost(KeyedNoise)
    return None if noise is None or isinstance(noise, Seeds) else digest(noise.seed())


def _refuse_what_needs_all_days() -> None:
    """Raises ValueError for handlers in force that would miss the days before a checkpoint."""
    acts = [handler for handler in handlers_in_force() if isinstance(handler, Interruption)]
    for handler in handlers_in_force():
        ours = isinstance(handler, Handler) and handler.one_process
        if ours or isinstance(handler, LogTrajectory | Recording) or (handler in acts and observes(handler)):
            raise ValueError(
                f"{type(handler).__name__} needs all days of a simulation, and one that goes on from a checkpoint has "
                "the later ones alone: leave out either."
            )
        unnamed = isinstance(handler, IndexPlatesMessenger) and not (isinstance(handler, Worlds) and handler.are_named)
        if unnamed and acts:
            raise ValueError(
                "an intervention on the way may split worlds that have no names, and a simulation that goes on from a "
                "checkpoint would not know them: name the worlds, as comparing and Worlds(names=...) do."
            )
