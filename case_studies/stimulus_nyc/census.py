"""Part 1, "rebuild the census": the recorded answers against the real labour market, by plain least squares."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from case_studies.stimulus_nyc.data import (
    answers,
    labour_market,
    months_from,
    pulse,
)
from case_studies.stimulus_nyc.question import PAID

__all__ = [
    "BASELINES",
    "DENOMINATORS",
    "alignments",
    "correlations",
    "held_out",
    "joined",
    "overdispersion",
    "payment_arm",
    "slopes",
    "what_people_said",
]

DENOMINATORS = (50, 60, 100)
"""How many were asked is not recorded. The largest count is 50."""
BASELINES: dict[str, tuple[str, ...]] = {
    "borough means": (),
    "cases": ("log_cases",),
    "trend, season and cases": ("trend", "season", "log_cases"),
}
BLOCKS = 5
Floats = npt.NDArray[np.float64]


def joined(asked: int = 50) -> pd.DataFrame:
    """Answers without payment beside the real labour market of the same month, a row a borough and month.

    Args:
        asked: The denominator that is assumed.

    Returns:
        The columns of `answers` and `labour_market`, and `answer` (logit of the share, half a count added on both
        sides) and `log_cases`.

    Raises:
        ValueError: asked below the largest count.
    """
    given = answers().dropna(subset="none")
    most = int(given["none"].max())
    if asked < most:
        raise ValueError(f"the denominator is {asked}, and the largest count is {most}: give at least that.")
    found = given.merge(labour_market(), on=["borough", "month"])
    odds = (found["none"] + 0.5) / (asked + 0.5 - found["none"])
    return found.assign(answer=np.log(odds), log_cases=np.log(found["cases"] + 1))


def alignments(first: Sequence[str] = ("2020-08", "2020-09", "2020-10", "2021-09")) -> dict[str, dict[str, float]]:
    """If month 1 of the archive were this month: how its two other columns agree with what was measured.

    Returns:
        Month -> `change` (mean absolute difference to the real changes of the labour force, points) and `cases`
        (correlation of the logarithms; months without reports left out).
    """
    given, real = answers(), labour_market()
    found = {}
    for name in first:
        months = months_from(pd.Period(name, "M"), given["number"])
        both = given.assign(month=months).merge(real, on=["borough", "month"])
        counted = both.dropna(subset=["cases", "archived_cases"])
        found[name] = {
            "change": float((both["archived_change"] - both["change"]).abs().mean()),
            "cases": _correlation(np.log(counted["archived_cases"].clip(lower=1)), np.log(counted["cases"] + 1)),
        }
    return found


def correlations() -> dict[str, float]:
    """Correlations within boroughs of the answers' logit, without payment, months as they were."""
    both = joined()
    inside = both.assign(log_archived=np.log(both["archived_cases"].clip(lower=1)))
    columns = {
        "unemployment rate": "unemployment",
        "employment, 2019 = 100": "employment",
        "change of the labour force": "change",
        "the archive's observed change (a year later)": "archived_change",
        "cases, real, logarithm": "log_cases",
        "cases of the archive, logarithm": "log_archived",
    }
    return {name: _correlation(_within(inside, "answer"), _within(inside, column)) for name, column in columns.items()}


def held_out(outcome: str) -> dict[str, dict[str, float]]:
    """Root mean square errors in blocks of five or six months that the regression has not seen.

    Args:
        outcome: A column of `labour_market`.

    Returns:
        Baseline -> `without` and `with` the answers.
    """
    both = joined()
    return {
        name: {"without": _error(both, outcome, parts), "with": _error(both, outcome, (*parts, "answer"))}
        for name, parts in BASELINES.items()
    }


def slopes(outcome: str = "unemployment", asked: int = 50) -> dict[str, tuple[float, float]]:
    """What a standard deviation of the answers' logit goes with, and its standard error, clustered by month.

    Returns:
        Baseline -> slope and standard error, in units of the outcome.
    """
    both = joined(asked)
    found = {}
    for name, parts in BASELINES.items():
        design, y = _design(both, (*parts, "answer")), both[outcome].to_numpy(dtype=float)
        weights = np.linalg.lstsq(design, y, rcond=None)[0]
        scores = design * (y - design @ weights)[:, None]
        clusters = pd.DataFrame(scores).groupby(both["number"].to_numpy()).sum().to_numpy()
        bread = np.linalg.inv(design.T @ design)
        spread = bread @ clusters.T @ clusters @ bread
        found[name] = (float(weights[-1]), float(np.sqrt(spread[-1, -1])))
    return found


def overdispersion(asked: int = 50) -> float:
    """Dispersion of the counts given borough, arm and cases: beta-binomial, by maximum likelihood.

    Args:
        asked: The denominator that is assumed.

    Returns:
        d: the answers of a cell scatter as if there were at most d + 1 independent ones.
    """
    from scipy.optimize import minimize
    from scipy.stats import betabinom

    given = answers().melt(["borough", "number", "archived_cases"], ["none", "payment"], "arm", "count").dropna()
    columns = [given["borough"] == name for name in sorted(given["borough"].unique())]
    cases = np.log(given["archived_cases"].clip(lower=1))
    columns += [given["arm"] == "payment", (cases - cases.mean()) / cases.std()]
    design = np.stack([np.asarray(column, dtype=float) for column in columns], 1)
    counts = given["count"].to_numpy(dtype=int)

    def misfit(x: Floats) -> float:
        share = np.clip(1 / (1 + np.exp(-design @ x[:-1])), 1e-4, 1 - 1e-4)
        size = np.exp(x[-1])
        return -float(betabinom.logpmf(counts, asked, share * size, (1 - share) * size).sum())

    start = np.append(np.zeros(design.shape[1]), 1.0)
    return float(np.exp(minimize(misfit, start, method="L-BFGS-B").x[-1]))


def payment_arm() -> dict[str, dict[str, float]]:
    """How many more were willing to work with a payment, mean count by borough, in paid months and in others.

    Returns:
        Borough -> `all`, `paid` and `not paid` months, and the share of months in which the payment raised the count.
    """
    given = answers().dropna()
    more = given["payment"] - given["none"]
    paid = given["month"].astype(str).isin(PAID)
    return {
        str(borough): {
            "all": float(own.mean()),
            "paid": float(own[paid].mean()),
            "not paid": float(own[~paid].mean()),
            "months above 0": float((own > 0).mean()),
        }
        for borough, own in more.groupby(given["borough"])
    }


def what_people_said() -> dict[str, Any]:
    """The survey beside the answers and the unemployment rate, monthly.

    Returns:
        Question -> months in common, first and last of the answers' months, and its correlations with both, where it
        was asked in six months or more.
    """
    both = joined()
    monthly = both.groupby("month")[["answer", "unemployment"]].mean()
    found: dict[str, Any] = {}
    for question, said in pulse().items():
        common = monthly.join(said.dropna(), how="inner")
        enough = len(common) >= 6
        found[str(question)] = {
            "months asked": int(said.notna().sum()),
            "months of answers": len(common),
            "answers": _correlation(common["answer"], common[question]) if enough else None,
            "unemployment": _correlation(common["unemployment"], common[question]) if enough else None,
        }
    return found


def _within(table: pd.DataFrame, column: str) -> pd.Series:
    """A column without the means of the boroughs."""
    return table[column] - table.groupby("borough")[column].transform("mean")


def _correlation(one: pd.Series, other: pd.Series) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def _design(table: pd.DataFrame, parts: Sequence[str]) -> Floats:
    """Boroughs, and these parts; columns of the table are standardised."""
    columns = [np.ones(len(table)), *(table["borough"] == name for name in sorted(table["borough"].unique())[1:])]
    time = (table["number"] - 13.5) / 7.5
    year = 2 * np.pi * table["month"].dt.month / 12
    for part in parts:
        if part == "trend":
            columns += [time, time**2]
        elif part == "season":
            columns += [np.sin(year), np.cos(year)]
        else:
            columns += [(table[part] - table[part].mean()) / table[part].std()]
    return np.stack([np.asarray(column, dtype=float) for column in columns], 1)


def _error(table: pd.DataFrame, outcome: str, parts: Sequence[str]) -> float:
    design, y = _design(table, parts), table[outcome].to_numpy(dtype=float)
    block = np.minimum((table["number"].to_numpy() - 1) // 5, BLOCKS - 1)
    missed = []
    for number in range(BLOCKS):
        out = block == number
        missed.append(design[out] @ np.linalg.lstsq(design[~out], y[~out], rcond=None)[0] - y[out])
    return float(np.sqrt(np.mean(np.concatenate(missed) ** 2)))
