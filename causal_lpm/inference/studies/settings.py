"""From what a user types to worlds that are known to be valid: policies, ranges, names, devices."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from causal_lpm.inference.files.dates import calendar
from causal_lpm.inference.files.plain_numbers import number_of
from causal_lpm.inference.runs.runner import pickled
from causal_lpm.inference.studies.manifest import options_without_folders
from causal_lpm.inference.studies.study import Options, Policy, References, Study, Worlds, policy_values
from causal_lpm.validate import fits_in_memory, fits_in_time, known, whole_number

__all__ = [
    "check_device",
    "check_differences",
    "check_experiment",
    "check_value",
    "against_first",
    "parse_acts",
    "parse_worlds",
    "whole_options",
]

COPIES = 3  # of the results in memory: each replicate by itself, all together, and as a file
BYTES_PER_WORKER = 2e8  # of a process that has imported torch

_SWITCH = {"1": 1.0, "true": 1.0, "yes": 1.0, "on": 1.0, "0": 0.0, "false": 0.0, "no": 0.0, "off": 0.0}


def check_value(policy: Policy, value: Any, typed: str | None = None) -> None:
    """Raises ValueError unless the policy may take this value; the error quotes what was typed.

    >>> check_value(Policy("dose_interval", 21, "days between doses", 1, 365, integer=True), 400)
    Traceback (most recent call last):
    ValueError: policy 'dose_interval' is 400: give a whole number from 1 to 365 (days between doses).
    """
    if not isinstance(value, int | float | np.number):
        raise _not_allowed(policy, repr(value))
    given = f"{value:.12g}" if typed is None else typed
    if policy.switch and value not in (0, 1):
        raise ValueError(f"policy {policy.name!r} is {given}: give 0 or 1, yes or no ({policy.description}).")
    whole = not policy.integer or (math.isfinite(value) and float(value).is_integer())
    if not (policy.low <= value <= policy.high and whole):
        raise _not_allowed(policy, given)


def _not_allowed(policy: Policy, given: str) -> ValueError:
    number = "a whole number" if policy.integer else "a number"
    return ValueError(
        f"policy {policy.name!r} is {given}: give {number} from {policy.low:g} to {policy.high:g} "
        f"({policy.description})."
    )


def _parse_value(policy: Policy, text: str) -> float:
    if policy.switch:
        if text.lower() not in _SWITCH:
            raise ValueError(
                f"policy {policy.name!r} is {text!r}: give 0 or 1, true or false, yes or no, on or off "
                f"({policy.description})."
            )
        return _SWITCH[text.lower()]
    try:
        return number_of(text)
    except ValueError as error:
        raise _not_allowed(policy, repr(text)) from error


def parse_acts(text: str, policies: Mapping[str, Policy]) -> dict[str, float]:
    """The policies written as "name=value, name=value"; an empty text means the defaults.

    Raises:
        ValueError: if a policy is unknown, given twice, not a number, or outside its range.

    >>> parse_acts("sterilizing=yes", {"sterilizing": Policy("sterilizing", 0, "", 0, 1, switch=True)})
    {'sterilizing': 1.0}
    """
    values: dict[str, float] = {}
    for act in filter(None, (part.strip() for part in text.split(","))):
        name, equals, value = (part.strip() for part in act.partition("="))
        if not equals or not value:
            raise ValueError(f"{act!r} is not of the form name=value, for example {_example(policies)}.")
        known("policy", name, policies)
        if name in values:
            raise ValueError(f"policy {name!r} is given twice in {text!r}: give it once.")
        values[name] = _parse_value(policies[name], value)
        check_value(policies[name], values[name], value)
    return values


def _example(policies: Mapping[str, Policy]) -> str:
    return next((f"{name}={policy.default:g}" for name, policy in policies.items()), "name=1")


def parse_worlds(texts: Iterable[str], policies: Mapping[str, Policy]) -> dict[str, dict[str, float]]:
    """Worlds written as "name=value, ..." or "label: name=value, ..."; the name of each is its label or its acts.

    Raises:
        ValueError: as `parse_acts`, or two worlds of one name.

    >>> parse_worlds(["late: dose_interval=84"], {"dose_interval": Policy("dose_interval", 21, "", 1, 365)})
    {'late': {'dose_interval': 84.0}}
    """
    worlds: dict[str, dict[str, float]] = {}
    for text in texts:
        label, colon, acts = text.partition(":")
        if not colon:
            label, acts = "", text
        name = label.strip() or acts.strip() or "defaults"
        if name in worlds:
            raise ValueError(f"world {name!r} appears twice: give each a name of its own.")
        worlds[name] = parse_acts(acts, policies)
    return worlds


def against_first(worlds: Worlds) -> dict[str, str]:
    """Every later world compared with the first.

    >>> against_first({"factual": {}, "late": {"dose_interval": 84}})
    {'late': 'factual'}
    """
    first, *later = worlds
    return dict.fromkeys(later, first)


def check_device(device: str) -> None:
    """Raises ValueError unless this machine has the device ("cpu", "cuda", "cuda:1")."""
    try:
        kind = torch.device(device)
    except RuntimeError as error:
        raise ValueError(f"unknown device {device!r}: give 'cpu' or 'cuda'.") from error
    if kind.type not in ("cpu", "cuda"):
        raise ValueError(f"unknown device {device!r}: give 'cpu' or 'cuda'.")
    if kind.type == "cuda" and (kind.index or 0) >= torch.cuda.device_count():
        raise ValueError(f"device {device!r} is not on this machine ({torch.cuda.device_count()} GPUs): give 'cpu'.")


def whole_options(options: Options) -> Options:
    """The options with agents and days as int, whatever type of whole number they were; ValueError if they are none."""
    agents, days = whole_number("agents", options.agents), whole_number("days", options.days)
    return replace(options, agents=agents, days=days)


def check_experiment(
    study: Study,
    worlds: Worlds,
    references: References,
    replicates: int,
    seed: int,
    options: Options,
    workers: int,
) -> None:
    """Raises ValueError with one sentence for what would make a run fail or mean nothing; starts nothing."""
    options = whole_options(options)
    replicates, workers = whole_number("replicates", replicates), whole_number("workers", workers)
    whole_number("seed", seed, low=0)
    check_device(options.device)
    if not worlds:
        raise ValueError("there is no world to run: give at least one.")
    given = options_without_folders(options).items()
    for label in [*worlds, *(str(part) for item in given for part in item)]:
        _check_printable(label)
    for policies in worlds.values():
        for name, value in policies.items():
            known("policy", name, study.policies)
            check_value(study.policies[name], value)
    for name in (*references, *references.values()):
        known("world", name, worlds)
    _check_size(study, len(worlds), replicates, options, workers)
    if workers > 1:
        pickled(study, f"study {study.name!r}")
    study.check(worlds, options)


def check_differences(study: Study, worlds: Worlds, references: References) -> None:
    """Raises ValueError for a comparison of two worlds that set the same, which is asked for by mistake.

    Args:
        study: whose defaults count.
        worlds: those that `check_experiment` has passed.
        references: world -> the world that it is compared with.
    """
    for other, reference in references.items():
        if policy_values(study, worlds[other]) == policy_values(study, worlds[reference]):
            raise ValueError(
                f"the worlds {other!r} and {reference!r} set the same policies, so that they cannot differ: "
                "change one, or leave it out."
            )


def _check_size(study: Study, worlds: int, replicates: int, options: Options, workers: int) -> None:
    """What no memory holds and no time suffices for is refused before it begins."""
    fewer = "ask for fewer days, replicates or worlds"
    what = f"{replicates} replicates of {worlds} worlds, {options.days} days"
    cells = replicates * worlds * options.days * len(study.groups) * len(study.outcomes)
    fits_in_memory(f"the results of {what}", COPIES * 8.0 * cells, fewer)
    fits_in_time(
        f"{what} and {options.agents} agents", replicates * options.days / workers, worlds * options.agents, fewer
    )
    if workers > 1:
        started = min(workers, replicates)
        fits_in_memory(f"{started} worker processes", started * BYTES_PER_WORKER, "use fewer workers")
    if study.start_date is not None:
        calendar(study.start_date, options.days)


def _check_printable(label: str) -> None:
    # Tables, charts and files of results are made at the end, when a label that they cannot hold is found too late.
    if not label.isprintable():
        raise ValueError(f"the label {label!a} has characters that cannot be printed: use letters and signs only.")
