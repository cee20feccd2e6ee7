"""London's deaths: those of the table, and which files of one's own are refused."""

import math
from pathlib import Path

import pandas as pd
import pytest
import torch

from case_studies.london.deaths import TABLE, daily_deaths, deaths_seen, weekly_deaths
from case_studies.london.inputs import DAYS, FIRST_DAY
from case_studies.london.study import with_files


def test_deaths_are_those_of_the_table() -> None:
    weekly = weekly_deaths()
    assert tuple(weekly.shape) == (32, 25)
    assert weekly.sum() == 6203
    seen = deaths_seen(weekly)
    assert seen["deaths"].tolist()[0][:4] == [37, 235, 775, 1325]
    assert seen["deaths"].sum() == 6074
    assert daily_deaths().index[0] == pd.Timestamp("2020-03-09") == FIRST_DAY + pd.Timedelta(days=28)
    assert daily_deaths().index[-1] == FIRST_DAY + pd.Timedelta(days=DAYS - 1)


def changed(tmp_path: Path, change: object) -> Path:
    table = pd.read_csv(TABLE)
    file = tmp_path / "mine.csv"
    change(table).to_csv(file, index=False)  # type: ignore[operator]
    return file


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.rename(columns={"Camden": "Camdem"}), "'Camdem', which is unknown: did you mean 'Camden'"),
        (lambda t: t.drop(columns="Camden"), "has no column 'Camden'"),
        (lambda t: t.drop(columns="date"), "has no column 'date'"),
        (lambda t: pd.concat([t, t.tail(1)]), "has the day 2020-08-31 twice"),
        (lambda t: t[t["date"] != "2020-05-01"], "lacks the day 2020-05-01"),
        (lambda t: t.assign(date=["2020-02-01", *t["date"][1:]]), "lacks the day 2020-03-09"),
        (lambda t: pd.concat([t.head(1).assign(date="2020-03-01"), t]), "has the day 2020-03-01, before 2020-03-09"),
        (lambda t: t.assign(date=["soon", *t["date"][1:]]), "has the date 'soon'"),
        (lambda t: t.assign(Camden=-1), "has '-1' deaths of Camden"),
        (lambda t: t.assign(Camden=0.5), "has '0.5' deaths of Camden"),
        (lambda t: t.assign(Camden="few"), "has 'few' deaths of Camden"),
        (lambda t: t.assign(Camden=math.inf), "has 'inf' deaths of Camden"),
        (lambda t: t.assign(Camden=10**6), "deaths of Camden, which has 218,049 residents"),
        (lambda t: t.where(t["date"] > "2020-05-31", 0).assign(date=t["date"]), "has no deaths in the weeks that"),
        (lambda t: t.assign(date=t["date"] + "T12:00"), "has the date '2020-03-09T12:00': give ISO dates"),
        (lambda t: t.assign(Camden=t["Camden"].cumsum())[::-1], "deaths of Camden that never fall"),
        (lambda t: t.assign(Camden=t["Camden"].cumsum()), "deaths of Camden that never fall: they seem to be counted"),
    ],
)  # fmt: skip
def test_bad_deaths_are_one_sentence(change: object, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"mine\.csv") as error:
        with_files({"deaths": str(changed(tmp_path, change))})
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_deaths_of_ones_own_are_read(tmp_path: Path) -> None:
    assert torch.equal(weekly_deaths(changed(tmp_path, lambda t: t)), weekly_deaths())
    with pytest.raises(ValueError, match="unknown option 'death': did you mean 'deaths'"):
        with_files({"death": "mine.csv"})
    with pytest.raises(ValueError, match=r"nowhere\.csv does not exist"):
        with_files({"deaths": "nowhere.csv"})
