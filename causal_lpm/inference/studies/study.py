"""What a case study is: policies to set, outcomes to count, and one replicate of many worlds.

A study is any object with the attributes of `Study`. It is found by name through the entry point group
`causal_lpm.studies`, so that a study in another package works like the ones that come with this one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from causal_lpm.inference.studies.installed import installed
from causal_lpm.validate import did_you_mean

if TYPE_CHECKING:  # a list of studies needs no numpy
    import numpy.typing as npt

__all__ = [
    "HasVariants",
    "Options",
    "Policy",
    "References",
    "Study",
    "Worlds",
    "installed_studies",
    "load_study",
    "not_simulating",
    "policy_values",
    "replicates_of",
    "variant",
]

ENTRY_POINTS = "causal_lpm.studies"


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


class Study(Protocol):
    """A policy question that can be simulated; implement these attributes and methods to add your own.

    Optional attributes: `full_replicates`, the replicates of a run of all its tables, and `not_simulating`, files
    beside the study that cannot change a number (such as a report), so that a change there keeps finished runs valid.
    """

    @property
    def name(self) -> str:
        """The name on the command line, as in `causal-lpm run NAME`."""
        ...

    @property
    def title(self) -> str:
        """One line for people."""
        ...

    @property
    def source(self) -> str:
        """The publication or data that the study stands on."""
        ...

    @property
    def policies(self) -> Mapping[str, Policy]:
        """Name -> policy."""
        ...

    @property
    def outcomes(self) -> tuple[str, ...]:
        """What is counted each day, the most important first, for example ("deaths", "infections")."""
        ...

    @property
    def groups(self) -> tuple[str, ...]:
        """Labels of the groups that outcomes are counted in, for example age groups."""
        ...

    @property
    def coupling(self) -> str:
        """How worlds share noise, in words; claims about individuals depend on it."""
        ...

    @property
    def start_date(self) -> str | None:
        """The ISO date of day 0, or None where days have no date."""
        ...

    @property
    def default_agents(self) -> int:
        """Agents, unless told otherwise."""
        ...

    @property
    def default_days(self) -> int:
        """Days, unless told otherwise."""
        ...

    @property
    def default_replicates(self) -> int:
        """Replicates, unless told otherwise."""
        ...

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


def installed_studies() -> dict[str, EntryPoint]:
    """Name -> entry point of every study that is installed, by name; nothing is imported.

    Of two studies of one name the first on the path counts, as for modules.
    """
    return installed(ENTRY_POINTS)


def load_study(name: str) -> Study:
    """The installed study of this name.

    Raises:
        ValueError: if no study has this name, or it cannot be imported.
    """
    points = installed_studies()
    if name not in points:
        hint = did_you_mean(name, points) if points else "no study is installed; install the package with pip first."
        raise ValueError(f"unknown study {name!r}: {hint}")
    try:
        return cast(Study, points[name].load())
    except (ImportError, AttributeError) as error:
        raise ValueError(f"study {name!r} cannot be loaded: {error}.") from error
