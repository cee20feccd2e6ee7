"""Compares ratios with earlier ones: `python benchmarks/compare.py NEW.json [OLD.json]`, by default the committed.

Ratios are compared, not seconds, which belong to one machine; and what was measured quickly with what was measured
quickly. One that is worse by more than TOLERANCE is a regression: exit status 1. The overhead of the handlers counts as
the cost with them over the cost without.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[1]
COMMITTED = "benchmarks/results/latest.json"
TOLERANCE = 0.25  # runs of the same code on a busy machine differ by up to a fifth
MORE_IS_BETTER = tuple(f"ratio_{peer}_{regime}" for peer in ("starsim", "covasim") for regime in ("peak", "low"))
LESS_IS_BETTER = ("two_worlds_ratio", "handler_overhead", "growth_exponent")


@dataclass(frozen=True)
class Comparison:
    """One ratio then and now; `worse` is by how much of it, negative for better, None where one of them is missing."""

    name: str
    old: float | None
    new: float | None
    worse: float | None

    @property
    def regression(self) -> bool:
        return self.worse is not None and self.worse > TOLERANCE


def ratios(results: dict[str, Any]) -> dict[str, tuple[float, bool]]:
    """Name -> ratio, and whether more is better; those of the quick run are named apart."""
    found: dict[str, tuple[float, bool]] = {}
    for where, values in (("", results), ("quick: ", results.get("quick") or {})):
        for key in (*MORE_IS_BETTER, *LESS_IS_BETTER):
            if values.get(key) is not None:
                cost = 1.0 if key == "handler_overhead" else 0.0
                found[where + key] = (cost + values[key], key in MORE_IS_BETTER)
        for kernel, speedup in (values.get("speedups") or {}).items():
            found[f"{where}speedup of {kernel}"] = (speedup, True)
    return found


def comparisons(new: dict[str, Any], old: dict[str, Any]) -> list[Comparison]:
    """Every ratio of the new results, and those of the old which the new ones should have had."""
    now, then = ratios(new), ratios(old)
    sections = {name.startswith("quick: ") for name in now}
    names = [*now, *(name for name in then if name not in now and name.startswith("quick: ") in sections)]
    found = []
    for name in names:
        value, more_is_better = now.get(name, (None, False))
        before, _ = then.get(name, (None, False))
        worse = None
        if value is not None and before is not None:
            worse = (before / value if more_is_better else value / before) - 1
        found.append(Comparison(name, before, value, worse))
    return found


def committed() -> dict[str, Any] | None:
    """The results of the last commit, None if there are none."""
    done = subprocess.run(
        ["git", "-C", str(ROOT), "show", f"HEAD:{COMMITTED}"], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        return None
    values: dict[str, Any] = json.loads(done.stdout)
    return values


def table(found: Sequence[Comparison]) -> Table:
    shown = Table("ratio", "then", "now", "worse by", "", title=f"Worse by more than {TOLERANCE:.0%} is a regression")
    for row in found:
        cells = ["-" if value is None else f"{value:.3f}" for value in (row.old, row.new)]
        by = "-" if row.worse is None else f"{row.worse:+.0%}"
        verdict = "[red]regression[/]" if row.regression else "no comparison" if row.worse is None else "[green]ok[/]"
        shown.add_row(row.name, *cells, by, verdict)
    return shown


def read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        sys.exit(f"{path} does not exist: give the JSON file that benchmarks/run.py wrote.")
    values: dict[str, Any] = json.loads(path.read_text())
    return values


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Ratios of two results of benchmarks/run.py.")
    parser.add_argument("new", type=Path)
    parser.add_argument("old", type=Path, nargs="?", help=f"by default {COMMITTED} of the last commit")
    given = parser.parse_args(arguments)
    new = read(given.new)
    old = committed() if given.old is None else read(given.old)
    if old is None:
        print(f"The last commit has no {COMMITTED}: there is nothing to compare with.")
        return 0
    if new.get("scale", 1) != old.get("scale", 1):
        sys.exit(f"the sizes differ (scale {new.get('scale', 1)} and {old.get('scale', 1)}): only like is compared.")
    found = comparisons(new, old)
    Console().print(table(found))
    if not any(row.worse is not None for row in found):
        print("The two results have no ratio in common: nothing was compared.")
    return int(any(row.regression for row in found))


if __name__ == "__main__":
    sys.exit(main())
