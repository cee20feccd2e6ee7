"""The model of a random experiment with the package's public names: its step, policies and rollouts in a row."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from causal_lpm import Rollout, allocate, choose, event, exogenous, exposure, policy, rollout, tally
from causal_lpm.agents.disease import Course, Duration, StageGraph, Transition
from causal_lpm.agents.networks import FreshRandom, FreshWattsStrogatz, Graph, Groups
from causal_lpm.agents.population import Population, start
from causal_lpm.typing import State
from tests.fuzz.description import NOT_ASKING, Condition, Experiment, Hazard, Layer, Message, Statement


class Broken(Exception):
    """What a step of the user raises."""


class PackageModel:
    """What a user would have written: called once a simulation, it returns its rollouts."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment, self.model = experiment, experiment.model
        self.layers = [_layer(layer, self.model.agents) for layer in self.model.layers]
        self.people = Population({name: torch.from_numpy(column.copy()) for name, column in self.model.entries.items()})
        self.initial: State = {name: self.people[name] for name in self.people if name != "stage"}
        self._buffers: dict[str, np.ndarray] = {}
        self.fails = False

    def __call__(self) -> list[Rollout]:
        policies = {name: policy(name, _tensor(value)) for name, value in self.model.policies.items()}
        state = start(self.people, **self.initial, **policies)
        course = self._course()
        runs = []
        for name in self.experiment.rollouts:
            runs.append(rollout(self._day(course), state, round(self.experiment.days), name=name))
            state = runs[-1].state
        return runs

    def _course(self) -> Course | None:
        if self.model.course is None:
            return None
        names = [f"stage {code}" for code in range(self.model.course.stages)]
        arrows = [
            Transition(names[source], names[target], probability, Duration(days))
            for source, target, probability, days in self.model.course.arrows
        ]
        return StageGraph(names, arrows).course(torch.from_numpy(self.model.course.classes))

    def _day(self, course: Course | None) -> Callable[[State], State]:
        def day(state: State) -> State:
            now = state if self.experiment.in_place else dict(state)
            for number, statement in enumerate(self.model.statements):
                if self.fails and number == len(self.model.statements) // 2 and self._today(state):
                    raise Broken
                meaning: Callable[..., State] = getattr(self, f"_{statement.kind}")
                for entry, value in meaning(statement, now, course).items():
                    self._write(now, entry, value)
            return now

        return day

    def _today(self, state: State) -> bool:
        """Whether this is the step that fails."""
        return round(float(state["t"]) / self.experiment.dt) == self.experiment.fails_in

    def _write(self, now: State, entry: str, value: torch.Tensor) -> None:
        old = now[entry]
        if self.experiment.in_place and old.shape == value.shape:
            old.copy_(value)
        else:  # in place, too, an entry that splits into worlds is made anew
            now[entry] = value.to(old.dtype) if self.experiment.in_place else value

    def _infect(self, statement: Statement, s: State, _: Any) -> State:
        sent = self._message(statement, s)
        layers = [self.layers[i] for i in statement.layers]
        if statement.together == "named":
            pressures = list(exposure({str(i): layer for i, layer in enumerate(layers)}, sent).values())
        elif statement.together == "as one network":
            one = layers[0]
            for more in layers[1:]:
                one = one + more
            pressures = [exposure(one, sent)]
        else:
            pressures = [exposure(layer, sent) for layer in layers]
        pressure = pressures[0]
        for more in pressures[1:]:
            pressure = pressure + more
        return self._event(statement, s, _hazard(statement.hazard, s) * pressure)

    def _happen(self, statement: Statement, s: State, _: Any) -> State:
        return self._event(statement, s, _hazard(statement.hazard, s))

    def _event(self, statement: Statement, s: State, hazard: Any) -> State:
        where = holds(statement.where, s) if statement.where else None
        if statement.as_argument:
            happened = event(statement.name, hazard, where=where)
        else:
            happened = event(statement.name, hazard)
            happened = happened if where is None else happened & where
        return {statement.into: _added(s[statement.into], happened)}

    def _choose(self, statement: Statement, s: State, _: Any) -> State:
        nobody = torch.zeros(self.model.agents)
        columns = [s[o].float() if isinstance(o, str) else torch.tensor([o]) for o in statement.options]
        logits = torch.stack(torch.broadcast_tensors(*columns, nobody)[:-1], -1)
        return {statement.into: choose(statement.name, logits, coupling=statement.coupling)}  # type: ignore[arg-type]

    def _draw(self, statement: Statement, s: State, _: Any) -> State:
        agents, slots = self.model.agents, statement.slots
        index = s[statement.index].clamp(0, slots - 1) if statement.index else None
        drawn = exogenous(statement.name, agents, statement.noise, slots, index)  # type: ignore[arg-type]
        return {statement.into: drawn if index is not None or slots == 1 else drawn[..., statement.pick]}

    def _serve(self, statement: Statement, s: State, _: Any) -> State:
        classes = s[statement.classes]
        if statement.where:
            classes = torch.where(holds(statement.where, s), classes.long(), NOT_ASKING)
        supply = s[statement.supply] if isinstance(statement.supply, str) else statement.supply
        return {statement.into: _added(s[statement.into], allocate(statement.name, classes, supply))}

    def _grow(self, statement: Statement, s: State, _: Any) -> State:
        return {statement.into: s[statement.into] * statement.factor + s[statement.policy]}

    def _enter_next(self, statement: Statement, s: State, course: Course) -> State:
        infected = event(statement.name, _hazard(statement.hazard, s)) & (s["stage"] == 0)
        today = s["t"].short()
        stage, due = course.enter_next(s["stage"], s["due"], (s["due"] == today) | infected, today)
        return {"stage": stage, "due": due}

    def _tally(self, statement: Statement, s: State, _: Any) -> State:
        values = holds(statement.where, s) if statement.where else s[statement.into]
        if statement.by is None:
            tally(statement.name, values)
        else:
            tally(statement.name, values, by=torch.from_numpy(statement.by), groups=int(statement.by.max()) + 1)
        return {}

    def _message(self, statement: Statement, s: State) -> torch.Tensor:
        message: Message = statement.message  # type: ignore[assignment]
        value = holds(message.condition, s)
        value = s[message.entry] * value if message.entry else value
        value = value * message.factor if message.factor != 1.0 else value
        value = value.to(getattr(torch, message.dtype)) if message.dtype else value
        if not self.experiment.buffers:
            return value
        # One piece of memory for all days, written from outside of torch.
        buffer = self._buffers.get(statement.name)
        if buffer is None or buffer.shape != tuple(value.shape) or buffer.dtype != value.numpy().dtype:
            buffer = self._buffers[statement.name] = np.empty_like(value.numpy())
        buffer[...] = value.numpy()
        return torch.from_numpy(buffer)


def _layer(layer: Layer, agents: int) -> Any:
    column = torch.from_numpy(layer.column.copy())
    match layer.kind:
        case "groups":
            return Groups(column)
        case "graph":
            ends = torch.tensor(layer.edges, dtype=torch.int64).reshape(-1, 2)
            return Graph.from_edges(ends[:, 0], ends[:, 1], agents, distinct=False)
        case "stubs":
            return FreshRandom(column, chain=layer.chain, name=layer.name)
    return FreshWattsStrogatz(column, torch.tensor(layer.degrees), layer.rewire, layer.name)


def _tensor(value: float | np.ndarray) -> torch.Tensor:
    return torch.as_tensor(value, dtype=torch.float32)


def holds(condition: Condition, s: State) -> torch.Tensor:
    column = s[condition.entry]
    match condition.relation:
        case "==":
            return column == condition.number
        case ">=":
            return column >= condition.number
    return column < condition.number


def _hazard(hazard: Hazard, s: State) -> Any:
    value: Any = hazard.rate
    value = value * s[hazard.policy] if hazard.policy else value
    value = value * s[hazard.risk] if hazard.risk else value
    if hazard.closing_day:
        value = value * torch.where(s["t"] < s[hazard.closing_day], 1.0, hazard.less)
    return value


def _added(column: torch.Tensor, happened: torch.Tensor) -> torch.Tensor:
    return column | happened if column.dtype == torch.bool else column + happened
