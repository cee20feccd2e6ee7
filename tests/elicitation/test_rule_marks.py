"""Marks of rules: the same code with the same values has the same mark, and another has another."""

import functools
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from causal_lpm.elicitation.rule_marks import mark_of

Rule = Callable[[Mapping[str, str]], float]
TABLE = {"old": 0.2}


def enclosing(value: float) -> Rule:
    return lambda cell: value


def calling(value: float) -> Rule:
    inner = enclosing(value)
    return lambda cell: inner(cell)


def looks_up(cell: Mapping[str, str]) -> float:
    return TABLE[cell["age"]]


def endless(cell: Mapping[str, str]) -> float:
    return endless(cell)


@dataclass
class Held:
    value: float

    def __call__(self, cell: Mapping[str, str]) -> float:
        return self.value

    def method(self, cell: Mapping[str, str]) -> float:
        return self.value


MAKERS: list[Callable[[float], Any]] = [
    enclosing,
    calling,
    Held,
    lambda value: Held(value).method,
    lambda value: functools.partial(lambda cell, p: p, p=value),
    lambda value: lambda cell, p=value: p,
    lambda value: lambda cell: max(p for p in {"old": value}.values()),
]


@pytest.mark.parametrize("maker", MAKERS)
def test_rules_that_hold_other_values_have_other_marks(maker: Callable[[float], Any]) -> None:
    assert mark_of(maker(0.2), 0) == mark_of(maker(0.2), 0)
    assert mark_of(maker(0.2), 0) != mark_of(maker(0.3), 0)
    assert mark_of(maker(0.2), 0) != mark_of(maker(0.2), 1)


def test_what_a_rule_looks_up_outside_is_part_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    before = mark_of(looks_up, 0)
    monkeypatch.setitem(TABLE, "old", 0.3)
    assert mark_of(looks_up, 0) != before
    assert len(mark_of(endless, 0)) == 8


def test_a_mark_is_the_same_in_another_process_and_file(tmp_path: Path) -> None:
    """Recordings are the same bytes, wherever they are made: sets, addresses and folders play no part."""
    text = """
        from causal_lpm.elicitation.rule_marks import mark_of
        def helper(cell):
            return 0.2 if cell["age"] in {"old", "very old", "oldest"} else sum(x for x in [0.1])
        print(mark_of(lambda cell: helper(cell), 0))
    """
    found = set()
    for name in ("a.py", "b.py"):
        (tmp_path / name).write_text(textwrap.dedent(text))
        run = subprocess.run([sys.executable, tmp_path / name], capture_output=True, text=True, check=True)
        found.add(run.stdout)
    assert len(found) == 1
