"""Tables of the study, from its numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from case_studies.page import numbers_and_tables, table

__all__ = ["PROTOTYPE", "PUBLISHED", "finished", "tables"]

PUBLISHED = {"pathwise": -2.63}
"""Log density of the truth, one data set (Dyer et al. 2023); by the score, not a number."""
PROTOTYPE = (0.48, 0.32)
"""Mean log density and its standard error of a first NPE with the same budget, 50 truths."""


def tables(numbers: Mapping[str, Any]) -> dict[str, str]:
    """Marker -> Markdown, from the numbers of `reproduce`."""
    amortised = [numbers[name] for name in ("npe", "npe+tick", "svi+npe") if name in numbers]
    return {
        "calibration": _calibration([*amortised, *numbers.get("svi", [])]),
        "cont": _slopes(numbers["cont"], "width"),
        "brock_hommes": _slopes(numbers["brock_hommes"], "days"),
        "facts": _facts(numbers["facts"]),
    }


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of a finished reproduction."""
    return numbers_and_tables(folder, tables)


def _calibration(rows: Sequence[Mapping[str, Any]]) -> str:
    header = (
        "method",
        "simulations",
        "truths",
        "log density there, prior",
        "median, lowest",
        "50%, 90% intervals hold",
        "p of SBC",
        "published truth, data sets",
        "CPU s",
    )
    return table(
        header,
        (
            (
                row["method"],
                f"{row['simulations']:,}" + (" each" if row["method"].startswith("svi,") else " in all"),
                str(row["truths"]),
                f"{_signed(row['log density'])}, {row['prior there']:.2f}",
                f"{row['median']:+.2f}, {row['lowest']:+.2f}",
                f"{row['coverage']['0.5']:.0%}, {row['coverage']['0.9']:.0%}",
                f"{row['sbc'][1]:.2g}" if row["sbc"] else "too few",
                f"{row['at the published truth'][0]:+.2f}, {row['data sets of it']}",
                f"{row['CPU seconds']:.0f}",
            )
            for row in rows
        ),
    )


def _slopes(rows: Sequence[Mapping[str, Any]], by: str) -> str:
    lines, seen = [], set()
    for row in rows:
        at, truth = f"{row[by]:g}", row["reference"]
        if truth not in seen:
            seen.add(truth)
            lines.append(
                (
                    at if by == "days" else "",
                    "finite differences",
                    f"{truth:.3g} ± {row['reference_error']:.2g}",
                    "",
                    _needed(row["reference_sd"], truth),
                )
            )
        slope = f"{row['slope']:.3g} ± {row['error']:.2g}"
        lines.append((at, row["estimator"], slope, row["verdict"], _needed(row["sd"], truth)))
    return table((by, "estimator", "derivative", "verdict", "replicates for 10%"), lines)


def _needed(sd: float, truth: float) -> str:
    """Replicates for a standard error of a tenth of the derivative, whatever the bias is."""
    return f"{max(1, round(100 * (sd / truth) ** 2)):,}"


def _facts(worlds: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    names = next(iter(worlds.values()))
    return table(
        ("mean and standard error over replicates", *worlds),
        ((name, *(f"{w[name][0]:.3g} ± {w[name][1]:.1g}" for w in worlds.values())) for name in names),
    )


def _signed(pair: Sequence[float]) -> str:
    return f"{pair[0]:+.2f} ± {pair[1]:.2f}"
