"""Tables of the study, from its numbers."""

from pathlib import Path
from typing import Any

from case_studies.page import numbers_and_tables, table
from case_studies.stimulus_nyc.parameters import PRIORS

__all__ = ["finished", "standing", "tables"]

MONTHS = {"2020-08": "August 2020", "2020-09": "September 2020", "2020-10": "October 2020", "2021-09": "September 2021"}


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Marker -> Markdown table."""
    return _census(numbers["census"]) | {"recorded": _reliability(numbers["recorded"])} | _winter(numbers["winter"])


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of a finished reproduction."""
    return numbers_and_tables(folder, tables)


def standing(winter: dict[str, Any]) -> str:
    """What the predictions of part 2 rest on, in one sentence: whose posteriors may be read as such, and which not."""
    parts = {**winter["behaviour"], "epidemic": winter["calibration"]}
    said = ", ".join(f"{name} {own['status']}" for name, own in parts.items())
    wrong = [name for name, own in parts.items() if own["status"] != "calibrated"]
    warning = f"; do not read what follows from {' and '.join(wrong)} as a posterior" if wrong else ""
    return f"Posteriors: {said}{warning}."


def _census(found: dict[str, Any]) -> dict[str, str]:
    return {
        "alignments": table(
            ("if month 1 is", "labour force changes: mean difference, points", "cases: correlation of logarithms"),
            (
                [MONTHS[first], f"{row['change']:.2f}", f"{row['cases']:.2f}"]
                for first, row in found["alignments"].items()
            ),
        ),
        "correlations": table(
            ("the answers' logit, within boroughs, with", "correlation"),
            ([name, f"{value:+.2f}"] for name, value in found["correlations"].items()),
        ),
        "held-out": table(
            ("root mean square error, held-out months", "without answers", "with answers", "without", "with"),
            (
                [
                    name,
                    *(f"{found['held out'][outcome][name][arm]:.2f}" for outcome in found["held out"] for arm in ARMS),
                ]
                for name in found["held out"]["unemployment"]
            ),
        ),
        "slopes": table(
            ("points of unemployment a standard deviation, beside", *(f"of {asked}" for asked in found["slopes"])),
            (
                [name, *(f"{slopes[name][0]:+.2f} ± {slopes[name][1]:.2f}" for slopes in found["slopes"].values())]
                for name in found["slopes"]["50"]
            ),
        ),
        "overdispersion": table(
            ("dispersion of the counts", *(f"of {asked}" for asked in found["overdispersion"])),
            [["given borough, arm and cases", *(f"{value:.1f}" for value in found["overdispersion"].values())]],
        ),
        "payment-arm": table(
            ("borough", "all months", "months with a federal payment", "months without", "months above 0"),
            (
                [
                    borough,
                    f"{row['all']:+.1f}",
                    f"{row['paid']:+.1f}",
                    f"{row['not paid']:+.1f}",
                    f"{100 * row['months above 0']:.0f}%",
                ]
                for borough, row in found["payment arm"].items()
            ),
        ),
        "people-said": table(
            (
                "share of adults",
                "months asked",
                "of them with answers",
                "correlation with answers",
                "with unemployment",
            ),
            (
                [
                    QUESTIONS[name],
                    str(row["months asked"]),
                    str(row["months of answers"]),
                    *("too few" if row[key] is None else f"{row[key]:+.2f}" for key in ("answers", "unemployment")),
                ]
                for name, row in found["people said"].items()
            ),
        ),
    }


ARMS = ("without", "with")
QUESTIONS = {
    "income_lost": "whose household lost employment income since March 2020",
    "loss_expected": "who expect such a loss in four weeks",
    "telework": "who live with somebody who teleworks",
}


def _reliability(found: dict[str, Any]) -> str:
    rows = []
    for name, own in found.items():
        for site, (mean, sd, low, high) in own["reliability"].items():
            words = NAMES.get(site, site)
            rows.append([f"{words}, {name}", f"{mean:.3g}", f"{sd:.2g}", f"{low:.3g} to {high:.3g}", own["status"]])
    return table(("", "mean", "sd", "90% interval", "status"), rows)


def _winter(found: dict[str, Any]) -> dict[str, str]:
    gates = [
        [f"{part}: {name}", gate[0], gate[2]]
        for part, own in (*found["behaviour"].items(), ("epidemic", found["calibration"]))
        for name, gate in own["gates"].items()
    ]
    draws = found["draws"]
    return {
        "standing": f"**{standing(found)}**",
        "behaviour": _reliability(found["behaviour"]),
        "gates": table(("gate", "verdict", "finding"), gates),
        "posterior": table(
            ("parameter", "mean", "sd", "90% interval", "what it is"),
            (
                [f"`{name}`", f"{row[0]:.3g}", f"{row[1]:.2g}", f"{row[2]:.3g} to {row[3]:.3g}", PRIORS[name][2]]
                for name, row in found["calibration"]["posterior"].items()
                if name in PRIORS
            ),
        ),
        "coverage": table(
            ("", "inside the 90% interval"),
            ([name, f"{100 * row['inside']:.0f}%"] for name, row in found["coverage"].items()),
        ),
        "differences": table(
            (
                f"$500 a month against none, {draws['worlds']} draws",
                *(HEADS[name] for name in found["differences"]),
            ),
            (
                [place, *(_change(rows[place], name) for name, rows in found["differences"].items())]
                for place in found["differences"]["employed"]
            ),
        ),
        "transport": table(
            (f"transport, {draws['curve']} draws", *(HEADS[name] for name in found["differences"])),
            ([value, *(_change(row, name) for name, row in rows.items())] for value, rows in found["curve"].items()),
        ),
    }


def _change(row: list[float], outcome: str) -> str:
    digits = ".2f" if outcome in ("employed", "isolating") else ",.0f"
    return f"{row[0]:+{digits}} ({row[1]:+{digits}} to {row[2]:+{digits}})"


NAMES = {
    "people_slope": "people's logit per logit of the answers",
    "people_transport_payment": "transport of the payment",
    "llm_dispersion": "dispersion of the answers",
}
HEADS = {
    "employed": "employed, points of adults",
    "isolating": "isolating, points of adults",
    "infections": "infections",
    "deaths": "deaths",
}
