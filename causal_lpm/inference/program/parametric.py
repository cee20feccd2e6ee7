"""A Pyro program as a function of its parameters: which there are, and its series at given values."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyro
import torch

from causal_lpm.inference.program.parameters import Parameter, valued
from causal_lpm.inference.program.program import Model, read
from causal_lpm.validate import known, unique_entries

__all__ = ["At", "Model", "Outcome", "ParametricModel", "parametric"]

Outcome: TypeAlias = str | Callable[[Mapping[str, torch.Tensor]], torch.Tensor]
"""A series `[*dims, 1 or groups, days]`: the name of a tally, or what a function makes of all tallies."""

At: TypeAlias = Mapping[str, float | Sequence[float] | torch.Tensor]
"""Parameter or policy -> its value."""


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
    program = read(model, simulate=False)
    sites = program.of("parameter", "nuisance", "policy")
    has_rollout = program.agents is not None  # without one, sites of data may come with the parameters
    given = {name: torch.as_tensor(value, dtype=torch.float32) for name, value in (at or {}).items()}
    wrt = [wrt] if isinstance(wrt, str) else wrt
    found = [name for name, site in sites.items() if name in given or site.given or has_rollout]
    names = [name for name in found if sites[name].kind == "parameter"] if wrt is None else list(wrt)
    unique_entries("parameter", names)
    for name in [*names, *given]:
        known("parameter", name, sites)
    for name in sites if has_rollout else names:
        if name not in given and not (sites[name].given or sites[name].kind == "nuisance"):
            raise ValueError(
                f"the parameter {name!r} has no value: give at={{{name!r}: ...}}, or condition the model on it."
            )
    if not names:
        raise ValueError("there is no parameter to vary: name one in wrt; it is sampled before the rollout.")
    parameters = tuple(valued(name, sites[name].fn, given.get(name, sites[name].value)) for name in names)
    fixed = {name: value for name, value in given.items() if name not in names}
    return ParametricModel(model, parameters, fixed, program.agents or 1)
