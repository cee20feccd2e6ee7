"""A Pyro program as a function of its parameters: which there are, and its series at given values."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyro
import pyro.distributions as dist
import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample

from causal_lpm.handlers import KeyedNoise
from causal_lpm.inference.results.element_names import element_names
from causal_lpm.ops.responses import Response
from causal_lpm.validate import known, unique_entries

__all__ = ["At", "Model", "Outcome", "Parameter", "ParametricModel", "parametric"]

Model: TypeAlias = Callable[[], Any]
"""A program without arguments that samples its parameters, runs a rollout, and returns it or its series by name."""

Outcome: TypeAlias = str | Callable[[Mapping[str, torch.Tensor]], torch.Tensor]
"""A series `[*dims, 1 or groups, days]`: the name of a tally, or what a function makes of all tallies."""

At: TypeAlias = Mapping[str, float | Sequence[float] | torch.Tensor]
"""Parameter or policy -> its value."""


@dataclass(frozen=True)
class Parameter:
    """One site of a model and its value.

    Attributes:
        name: of the site.
        value: float32, in the shape of one sample.
        event_dim: how many of its dimensions, from the right, are those of its distribution's event.
        distribution: its prior.
    """

    name: str
    value: torch.Tensor
    event_dim: int
    distribution: Any

    @property
    def labels(self) -> list[str]:
        """`name`, or `name[0]`, `name[1]` and so on where it has several entries."""
        return element_names(self.name, () if self.value.shape == (1,) else self.value.shape)

    def placed(self, entries: torch.Tensor) -> torch.Tensor:
        """`[*dims, entries]` in the shape that Pyro gives a sample with `dims` left of the agents.

        A number becomes `[*dims, 1]`, entries in a plate at dimension -1 (one an agent or group) `[*dims, entries]`,
        and an event `[*dims, 1, entries]`.
        """
        shape = self.value.shape
        batch, event = shape[: len(shape) - self.event_dim], shape[len(shape) - self.event_dim :]
        return entries.reshape((*entries.shape[:-1], *(batch or (1,)), *event))

    def check(self, entries: torch.Tensor, why: str) -> None:
        """Raises ValueError when the prior excludes one of the values `[n, entries]`."""
        if isinstance(self.distribution, dist.Delta):  # a policy
            return
        given = self.placed(entries)
        inside = self.distribution.support.check(given)
        if not bool(inside.all()):
            raise ValueError(
                f"{self.name!r} is {self.value.tolist()}{why}, which its prior {self.distribution} excludes: give a "
                "value inside its support, or a smaller step."
            )


@dataclass(frozen=True)
class ParametricModel:
    """A model with some of its parameters as one vector, `[*dims, size]`.

    Attributes:
        model: the program.
        parameters: those in the vector, in order.
        fixed: site -> value of those that are only set.
        agents: of its first rollout, 1 where it has none.
    """

    model: Model
    parameters: tuple[Parameter, ...]
    fixed: Mapping[str, torch.Tensor]
    agents: int

    @property
    def labels(self) -> list[str]:
        """One name an entry of the vector."""
        return [label for parameter in self.parameters for label in parameter.labels]

    @property
    def values(self) -> torch.Tensor:
        """The vector at which the model is studied, float32 `[size]`."""
        return torch.cat([parameter.value.reshape(-1) for parameter in self.parameters])

    def parts(self, vectors: torch.Tensor) -> list[tuple[Parameter, torch.Tensor]]:
        """Each parameter with its entries of `[*dims, size]`."""
        sizes = [parameter.value.numel() for parameter in self.parameters]
        return list(zip(self.parameters, vectors.split(sizes, -1), strict=True))

    def series(
        self, vectors: torch.Tensor, outcome: Outcome, *handlers: contextlib.AbstractContextManager[Any]
    ) -> torch.Tensor:
        """The outcome at parameters `[*dims, size]` under handlers, `[*dims, 1 or groups, days]`.

        Raises:
            ValueError: the model has no such tally, or returns no series.
        """
        data = {**self.fixed, **{parameter.name: parameter.placed(part) for parameter, part in self.parts(vectors)}}
        with contextlib.ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=[]))  # sites of data draw
            for handler in handlers:
                stack.enter_context(handler)
            returned = pyro.condition(self.model, data=data)()
        tallies = getattr(returned, "tallies", returned)
        if not isinstance(tallies, Mapping):
            raise ValueError(
                f"the model returned {type(returned).__name__}: return the rollout, or a mapping of names to series."
            )
        if not isinstance(outcome, str):
            return outcome(tallies)
        known("tally", outcome, tallies)
        series: torch.Tensor = tallies[outcome]
        return series


def parametric(model: Model, wrt: Iterable[str] | None = None, at: At | None = None) -> ParametricModel:
    """Reads a model's parameters, without simulating.

    Args:
        model: A program without arguments.
        wrt: Names of parameters or policies that make up the vector; by default all parameters that have a value.
        at: Name -> value; by default what the model is conditioned on.

    Raises:
        ValueError: a name that the model does not sample before its rollout; a parameter without a value; a value of
            another size, or outside the support of its prior.

    >>> import torch, pyro, pyro.distributions as dist
    >>> from causal_lpm import rollout
    >>> def model():
    ...     growth = pyro.sample("growth", dist.LogNormal(0.0, 1.0))
    ...     return rollout(lambda s: {"x": growth * s["x"]}, {"x": torch.ones(3)}, days=2)
    >>> parametric(model, at={"growth": 2.0}).labels
    ['growth']
    """
    sites, agents = _sites(model)
    has_rollout = agents is not None  # without one, sites of data come with the parameters
    given = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in (at or {}).items()}
    wrt = [wrt] if isinstance(wrt, str) else wrt
    policies = {name for name, (fn, _) in sites.items() if isinstance(fn, dist.Delta)}
    valued = [name for name, (_, value) in sites.items() if name in given or value is not None or has_rollout]
    names = [name for name in valued if name not in policies] if wrt is None else list(wrt)
    unique_entries("parameter", names)
    for name in [*names, *given]:
        known("parameter", name, sites)
    for name in sites if has_rollout else names:
        if name not in given and sites[name][1] is None:
            raise ValueError(
                f"the parameter {name!r} has no value: give at={{{name!r}: ...}}, or condition the model on it."
            )
    if not names:
        raise ValueError("there is no parameter to vary: name one in wrt; it is sampled before the rollout.")
    parameters = []
    for name in names:
        fn, value = sites[name]
        parameters.append(_parameter(name, fn, given.get(name, value)))
        parameters[-1].check(parameters[-1].value.reshape(1, -1), "")
    fixed = {name: value for name, value in given.items() if name not in names}
    return ParametricModel(model, tuple(parameters), fixed, agents or 1)


def _parameter(name: str, fn: Any, value: Any) -> Parameter:
    shape = fn.batch_shape + fn.event_shape
    value = torch.as_tensor(value, dtype=torch.float32).detach()
    if value.numel() not in (1, shape.numel()):
        raise ValueError(f"the value of {name!r} has shape {tuple(value.shape)}: its prior has {tuple(shape)}.")
    value = value.reshape(shape) if value.numel() == shape.numel() else value.expand(shape)
    return Parameter(name, value, len(fn.event_shape), fn)


class _Reached(Exception):
    """The first step of the rollout."""

    def __init__(self, agents: int) -> None:
        super().__init__()
        self.agents = agents


class _Before(Messenger):
    """Notes what a model samples, and leaves it where the simulation would begin."""

    def __init__(self) -> None:
        super().__init__()
        self.sites: dict[str, tuple[Any, torch.Tensor | None]] = {}

    def _pyro_post_sample(self, msg: Any) -> None:
        if not isinstance(msg["fn"], Response) and not site_is_subsample(msg):
            policy = msg["infer"].get("_deterministic")
            fn = msg["fn"].base_dist if policy else msg["fn"]  # a Delta, which Pyro has masked
            self.sites[msg["name"]] = (fn, msg["value"] if msg["is_observed"] else None)

    def _pyro_step(self, msg: Any) -> None:
        raise _Reached(max(entry.shape[-1] for entry in msg["args"][1].values()))


def _sites(model: Model) -> tuple[dict[str, tuple[Any, torch.Tensor | None]], int | None]:
    """Site -> distribution and known value of what is sampled before the rollout, and its number of agents, if any."""
    before = _Before()
    try:
        with torch.random.fork_rng(devices=[]), before, KeyedNoise(0):
            model()
    except _Reached as reached:
        return before.sites, reached.agents
    return before.sites, None
