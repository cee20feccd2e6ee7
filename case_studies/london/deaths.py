"""Deaths by borough and day, of the study's table or of a file of the same form: checked before anything runs."""

import difflib
from pathlib import Path

import numpy as np
import pandas as pd
import torch

from case_studies.given_files import dates_of, given_table
from case_studies.london.inputs import DAYS, FIRST_DAY, REPORTED, SEEN_WEEKS, TABLES, persons
from case_studies.london.question import BOROUGHS
from causal_lpm.inference import quoted

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
    """The data of the calibration: deaths of London by week until 31 May, `[1, 12]`."""
    return {"deaths": weekly[:, : SEEN_WEEKS - REPORTED].sum(0, keepdim=True)}


def daily_deaths(file: Path = TABLE) -> pd.DataFrame:
    """Deaths by day and borough, 9 March to 30 August 2020.

    Args:
        file: A CSV table with a column `date` and one for each borough, the deaths of each day. Days after 30 August
            are left out.

    Raises:
        ValueError: a file that is no table; a borough that is unknown, missing or there twice; a day that is none,
            twice or missing; deaths that are negative, no whole numbers, more than residents, or seem to be counted so
            far; none at all in the weeks that are calibrated on.
    """
    table = given_table(file, ("date",))
    for name in table.columns:
        if name != "date" and name not in BOROUGHS:
            near = difflib.get_close_matches(name, BOROUGHS, 1)
            hint = f"did you mean {near[0]!r}" if near else f"known are {BOROUGHS[0]!r}, ..."
            raise ValueError(f"{file.name} has the borough {quoted(name)}, which is unknown: {hint}.")
    if missing := [name for name in BOROUGHS if name not in table]:
        raise ValueError(f"{file.name} has no column {missing[0]!r}: give date and all {len(BOROUGHS)} boroughs.")
    dates = dates_of(file, table["date"])
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
    counts = table.set_index(dates)[list(BOROUGHS)].sort_index().apply(pd.to_numeric, errors="coerce")
    if bool((wrong := ~np.isfinite(counts) | (counts < 0) | (counts != counts.round())).any(axis=None)):
        borough = str(wrong.any().idxmax())
        given = table.set_index(dates)[borough][wrong[borough]].iloc[0]
        raise ValueError(f"{file.name} has {quoted(given)} deaths of {borough}: give whole numbers from 0.")
    for borough, residents in zip(BOROUGHS, persons().tolist(), strict=True):
        if (dead := counts[borough].sum()) > residents:
            raise ValueError(f"{file.name} has {dead:.12g} deaths of {borough}, which has {residents:,.0f} residents.")
    rising = (counts.diff().iloc[1:] >= 0).all() & (counts.iloc[-1] >= ENOUGH)
    if bool(rising.any()):
        raise ValueError(
            f"{file.name} has deaths of {rising.idxmax()} that never fall: they seem to be counted so far; give those "
            "of each day."
        )
    counts = counts.loc[wanted]
    if not counts[: (SEEN_WEEKS - REPORTED) * 7].to_numpy().any():
        raise ValueError(f"{file.name} has no deaths in the weeks that are calibrated on: give some until 31 May.")
    return counts
