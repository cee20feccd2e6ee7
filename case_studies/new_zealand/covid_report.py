"""Tables of the outbreak of 2021, from the numbers of `covid_reproduction`."""

from typing import Any

from case_studies.new_zealand.covid_compared import ALIKE
from case_studies.new_zealand.covid_parameters import PRIORS
from case_studies.page import table

__all__ = ["tables"]

NAMED = ("all", "Māori", "Pacific", "Asian", "European or other")
FORECAST = {"districts": "20 districts", "Auckland": "Auckland", "country": "country"}


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Marker -> Markdown."""
    parts = {
        "fitted": _fitted(numbers),
        "posterior": _posterior(numbers["posterior"]),
        "gates": table(("gate", "verdict", "what it says"), [(n, r[0], r[2]) for n, r in numbers["gates"].items()]),
        "forecast": _forecast(numbers["forecast"]),
        "dosed": _dosed(numbers["dosed"]),
        "worlds": _worlds(numbers, "worlds"),
        "alike": _alike(numbers),
        "ranked": _ranked(numbers),
    }
    if "whole" in numbers:
        parts["whole"] = _whole(numbers)
    return {f"covid-{name}": part for name, part in parts.items()}


def _fitted(numbers: dict[str, Any]) -> str:
    rows = [
        (name, f"{data:g}", f"{middle:.0f}", f"{low:.0f} to {high:.0f}", "yes" if low <= data <= high else "no")
        for name, (data, middle, low, high) in numbers["fitted"].items()
    ]
    head = (f"to 30 November; interventional, {numbers['status']}", "reported", "median", "90% interval", "inside")
    return table(head, rows)


def _posterior(found: dict[str, list[float]]) -> str:
    rows = [
        (PRIORS[name][2], f"{row[0]:.3g} ({row[1]:.3g} to {row[2]:.3g})", f"{row[3]:.2f}")
        for name, row in found.items()
    ]
    return table(("parameter", "mean, 90%", "sd left of the prior's"), rows)


def _forecast(scores: dict[str, dict[str, list[float]]]) -> str:
    rows = []
    for name, row in scores.items():
        point = name == "trend kept"
        cells = [f"{row[part][0]:.0f}" + ("" if point else f" ({100 * row[part][1]:.0f}%)") for part in FORECAST]
        rows.append((name, *cells, f"{row['country'][2]:.0f}"))
    head = ("weeks of 1 to 28 December: CRPS (inside 90%)", *FORECAST.values(), "cases, median")
    return f"{table(head, rows)}\n\n{_verdict(scores)}"


def _verdict(scores: dict[str, dict[str, list[float]]]) -> str:
    """Whether the model is better than each simple forecast, said either way."""
    own, parts = scores["this model"], []
    for simple in ("last week kept", "trend kept"):
        better = [name for part, name in FORECAST.items() if own[part][0] < scores[simple][part][0]]
        worse = [name for name in FORECAST.values() if name not in better]
        said = [
            f"better for {' and '.join(better)}" if better else "",
            f"no better for {' and '.join(worse)}" if worse else "",
        ]
        parts.append(f"than the {simple} it is {', '.join(filter(None, said))}")
    return f"Of the model: {'; '.join(parts)}."


def _dosed(shares: dict[str, list[float]]) -> str:
    rows = [(rule, *(f"{x:.0f}" for x in (row[-1], *row[:-1]))) for rule, row in shares.items()]
    return table(("with a first dose by 17 August 2021, % of those from 10 years on", *NAMED), rows)


def _alike(numbers: dict[str, Any]) -> str:
    few, many = numbers["alike"]
    said = (
        f"{few} of {many} runs had between {1 / ALIKE:g} and {ALIKE:g} times Auckland's reported cases to 30 November."
    )
    return f"{said}\n\n{_worlds(numbers, 'worlds alike')}" if "worlds alike" in numbers else said


def _worlds(numbers: dict[str, Any], which: str) -> str:
    rows = []
    for world, row in numbers[which].items():
        cells = row["admitted"]
        if world == "as it was":
            rows.append(("as it was: mean", *(f"{mean:.0f}" for mean, *_ in cells)))
            rows.append(("as it was: median", *(f"{middle:.0f}" for _, middle, *_ in cells)))
        else:
            rows.append((f"{world}: mean", *(f"{more:+.0f} ± {error:.0f}" for _, _, more, error, *_ in cells)))
            shown = (f"{middle:+.0f} ({low:+.0f} to {high:+.0f})" for *_, middle, low, high in cells)
            rows.append((f"{world}: median, 90%", *shown))
    head = (f"admissions to 28 December, and how many more; {numbers['kind']}, {numbers['status']}", *NAMED)
    return table(head, rows)


def _ranked(numbers: dict[str, Any]) -> str:
    rows = []
    for world, row in numbers["ranked"].items():
        infections = numbers["worlds"][world]["infections"][0][0]
        rows.append(
            (world, f"{row[0]:.0f}", f"{row[1]:.0f}", f"{row[2]:.0f}", f"{100 * row[3]:.0f}%", f"{infections:.0f}")
        )
    head = (f"{numbers['kind']}, {numbers['status']}", "rank", "admissions", "regret", "best in", "infections")
    return table(head, rows)


def _whole(numbers: dict[str, Any]) -> str:
    run, (many, few) = numbers["whole"], numbers["size"]["whole"]
    timed = (
        f"{run['agents']:,} agents, {run['days']} days, people and doses included: {run['computing']:.0f} s of "
        f"computing in {run['threads']} thread, {run['clock']:.0f} s by the clock; the peak memory of the process is "
        f"{run['peak']:.1f} GiB."
    )
    rows = [
        (name, f"{whole:.0f} ({sd:.0f})", f"{mean:.0f} ({spread:.0f})", f"{apart:+.1f}")
        for name, (whole, sd, mean, spread, apart) in numbers["agreement"].items()
    ]
    head = (
        "180 days, one draw: mean (sd of a run)",
        f"whole country, {many} runs",
        f"500,000 agents, {few} runs",
        "apart, in standard errors",
    )
    return f"{timed}\n\n{table(head, rows)}"
