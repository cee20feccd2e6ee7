"""Numbers as people and programs write them in a file or a command.

Python's own parsers take more: "1_000", digits of other scripts, "nan", and whole numbers without end.
"""

import math
import re

__all__ = ["number_of", "number_or_text", "quoted", "whole_number_of"]

_NUMBER = re.compile(r"-?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_WHOLE = re.compile(r"-?\d{1,4000}", re.ASCII)  # Python refuses more digits by another sentence


def number_of(text: str) -> float:
    """The finite number that a text is.

    Raises:
        ValueError: it is none.

    >>> number_of("-2.5e3")
    -2500.0
    >>> number_of("1_000")
    Traceback (most recent call last):
    ValueError: '1_000' is not a number like 12, -3.5 or 2e-3
    """
    value = float(text) if _NUMBER.fullmatch(text) else math.inf
    lost = value == 0 and re.search(r"[1-9]", re.split("[eE]", text)[0]) is not None  # 1e-400
    if not math.isfinite(value) or lost:
        raise ValueError(f"{quoted(text)} is not a number like 12, -3.5 or 2e-3")
    return value


def whole_number_of(text: str) -> int:
    """The whole number that a text is.

    Raises:
        ValueError: it is none.

    >>> whole_number_of("2.0")
    Traceback (most recent call last):
    ValueError: '2.0' is not a whole number like 12
    """
    if not _WHOLE.fullmatch(text):
        raise ValueError(f"{quoted(text)} is not a whole number like 12")
    return int(text)


def number_or_text(text: str) -> float | str:
    """The number that a text is, or the text itself."""
    try:
        return number_of(text)
    except ValueError:
        return text


def quoted(text: str) -> str:
    """A text for a sentence, without what is beyond its first characters."""
    return repr(text if len(text) <= 40 else f"{text[:37]}...")
