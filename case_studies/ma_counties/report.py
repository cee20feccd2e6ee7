"""Scores of forecasts, as tables."""

from pathlib import Path
from typing import Any

import pandas as pd
import torch

from case_studies.ma_counties import gradient, posterior
from case_studies.ma_counties.inputs import PUBLISHED
from case_studies.ma_counties.scores import Scores, scores
from case_studies.page import numbers_and_tables, table

__all__ = ["METHODS", "by_method", "coverage", "expected", "finished", "tables"]

METHODS = (*gradient.METHODS, *posterior.METHODS, "last week again")

CHECKS = (
    "method, last week of data",
    "parameters, ensemble",
    "parameters, weighted",
    "weeks ahead, simulated",
    "effective draws, median county",
    "least",
    "forecast weeks",
)


def by_method(forecasts: pd.DataFrame, by: str | None = None) -> dict[tuple[str, Any], Scores]:
    """Scores of each method over all forecasts, or for each value of the column `by`."""
    found = {}
    for method in METHODS:
        own = forecasts[forecasts["method"] == method]
        for key, part in [("all", own)] if by is None else own.groupby(by):
            numbers = (torch.tensor(part[name].to_numpy()) for name in ("forecast", "came"))
            found[method, key] = scores(*numbers)
    return found


def coverage(forecasts: pd.DataFrame) -> dict[str, dict[str, float]]:
    """Method -> the share of forecast weeks inside its 50% and 90% intervals."""
    found = {}
    for method in posterior.METHODS:
        own = forecasts[forecasts["method"] == method]
        inside = {p: (own[f"low_{p}"] <= own["came"]) & (own["came"] <= own[f"high_{p}"]) for p in ("0.5", "0.9")}
        found[method] = {p: round(float(share.mean()), 3) for p, share in inside.items()}
    return found


def expected(forecasts: pd.DataFrame, checks: pd.DataFrame, about: dict[str, Any]) -> dict[str, Any]:
    """Everything that the README shows, as plain numbers."""
    return {
        **about,
        "scores": {method: _plain(value) for (method, _), value in by_method(forecasts).items()},
        "by_origin": {
            method: {
                str(key): _plain(value) for (own, key), value in by_method(forecasts, "origin").items() if own == method
            }
            for method in METHODS
        },
        "interval_coverage": coverage(forecasts),
        "interval_coverage_by_origin": {str(o): coverage(part) for o, part in forecasts.groupby("origin")},
        "checks": checks.round(3).to_dict("records"),
        "mean_weekly_deaths": round(float(forecasts[forecasts["method"] == METHODS[0]]["came"].mean()), 2),
    }


def _plain(value: Scores) -> dict[str, float]:
    return {name: round(number, 3) for name, number in value._asdict().items()}


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Marker -> Markdown table, from the numbers of `expected`."""
    main = [[method, *_cells(own)] for method, own in numbers["scores"].items()]
    main += [[name, f"{nd:.2f}", f"{rmse:.1f}", f"{mae:.1f}"] for name, (nd, rmse, mae) in PUBLISHED.items()]
    origins = sorted(numbers["by_origin"][METHODS[0]])
    weeks = [
        [origin, *(f"{numbers['by_origin'][method][origin]['nd']:.2f}" for method in METHODS)] for origin in origins
    ]
    checks = [
        [
            f"{row['method']}, {row['origin']}",
            *(_both(row[f"{what}_0.5"], row[f"{what}_0.9"]) for what in ("ensemble", "weighted", "ahead")),
            f"{row['effective']:.0f}",
            f"{row['least_effective']:.0f}",
            _both(*numbers["interval_coverage_by_origin"][str(row["origin"])][row["method"]].values()),
        ]
        for row in numbers["checks"]
    ]
    return {
        "scores": table(["method", "ND", "RMSE", "MAE"], main),
        "origins": table(["last week of data", *METHODS], weeks),
        "checks": table([*CHECKS], checks),
    }


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of a finished reproduction."""
    return numbers_and_tables(folder, tables)


def _cells(own: dict[str, float]) -> list[str]:
    return [f"{own['nd']:.2f}", f"{own['rmse']:.1f}", f"{own['mae']:.1f}"]


def _both(half: float, most: float) -> str:
    return f"{half:.0%} / {most:.0%}"
