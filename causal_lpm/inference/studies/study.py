"""What a case study is: something with a name and a source that can be simulated, calibrated, or reproduced.

A study is any object with the attributes of `Listed`, and with those of the parts that it has: `Study` (policies to
set, outcomes to count, one replicate of many worlds), `HasVariants`, `HasData`, and a `reproduction`. `ModelStudy`
makes all of them from a Pyro program. A study is found by its name, see `catalogue`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:  # a list of studies needs neither numpy nor torch
    import numpy.typing as npt

    from causal_lpm.inference.program.program import Model

__all__ = [
    "BadInput",
    "HasData",
    "HasVariants",
    "Listed",
    "Options",
    "Policy",
    "References",
    "ReproducedStudy",
    "Reproduction",
    "Study",
    "Worlds",
    "not_simulating",
    "policy_values",
    "replicates_of",
    "variant",
]


@dataclass(frozen=True)
class Policy:
    """One number that a decision maker sets, with its default and allowed range (both ends included).

    A `switch` is 0 or 1 and may be written true/false, yes/no or on/off.
    """

    name: str
    default: float
    description: str
    low: float
    high: float
    integer: bool = False
    switch: bool = False


Worlds = Mapping[str, Mapping[str, float]]
"""Name of a world -> policy -> value; a policy that a world does not name keeps its default. Their order is kept."""

References = Mapping[str, str]
"""Name of a world -> name of the world that it is compared with, such as the factual one."""


@dataclass(frozen=True)
class Options:
    """What all worlds of an experiment have in common; `extra` is what a study adds."""

    agents: int
    days: int
    device: str = "cpu"
    extra: dict[str, str | float] = field(default_factory=dict)


class Listed(Protocol):
    """What a list shows of a study.

    Attributes:
        name: On the command line, as in `causal-lpm run NAME`.
        title: One line for people.
        source: The publication or data that it stands on.
        outcomes: What is counted each day, the most important first, for example ("deaths", "infections").
    """

    @property
    def name(self) -> str: ...
    @property
    def title(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def outcomes(self) -> tuple[str, ...]: ...


class Study(Listed, Protocol):
    """A policy question that can be simulated; implement these attributes and methods to add your own.

    Attributes:
        policies: Name -> policy.
        groups: Labels of the groups that outcomes are counted in, for example age groups.
        coupling: How worlds share noise, in words; claims about individuals depend on it.
        start_date: The ISO date of day 0, or None where days have no date.
        default_agents: Agents, unless told otherwise.
        default_days: Days, unless told otherwise.
        default_replicates: Replicates, unless told otherwise.

    Optional attributes: `full_replicates`, the replicates of a run of all its tables; `not_simulating`, files beside
    the study that cannot change a number (such as a report), so that a change there keeps finished runs valid; and
    `code_module`, the module beside which the code is that can, if that is not the module of the study's class.
    """

    @property
    def policies(self) -> Mapping[str, Policy]: ...
    @property
    def groups(self) -> tuple[str, ...]: ...
    @property
    def coupling(self) -> str: ...
    @property
    def start_date(self) -> str | None: ...
    @property
    def default_agents(self) -> int: ...
    @property
    def default_days(self) -> int: ...
    @property
    def default_replicates(self) -> int: ...

    def worlds(self, size: str) -> tuple[Worlds, References]:
        """The study's own worlds, and with which of them each is compared; `size` is "demo", "main" or "full"."""
        ...

    def check(self, worlds: Worlds, options: Options) -> None:
        """Raises ValueError with one sentence when the study cannot run this; starts nothing."""
        ...

    def group_sizes(self, options: Options) -> npt.NDArray[Any]:
        """Agents in each group, `[group]`."""
        ...

    def simulate(self, worlds: Worlds, options: Options, seed: int) -> Mapping[str, npt.NDArray[Any]]:
        """One replicate of all worlds, which share the noise.

        Returns:
            outcome -> counts `[world, group, day]` of daily new cases, in the order of `worlds`.
        """
        ...


@runtime_checkable
class HasVariants(Protocol):
    """A study that becomes another one by its options, for example by another population; this is optional."""

    def variant(self, extra: Mapping[str, str | float]) -> Study:
        """The study that these options mean, which may be this one; raises ValueError with one sentence."""
        ...


class HasData(Listed, Protocol):
    """A study whose model can be calibrated to data; this is optional.

    Attributes:
        model: A Pyro program without arguments, as `fit` takes it.
        horizon: The same over all days that are predicted, which may be more than the data have.
        surrogate: A differentiable program with the same sites.
        group_labels: In the model's order; empty where there is one group, or where they have none.
        budget: Simulations to train on, unless told otherwise.
    """

    @property
    def model(self) -> Model: ...
    @property
    def horizon(self) -> Model: ...
    @property
    def surrogate(self) -> Model | None: ...
    @property
    def group_labels(self) -> tuple[str, ...]: ...
    @property
    def budget(self) -> int: ...

    def observed(self) -> dict[str, Any]:
        """The data, site -> numbers; raises ValueError where there are none."""
        ...


class BadInput(ValueError):
    """What was asked for cannot be computed: a sentence for whoever asked, where other errors of a run are faults."""


class Reproduction(Protocol):
    """Computes everything that a study's README shows; the optional attribute `reproduction` of a study."""

    def __call__(self, out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
        """Computes, and writes the results.

        Args:
            out: Folder of the results, which is there; parts of the same reproduction that are in it are used.
            quick: Whether to compute little, in about a minute.
            seed: Of everything random.
            workers: Processes; the numbers do not depend on it.
            say: Called with what is done next.

        Returns:
            The tables, as Markdown.

        Raises:
            BadInput: what was asked for cannot be computed.
        """
        ...


@dataclass(frozen=True)
class ReproducedStudy:
    """A study that has results and no worlds of its own, such as a comparison of methods.

    Attributes:
        name: As of `Listed`, like the next three.
        title: One line.
        source: What it stands on.
        outcomes: What is counted.
        reproduction: Computes all results.
        with_agents: The reproduction with another number of agents; None where they cannot be chosen.
        with_options: The reproduction with options of its own, such as files that are named on the command line; raises
            ValueError for one that is unknown. None where there are none.
        questions: Word on the command line -> what is asked, where there are several; it is the option "question".
    """

    name: str
    title: str
    source: str
    outcomes: tuple[str, ...]
    reproduction: Reproduction
    with_agents: Callable[[int], Reproduction] | None = None
    with_options: Callable[[Mapping[str, str | float]], Reproduction] | None = None
    questions: Mapping[str, str] = field(default_factory=dict)


def variant(study: Study, extra: Mapping[str, str | float]) -> Study:
    """The study that these options mean: the study itself, unless it has variants."""
    return study.variant(extra) if isinstance(study, HasVariants) else study


def replicates_of(study: Study, full: bool) -> int:
    """How many replicates the study asks for, in a run of all its tables or in any other."""
    return int(getattr(study, "full_replicates", study.default_replicates) if full else study.default_replicates)


def not_simulating(study: Study) -> tuple[str, ...]:
    """The names of files beside the study that no number of a simulation depends on."""
    return tuple(getattr(study, "not_simulating", ()))


def policy_values(study: Study, policies: Mapping[str, float]) -> dict[str, float]:
    """All policies of a world, defaults filled in; whole numbers and switches as int."""
    values = {name: policies.get(name, policy.default) for name, policy in study.policies.items()}
    whole = {name for name, policy in study.policies.items() if policy.integer or policy.switch}
    return {name: int(value) if name in whole else float(value) for name, value in values.items()}
