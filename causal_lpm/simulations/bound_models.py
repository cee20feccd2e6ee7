"""A model function with its population, days and parameters: a Pyro program without arguments."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from inspect import Parameter, signature
from typing import Any

from causal_lpm.agents import NEVER
from causal_lpm.handlers.handler import Handler
from causal_lpm.inference.program.program import read

__all__ = ["DAYS", "BoundModel", "own_parameters"]

GIVEN = ("population", "days")
DAYS = ("_day", "_start", "_end")
"""Ends of the names of policies that are days."""
POSITIONAL = (Parameter.POSITIONAL_ONLY, Parameter.VAR_POSITIONAL, Parameter.VAR_KEYWORD)


class _Decided(Handler):
    """Gives policies other numbers than the model has; worlds around it begin from these."""

    def __init__(self, decided: Mapping[str, float]) -> None:
        super().__init__()
        self._decided = decided

    def _pyro_policy(self, msg: Any) -> None:
        name, own = msg["args"]
        msg["args"] = name, self._decided.get(name, own)


@dataclass(frozen=True, eq=False)
class BoundModel:
    """A Pyro program without arguments, as `predict` and `fit` take it.

    Attributes:
        function: `function(population, days, **parameters)`; one that takes no population or no days is given none.
        population: For its argument `population`.
        days: For its argument `days`.
        parameters: For its other arguments.
        decided: Policy -> the number that it has here, instead of the model's own.
    """

    function: Callable[..., Any]
    population: Any
    days: int
    parameters: Mapping[str, Any]
    decided: Mapping[str, float] = field(default_factory=dict)

    @property
    def takes_days(self) -> bool:
        """Whether the function can be asked for any number of days."""
        return "days" in signature(self.function).parameters

    def __call__(self) -> Any:
        own = signature(self.function).parameters
        given = {name: value for name, value in zip(GIVEN, (self.population, self.days), strict=True) if name in own}
        with _Decided(self.decided):
            return self.function(**given, **self.parameters)

    def over(self, days: int) -> "BoundModel":
        """The same for another number of days."""
        return replace(self, days=days)

    def policies(self) -> dict[str, float]:
        """Policies that are one number for all, with their values; no day is simulated."""
        sites = read(self.over(1), simulate=False).of("policy").items()
        return {name: float(site.value) for name, site in sites if site.value.numel() == 1}

    def check_days(self, acts: Mapping[str, float]) -> None:
        """Raises ValueError for a day before day 0 where the model itself says by -1 that a policy never begins."""
        own = replace(self, decided={}).policies() if any(value < 0 for value in acts.values()) else {}
        for name, value in acts.items():
            if value < 0 and value != NEVER and name.endswith(DAYS) and own.get(name) == NEVER:
                raise ValueError(f"policy {name!r} is {value:g}: give a day from 0, or {NEVER} for never.")


def own_parameters(function: Callable[..., Any]) -> dict[str, Any]:
    """The arguments of a model function that are neither its population nor its days -> their defaults.

    Raises:
        ValueError: an argument that cannot be given by name, or that has no default.
    """
    found: dict[str, Any] = {}
    for name, argument in signature(function).parameters.items():
        if name in GIVEN and argument.kind not in POSITIONAL:
            continue
        if argument.kind in POSITIONAL or argument.default is Parameter.empty:
            raise ValueError(
                f"the model function {_name(function)} has the argument {name!r}: its arguments are population and "
                "days, where it needs them, and parameters that have a default, such as r0=2.5."
            )
        found[name] = argument.default
    return found


def _name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", function))
