"""What can be calibrated by name: a model, its data and its surrogate.

A calibration is found through the entry point group `causal_lpm.calibrations`, so that one in another package works
like those that come with this one; or as `package.module:object`, where the object is a `Calibration` or a model.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

from causal_lpm.inference.studies.installed import installed
from causal_lpm.validate import did_you_mean, known

if TYPE_CHECKING:  # a list of what is installed needs neither torch nor xarray
    import xarray as xr

    from causal_lpm.inference.program.program import Model

__all__ = ["Calibration", "find_calibration", "installed_calibrations", "load_model"]

ENTRY_POINTS = "causal_lpm.calibrations"


@dataclass(frozen=True)
class Calibration:
    """A model and the data that it is calibrated to.

    Attributes:
        name: On the command line, as in `causal-lpm calibrate NAME`.
        title: One line for people.
        source: The publication or data that it stands on.
        model: A Pyro program without arguments, as `fit` takes it.
        data: Returns the data, site -> numbers, as `fit` takes them; None where they must be given.
        surrogate: A differentiable program with the same sites.
        groups: Site -> labels of its groups, in the model's order.
        budget: Simulations to train on, unless told otherwise.
        start_date: ISO date of the first day, for daily data that bring no dates.

    >>> Calibration("flu", "Flu", "made up", print, lambda: {"cases": [1, 2]}, start_date="2020-03-01").observed()
    {'cases': <xarray.DataArray (date: 2)> ...
    """

    name: str
    title: str
    source: str
    model: Model
    data: Callable[[], Mapping[str, Any]] | None = None
    surrogate: Model | None = None
    groups: Mapping[str, Sequence[str]] | None = None
    budget: int = 1000
    start_date: str | None = None

    def observed(self) -> dict[str, Any]:
        """The data, with dates where there is a start date.

        Raises:
            ValueError: it comes without data, or its start date is no date.
        """
        if self.data is None:
            raise ValueError(f"{self.name} comes without data: give them, as in --data cases.csv.")
        given = dict(self.data())
        if self.start_date is None:
            return given
        return {name: _dated(values, self.start_date) for name, values in given.items()}


def _dated(values: Any, start_date: str) -> xr.DataArray:
    import numpy as np
    import xarray as xr

    from causal_lpm.inference.files.dates import calendar

    numbers = np.asarray(values, dtype=np.float64)
    dates = calendar(start_date, numbers.shape[-1])
    return xr.DataArray(numbers, dims=("group", "date")[-numbers.ndim :], coords={"date": dates})


def installed_calibrations() -> dict[str, EntryPoint]:
    """Name -> entry point of every calibration that is installed, by name; nothing is imported."""
    return installed(ENTRY_POINTS)


def find_calibration(target: str) -> Calibration:
    """The installed calibration of this name, or what `package.module:object` names.

    Raises:
        ValueError: there is no such thing, it cannot be imported, or it is neither a calibration nor a model.
    """
    if ":" in target:
        found = load_object(target)
        if isinstance(found, Calibration):
            return found
        return Calibration(target.partition(":")[2], "a model of your own", target, _model(target, found))
    points = installed_calibrations()
    if target not in points:
        hint = did_you_mean(target, points) if points else "none is installed."
        raise ValueError(
            f"unknown calibration {target!r}: {hint} A model of your own is named package.module:function."
        )
    try:
        found = points[target].load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"calibration {target!r} cannot be loaded: {error}.") from error
    if not isinstance(found, Calibration):
        raise ValueError(
            f"calibration {target!r} is a {type(found).__name__}: its entry point must name a Calibration."
        )
    return found


def load_model(name: str) -> Model:
    """The Pyro program that `package.module:function` names.

    Raises:
        ValueError: there is none, or it takes arguments.

    >>> load_model("case_studies.benchmark_tasks.toy_epidemic:agent")
    Traceback (most recent call last):
    ValueError: unknown object of module 'case_studies.benchmark_tasks.toy_epidemic' 'agent': did you mean 'agents'?
    """
    return _model(name, load_object(name))


def load_object(name: str) -> Any:
    """What `package.module:object` names.

    Raises:
        ValueError: the module cannot be imported, or has no such object.
    """
    module_name, _, attribute = name.partition(":")
    if not (module_name and attribute):
        raise ValueError(f"{name!r} is not of the form package.module:function.")
    try:
        module = import_module(module_name)
    except (ImportError, SyntaxError, TypeError) as error:
        hint = f" (is it {module_name.removesuffix('.py')}:{attribute}?)" if module_name.endswith(".py") else ""
        raise ValueError(f"module {module_name!r} cannot be imported: {error}{hint}.") from error
    if not hasattr(module, attribute):
        known(f"object of module {module_name!r}", attribute, [n for n in vars(module) if not n.startswith("_")])
    return getattr(module, attribute)


def _model(name: str, found: Any) -> Model:
    if not callable(found) or isinstance(found, type):
        raise ValueError(f"{name!r} is neither a function nor a Calibration: name a Pyro program without arguments.")
    needed = [
        parameter.name
        for parameter in inspect.signature(found).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needed:
        raise ValueError(
            f"{name!r} takes the arguments {', '.join(needed)}: give a program without arguments, made with "
            "functools.partial for example."
        )
    model: Model = found
    return model
