"""One world of a random experiment in plain numpy: agents in loops, one seed, no tensors, no handlers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tests.fuzz import numpy_noise as noise
from tests.fuzz.description import NOT_ASKING, Condition, Experiment, Hazard, Message, Rule, Statement
from tests.fuzz.numpy_networks import contacts, total
from tests.fuzz.numpy_worlds import World

State = dict[str, np.ndarray]


class TooClose(Exception):
    """The last bit of a logarithm decides."""


@dataclass
class Simulated:
    """What is compared: states, series `[groups or 1, steps]`, and the states of the last rollout after some steps."""

    states: list[State] = field(default_factory=list)
    tallies: list[dict[str, np.ndarray]] = field(default_factory=list)
    logged: dict[str, np.ndarray] = field(default_factory=dict)  # [agents or 1, times]


def simulate(experiment: Experiment, world: World, seed: int) -> Simulated:
    """All rollouts of one world with one seed."""
    model, result = experiment.model, Simulated()
    state = {name: column.copy() for name, column in model.entries.items()}
    state |= {name: np.atleast_1d(np.float32(value)) for name, value in world.policies.items()}
    course = _course(experiment, seed) if model.course else None
    for name in experiment.rollouts:
        prefix = "".join(f"{part}/" for part in (experiment.solver, name) if part)
        one = _Rollout(experiment, world, seed, prefix, course)
        state = one.run(state)
        result.states.append(state)
        result.tallies.append({name: _by_day(np.stack(rows, -1), experiment.dt) for name, rows in one.tallies.items()})
    if experiment.logged:
        result.logged = {
            name: np.stack(np.broadcast_arrays(*[one.history[step][name] for step in experiment.logged]), -1)
            for name in state
        }
    return result


class _Rollout:
    """The steps of one rollout and what happens between them."""

    def __init__(self, experiment: Experiment, world: World, seed: int, prefix: str, course: Any) -> None:
        self.experiment, self.seed, self.prefix, self.course = experiment, seed, prefix, course
        self.acts, self.armed = list(world.acts), dict.fromkeys(range(len(world.rules)))
        self.rules = world.rules
        self.first_sign: dict[int, int] = {}
        self.tallies: dict[str, list[np.ndarray]] = {}
        self.history: list[State] = []

    def run(self, state: State) -> State:
        for number in range(self.experiment.steps):
            self.history.append(_copy(state))
            state = self._between(_copy(state), number)
            state = self._step(state, number)
        self.history.append(_copy(state))
        return state

    def _between(self, state: State, number: int) -> State:
        """What acts before a step (at the end nothing does): rules as soon as they are true, else its next act."""
        while True:
            firing = [i for i in self.armed if self._fires(i, state)]
            if firing:
                rule = self.rules[firing[0]]
                del self.armed[firing[0]]
                state[rule.policy] = np.full_like(state[rule.policy], rule.value)
            elif self.acts and self.acts[0][0] < (number + 1) * self.experiment.dt * (1 - 1e-7):
                _, entry, value = self.acts.pop(0)
                old = state[entry]
                state[entry] = old + old.dtype.type(1) if value is None else np.atleast_1d(value).astype(old.dtype)
            else:
                return state

    def _fires(self, number: int, state: State) -> bool:
        rule: Rule = self.rules[number]
        fulfilled = int(_holds(rule.condition, state).sum())
        if not rule.intervenes:
            return fulfilled >= rule.count
        sign = int(np.sign(rule.count - fulfilled))
        return sign == 0 or sign != self.first_sign.setdefault(number, sign)

    def _step(self, state: State, number: int) -> State:
        types = {name: column.dtype for name, column in state.items()}
        time = np.float32(number * self.experiment.dt)
        for statement in self.experiment.model.statements:
            if statement.kind == "tally":
                self.tallies.setdefault(statement.name, []).append(self._tallied(statement, state))
                continue
            meaning: Callable[..., State] = getattr(self, f"_{statement.kind}")
            written = meaning(statement, state, number, time)
            if (
                self.experiment.in_place
            ):  # memory has a type of its own; a new array has that of its values until the end
                written = {name: value.astype(types[name]) for name, value in written.items()}
            state = state | written
        return {name: column.astype(types[name]) for name, column in state.items()}

    def _key(self, name: str, number: int) -> int:
        return noise.key(self.seed, self.prefix + name, number)

    def _infect(self, statement: Statement, state: State, number: int, time: np.float32) -> State:
        sent = _message(statement.message, state)
        layers = [self.experiment.model.layers[i] for i in statement.layers]
        pairs = [contacts(layer, self.seed, self.prefix, number) for layer in layers]
        if statement.together == "as one network":
            pairs = [[pair for one in pairs for pair in one]]
        pressure = _received(pairs[0], sent)
        for more in pairs[1:]:
            pressure = pressure + _received(more, sent)
        return self._event(statement, state, number, _hazard(statement.hazard, state, time) * pressure)

    def _happen(self, statement: Statement, state: State, number: int, time: np.float32) -> State:
        return self._event(statement, state, number, _hazard(statement.hazard, state, time))

    def _event(self, statement: Statement, state: State, number: int, hazard: Any) -> State:
        threshold = noise.field(self._key(statement.name, number), self.experiment.model.agents, "exponential")
        happened = threshold < self._integrated(hazard)
        if statement.where:
            happened = happened & _holds(statement.where, state)
        return {statement.into: _added(state[statement.into], happened)}

    def _integrated(self, hazard: Any) -> np.ndarray:
        """A hazard a day, over a step."""
        return np.asarray(hazard).astype(np.float32) * np.float32(self.experiment.dt)

    def _choose(self, statement: Statement, state: State, number: int, _: np.float32) -> State:
        agents, options = self.experiment.model.agents, len(statement.options)
        columns = [state[o].astype(np.float64) if isinstance(o, str) else np.full(1, o) for o in statement.options]
        logits = np.stack([np.broadcast_to(np.float32(column), agents) for column in columns], -1).astype(np.float64)
        key = self._key(statement.name, number)
        if statement.coupling == "inverse_cdf":
            weights = np.exp(logits - logits.max(-1, keepdims=True))
            upper = (weights / weights.sum(-1, keepdims=True)).cumsum(-1)[:, :-1]
            u = noise.field(key, agents, "uniform")[:, None]
            if (abs(u - upper) < 1e-5).any():
                raise TooClose("a choice by inverse cdf")
            return {statement.into: (u > upper).sum(-1)}
        race = noise.field(key, agents * options, "exponential").reshape(agents, options)
        scores = logits - np.log(race.astype(np.float64))
        ordered = np.sort(scores, -1)
        if options > 1 and (ordered[:, -1] - ordered[:, -2] < 1e-5).any():
            raise TooClose("a choice by a race")
        return {statement.into: scores.argmax(-1)}

    def _draw(self, statement: Statement, state: State, number: int, _: np.float32) -> State:
        agents, slots = self.experiment.model.agents, statement.slots
        if statement.index:
            carried = np.clip(state[statement.index].astype(int), 0, slots - 1)
            fields = {n: noise.field(self._key(statement.name, int(n)), agents, statement.noise) for n in set(carried)}
            return {statement.into: np.array([fields[n][agent] for agent, n in enumerate(carried)])}
        drawn = noise.field(self._key(statement.name, number), agents * slots, statement.noise)
        return {statement.into: drawn.reshape(agents, slots)[:, statement.pick]}

    def _serve(self, statement: Statement, state: State, number: int, _: np.float32) -> State:
        supply = state[statement.supply][0] if isinstance(statement.supply, str) else statement.supply
        classes = state[statement.classes].astype(int)
        if statement.where:
            classes = np.where(_holds(statement.where, state), classes, NOT_ASKING)
        ties = noise.field(self._key(statement.name, number), len(classes), "exponential")
        asking = [agent for agent in range(len(classes)) if classes[agent] < NOT_ASKING]
        asking.sort(key=lambda agent: (classes[agent], ties[agent], agent))
        served = np.zeros(len(classes), dtype=bool)
        served[asking[: len(asking) if supply > len(asking) else max(int(supply), 0)]] = True
        return {statement.into: _added(state[statement.into], served)}

    def _grow(self, statement: Statement, state: State, number: int, _: np.float32) -> State:
        return {statement.into: state[statement.into] * statement.factor + state[statement.policy]}

    def _enter_next(self, statement: Statement, state: State, number: int, time: np.float32) -> State:
        stage, due, today = state["stage"].copy(), state["due"].copy(), int(time)
        hazard = self._integrated(_hazard(statement.hazard, state, time))
        infected = noise.field(self._key(statement.name, number), len(stage), "exponential") < hazard
        following, days = self.course
        for agent in range(len(stage)):
            if due[agent] == today or (infected[agent] and stage[agent] == 0):
                stage[agent] = following[agent][stage[agent]]
                due[agent] = days[agent][stage[agent]] + today + 1
        return {"stage": stage, "due": due}

    def _tallied(self, statement: Statement, state: State) -> np.ndarray:
        value = _holds(statement.where, state) if statement.where else state[statement.into]
        exact = value.astype(np.float64 if value.dtype.kind == "f" else np.int64)
        if statement.by is None:
            return exact.sum(keepdims=True)
        groups = int(statement.by.max()) + 1
        return np.stack([exact[statement.by == group].sum() for group in range(groups)])


def _course(experiment: Experiment, seed: int) -> tuple[list[list[int]], list[list[int]]]:
    """The stage after each stage, and the days in it, `[agents][stages]`."""
    course, agents = experiment.model.course, experiment.model.agents
    following = [list(range(course.stages)) for _ in range(agents)]
    days = [[255] * course.stages for _ in range(agents)]
    for stage in range(course.stages):
        arrows = [arrow for arrow in course.arrows if arrow[0] == stage]
        branch = noise.field(noise.key(seed, f"course_branch_{stage}", -1), agents, "uniform").astype(np.float64)
        time = noise.field(noise.key(seed, f"course_days_{stage}", -1), agents, "uniform").astype(np.float64)
        for agent in range(agents):
            own = course.classes[agent]
            shares = [arrow[2][own % len(arrow[2])] for arrow in arrows]
            for arrow, upper in zip(arrows, np.cumsum(shares) / sum(shares) if arrows else [], strict=True):
                if branch[agent] < upper or not any(shares[arrows.index(arrow) + 1 :]):
                    following[agent][stage] = arrow[1]
                    last = max(day for day, p in enumerate(arrow[3]) if p > 0)
                    days[agent][stage] = int((time[agent] >= np.cumsum(arrow[3])[:last]).sum())
                    break
    return following, days


def _by_day(series: np.ndarray, dt: float) -> np.ndarray:
    """The sum of the steps of each day, where they are shorter."""
    return series if dt >= 1 else series.reshape(*series.shape[:-1], -1, round(1 / dt)).sum(-1)


def _copy(state: State) -> State:
    return {name: column.copy() for name, column in state.items()}


def _holds(condition: Condition | None, state: State) -> np.ndarray:
    column = state[condition.entry]
    match condition.relation:
        case "==":
            return column == condition.number
        case ">=":
            return column >= condition.number
    return column < condition.number


def _hazard(hazard: Hazard, state: State, time: np.float32) -> Any:
    value: Any = hazard.rate
    for factor in (hazard.policy, hazard.risk):
        value = value * state[factor] if factor else value
    if hazard.closing_day:
        value = value * np.where(time < state[hazard.closing_day], np.float32(1.0), np.float32(hazard.less))
    return value


def _message(message: Message, state: State) -> np.ndarray:
    value = _holds(message.condition, state)
    value = state[message.entry] * value if message.entry else value
    if message.factor != 1.0:
        value = (value if value.dtype.kind == "f" else value.astype(np.float32)) * message.factor
    return value.astype(message.dtype) if message.dtype else value


def _received(pairs: list[tuple[int, int]], message: np.ndarray) -> np.ndarray:
    """The sum of messages in multiples of 2**-20, or of whole numbers, as float32."""
    if message.dtype.kind == "f":
        fixed = np.rint(message.astype(np.float64) * 2**20).astype(np.int64)
        return total(pairs, fixed).astype(np.float32) * np.float32(2**-20)
    return total(pairs, message.astype(np.int64)).astype(np.float32)


def _added(column: np.ndarray, happened: np.ndarray) -> np.ndarray:
    return column | happened if column.dtype == bool else column + happened.astype(column.dtype)
