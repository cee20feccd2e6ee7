"""Reported cases of measles by week and district, given as a file: checked, in one sentence each, before any run."""

import codecs
import datetime
from dataclasses import dataclass
from pathlib import Path

import torch

from case_studies.new_zealand.districts import DISTRICTS, district_number
from case_studies.new_zealand.inputs import PEOPLE
from causal_lpm.inference import CsvTable, quoted, read_table, whole_number_of

__all__ = ["LONGEST", "SHORTEST", "WeeklyCases", "weekly_cases"]

COLUMNS = ("week", "district", "cases")
YEAR = (datetime.date(2018, 12, 31), datetime.date(2019, 12, 30))
"""First and last day on which a week of 2019 begins: immunity is that of 2019."""
SHORTEST, LONGEST = 8, 53
"""Weeks from the first with a case to the last of the file."""
LEAST = 20
"""Cases in all: of smaller outbreaks the study says nothing."""
ENOUGH_TO_FALL = 6
"""Weeks of new cases in a row in which no district ever falls are taken for cases counted so far."""
WEEK = datetime.timedelta(days=7)


@dataclass(frozen=True, eq=False)
class WeeklyCases:
    """An outbreak as it was reported.

    Attributes:
        first_day: Of the first week with a case.
        reported: New cases, int64 `[districts, weeks]`, from that week on.
    """

    first_day: datetime.date
    reported: torch.Tensor


def weekly_cases(file: Path) -> WeeklyCases:
    r"""Reads the weeks of an outbreak of 2019.

    Args:
        file: A CSV table with the columns `week` (the day on which it begins, such as 2019-03-04; any weekday, always
            the same), `district` (of a health board, as in `DISTRICTS`) and `cases` (newly reported ones). A district
            that is in the file has a row in every week; one that is not had no cases.

    Raises:
        ValueError: a file that is empty or no such table; a week that is none, is not of 2019, is twice, is missing, or
            begins on another weekday; an unknown district; cases that are negative, no whole numbers, more than
            people, or counted so far; fewer than 20 cases, or weeks that are too few or too many.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "weekly.csv"
    ...     _ = file.write_text("week,district,cases\n2019-03-04,Auckland,-1\n")
    ...     weekly_cases(file)
    Traceback (most recent call last):
    ValueError: weekly.csv, line 2: -1 cases in a week: give newly reported ones, 0 or more.
    """
    if not file.read_bytes().removeprefix(codecs.BOM_UTF8).strip():
        raise ValueError(f"{file.name} is empty: give the columns {', '.join(COLUMNS)} and a row a week and district.")
    table = read_table(file)
    for column in COLUMNS:
        if column not in table.columns:
            raise ValueError(f"{file.name} has no column {column!r}: give {', '.join(COLUMNS)}.")
    counts: dict[int, dict[datetime.date, int]] = {}
    for row in range(len(table.rows)):
        week, district, cases = _week(table, row), _district(table, row), _cases(table, row)
        own = counts.setdefault(district, {})
        if week in own:
            raise ValueError(
                f"{table.where(row)}: the week {week} of {DISTRICTS[district]} is there twice: give each week once."
            )
        own[week] = cases
    return _outbreak(file.name, counts)


def _week(table: CsvTable, row: int) -> datetime.date:
    text = table.cell("week", row)
    try:
        week = datetime.date.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{table.where(row)}: {quoted(text)} is no week: give the day on which it begins, such as 2019-03-04."
        ) from None
    if not YEAR[0] <= week <= YEAR[1]:
        raise ValueError(
            f"{table.where(row)}: the week {week} is not of 2019, of which immunity by age is known: give weeks "
            f"that begin from {YEAR[0]} to {YEAR[1]}."
        )
    return week


def _district(table: CsvTable, row: int) -> int:
    try:
        return district_number(table.cell("district", row))
    except ValueError as error:
        raise ValueError(f"{table.where(row)}: {error}") from error


def _cases(table: CsvTable, row: int) -> int:
    text = table.cell("cases", row)
    try:
        cases = whole_number_of(text)
    except ValueError:
        raise ValueError(
            f"{table.where(row)}: {quoted(text)} cases: give a whole number of newly reported cases, 0 where there are "
            "none."
        ) from None
    if cases < 0:
        raise ValueError(f"{table.where(row)}: {cases} cases in a week: give newly reported ones, 0 or more.")
    if cases > PEOPLE:
        raise ValueError(f"{table.where(row)}: {quoted(text)} cases in a week, of {PEOPLE:,} people in New Zealand.")
    return cases


def _outbreak(name: str, counts: dict[int, dict[datetime.date, int]]) -> WeeklyCases:
    begin, end = (pick(week for own in counts.values() for week in own) for pick in (min, max))
    weeks = [begin + at * WEEK for at in range((end - begin) // WEEK + 1)]
    for district, own in counts.items():
        if odd := sorted(set(own) - set(weeks)):
            raise ValueError(
                f"{name}: the week {odd[0]} of {DISTRICTS[district]} begins on another weekday than {begin}: let all "
                "weeks begin on one."
            )
        if missing := sorted(set(weeks) - set(own)):
            raise ValueError(
                f"{name}: the week {missing[0]} of {DISTRICTS[district]} is missing: give every week from {begin} to "
                f"{end}, with 0 where nobody was reported."
            )
    reported = torch.zeros(len(DISTRICTS), len(weeks), dtype=torch.int64)
    for district, own in counts.items():
        reported[district] = torch.tensor([own[week] for week in weeks])
    if (total := int(reported.sum())) < LEAST:
        raise ValueError(f"{name} has {total} cases in all: of fewer than {LEAST} the study says nothing.")
    _refuse_cumulative(name, reported)
    first = int(reported.sum(0).nonzero()[0])
    reported = reported[:, first:]
    if not SHORTEST <= reported.shape[1] <= LONGEST:
        raise ValueError(f"{name} has {reported.shape[1]} weeks from the first case on: give {SHORTEST} to {LONGEST}.")
    return WeeklyCases(weeks[first], reported)


def _refuse_cumulative(name: str, reported: torch.Tensor) -> None:
    """Counts so far never fall, in any district; new ones do, within some weeks."""
    weeks = reported.shape[1]
    if weeks >= ENOUGH_TO_FALL and bool((reported.diff(dim=1) >= 0).all()):
        raise ValueError(
            f"{name} has cases that never fall in {weeks} weeks, in no district, and reach "
            f"{int(reported[:, -1].sum())}: they seem to be counted so far; give those newly reported in each week."
        )
