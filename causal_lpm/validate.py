"""Checks of what users give us, each with one sentence: what was given, what is allowed, what to do."""

from __future__ import annotations

import difflib
import math
import numbers
import os
import unicodedata
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the command line checks names, too, and waits for torch only when it runs something
    import torch

__all__ = [
    "amount",
    "days_in_range",
    "did_you_mean",
    "distinct_labels",
    "fits_in_memory",
    "fits_in_time",
    "folded",
    "hazard",
    "hidden",
    "known",
    "marginal",
    "number_of_agents",
    "positive_count",
    "probability",
    "same_entries",
    "unique_entries",
    "whole_number",
]

LONGEST = 10.0  # days that a computation may take
# Characters that show nothing, beside those of category Cf: fillers, joiners, marks that choose a variant.
INVISIBLE = {*"\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0", *map(chr, range(0x180B, 0x1810))}
INVISIBLE |= {*map(chr, range(0xFE00, 0xFE10)), *map(chr, range(0xE0100, 0xE01F0))}


def hidden(value: object) -> bool:
    """Whether the numbers of a tensor may not be looked at: its class says so, as that of secret shares does.

    >>> hidden(3)
    False
    """
    return getattr(type(value), "hidden", False) is True


def did_you_mean(name: str, allowed: Iterable[str]) -> str:
    """The end of an error about an unknown name: the nearest allowed name, or all of them.

    >>> did_you_mean("dose_intervall", ["dose_interval", "sterilizing"])
    "did you mean 'dose_interval'?"
    """
    options = sorted(allowed)

    def likeness(option: str) -> tuple[float, float, bool]:
        one, other = name.casefold(), option.casefold()
        near, as_written = (difflib.SequenceMatcher(None, *pair).ratio() for pair in ((one, other), (name, option)))
        # Of two that are equally near, the one with the same letters: they were typed in another order.
        return near, as_written, sorted(one) == sorted(other)

    nearest = max(options, key=likeness, default=None)
    if nearest is not None and likeness(nearest)[0] >= 0.6:
        return f"did you mean {nearest!r}?"
    return f"known are {', '.join(map(repr, options)) or 'none'}."


def known(kind: str, name: str, allowed: Iterable[str]) -> None:
    """Raises ValueError unless `name` is one of `allowed`.

    >>> known("policy", "vacination", ["vaccination"])
    Traceback (most recent call last):
    ValueError: unknown policy 'vacination': did you mean 'vaccination'?
    """
    options = list(allowed)
    if name not in options:
        raise ValueError(f"unknown {kind} {name!r}: {did_you_mean(name, options)}")


def hazard(name: str, value: torch.Tensor) -> None:
    """Raises ValueError when a hazard is negative or NaN; infinity is allowed and means "surely"."""
    # The minimum of anything with NaN is NaN, and costs a quarter of a comparison.
    if value.numel() and not bool(value.min() >= 0):
        what = "NaN" if bool(value.isnan().any()) else f"{float(value.detach().min()):.4g}"
        raise ValueError(
            f"the hazard of event {name!r} contains {what}: a hazard is a rate times the step and must be >= 0; "
            "clamp it, or look for a division by zero in what it is made of."
        )


def probability(name: str, value: float) -> None:
    """Raises ValueError unless `value` is in [0, 1]."""
    if not 0.0 <= value <= 1.0:
        raise ValueError(f"{name} is {value}: a probability must be between 0 and 1.")


def positive_count(name: str, value: object) -> None:
    """Raises ValueError unless `value` is a whole number of at least one.

    >>> positive_count("agents", 0)
    Traceback (most recent call last):
    ValueError: agents is 0: give a whole number of at least 1.
    """
    try:
        number = math.nan if isinstance(value, str | bool) else float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError, RuntimeError):  # the last is torch's, for several values
        number = math.nan
    if not number.is_integer() or number < 1:
        raise ValueError(f"{name} is {value}: give a whole number of at least 1.")


def marginal(name: str, shares: Mapping[str, float], tolerance: float = 1e-6) -> None:
    """Raises ValueError unless the shares are >= 0, not NaN, and sum to 1 within `tolerance`.

    >>> marginal("age", {"young": 0.5, "old": 0.4})
    Traceback (most recent call last):
    ValueError: the shares of marginal 'age' sum to 0.9: they must sum to 1; divide by their sum if they are counts.
    """
    if not shares:
        raise ValueError(f"marginal {name!r} is empty: give at least one class with its share.")
    for label, share in shares.items():
        if math.isnan(share) or share < 0:
            raise ValueError(f"marginal {name!r} gives {label!r} the share {share}: a share must be >= 0.")
    total = math.fsum(shares.values())
    if abs(total - 1.0) > tolerance:
        raise ValueError(
            f"the shares of marginal {name!r} sum to {total:.6g}: they must sum to 1; "
            "divide by their sum if they are counts."
        )


def number_of_agents(state: Mapping[str, torch.Tensor]) -> int:
    """The number of agents of an initial state, whose entries have one value an agent or one for all.

    Raises:
        ValueError: no entry or no agents, an entry `t`, an entry that is not a tensor, entries of several numbers
            of agents.

    >>> import torch
    >>> number_of_agents({"x": torch.zeros(3), "y": torch.zeros(1)})
    3
    """
    import torch

    for name, value in state.items():
        if not isinstance(value, torch.Tensor):
            raise ValueError(
                f"the entry {name!r} of the initial state is {type(value).__name__}: give a tensor of shape [agents]."
            )
    if "t" in state:
        raise ValueError("the initial state has an entry 't': that is the time, which every step gives; rename yours.")
    sizes = {name: value.shape[-1] if value.dim() else 1 for name, value in state.items()}
    if not sizes or min(sizes.values()) < 1:
        raise ValueError("the initial state holds zero agents: give at least one entry of shape [agents].")
    agents = max(sizes.values())
    for name, size in sizes.items():
        if size not in (1, agents):
            most = next(other for other, number in sizes.items() if number == agents)
            raise ValueError(
                f"the entry {name!r} of the initial state has {size} agents and {most!r} has {agents}: give one value "
                "an agent, or one for all."
            )
    return agents


def same_entries(what: str, given: Iterable[str], expected: Iterable[str]) -> None:
    """Raises ValueError when a returned state lacks entries, or has entries that the state does not have."""
    given, expected = set(given) - {"t"}, set(expected)
    if missing := sorted(expected - given):
        raise ValueError(
            f"{what} returned a partial state without {', '.join(map(repr, missing))}: "
            "return {**state, ...} so that nothing is lost."
        )
    if extra := sorted(given - expected):
        raise ValueError(
            f"{what} returned {extra[0]!r}, which the initial state does not have: {did_you_mean(extra[0], expected)}"
        )


def unique_entries(what: str, names: Iterable[str]) -> None:
    """Raises ValueError when a name appears twice."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{what} {name!r} appears twice: give each its own name.")
        seen.add(name)


def folded(label: str) -> str:
    r"""What a reader sees of a label: without case, composition of characters, spacing and invisible characters.

    >>> folded("Cafe\u0301 \u200bAge") == folded("café age")
    True
    """
    seen = "".join(each for each in label if each not in INVISIBLE and unicodedata.category(each) != "Cf")
    caseless = unicodedata.normalize("NFD", unicodedata.normalize("NFD", seen).casefold())
    return " ".join(caseless.split())


def distinct_labels(what: str, labels: Iterable[str]) -> None:
    """Raises ValueError when a label appears twice, or two differ in nothing that a reader sees.

    >>> distinct_labels("choice", ["go out", "Go out"])
    Traceback (most recent call last):
    ValueError: choice 'Go out' is 'go out' but for case or invisible characters: merge them, or name them differently.
    """
    seen: dict[str, str] = {}
    for label in labels:
        if (other := seen.setdefault(folded(label), label)) != label:
            raise ValueError(
                f"{what} {label!a} is {other!a} but for case or invisible characters: merge them, or name "
                "them differently."
            )
    unique_entries(what, labels)


def amount(name: str, value: object, unit: str) -> None:
    """Raises ValueError unless the value is a finite number from 0, of any type but bool.

    >>> amount("max_usd", float("nan"), "US dollars")
    Traceback (most recent call last):
    ValueError: max_usd is nan: give US dollars, 0 or more.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not 0 <= float(value) < math.inf:
        raise ValueError(f"{name} is {value!r}: give {unit}, 0 or more.")


def whole_number(name: str, value: object, low: int = 1, high: int = 2**63 - 1) -> int:
    """The value as an int; raises ValueError unless it is an integer from `low` to `high`, of any type but bool.

    >>> import torch
    >>> whole_number("slots", torch.tensor(2))
    2
    >>> whole_number("seed", 1.5, low=0)
    Traceback (most recent call last):
    ValueError: seed is 1.5: give a whole number from 0 to 2**63 - 1.
    """
    if hasattr(value, "item") and math.prod(getattr(value, "shape", (0,))) == 1:  # a number of torch or numpy
        value = value.item()
    number: int | None = None
    if not isinstance(value, bool) and isinstance(value, numbers.Integral):
        number = int(value)
    if number is not None and low <= number <= high:
        return number
    end = str(high) if high < 2**63 - 1 else "2**63 - 1"
    too_large = number is not None and number > high
    allowed = f"from {low} to {end}" if low == 0 or high < 2**63 - 1 or too_large else f"of at least {low}"
    raise ValueError(f"{name} is {value!r}: give a whole number {allowed}.")


def days_in_range(what: str, day: float, start: float, end: float) -> None:
    """Raises ValueError when a day lies outside the simulated days.

    >>> days_in_range("intervention", 200.0, 0.0, 180.0)
    Traceback (most recent call last):
    ValueError: the intervention at day 200 lies outside the simulated days 0 to 180: move it, or simulate longer.
    """
    if not start <= day <= end:
        raise ValueError(
            f"the {what} at day {day:g} lies outside the simulated days {start:g} to {end:g}: "
            "move it, or simulate longer."
        )


def fits_in_memory(what: str, needed: float, instead: str = "simulate fewer agents, or on a larger machine") -> None:
    """Raises ValueError when an estimate in bytes is more than this machine's memory, where that is known.

    >>> fits_in_memory("10 agents", 8000)
    """
    try:
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return
    if needed > available:
        raise ValueError(
            f"{what} need about {_rounded(needed / 1e9)} GB; this machine has {available / 1e9:.0f}: {instead}."
        )


def fits_in_time(what: str, steps: float, agents: float = 1.0, instead: str = "ask for fewer") -> None:
    """Raises ValueError when so many steps of so many agents would take more than ten days on the fastest machine.

    A step is taken to last 20 microseconds, or 0.1 nanoseconds an agent where that is more; measured were 70
    microseconds for an empty step and 8 milliseconds for one of a million agents.

    >>> fits_in_time("the simulation of 100000000000 days", 1e11)
    Traceback (most recent call last):
    ValueError: the simulation of 100000000000 days would take 23 days at the very least: ask for fewer.
    """
    days = steps * max(2e-5, 1e-10 * agents) / 86_400
    if days > LONGEST:
        raise ValueError(f"{what} would take {_rounded(days)} days at the very least: {instead}.")


def _rounded(number: float) -> str:
    return f"{number:.0f}" if number < 1e9 else f"{number:.0e}"
