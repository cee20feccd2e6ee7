"""Deaths by borough and day, of the study's table or of a file of the same form: checked before anything runs."""

import difflib
import functools
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from case_studies.london.inputs import DAYS, FIRST_DAY, REPORTED, SEEN_WEEKS, TABLES
from case_studies.london.question import BOROUGHS

__all__ = ["daily_deaths", "deaths_seen", "weekly_deaths"]

TABLE = TABLES / "london_covid_deaths_daily_borough.csv"
ENOUGH = 20
"""Deaths of a borough from which on counts that never fall are taken for cumulative ones."""


def weekly_deaths(file: Path = TABLE) -> torch.Tensor:
    """Deaths by borough and week, 9 March to 30 August 2020, float64 `[32, 25]`; checked as `daily_deaths` does."""
    daily = torch.tensor(daily_deaths(file).to_numpy(np.float64).T)
    weekly: torch.Tensor = daily.unflatten(-1, (-1, 7)).sum(-1)
    return weekly


def deaths_seen(weekly: torch.Tensor) -> dict[str, torch.Tensor]:
    """The data of the calibration: deaths of London by week until 31 May, and per cent of them by borough."""
    seen = weekly[:, : SEEN_WEEKS - REPORTED]
    by_borough = seen.sum(-1, keepdim=True)
    return {"deaths": seen.sum(0, keepdim=True), "shares": 100 * by_borough / by_borough.sum()}


@functools.lru_cache(maxsize=2)
def daily_deaths(file: Path = TABLE) -> pd.DataFrame:
    """Deaths by day and borough, 9 March to 30 August 2020.

    Args:
        file: A CSV table with a column `date` and one for each borough, the deaths of each day. Days after 30 August
            are left out.

    Raises:
        ValueError: a borough that is unknown, missing or there twice; a day that is none, twice or missing; deaths that
            are negative, no whole numbers, or seem to be counted so far.
    """
    table = pd.read_csv(file, index_col=False)
    for name in table.columns:
        if name != "date" and name not in BOROUGHS:
            near = difflib.get_close_matches(name, BOROUGHS, 1)
            again = name.rsplit(".", 1)[0] in BOROUGHS  # pandas numbers columns of one name
            hint = (
                "give each once"
                if again
                else f"did you mean {near[0]!r}"
                if near
                else f"known are {BOROUGHS[0]!r}, ..."
            )
            raise ValueError(
                f"{file.name} has the borough {name!r}, which is {'there twice' if again else 'unknown'}: {hint}."
            )
    if missing := [name for name in ("date", *BOROUGHS) if name not in table]:
        raise ValueError(f"{file.name} has no column {missing[0]!r}: give date and all {len(BOROUGHS)} boroughs.")
    dates = pd.to_datetime(table["date"].astype(str), errors="coerce", format="ISO8601")
    if bool(dates.isna().any()):
        raise ValueError(f"{file.name} has the day {table['date'][dates.isna()].iloc[0]!r}: give ISO dates.")
    if bool((twice := dates.duplicated()).any()):
        raise ValueError(f"{file.name} has the day {dates[twice].iloc[0].date()} twice: give it once.")
    wanted = pd.date_range(FIRST_DAY + pd.Timedelta(weeks=REPORTED), FIRST_DAY + pd.Timedelta(days=DAYS - 1))
    if len(missing_days := wanted.difference(pd.DatetimeIndex(dates))):
        raise ValueError(
            f"{file.name} lacks the day {missing_days[0].date()}: give every day from {wanted[0].date()} to "
            f"{wanted[-1].date()}, 0 where nobody died."
        )
    if bool((early := dates < wanted[0]).any()):
        raise ValueError(
            f"{file.name} has the day {dates[early].iloc[0].date()}, before {wanted[0].date()}: begin there."
        )
    counts = table.set_index(dates)[list(BOROUGHS)].apply(pd.to_numeric, errors="coerce")
    whole = counts.round()
    if bool((wrong := (counts.isna() | (counts < 0) | (counts != whole))).any(axis=None)):
        borough = str(wrong.any().idxmax())
        given = table[borough].to_numpy()[wrong[borough].to_numpy()][0]
        raise ValueError(f"{file.name} has {given} deaths of {borough}: give whole numbers from 0.")
    rising = (counts.diff().iloc[1:] >= 0).all() & (counts.iloc[-1] >= ENOUGH)
    if bool(rising.any()):
        raise ValueError(
            f"{file.name} has deaths of {rising.idxmax()} that never fall: they seem to be counted so far; give those "
            "of each day."
        )
    return counts.loc[wanted]
