"""Tables of the study, from its numbers."""

from pathlib import Path
from typing import Any

from case_studies.h5n1_eggs.parameters import PRIORS
from case_studies.page import numbers_and_tables, table

__all__ = ["finished", "tables"]

SERIES = {"flocks": "layer flocks", "turkey_flocks": "turkey flocks", "million_culled": "layers culled, million"}
SHOWN = {"flocks": ("layer flocks", 1, 1), "culled": ("layers culled, million", 1e-6, 1), "price": ("price, USD", 1, 2)}
MORE = {
    "cost": ("consumers pay more, billion USD", 1, 2),
    "empty_shelves": ("stores without eggs, %", 100, 1),
    "exposed_workers": ("workers exposed", 1, 0),
}


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Marker -> Markdown, from the numbers of `reproduce`."""
    parts = {
        "fitted": _fitted(numbers),
        "posterior": _posterior(numbers),
        "gates": _gates(numbers),
        "forecast": _forecast(numbers["forecast"]),
        "price": _price(numbers["price"]),
        "worlds": _worlds(numbers),
        "contrasts": _contrasts(numbers),
        "ranked": _ranked(numbers),
        "halved": _halved(numbers["halved"]),
    }
    if "later" in numbers:
        parts["later"] = _later(numbers["later"])
    return parts


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of a finished reproduction."""
    return numbers_and_tables(folder, tables)


def _fitted(numbers: dict[str, Any]) -> str:
    rows = [
        (SERIES[name], f"{data:g}", f"{middle:.3g}", f"{low:.3g} to {high:.3g}", "yes" if low <= data <= high else "no")
        for name, (data, middle, low, high) in numbers["fitted"].items()
    ]
    header = (f"2022-23; interventional, {numbers['both years']['status']}", "data", "median", "90% interval", "inside")
    return table(header, rows)


def _posterior(numbers: dict[str, Any]) -> str:
    one, two = (numbers[key]["posterior"] for key in ("one year", "both years"))
    rows = [
        (
            PRIORS[name][2],
            *(f"{row[0]:.3g} ({row[1]:.3g} to {row[2]:.3g})" for row in (one[name], two[name])),
            f"{two[name][3]:.2f}",
        )
        for name in PRIORS
    ]
    return table(("parameter: mean, 90%", "given 2022", "given 2022-23", "sd left of the prior's"), rows)


def _gates(numbers: dict[str, Any]) -> str:
    one, two = (numbers[key]["gates"] for key in ("one year", "both years"))
    rows = [(name, one[name][0], two[name][0], two[name][2]) for name in two if name != "not shown"]
    return table(("gate", "given 2022", "given 2022-23", "what it says of the latter"), rows)


def _forecast(scores: dict[str, list[float]]) -> str:
    flocks, cells = scores["hit"]
    rows = [
        (name, f"{row[0]:.1f}", *(f"{hit:.3g}" for hit in row[1:4]), f"{row[4]:.1f}")
        for name, row in scores.items()
        if name != "hit"
    ]
    head = (
        f"{flocks:.0f} flocks in {cells:.0f} county-quarters",
        "expected",
        "hits at 1%",
        "at 2.5%",
        "at 5%",
        "log score",
    )
    return f"{table(head, rows)}\n\n{_verdict(scores)}"


def _verdict(scores: dict[str, list[float]]) -> str:
    """Whether the model is better than both baselines, by each score: said either way."""
    own, *others = (row for name, row in scores.items() if name != "hit")
    columns = {"log score": 4, "hits at 1%": 1, "hits at 2.5%": 2, "hits at 5%": 3}
    better = [name for name, column in columns.items() if all(own[column] > row[column] for row in others)]
    worse = [name for name, column in columns.items() if any(own[column] < row[column] for row in others)]
    even = [name for name in columns if name not in better and name not in worse]
    said = {
        "better than both baselines": better,
        "no better than the better of them": even,
        "worse than one of them": worse,
    }
    parts = [f"{word} by {', '.join(names)}" for word, names in said.items() if names]
    return f"The model is {'; '.join(parts)}."


def _price(found: dict[str, Any]) -> str:
    rows = [
        (
            name,
            f"{row[0]:.2f}",
            f"{row[1]:.2f}",
            f"{100 * row[2]:.0f}%",
            f"{row[3]:.2f}",
            f"{row[4]:+.2f}",
            f"{row[5]:+.2f}",
        )
        for name, row in found.items()
        if name != "residual by quarter"
    ]
    head = (
        "2022-23, USD a dozen",
        "mean",
        "highest month",
        "of the excess",
        "r2 of its log",
        "mean residual",
        "largest",
    )
    left = ", ".join(f"{x:+.2f}" for x in found["residual by quarter"])
    told = f"What confirmed flocks at -0.12 leave of the price, by quarter of 2022 and 2023: {left} USD."
    return f"{table(head, rows)}\n\n{told}"


def _worlds(numbers: dict[str, Any]) -> str:
    rows = [
        (world, *(_range(row[name], scale, digits) for name, (_, scale, digits) in {**SHOWN, **MORE}.items()))
        for world, row in numbers["worlds"].items()
    ]
    return table(("2022-23; interventional", *(head for head, _, _ in {**SHOWN, **MORE}.values())), rows)


def _contrasts(numbers: dict[str, Any]) -> str:
    def cell(row: list[float], scale: float, digits: int) -> str:
        mean, error, low, high = (scale * x for x in row)
        return f"{mean:+.{digits}f} ± {error:.{digits + 1}f} ({low:+.{digits}f} to {high:+.{digits}f})"

    rows = [
        (world, *(cell(row[name], scale, digits) for name, (_, scale, digits) in SHOWN.items()))
        for world, row in numbers["contrasts"].items()
    ]
    return table((f"less as it was; {numbers['kind']}", *(head for head, _, _ in SHOWN.values())), rows)


def _ranked(numbers: dict[str, Any]) -> str:
    weights = numbers["ranked"]
    rows = []
    for world, share in numbers["front"].items():
        cells = [
            f"{row[0]:.0f} ({row[2]:.2f}; {100 * row[3]:.0f}%)" for row in (each[world] for each in weights.values())
        ]
        rows.append((world, *cells, f"{100 * share:.0f}%"))
    head = (f"rank (regret; best in); {numbers['kind']}", *weights, "undominated")
    return table(head, rows)


def _halved(found: dict[str, dict[str, list[float]]]) -> str:
    rows = []
    for world, row in found.items():
        cells = []
        for name, (_, scale, digits) in SHOWN.items():
            paired, apart = (scale * x for x in row[name])
            cells.append(
                f"{paired:.{digits + 1}f} / {apart:.{digits + 1}f} = {paired / apart:.2f}" if apart else "0 / 0"
            )
        rows.append((world, *cells))
    return table(("standard error, paired / interventional", *(head for head, _, _ in SHOWN.values())), rows)


def _later(later: dict[str, Any]) -> str:
    parts = []
    if "flocks" in later:
        parts.append(_forecast(later["flocks"]))
    if "prices" in later:
        row = later["prices"]
        lines = [
            ("mean price: data, model", *(f"{x:.2f}" for x in row["mean"])),
            ("CRPS: model, last price kept", *(f"{x:.3f}" for x in row["crps"])),
            ("months inside the 90% interval", f"{100 * row['inside']:.0f}%", ""),
        ]
        parts.append(table((f"{row['months']} months of prices", "", ""), lines))
    return "\n\n".join(parts)


def _range(row: list[float], scale: float, digits: int) -> str:
    mean, low, high = (scale * x for x in row)
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"
