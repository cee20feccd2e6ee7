"""Studies by name: those of the entry point group `causal_lpm.studies`, and any model as `package.module:function`.

A study in another package works like those that come with this one. What a study lacks is said in one sentence.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, NoReturn, cast

from causal_lpm.inference.studies.model_study import ModelStudy
from causal_lpm.inference.studies.study import HasData, Listed, Reproduction, Study
from causal_lpm.validate import did_you_mean, known

if TYPE_CHECKING:  # a list of what is installed needs no torch
    from causal_lpm.inference.program.program import Model

__all__ = [
    "installed_studies",
    "load_model",
    "load_study",
    "named_object",
    "refuse",
    "reproduction_of",
    "simulated",
    "with_data",
]

ENTRY_POINTS = "causal_lpm.studies"
LISTED = ("name", "title", "source", "outcomes")


def installed_studies() -> dict[str, EntryPoint]:
    """Name -> entry point of every study that is installed, by name; nothing is imported.

    Of two studies of one name the first on the path counts, as for modules.
    """
    found: dict[str, EntryPoint] = {}
    for point in entry_points(group=ENTRY_POINTS):
        found.setdefault(point.name, point)
    return dict(sorted(found.items()))


def load_study(target: str) -> Listed:
    """The installed study of this name, or what `package.module:object` names: a study, or a model of your own.

    Raises:
        ValueError: there is no such thing, it cannot be imported, or it is neither a study nor a model.
    """
    if ":" in target:
        found = named_object(target)
        if all(hasattr(found, attribute) for attribute in LISTED):
            return cast(Listed, found)
        return ModelStudy(target.partition(":")[2], "a model of your own", target, _model(target, found))
    points = installed_studies()
    if target not in points:
        hint = did_you_mean(target, points) if points else "no study is installed; install the package with pip first."
        raise ValueError(f"unknown study {target!r}: {hint} A model of your own is named package.module:function.")
    try:
        found = points[target].load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"study {target!r} cannot be loaded: {error}.") from error
    if missing := [attribute for attribute in LISTED if not hasattr(found, attribute)]:
        raise ValueError(f"study {target!r} is a {type(found).__name__} without {missing[0]}: it is no study.")
    return cast(Listed, found)


def simulated(study: Listed) -> Study:
    """The study as one whose worlds can be simulated; raises ValueError if it is none."""
    if not hasattr(study, "simulate"):  # not isinstance, which would read policies off a model to see them
        raise ValueError(f"{study.name} has no worlds to simulate{_instead(study)}.")
    return study.with_outcomes() if isinstance(study, ModelStudy) else cast(Study, study)


def with_data(study: Listed) -> HasData:
    """The study as one that can be calibrated; raises ValueError if it is none."""
    if not hasattr(study, "observed"):
        raise ValueError(f"{study.name} has no model and data to calibrate{_instead(study)}.")
    return cast(HasData, study)


def reproduction_of(
    study: Listed, agents: int | None = None, extra: Mapping[str, str | float] | None = None
) -> Reproduction | None:
    """What computes all results of the study; None if a run of its worlds does.

    Raises:
        ValueError: a number of agents or options, where the study lets nobody choose them, or an unknown option.
    """
    found: Reproduction | None = getattr(study, "reproduction", None)
    if found is not None and extra:
        if "question" in extra and not getattr(study, "questions", ()):
            raise ValueError(f"{study.name} has one question alone: leave {extra['question']!r} out.")
        with_options: Callable[[Mapping[str, str | float]], Reproduction] | None = getattr(study, "with_options", None)
        if with_options is None and not hasattr(study, "variant"):
            known(f"option of {study.name}", next(iter(extra)), ())
        if with_options is None:
            refuse(study, next(iter(extra)))
        return with_options(extra if agents is None else {**extra, "agents": agents})
    if found is None or agents is None:
        return found
    with_agents: Callable[[int], Reproduction] | None = getattr(study, "with_agents", None)
    if with_agents is None:
        refuse(study, "agents")
    return with_agents(agents)


def refuse(study: Listed, option: str) -> NoReturn:
    """Raises ValueError for an option that the reproduction of a study does not take, and says where it belongs."""
    advice = f"{option} goes with --setting only" if hasattr(study, "simulate") else f"leave {option} out"
    raise ValueError(f"{study.name} is reproduced as a whole: {advice}.")


def _instead(study: Listed) -> str:
    if reproduction_of(study) is not None:
        return f": all it has comes from `causal-lpm run {study.name}`"
    ask = f": ask what if, as in `causal-lpm whatif {study.name} --do name=value`"
    return ask if hasattr(study, "simulate") else ""


def load_model(name: str) -> Model:
    """The Pyro program that `package.module:function` names.

    Raises:
        ValueError: there is none, or it takes arguments.

    >>> load_model("case_studies.benchmark_tasks.toy_epidemic:agent")
    Traceback (most recent call last):
    ValueError: unknown object of module 'case_studies.benchmark_tasks.toy_epidemic' 'agent': did you mean 'agents'?
    """
    return _model(name, named_object(name))


def named_object(name: str) -> Any:
    """What `package.module:object` names; raises ValueError where there is none."""
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
        raise ValueError(f"{name!r} is neither a function nor a study: name a Pyro program without arguments.")
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
