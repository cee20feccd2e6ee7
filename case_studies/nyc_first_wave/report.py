"""Tables of the study, from its numbers."""

import math
from pathlib import Path
from typing import Any

from case_studies.nyc_first_wave.data import SERIES
from case_studies.nyc_first_wave.parameters import PRIORS
from case_studies.page import numbers_and_tables, table

__all__ = ["finished", "tables"]

NAMES = {"expected_deaths": "deaths", "infections": "infections"}


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Marker -> Markdown table, from the numbers of `study.run`."""
    found = {
        "posterior": _posterior(numbers),
        "gates": _gates(numbers["gates"]),
        "forecast": _forecast(numbers),
        "infected": table(
            ("", "infected by 18 April: median", "90% interval"),
            (
                [name, f"{mid:.1f}%", f"{low:.1f}% to {high:.1f}%"]
                for name, (low, mid, high) in numbers["infected"].items()
            ),
        ),
        "effects": _effects(numbers["effects"]),
        "anticipation": _anticipation(numbers["anticipation"]),
    }
    if "happened" in numbers:
        found["happened"] = _happened(numbers["happened"])
        found["happened gates"] = _gates(numbers["happened"]["gates"])
    if "repeated" in numbers:
        found["repeated"] = _repeated(numbers)
    return found


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of a finished reproduction."""
    return numbers_and_tables(folder, tables)


def _gates(gates: dict[str, Any]) -> str:
    rows = ([name, verdict, text] for name, (verdict, _, text) in gates.items())
    return table(("gate", "verdict", "finding"), rows)


def _posterior(numbers: dict[str, Any]) -> str:
    return table(
        ("parameter", "mean", "sd", "90% interval", "what it is"),
        (
            [f"`{name}`", f"{mean:.3g}", f"{sd:.2g}", f"{low:.3g} to {high:.3g}", PRIORS[name][2]]
            for name, (mean, sd, low, high) in numbers["posterior"].items()
        ),
    )


def _forecast(numbers: dict[str, Any]) -> str:
    forecast = numbers["forecast"]
    rows = [
        [name, f"{100 * forecast['series'][name]['fitted']:.0f}%", f"{100 * forecast['series'][name]['held_out']:.0f}%"]
        for name in SERIES
    ]
    rows.append(["all held-out weeks", "", f"**{100 * forecast['held_out']:.0f}%** of {forecast['cells']}"])
    return table(("weeks inside the 90% interval", "fitted", "held out"), rows)


def _effects(found: dict[str, Any]) -> str:
    rows = []
    for key, row in found.items():
        if not key.endswith(" averted"):
            continue
        contrast, outcome = key.removesuffix(" averted").split(": ")
        share = found[f"{contrast}: {outcome} relative"]
        rows.append(
            [
                f"{NAMES[outcome]}, {contrast}",
                _signed(row["mean"]),
                " to ".join(map(_signed, row["interval_90"])),
                _share(share["interval_90"][0], share["mean"], share["interval_90"][1]),
                _spread(row["sd_parameter"]),
                _spread(row["sd_luck"]),
            ]
        )
    return table(("averted to 27 June", "mean", "90% interval", "share", "sd: parameters", "sd: luck"), rows)


def _happened(found: dict[str, Any]) -> str:
    """The three kinds; of an abduction that was refused, above them and over its column, that it is not to be read."""
    answers = found["answers"]
    refused = found["status"] == "interventional only"
    head = [f"{kind} (refused)" if refused and kind == "counterfactual" else kind for kind in answers]
    deaths = [f"{mean:,.0f} ({low:,.0f} to {high:,.0f})" for mean, low, high in _each(answers, "deaths as reported")]
    rows = [[f"deaths in the world of the reports, which have {found['reported deaths']:,.0f}", *deaths]]
    for key in next(iter(answers.values())):
        if key.endswith(" averted"):
            contrast, outcome = key.removesuffix(" averted").split(": ")
            cells = [f"{_signed(mean)} ({_signed(low)} to {_signed(high)})" for mean, low, high in _each(answers, key)]
            rows.append([f"{NAMES[outcome]} averted, {contrast}", *cells])
    told = table(("to 18 April: mean (90% interval)", *head), rows)
    if not refused:
        return told
    return (
        f"**{found['status'].upper()}: the counterfactual column is not to be read, nothing is said of the epidemic "
        f"that happened.** {found['reason']}\n\n{told}"
    )


def _each(answers: dict[str, Any], key: str) -> list[list[float]]:
    return [answer[key] for answer in answers.values()]


def _anticipation(curve: dict[str, dict[str, list[float]]]) -> str:
    values = list(next(iter(curve.values())))
    cells = (
        [
            f"order {name}",
            *(_share(*row) for row in points.values()),
        ]
        for name, points in curve.items()
    )
    return table(("deaths averted, `anticipation` =", *values), cells)


def _repeated(numbers: dict[str, Any]) -> str:
    repeated = numbers["repeated"]
    head = (
        "parameter",
        f"{numbers['agents']:,} agents",
        f"{repeated['agents']:,} agents",
        "difference / sd",
        "ratio of sd",
    )
    rows = []
    for name, (difference, ratio) in repeated["agreement"].items():
        coarse, fine = numbers["posterior"][name], repeated["posterior"][name]
        cells = [f"{mean:.3g} ± {sd:.2g}" for mean, sd, *_ in (coarse, fine)]
        rows.append([f"`{name}`", *cells, f"{difference:+.2f}", f"{ratio:.2f}"])
    return table(head, rows)


def _share(low: float, middle: float, high: float) -> str:
    return f"{100 * middle:+.0f}% ({100 * low:+.0f} to {100 * high:+.0f})"


def _spread(value: float) -> str:
    return "not known" if math.isnan(value) else f"{value:,.0f}"


def _signed(value: float) -> str:
    return f"{value:+,.0f}"
