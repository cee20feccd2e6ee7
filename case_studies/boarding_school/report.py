"""Tables of the study, from its numbers."""

from pathlib import Path
from typing import Any

from case_studies.page import numbers_and_tables, table

__all__ = ["REFERENCE", "finished", "tables"]

REFERENCE = {
    "4": {"beta": (1.98, 0.18), "gamma": (0.529, 0.040), "beta/gamma": (3.77, 0.50)},
    "1": {"beta": (2.32, 0.26), "gamma": (0.623, 0.058), "beta/gamma": (3.77, 0.68)},
}
"""Steps a day -> mean and standard deviation by particle MCMC, two chains of `particle_mcmc.py`."""


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Marker -> Markdown, from the numbers of `reproduce`."""
    return {"posterior": _posterior(numbers["steps"]), "isolation": _isolation(numbers)}


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of a finished reproduction."""
    return numbers_and_tables(folder, tables)


def _posterior(steps: dict[str, dict[str, list[float]]]) -> str:
    rows = []
    for per_day, found in steps.items():
        for name, (mean, deviation) in found.items():
            known = REFERENCE[per_day].get(name)
            reference = "" if known is None else f"{known[0]:g} ± {known[1]:g}"
            off = (
                ""
                if known is None
                else f"{100 * (mean / known[0] - 1):+.0f}%, {100 * (deviation / known[1] - 1):+.0f}%"
            )
            rows.append((f"{per_day} a day, {name}", f"{mean:.3g} ± {deviation:.2g}", reference, off))
    return table(("steps", "here", "particle MCMC", "off: mean, sd"), rows)


def _isolation(numbers: dict[str, Any]) -> str:
    mean, low, high = numbers["infected"]
    rows = [
        ("infected, as it was", f"{mean:.0f} ({low:.0f} to {high:.0f})"),
        *(
            (
                f"averted, {world.removesuffix(' against as it was')}",
                f"{found[0]:.0f} ({found[1]:.0f} to {found[2]:.0f})",
            )
            for world, found in numbers["isolation"].items()
        ),
    ]
    return table((f"boys, mean and 90% interval; {numbers['status']}", "boys"), rows)
