"""Handlers around simulations, each as a user would enter it, and all that a simulation and its handlers then tell."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from chirho.dynamical.handlers import (
    DynamicIntervention,
    LogTrajectory,
    StaticBatchObservation,
    StaticIntervention,
    StaticObservation,
)
from chirho.dynamical.ops import on
from chirho.observational.handlers import condition

from causal_lpm import (
    Checkpointing,
    DiscreteTime,
    KeyedNoise,
    MeanField,
    ProductWorlds,
    Recording,
    Relaxed,
    Score,
    StraightThrough,
    Worlds,
    comparing,
    event,
    exposure,
    rollout,
    tally,
)
from causal_lpm.handlers.incremental import Incremental
from causal_lpm.typing import State
from tests.contracts.models import AGENTS, FLU, Model, R, S, layers, people

DAYS = 6
SEEDS = (7, 8)
TIMES = torch.tensor([0.0, 3.0, 6.0])
WORLDS = {"worlds", "product", "comparing"}
GRADIENTS = {"straight through", "mean field", "relaxed", "score"}

Told = dict[str, torch.Tensor]


def ever_infected(state: State) -> torch.Tensor:
    return (state["stage"] != S).float().mean(-1, keepdim=True)


def swab(state: State) -> None:
    """Looks at a state, or at a trajectory, whose times are the last dimension."""
    seen = (state["stage"] != S).float()
    if seen.shape[-1] == len(TIMES):
        pyro.sample("seen", dist.Normal(seen.sum(-2, keepdim=True), 50.0).to_event(1))
    else:
        pyro.sample("seen", dist.Normal(seen.sum(-1, keepdim=True), 50.0))


def vaccinate(state: State) -> State:
    tenth = torch.arange(state["stage"].shape[-1]) % 10 == 1
    return {**state, "stage": torch.where(tenth, R, state["stage"]).to(torch.uint8)}


def _act(model: Model, number: int) -> dict[str, torch.Tensor]:
    return {model.policy: torch.tensor([model.acts[number]])}


def _halve(model: Model) -> Any:
    return on(lambda s: ever_infected(s) > 0.05)(lambda f, s: (f, {**s, model.policy: s[model.policy] / 2}))


HANDLERS: dict[str, Callable[[Model], Any]] = {
    "do": lambda model: model.do(model.acts[0]),
    "static": lambda model: StaticIntervention(torch.tensor(2.0), _act(model, 0)),
    "state function": lambda model: StaticIntervention(torch.tensor(3.0), vaccinate),
    "dynamic": lambda model: DynamicIntervention(lambda t, s: 0.04 - ever_infected(s), _act(model, 1)),
    "on": _halve,
    "log": lambda model: LogTrajectory(TIMES),
    "observation": lambda model: StaticObservation(
        torch.tensor(4.0), condition(swab, data={"seen": torch.tensor([30.0])})
    ),
    "batch observation": lambda model: StaticBatchObservation(
        TIMES, condition(swab, data={"seen": torch.full((1, len(TIMES)), 30.0)})
    ),
    "condition": lambda model: condition(data={"t=3/infection": torch.zeros(AGENTS)}),
    "worlds": lambda model: Worlds(),
    "product": lambda model: ProductWorlds(),
    "comparing": lambda model: comparing({"fact": {}, "act": {model.policy: model.acts[0]}}),
    "recording": lambda model: Recording(),
    "incremental": lambda model: Incremental(),
    "checkpointing": lambda model: Checkpointing(),
    "solver": lambda model: DiscreteTime(),
    "straight through": lambda model: StraightThrough(),
    "mean field": lambda model: MeanField(),
    "relaxed": lambda model: Relaxed(),
    "score": lambda model: Score(),
}
EXACT = [name for name in HANDLERS if name not in GRADIENTS]


def allowed(names: Sequence[str]) -> bool:
    """Whether these handlers may stand inside each other in this order."""
    apart = [kind for kind in (WORLDS, GRADIENTS) if len(kind & set(names)) > 1]
    misplaced = {"solver", "checkpointing"} <= set(names) and names.index("solver") < names.index("checkpointing")
    seen_twice = {"observation", "batch observation"} <= set(names)  # the same site
    return not apart and not misplaced and not seen_twice


class Block:
    """Handlers, to be entered any number of times."""

    def __init__(self, names: Sequence[str], model: Model) -> None:
        self.names, self.model = list(names), model
        self.handlers = [HANDLERS[name](model) for name in names]

    @contextlib.contextmanager
    def __call__(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            self.entered = [stack.enter_context(handler) for handler in self.handlers]
            yield

    def told(self, seed: int) -> Told:
        """One simulation inside the block, and what the handlers remember of it."""
        pyro.set_rng_seed(seed)  # of what is drawn after the simulation, such as reports
        gradients = bool(GRADIENTS & set(self.names))
        told = self._gradient(seed) if gradients else self._exact(seed)
        for handler in self.entered:
            if isinstance(handler, LogTrajectory) and not isinstance(handler, StaticBatchObservation):
                told |= {f"log of {name}": value.detach() for name, value in handler.trajectory.items()}
            if isinstance(handler, Recording):
                told |= {f"record of {name}": value.detach() for name, value in handler.series().items()}
            if isinstance(handler, Worlds):
                told |= {f"world {name}": torch.tensor(i) for i, name in enumerate(handler.names)}
        return told

    def _exact(self, seed: int) -> Told:
        with KeyedNoise(seed), pyro.poutine.trace() as traced:
            run = self.model.simulate(DAYS)
        traced.trace.compute_log_prob()
        sites = {name: node["log_prob_sum"] for name, node in traced.trace.nodes.items() if node["type"] == "sample"}
        return {**run.state, **run.tallies, **{f"log p of {name}": torch.as_tensor(p) for name, p in sites.items()}}

    def _gradient(self, seed: int) -> Told:
        beta = torch.tensor(0.06, requires_grad=True)
        with KeyedNoise(seed):
            run = columns(beta)
        cases = run.tallies["cases"]
        score = next((handler for handler in self.entered if isinstance(handler, Score)), None)
        total = cases.sum(-1) if score is None else score.surrogate(cases)
        total.sum().backward()
        assert beta.grad is not None
        told = {**run.state, **run.tallies, "gradient": beta.grad}
        return {name: value.detach() for name, value in told.items()}


def columns(beta: torch.Tensor, name: str = "") -> Any:
    """An epidemic in columns of floats, for handlers that pass gradients; its policies are those of the flu."""
    contacts, population = layers(), people()

    def day(s: State) -> State:
        open_ = torch.where(s["t"] < s[FLU.policy], 1.0, 0.3)
        hazard = beta * open_ * exposure(contacts["school"], s["I"])
        infected = s["S"] * event("infection", hazard)
        tally("cases", infected)
        return {**s, "S": s["S"] - infected, "I": s["I"] + infected, "stage": s["stage"]}

    stage = population["stage"].to(torch.uint8)
    closing = {FLU.policy: torch.tensor([FLU.fact])}
    return rollout(day, {"stage": stage, "S": (stage == S).float(), "I": (stage != S).float(), **closing}, DAYS, name)


def unlike(one: Told, other: Told) -> list[str]:
    """What is not the same bit for bit, in value, type or shape."""
    if one.keys() != other.keys():
        return sorted(one.keys() ^ other.keys())
    return [name for name in one if one[name].dtype != other[name].dtype or not torch.equal(one[name], other[name])]
