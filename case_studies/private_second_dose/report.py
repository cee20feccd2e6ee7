"""The tables of the study, from the numbers of a finished run."""

import math
from pathlib import Path
from typing import Any

from case_studies.page import numbers_and_tables, table
from case_studies.private_second_dose.real import SIGMA2, TALLIES, worlds
from causal_lpm.parties import epsilon_of

__all__ = ["finished", "tables"]

DELTA = 1e-6


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers of a finished `causal-lpm run private-second-dose`, and the tables of the README."""
    return numbers_and_tables(folder, tables)


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """What the parties learn and how far it is from the clear run, and what it costs."""
    about = (
        f"{numbers['agents']:,} agents, {numbers['days']} days, {numbers['parties']} parties. Cells of all series in "
        f"which the private run with the seed's luck differs from the clear one: {numbers['different_cells']}."
    )
    noise = (
        f"Noise: sigma2 {SIGMA2} of each party on the total of each age group; epsilon at delta {DELTA:g}. An exact "
        "release has no bound."
    )
    return {"totals": f"{about}\n\n{_totals(numbers)}", "cost": f"{_costs(numbers)}\n\n{noise}"}


def _totals(numbers: dict[str, Any]) -> str:
    rows = []
    for name in TALLIES:
        for row, world in enumerate(worlds()):
            clear = [run[row] for run in numbers["clear"][name]]
            check, published = (numbers["runs"][kind]["totals"][name][row] for kind in ("check", "published"))
            spread = f"{sum(clear) / len(clear):.1f} ({min(clear)} to {max(clear)})"
            rows.append((f"{name.replace('_', ' ')}, {world}", str(clear[0]), str(check), spread, str(published)))
    head = (
        "total",
        "clear, the seed's luck",
        "private, the seed's luck, exact",
        f"clear, {len(numbers['clear'][TALLIES[0]])} seeds: mean (range)",
        "private, the parties' luck, with noise",
    )
    return table(head, rows)


def _costs(numbers: dict[str, Any]) -> str:
    steps = numbers["days"] - 1
    rows = []
    for name, run in numbers["runs"].items():
        epsilon = epsilon_of(run["rho"], DELTA)
        rows.append(
            (
                {"check": "the seed's luck, exact", "published": "the parties' luck, with noise"}[name],
                f"{run['rounds'] / steps:.1f}",
                f"{run['sent'] / steps / 1e6:.1f}",
                f"{run['dealt'] / steps / 1e6:.1f}",
                f"{run['seconds']:.0f}",
                "none" if math.isinf(epsilon) else f"{epsilon:.2f}",
            )
        )
    head = (
        "run",
        "rounds a step",
        "MB a step, sent by party 0",
        "MB a step, dealt to party 0",
        "seconds in all",
        "epsilon",
    )
    return table(head, rows)
