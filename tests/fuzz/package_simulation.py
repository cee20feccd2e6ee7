"""A random experiment run by the package: all worlds and replicates at once, in a random order of handlers."""

import contextlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pyro
import torch
from chirho.dynamical.handlers import DynamicIntervention, LogTrajectory, StaticIntervention
from chirho.dynamical.ops import on
from chirho.indexed.ops import IndexSet, gather
from chirho.interventional.handlers import do
from pyro.poutine.messenger import Messenger

from causal_lpm import (
    Checkpointing,
    DiscreteTime,
    KeyedNoise,
    ProductWorlds,
    Recording,
    Rollout,
    Score,
    Seeds,
    comparing,
)
from causal_lpm import Worlds as WorldsHandler
from causal_lpm.handlers.incremental import Incremental
from causal_lpm.ops.step import step_length
from causal_lpm.typing import State
from tests.fuzz.description import Act, Experiment, Rule
from tests.fuzz.numpy_simulation import Simulated
from tests.fuzz.package_model import Broken, PackageModel, holds


class Halves(Messenger):
    """Simulates the days in two parts."""

    def _pyro_rollout(self, msg: Any) -> None:
        body: Callable[..., Rollout] = msg["fn"]

        def in_halves(dynamics: Any, state: State, first: float, days: float, name: str) -> Rollout:
            half = (round(days / step_length()) + 1) // 2 * step_length()
            begun = body(dynamics, state, first, half, name)
            return (
                begun
                if half >= days
                else begun.followed_by(body(dynamics, begun.state, first + half, days - half, name))
            )

        msg["fn"] = in_halves


BYSTANDERS: dict[str, Callable[[], Any]] = {
    "recording": Recording,
    "incremental": Incremental,
    "score": Score,
    "trace": pyro.poutine.trace,
    "checkpointing": Checkpointing,
    "halves": Halves,
}


class PackageRun:
    """The results of all worlds, and how to take one out."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.model = PackageModel(experiment)
        self.handlers = {
            "noise": self._noise(experiment.luck),
            "worlds": self._worlds(),
            "do": do(actions={name: _acts(values, ()) for name, values in experiment.worlds.do.items()}),
            **({"solver": DiscreteTime(experiment.dt, experiment.solver)} if experiment.solver is not None else {}),
            **{f"act {i}": self._act(act) for i, act in enumerate(experiment.acts)},
            **{f"rule {i}": _rule(rule) for i, rule in enumerate(experiment.rules)},
        }
        self.handlers |= {name: BYSTANDERS[name]() for name in experiment.bystanders}
        if experiment.logged:
            self.log: Any = LogTrajectory(torch.tensor([step * experiment.dt for step in experiment.logged]))
            self.handlers["log"] = self.log
        self.runs: list[Rollout] = self._run()

    def _run(self) -> list[Rollout]:
        names = list(self.handlers)
        names = [names[i] for i in np.argsort(self.experiment.order[: len(names)])]
        match self.experiment.before:
            case "twice in one block":
                outer = [name for name in names if name != "noise"]
                with self._entered(outer):
                    with self._noise(tuple(seed + 1 for seed in self.experiment.luck)):
                        self.model()
                    with self.handlers["noise"]:
                        return self.model()
            case "handlers used again":
                with self._entered(names):
                    self.model()
            case "a failure in the block":
                with self._entered(names):
                    self._fail()
                    return self.model()
            case "a failure before the block":
                with contextlib.suppress(Broken), self._entered(names):
                    self.model.fails = True
                    self.model()
                self.model.fails = False
        with self._entered(names):
            return self.model()

    def _fail(self) -> None:
        self.model.fails = True
        try:
            self.model()
        except Broken:
            self.model.fails = False

    @contextlib.contextmanager
    def _entered(self, names: list[str]) -> Any:
        with contextlib.ExitStack() as stack:
            for name in names:
                entered = stack.enter_context(self.handlers[name])
                if name == "worlds":
                    self.worlds = entered
            yield

    def _noise(self, luck: tuple[int, ...]) -> Any:
        seeds = torch.tensor(luck)[:, None] if self.experiment.replicates else torch.tensor(luck[0])
        return _Sites(seeds) if self.experiment.seeds_as_sites else KeyedNoise(seeds)

    def _worlds(self) -> Any:
        made, replicates = self.experiment.worlds, len(self.experiment.luck) if self.experiment.replicates else 1
        match made.kind:
            case "worlds":
                return WorldsHandler(made.names, replicates=replicates)
            case "product":
                return ProductWorlds(replicates=replicates)
            case "comparing":
                return comparing(made.settings, replicates=replicates)
        return contextlib.nullcontext()

    def _act(self, act: Act) -> Any:
        time = torch.tensor(act.time)
        if act.bump:
            return StaticIntervention(time, self._bump(act.entry))
        return StaticIntervention(time, {act.entry: _acts(act.values, (-1,))})

    def _bump(self, entry: str) -> Callable[[State], State]:
        def bump(state: State) -> State:
            if not self.experiment.in_place:
                return {**state, entry: state[entry] + 1}
            state[entry].add_(1)
            return state

        return bump

    def one(self, place: dict[str, int], replicate: int) -> Simulated:
        """The results of one world and replicate."""
        if self.experiment.worlds.kind == "alone":
            if not self.experiment.replicates:
                return self._taken(lambda value, event_dim: value)
            return self._taken(lambda value, event_dim: _row(value, replicate, event_dim))
        acts = [name for name in self.worlds.plates if name not in ("replicates", *place)]
        at = {acts[int(name)] if name.isdigit() else name: {number} for name, number in place.items()}
        if self.experiment.replicates and len(self.experiment.luck) > 1:
            at["replicates"] = {replicate}
        with self.worlds:
            return self._taken(lambda value, event_dim: gather(value, IndexSet(**at), event_dim=event_dim))

    def _taken(self, take: Callable[[torch.Tensor, int], torch.Tensor]) -> Simulated:
        def flat(values: State, event_dim: int) -> dict[str, np.ndarray]:
            taken = {name: take(value, event_dim) for name, value in values.items()}
            return {name: value.reshape(value.shape[-1 - event_dim :]).numpy() for name, value in taken.items()}

        return Simulated(
            [flat(run.state, 0) for run in self.runs],
            [flat(run.tallies, 1) for run in self.runs],
            flat(self.log.trajectory, 1) if self.experiment.logged else {},
        )


class _Sites(contextlib.AbstractContextManager[None]):
    """Seeds whose site is given."""

    def __init__(self, seeds: torch.Tensor) -> None:
        self._handlers = pyro.poutine.condition(data={"luck_0": seeds}), Seeds("luck")

    def __enter__(self) -> None:
        for handler in self._handlers:
            handler.__enter__()

    def __exit__(self, *error: Any) -> None:
        for handler in reversed(self._handlers):
            handler.__exit__(*error)


def _row(value: torch.Tensor, replicate: int, event_dim: int) -> torch.Tensor:
    return value[replicate] if value.dim() > 1 + event_dim else value


def _acts(values: tuple[Any, ...], shape: tuple[int, ...]) -> Any:
    """Acts as tensors: numbers have no dimension in `do`, and one in a state."""
    acts = tuple(
        None if value is None else torch.from_numpy(np.reshape(value, shape or np.shape(value))) for value in values
    )
    return acts if len(acts) > 1 else acts[0]


def _rule(rule: Rule) -> Any:
    def count(state: State) -> torch.Tensor:
        return holds(rule.condition, state).sum(-1, keepdim=True)

    if rule.intervenes:
        return DynamicIntervention(lambda t, s: rule.count - count(s), {rule.policy: torch.tensor([rule.value])})

    def act(dynamics: Any, state: State) -> tuple[Any, State]:
        return dynamics, {**state, rule.policy: torch.full_like(state[rule.policy], rule.value)}

    return on(lambda state: count(state) >= rule.count, act)
