"""The tables of the study: what a language model answered, and what was measured among people, by month and borough."""

import functools
from pathlib import Path

import numpy as np
import pandas as pd

from case_studies.stimulus_nyc.question import BOROUGHS
from causal_lpm import data

__all__ = ["FIRST_ANSWERS", "FIRST_OBSERVED", "TABLES", "answers", "labour_market", "pulse"]

TABLES = Path(__file__).with_name("data")
"""The folder of the study's tables; its README.md says what they are."""
FIRST_ANSWERS = pd.Period("2020-09", "M")
"""Month 1 of the archive, for its answers and its cases."""
FIRST_OBSERVED = pd.Period("2021-09", "M")
"""Month 1 of the archive, for its observed changes of the labour force: a year later."""


@functools.cache
def answers() -> pd.DataFrame:
    """The recorded answers of a language model, a row a borough and month.

    Returns:
        Columns `borough`, `number` (month of the archive, from 1), `month` (of the answers), `none` and `payment` (how
        many were willing to work without and with a payment; the denominator is not recorded, 50 at least), and the
        archive's own `archived_cases` and `archived_change` (of the labour force, per cent). Manhattan has no answers
        without payment (NaN).
    """
    table = data.table(TABLES / "limits_agency_llm_labor_predictions.csv")
    arms = table.pivot(index=["borough", "month_index"], columns="scenario", values="llm_labor_force_count")
    paid = table[table["scenario"] == "stimulus"].set_index(["borough", "month_index"])
    found = pd.DataFrame(
        {
            "none": arms["nostimulus"],
            "payment": arms["stimulus"],
            "archived_cases": paid["cases_month_agenttorch"],
            "archived_change": paid["observed_lf_pct_change"],
        }
    ).reset_index(names=["borough", "number"])
    return found.assign(month=months_from(FIRST_ANSWERS, found["number"]))


@functools.cache
def labour_market() -> pd.DataFrame:
    """The real labour market with the reported cases, a row a borough and month of 2019 to 2023.

    Returns:
        Columns `borough`, `month`, `labour_force`, `employed`, `unemployed` (persons), `unemployment` (per cent),
        `employment` (2019 = 100), `change` (of the labour force to the month before, per cent) and `cases` (confirmed,
        NaN outside March 2020 to May 2023).
    """
    table = data.table(TABLES / "nyc_unemployment_monthly_borough.csv")
    months = pd.PeriodIndex(pd.to_datetime(table[["year", "month"]].assign(day=1)), freq="M")
    found = table.assign(month=months).rename(
        columns={"labor_force": "labour_force", "unemployment_rate_pct": "unemployment"}
    )
    before = found[found["year"] == 2019].groupby("borough")["employed"].mean()
    found["employment"] = 100 * found["employed"] / found["borough"].map(before)
    found["change"] = 100 * found.groupby("borough")["labour_force"].pct_change()
    return found.drop(columns="year").merge(_monthly_cases(), how="left", on=["borough", "month"])


@functools.cache
def pulse() -> pd.DataFrame:
    """What people in the New York metropolitan area said of themselves, monthly means, per cent.

    Returns:
        Index: months with a survey. Columns `income_lost` (the household, since March 2020), `loss_expected` (in the
        next four weeks) and `telework` (somebody in the household); NaN where it was not asked.
    """
    table = data.table(TABLES / "nyc_household_pulse_biweekly.csv")
    middle = (
        pd.to_datetime(table["start_date"])
        + (pd.to_datetime(table["end_date"]) - pd.to_datetime(table["start_date"])) / 2
    )
    columns = {
        "income_lost_pct": "income_lost",
        "income_loss_expected_pct": "loss_expected",
        "telework_household_pct": "telework",
    }
    return table.groupby(middle.dt.to_period("M"))[list(columns)].mean().rename(columns=columns).rename_axis("month")


def months_from(first: pd.Period, numbers: pd.Series) -> pd.PeriodIndex:
    """The months that the archive calls 1, 2, ... where month 1 is `first`."""
    return pd.PeriodIndex.from_ordinals(np.asarray(numbers) - 1 + first.ordinal, freq="M")


def _monthly_cases() -> pd.DataFrame:
    table = data.table(TABLES / "nyc_covid_daily_borough.csv")
    table = table[table["borough"].isin(BOROUGHS)]
    grouped = table.groupby(["borough", table["date"].dt.to_period("M").rename("month")])["cases_confirmed"]
    return grouped.sum().rename("cases").reset_index()
