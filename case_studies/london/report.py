"""Tables of the study, from its numbers."""

from pathlib import Path
from typing import Any

from case_studies.london.parameters import PRIORS
from case_studies.london.question import AGES, BOROUGHS
from case_studies.page import numbers_and_tables, table

__all__ = ["finished", "tables"]

CLOSURES = {"schools open": "schools", "work open": "work", "leisure open": "leisure", "all open": "all three"}
"""World -> the closure that it lacks."""


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Marker -> Markdown, from the numbers of `reproduce`."""
    return {
        "fitted": _fitted(numbers),
        "posterior": _posterior(numbers),
        "gates": _gates(numbers["gates"]),
        "forecast": _forecast(numbers),
        "checked": _checked(numbers["dependence"]),
        "depends": _depends(numbers),
        "seeding": _seeding(numbers),
        "by age": _by_age(numbers),
        "by borough": _by_borough(numbers),
    }


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of a finished reproduction."""
    return numbers_and_tables(folder, tables)


def _fitted(numbers: dict[str, Any]) -> str:
    found = numbers["summer"]["fitted"]
    data, middle, low, high = found["deaths"]
    rows = [
        ("deaths in London", f"{data:,.0f}", f"{middle:,.0f}", f"{low:,.0f} to {high:,.0f}"),
        ("infected, % of residents", "", *_with_ends(found["infected"], 1)),
        ("weeks of London inside", "", "", f"{100 * found['weeks'][0]:.0f}%"),
        ("totals of boroughs inside", "", "", f"{100 * found['boroughs'][0]:.0f}%"),
    ]
    head = (f"9 March to 31 May; interventional, {numbers['status']}", "data", "median", "90% interval")
    return table(head, rows)


def _posterior(numbers: dict[str, Any]) -> str:
    rows = [
        (f"`{name}`", PRIORS[name][2], f"{row[0]:.3g}", f"{row[1]:.3g} to {row[2]:.3g}", f"{row[3]:.2f}")
        for name, row in numbers["posterior"].items()
    ]
    return table(("parameter", "what it is", "mean", "90% interval", "sd left of the prior's"), rows)


def _gates(gates: dict[str, Any]) -> str:
    rows = [(name, verdict, text) for name, (verdict, _, text) in gates.items() if name != "not shown"]
    return table(("gate", "verdict", "finding"), rows)


def _forecast(numbers: dict[str, Any]) -> str:
    names = {"deaths": "London by week", "borough_deaths": "boroughs by week"}
    rows = [
        (
            f"{names[site]}: {forecaster}",
            f"{row[0]:,.0f}",
            *(f"{x:.2f}" for x in row[1:3]),
            *(f"{100 * x:.0f}%" for x in row[3:]),
        )
        for site, of in numbers["summer"]["scores"].items()
        for forecaster, row in of.items()
        if forecaster != "came"
    ]
    came = numbers["summer"]["scores"]["deaths"]["came"][0]
    head = (f"1 June to 30 August; {came:,.0f} died", "deaths forecast", "CRPS", "WIS", "inside 50%", "inside 90%")
    runs = f"Of {numbers['size']['forecasts']} runs {numbers['summer']['effective']:.0f} count by their weights."
    return f"{table(head, rows)}\n\n{runs} {_verdict(numbers['summer']['scores'])}"


def _verdict(scores: dict[str, Any]) -> str:
    parts = []
    for site, name in (("deaths", "London"), ("borough_deaths", "the boroughs")):
        own, *others = (scores[site][key][1] for key in ("this model", "last value", "trend of four weeks"))
        word = "better than both baselines" if own < min(others) else "worse than the better baseline"
        parts.append(f"for {name} {word}" if own < max(others) else f"for {name} worse than both baselines")
    return f"By CRPS the model is {', '.join(parts)}."


def _checked(found: dict[str, Any]) -> str:
    rows = []
    for name, row in found["checked"].items():
        clear, right = row["signs"]
        cells = [f"{row['rank']:.2f}", f"{row['possible']:.2f}", f"{right} of {clear}"]
        if "slope" in row:
            slope, error = row["slope"]
            cells += [f"{slope:,.4g} ± {error:.2g}", *(f"{100 * (ratio - 1):+.0f}%" for ratio in row["ratio"].values())]
        else:
            cells += ["", *("" for _ in range(2))]
        rows.append((f"`{name}`" if name != "all" else "all ten", *cells))
    head = (
        "infections by 9 May",
        "rank correlation",
        "noise leaves",
        "signs right",
        "all infections: slope ± error",
        "bias of MeanField",
        "of StraightThrough",
    )
    seconds, longer, differences = found["seconds"]
    kinds, agents = found["agents"]
    groups, parameters = found["shape"]
    field, exact, error = found["infections"]
    return (
        f"{table(head, rows)}\n\n{groups} x {parameters} derivatives in {seconds:.1f} CPU seconds of one thread, from "
        f"one household of each kind ({kinds:,} agents); from all {agents:,} agents in {longer:.1f}, at most "
        f"{100 * found['apart']:.1g}% apart. Finite differences by ten parameters took {differences:,.0f}. "
        f"Agents infected: {field:,.0f} under MeanField, {exact:,.0f} ± {error:,.0f} in exact simulations."
    )


def _depends(numbers: dict[str, Any]) -> str:
    rows = [(f"`{name}`", *(f"{x:+.2f}" for x in row)) for name, row in numbers["dependence"]["by age"].items()]
    return table(("% more infections a % more; interventional", "all", *AGES), rows)


def _seeding(numbers: dict[str, Any]) -> str:
    found = sorted(numbers["dependence"]["seeding"].items(), key=lambda item: -item[1][2])
    rows = [(name, *(f"{x:+.3f}" for x in row)) for name, row in (*found[:4], *found[-4:])]
    head = ("seeding of (the four most and the four least)", "infections there", "elsewhere", "in London")
    return table(head, rows)


def _by_age(numbers: dict[str, Any]) -> str:
    parts = []
    for outcome, head in (
        ("infections", "infections prevented per 100,000"),
        ("expected_deaths", "deaths prevented per 100,000"),
    ):
        most = numbers["closures"]["foremost"][outcome]
        rows = [
            (
                closed,
                *(_range(numbers["closures"]["by age"][world][outcome][age]) for age in ("all", *AGES)),
                f"{100 * most[world]:.0f}%" if world in most else "",
            )
            for world, closed in CLOSURES.items()
        ]
        parts.append(table((f"{head}, {numbers['closures']['kind']}", "all ages", *AGES, "most in"), rows))
    return "\n\n".join(parts)


def _by_borough(numbers: dict[str, Any]) -> str:
    found = numbers["closures"]["by borough"]
    rows = [
        (name, *(_range(found[world]["expected_deaths"][name]) for world in CLOSURES)) for name in ("all", *BOROUGHS)
    ]
    return table((f"deaths prevented per 100,000 residents, {numbers['closures']['kind']}", *CLOSURES.values()), rows)


def _with_ends(row: list[float], digits: int) -> tuple[str, str]:
    middle, low, high = row
    return f"{middle:.{digits}f}", f"{low:.{digits}f} to {high:.{digits}f}"


def _range(row: list[float]) -> str:
    mean, low, high = row
    return f"{mean:,.0f} ({low:,.0f} to {high:,.0f})"
