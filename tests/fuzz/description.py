"""A random experiment in words, which the package and the numpy reference both read: what there is and what is done.

All of it is plain data, so that a failure can print it. Statements are read in their order; each one sees what those
before it have written.
"""

from dataclasses import MISSING, Field, dataclass, field, fields
from typing import Any

import numpy as np

__all__ = [
    "Act",
    "Condition",
    "Course",
    "Experiment",
    "Hazard",
    "Layer",
    "Message",
    "Model",
    "Rule",
    "Statement",
    "Worlds",
    "told",
]

NOT_ASKING = 256
"""The class of those who ask for nothing in an allocation."""


@dataclass(frozen=True)
class Layer:
    """A network: `column` holds groups, stubs or classes, one an agent."""

    kind: str  # groups, graph, stubs, small worlds
    name: str
    column: np.ndarray
    edges: tuple[tuple[int, int], ...] = ()
    chain: bool = False
    degrees: tuple[float, ...] = ()
    rewire: float = 0.0


@dataclass(frozen=True)
class Condition:
    """A comparison of an entry of the state with a number."""

    entry: str
    relation: str  # ==, >=, <
    number: float


@dataclass(frozen=True)
class Hazard:
    """rate x policy x risk x (less from a day on); every factor but the first may be missing."""

    rate: float
    policy: str = ""
    risk: str = ""  # an entry of floats
    closing_day: str = ""  # a policy
    less: float = 1.0  # from that day on


@dataclass(frozen=True)
class Message:
    """What agents send: whether a condition holds, an entry, or an entry where a condition holds, times a factor."""

    condition: Condition
    entry: str = ""
    factor: float = 1.0
    dtype: str = ""  # of the message, by default that of the product


@dataclass(frozen=True)
class Statement:
    """One line of a step; which fields are read depends on the kind.

    infect: into += event(name, hazard x exposures), where a condition holds.
    happen: into += event(name, hazard), where a condition holds.
    choose: into = choose(name, logits), a row of entries and numbers.
    draw: into = exogenous(name, noise, slots), picked by an entry `index`, or slot `pick`.
    serve: into += allocate(name, classes of an entry where a condition holds, supply).
    grow: into = into x factor + policy.
    enter_next: moves those who are due, or newly infected, along the course of the disease.
    tally: of a condition or an entry, by groups.
    """

    kind: str
    name: str
    into: str = ""
    hazard: Hazard = field(default_factory=lambda: Hazard(0.0))
    layers: tuple[int, ...] = ()
    together: str = "one by one"  # or: named, as one network
    message: Message | None = None
    where: Condition | None = None
    as_argument: bool = False  # `where=` of the event, or `&` behind it
    options: tuple[str | float, ...] = ()
    coupling: str = "gumbel"
    noise: str = "exponential"
    slots: int = 1
    index: str = ""
    pick: int = 0
    classes: str = ""
    supply: str | int = 0  # a policy, or a number
    factor: float = 1.0
    policy: str = ""
    by: np.ndarray | None = None


@dataclass(frozen=True)
class Course:
    """Stages with arrows (source, target, a probability a class, probabilities of 0, 1, 2 ... days)."""

    stages: int
    arrows: tuple[tuple[int, int, tuple[float, ...], tuple[float, ...]], ...]
    classes: np.ndarray


@dataclass(frozen=True)
class Model:
    """Entries of the initial state, policies, contacts and the statements of a step."""

    agents: int
    entries: dict[str, np.ndarray]  # [agents]
    policies: dict[str, float | np.ndarray]
    layers: tuple[Layer, ...]
    statements: tuple[Statement, ...]
    course: Course | None = None


@dataclass(frozen=True)
class Act:
    """An intervention at a time: a value for a policy or an entry, or `bump`, which adds one to an entry of integers.

    `values` holds one act a world from world 1 on, or the only one; None leaves a world as it is.
    """

    time: float
    entry: str
    values: tuple[float | np.ndarray | None, ...] = ()
    bump: bool = False


@dataclass(frozen=True)
class Rule:
    """Sets a policy when so many agents fulfil a condition: in counterfactual worlds (`intervenes`), or in all."""

    condition: Condition
    count: int
    policy: str
    value: float
    intervenes: bool


@dataclass(frozen=True)
class Worlds:
    """Which worlds there are.

    alone: one, with `do` from the start. worlds, product: `do` with acts a policy. comparing: a setting a world.
    """

    kind: str = "alone"
    names: tuple[str, ...] | None = None
    do: dict[str, tuple[float | None, ...]] = field(default_factory=dict)
    settings: dict[str, dict[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """A model and everything around it."""

    seed: int  # of this description
    model: Model
    luck: tuple[int, ...]  # a seed a replicate
    replicates: bool  # whether replicates are a dimension
    steps: int
    dt: float = 1.0
    solver: str | None = None  # the name of a solver of its own; None: that of the rollout
    rollouts: tuple[str, ...] = ("",)  # names of rollouts in a row
    worlds: Worlds = field(default_factory=Worlds)
    acts: tuple[Act, ...] = ()
    rules: tuple[Rule, ...] = ()
    logged: tuple[int, ...] = ()  # steps after which whole states are logged
    order: tuple[int, ...] = ()  # in which the handlers are entered
    seeds_as_sites: bool = False  # Seeds in place of KeyedNoise
    bystanders: tuple[str, ...] = ()  # handlers that change nothing
    # What is done before, in the same process, and how the functions of the user are written:
    before: str = "nothing"  # twice in one block, handlers used again, a failure
    fails_in: int = 0  # the step that a failure ends
    in_place: bool = False  # steps and acts write into the tensors that they are given
    buffers: bool = False  # messages share one piece of memory, which numpy writes

    @property
    def days(self) -> float:
        """The horizon."""
        return self.steps * self.dt


def told(what: Any) -> str:
    """A description in one line, without what is as by default."""
    match what:
        case np.ndarray():
            return f"{what.dtype}{what.tolist()}"
        case tuple():
            return f"({', '.join(map(told, what))})"
        case dict():
            return "{" + ", ".join(f"{name!r}: {told(value)}" for name, value in what.items()) + "}"
    if not hasattr(what, "__dataclass_fields__"):
        return repr(what)
    given = {f.name: getattr(what, f.name) for f in fields(what)}
    parts = [f"{f.name}={told(given[f.name])}" for f in fields(what) if not _is_default(f, given[f.name])]
    return f"{type(what).__name__}({', '.join(parts)})"


def _is_default(of: Field[Any], value: Any) -> bool:
    default = of.default if of.default_factory is MISSING else of.default_factory()
    return default is not MISSING and told(default) == told(value)
