"""The interruptions and logs around a simulation: checked before it begins, and in force in all of their block."""

import inspect
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from chirho.dynamical.handlers import LogTrajectory
from chirho.dynamical.handlers.interruption import StaticEvent
from chirho.dynamical.internals.solver import Interruption

from causal_lpm.handlers.steps import Steps
from causal_lpm.ops.pyro_stack import handlers_in_force
from causal_lpm.validate import days_in_range, known

__all__ = ["arm", "begin", "observes", "rules_in_force"]


def arm(part: Steps) -> None:
    """Makes every interruption in force ready for a part of the simulation, except those that act in other parts.

    ChiRho's interruptions act in the first simulation of their block only.
    """
    for handler in handlers_in_force():
        if isinstance(handler, Interruption):
            event: Any = handler.predicate
            timed = isinstance(event, StaticEvent)
            handler.used = timed and not part.first <= part.until(float(event.time)) < part.last


def rules_in_force() -> list[Any]:
    """The interruptions that wait for a condition and not for a day, the outermost first."""
    return [h for h in handlers_in_force() if isinstance(h, Interruption) and not isinstance(h.predicate, StaticEvent)]


def begin(steps: Steps, entries: Iterable[str]) -> None:
    """Refuses interruptions and logs that the simulation of these steps would ignore, and empties the logs.

    Otherwise a log would go on from a simulation that an exception ended.

    Raises:
        ValueError: an interruption or a time of a log outside the simulated days, or followed by no step; an
            intervention on an entry that the state does not have; two interventions on one entry at one time.
    """
    names = set(entries)
    taken: set[tuple[int, str]] = set()
    for handler in handlers_in_force():
        if isinstance(handler, Interruption):
            _check_interruption(handler, steps, names, taken)
        elif isinstance(handler, LogTrajectory):
            _check_times(handler.times, steps)
            handler._trajectory = {}


def _check_interruption(handler: Any, steps: Steps, entries: set[str], taken: set[tuple[int, str]]) -> None:
    names = _entries_set_by(handler)
    for name in names:
        known("entry of the state in an intervention", name, entries)
    if not isinstance(handler.predicate, StaticEvent):
        return
    time = handler.predicate.time
    if time.numel() != 1:
        raise ValueError(
            f"an interruption has the times {time.tolist()}: give one time, and one interruption for each."
        )
    day = float(time)
    days_in_range("interruption", day, steps.start, steps.end)
    if steps.until(day) >= steps.last:  # ChiRho drops it silently
        raise ValueError(
            f"the interruption at day {day:g} acts before a step, and day {steps.end:g} is the end: "
            "simulate longer, or read the last state."
        )
    for name in names:
        if (steps.until(day), name) in taken:
            raise ValueError(
                f"two interventions set {name!r} before the step of day {day:g} and only one could be seen: give one "
                "of them, or another day."
            )
        taken.add((steps.until(day), name))


def _check_times(times: torch.Tensor, steps: Steps) -> None:
    for day in (float(times.min()), float(times.max())) if times.numel() else ():
        days_in_range("time of a log", day, steps.start, steps.end)


def observes(handler: Any) -> bool:
    """Whether a handler is ChiRho's `StaticObservation`, which looks at the state and does not change it."""
    return "observation" in _variables(handler)


def _entries_set_by(handler: Any) -> list[str]:
    """What a `StaticIntervention` or `DynamicIntervention` sets: ChiRho ignores names that the state does not have."""
    act = _variables(handler).get("intervention")
    if act is not None and not callable(act) and not isinstance(act, Mapping):  # ChiRho ignores it
        raise ValueError(
            f"an intervention on the state is {type(act).__name__}: give a dictionary of entries, in which a tuple is "
            "one act a world, or one function of the state."
        )
    return list(act) if isinstance(act, Mapping) else []


def _variables(handler: Any) -> Mapping[str, Any]:
    """The arguments that ChiRho's own interruptions keep; none of a user's callback."""
    if getattr(handler.callback, "__module__", "") != "chirho.dynamical.handlers.interruption":
        return {}
    return inspect.getclosurevars(handler.callback).nonlocals
