"""Tables of the study, from its numbers."""

from pathlib import Path
from typing import Any

from case_studies.page import numbers_and_tables, table
from case_studies.test_choice.question import FEW, TESTS, world_name

__all__ = ["finished", "tables", "verdict"]

SHOWN = (0.2, 0.5, 0.8, 1.0)
"""Adherences in the tables; all are in expected.json and in the pictures."""
PRICES = (500, 1_000, 2_000, 5_000, 10_000, 15_000, 20_000, 50_000)
"""Needless days that one would accept to avert a death."""


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Marker -> Markdown, from the numbers of `reproduce`."""
    return {
        "about": _about(numbers),
        "outcomes": _outcomes(numbers),
        "differences": _differences(numbers),
        "mixed": _mixed(numbers["mixed"]),
        "front": _front(numbers),
        "prices": _prices(numbers),
        "variants": _variants(numbers),
        "happened": _happened(numbers["happened"]),
    }


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of a finished reproduction."""
    return numbers_and_tables(folder, tables)


def verdict(numbers: dict[str, Any], outcome: str) -> str:
    """In how many cells of rate and adherence the fast test has less, more, or neither can be said."""
    rows = [cell[outcome] for cell in numbers["fast_against_slow"].values()]
    fewer, more = sum(row[2] < 0 for row in rows), sum(row[1] > 0 for row in rows)
    undecided = len(rows) - fewer - more
    return f"fewer with the fast test in {fewer} of {len(rows)} cells, more in {more}, undecided {undecided}"


def _about(numbers: dict[str, Any]) -> str:
    size, cells = numbers["size"], len(numbers["grid"])
    nobody = numbers["grid"]["nobody tests"]
    deaths, infections = nobody["deaths"], nobody["infections"]
    return (
        f"*Kind: {numbers['kind']}* (all {cells} worlds of a replicate share every agent's luck). "
        f"{size['agents']:,} agents, {size['days']} days, {size['replicates']} replicates, seed {numbers['seed']}. "
        f"Without any test {infections[0] / 1000:.1f}% are infected and {deaths[0]:.0f} ± {deaths[1]:.1f} of 100,000 "
        f"die. Deaths: {verdict(numbers, 'deaths')}. Needless days: {verdict(numbers, 'needless_days')}. Undecided: "
        "the 95% interval of the mean difference holds 0. Numbers that differ between a world whose results nobody "
        f"follows and the one without tests: {numbers['not_followed']}."
    )


def _outcomes(numbers: dict[str, Any]) -> str:
    rows = []
    for rate in numbers["size"]["rates"]:
        for test in TESTS:
            cells = [numbers["grid"][world_name(test, rate, adherence)] for adherence in SHOWN]
            rows.append((f"{100 * rate:g}% a day, {test}", *(_pair(cell) for cell in cells)))
    head = ("deaths a 100,000 / needless days a person", *(f"adherence {100 * adherence:g}%" for adherence in SHOWN))
    return table(head, rows)


def _pair(cell: dict[str, list[float]]) -> str:
    return f"{cell['deaths'][0]:.0f} / {cell['needless_days'][0]:.1f}"


def _differences(numbers: dict[str, Any]) -> str:
    rows = []
    for rate in numbers["size"]["rates"]:
        found = numbers["fast_against_slow"][world_name("fast test", rate, 0.5)]
        infections, deaths, needless, days = (
            found[name] for name in ("infections", "deaths", "needless_days", "quarantine_days")
        )
        rows.append(
            (
                f"{100 * rate:g}% a day",
                _interval(infections, 0),
                _interval(deaths, 1),
                f"{100 * deaths[3]:.0f}%",
                _interval(needless, 2),
                _interval(days, 2),
            )
        )
    head = (
        "fast - slow, adherence 50%",
        "infections a 100,000",
        "deaths a 100,000",
        "replicates with fewer",
        "needless days a person",
        "quarantine days a person",
    )
    return table(head, rows)


def _interval(row: list[float], digits: int) -> str:
    mean, low, high = (f"{number:+,.{digits}f}" for number in row[:3])
    return f"{mean} ({low} to {high})"


def _front(numbers: dict[str, Any]) -> str:
    rows = [
        (name, f"{deaths:.0f}", f"{days:.2f}", f"{100 * share:.0f}%")
        for name, (deaths, days, share) in numbers["front"].items()
    ]
    return table(("world on the front", "deaths a 100,000", "needless days a person", "of resamples on it"), rows)


def _prices(numbers: dict[str, Any]) -> str:
    """The best testing rate of each test by what an averted death is worth, where half of the people adhere."""
    rows = []
    for price in PRICES:
        best = {test: _best(numbers, test, price) for test in TESTS}
        slow, fast = (best[test][1] for test in TESTS)
        chosen = "neither" if slow == fast else min(best, key=lambda test: best[test][1])
        rows.append((f"{price:,}", chosen, *(best[test][0] for test in TESTS)))
    head = ("needless days for a death", "test of least loss", *(f"{test}: best at" for test in TESTS))
    return table(head, rows)


def _best(numbers: dict[str, Any], test: str, price: int) -> tuple[str, float]:
    """The testing rate of least loss, and the loss: needless days, and deaths at the price."""
    cells = {
        f"{100 * rate:g}% a day": numbers["grid"][world_name(test, rate, 0.5)] for rate in numbers["size"]["rates"]
    }
    cells["no test"] = numbers["grid"]["nobody tests"]
    losses = {place: cell["needless_days"][0] + price * cell["deaths"][0] / 100_000 for place, cell in cells.items()}
    best = min(losses, key=lambda place: losses[place])
    return best, losses[best]


def _mixed(numbers: dict[str, dict[str, list[float]]]) -> str:
    rows: dict[str, dict[str, str]] = {}
    for name, cell in numbers.items():
        test, rate = name.split(", rate ")
        rows.setdefault(test, {})[rate] = _pair(cell)
    rates = next(iter(rows.values()))
    head = ("deaths a 100,000 / needless days a person", *(f"testing rate {rate}" for rate in rates))
    return table(head, ([test, *cells.values()] for test, cells in rows.items()))


def _variants(numbers: dict[str, Any]) -> str:
    half = ", adherence 50%"
    rows = []
    for name, found in numbers["variants"].items():
        cells = [_pair(found["worlds"][world_name(test, rate, 0.5)]) for rate in FEW for test in TESTS]
        best = "; ".join(world.removesuffix(half).replace(" test, rate", "") for world in found["front"])
        rows.append((name, *cells, best))
    head = (
        "deaths a 100,000 / needless days a person",
        *(f"{test.removesuffix(' test')} {100 * rate:g}%" for rate in FEW for test in TESTS),
        "front of these",
    )
    return table(head, rows)


def _happened(statements: dict[str, dict[str, list[float]]]) -> str:
    rows = []
    for name, found in statements.items():
        cells = []
        for outcome in ("infections", "deaths", "needless_days"):
            mean, low, high = found[outcome]
            digits = 1 if outcome == "deaths" else 0
            spread = "" if low == high else f" ({low:+,.{digits}f} to {high:+,.{digits}f})"
            cells.append(f"{mean:+,.{digits}f}{spread}")
        rows.append((name, *cells))
    return table(("averted by the fast test", "infections", "deaths", "needless days"), rows)
