"""From what a user types to settings that are known to be valid: policies, ranges, names, devices."""

import math
import pickle
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from causal_lpm.inference.files.dates import calendar
from causal_lpm.inference.files.plain_numbers import number_of
from causal_lpm.inference.studies.storage import options_without_folders
from causal_lpm.inference.studies.study import Contrast, Options, Policy, Setting, Study, policy_values
from causal_lpm.validate import fits_in_memory, fits_in_time, known, unique_entries, whole_number

__all__ = [
    "check_device",
    "check_differences",
    "check_experiment",
    "check_value",
    "each_minus_first",
    "parse_acts",
    "parse_setting",
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


def parse_setting(text: str, policies: Mapping[str, Policy]) -> Setting:
    """A setting written as "name=value, ..." or "label: name=value, ..."; its name is the label or the acts.

    >>> parse_setting("late: dose_interval=84", {"dose_interval": Policy("dose_interval", 21, "", 1, 365)})
    Setting(name='late', policy={'dose_interval': 84.0})
    """
    label, colon, acts = text.partition(":")
    if not colon:
        label, acts = "", text
    return Setting(label.strip() or acts.strip() or "defaults", parse_acts(acts, policies))


def each_minus_first(settings: Sequence[Setting]) -> list[Contrast]:
    """Every later setting compared with the first."""
    first, *later = (setting.name for setting in settings)
    return [Contrast(f"{name} minus {first}", (name, first)) for name in later]


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
    settings: Sequence[Setting],
    contrasts: Sequence[Contrast],
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
    if not settings:
        raise ValueError("there is no setting to run: give at least one.")
    unique_entries("setting", (setting.name for setting in settings))
    unique_entries("contrast", (contrast.name for contrast in contrasts))
    given = options_without_folders(options).items()
    labels = [*(setting.name for setting in settings), *(contrast.name for contrast in contrasts)]
    for label in [*labels, *(str(part) for item in given for part in item)]:
        _check_printable(label)
    for setting in settings:
        for name, value in setting.policy.items():
            known("policy", name, study.policies)
            check_value(study.policies[name], value)
    for contrast in contrasts:
        for name in contrast.minus:
            known("setting", name, [setting.name for setting in settings])
    _check_size(study, len(settings), replicates, options, workers)
    if workers > 1:
        _check_can_travel(study)
    study.check(settings, options)


def check_differences(study: Study, settings: Sequence[Setting], contrasts: Sequence[Contrast]) -> None:
    """Raises ValueError for a contrast of two settings that set the same, which is asked for by mistake.

    Args:
        study: whose defaults count.
        settings: the worlds, which `check_experiment` has passed.
        contrasts: pairs of them.
    """
    named = {setting.name: setting for setting in settings}
    for contrast in contrasts:
        first, second = (named[name] for name in contrast.minus)
        if policy_values(study, first) == policy_values(study, second):
            raise ValueError(
                f"the settings {first.name!r} and {second.name!r} set the same policies, so that they cannot differ: "
                "change one, or leave it out."
            )


def _check_size(study: Study, worlds: int, replicates: int, options: Options, workers: int) -> None:
    """What no memory holds and no time suffices for is refused before it begins."""
    fewer = "ask for fewer days, replicates or settings"
    what = f"{replicates} replicates of {worlds} settings, {options.days} days"
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


def _check_can_travel(study: Study) -> None:
    try:
        pickle.dumps(study)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise ValueError(
            f"study {study.name!r} cannot be sent to other processes ({error}): use one worker."
        ) from error
