"""Doses as they were delivered: the file that says how many, and a campaign that gives them."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import pyro
import torch

from causal_lpm import State, allocate, look_up, policy, tally
from causal_lpm.agents import Vaccination, whole_day
from causal_lpm.inference import CsvTable, quoted, read_table, whole_number_of

__all__ = ["PERSONS", "POLICIES", "DeliveredDoses", "read_doses"]

POLICIES: Mapping[str, float] = MappingProxyType(
    {
        "vaccination": 1.0,
        "second_dose_delay": 0.0,
        "first_dose_efficacy": 0.8,
        "second_dose_efficacy": 0.95,
        "sterilizing": 1.0,
        "kick_in": 14.0,
    }
)
SHORTEST_INTERVAL = 17  # days between doses below which a second dose was not counted as one
COLUMNS = ("date", "dose1", "dose2")
NOT_ASKING = 256  # a priority class that `allocate` does not serve
PERSONS = 8_336_817  # of New York City, 2019


def read_doses(path: Path, days: int) -> tuple[datetime.date, torch.Tensor, torch.Tensor]:
    """The first day, and daily first and second doses (persons), of a CSV with the columns date, dose1, dose2.

    Args:
        path: The file, one row a day.
        days: How many days are needed; the doses are float64 `[days]`.

    Raises:
        ValueError: no such file, no such table, missing columns, dates out of order or with gaps, counts that are not
            whole persons, too few days; more first doses than people, or more second than first doses so far.
    """
    if not path.is_file():
        raise ValueError(f"there is no file of doses {path}: give a CSV with the columns {', '.join(COLUMNS)}.")
    table = read_table(path)
    for column in COLUMNS:
        if column not in table.columns:
            needed = ", ".join(COLUMNS)
            raise ValueError(f"column {column!r} is missing in {path}: needed are {needed}, it has {table.header}.")
    rows = range(len(table.rows))
    dates = table.dates("date", rows)
    if len(dates) > 1 and dates[1] - dates[0] != np.timedelta64(1, "D"):
        raise ValueError(f"{table.where(1)}: the dates of {path} are not one day apart: give one row a day.")
    first, second = (np.array([_persons(table, column, row) for row in rows]) for column in ("dose1", "dose2"))
    if len(rows) < days:
        raise ValueError(f"{path} has {len(rows)} days of doses but {days} are simulated: simulate fewer days.")
    _check_whole(path, table, first, second)
    return dates[0].astype("datetime64[D]").item(), torch.tensor(first[:days]), torch.tensor(second[:days])


def _persons(table: CsvTable, column: str, row: int) -> float:
    text = table.cell(column, row)
    try:
        count = whole_number_of(text)
    except ValueError:
        count = -1
    if count < 0:
        raise ValueError(
            f"{table.where(row)}: {quoted(text)} in column {column!r} are not whole persons: give numbers of at least "
            "0, digits only."
        )
    return float(count)


def _check_whole(path: Path, table: CsvTable, first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> None:
    """What each row allows may be impossible of all of them."""
    hint = "do the columns hold totals so far? Give the doses of each day."
    if first.sum() > PERSONS:
        raise ValueError(
            f"the first doses of {path} sum to {first.sum():,.0f}, more than the {PERSONS:,} people of the city: {hint}"
        )
    ahead = np.flatnonzero(second.cumsum() > first.cumsum())
    if len(ahead):
        row = int(ahead[0])
        raise ValueError(
            f"{table.where(row)}: {second[: row + 1].sum():,.0f} second doses so far are more than the "
            f"{first[: row + 1].sum():,.0f} first doses so far: are the columns exchanged, or cut off at the beginning?"
        )


@dataclass(frozen=True)
class DeliveredDoses(Vaccination):
    """The doses of a schedule, second doses as late as a policy says.

    Second doses that are put off free doses for first doses on that day; they fall due on the later day, before
    first doses. The schedules are the sites `first_dose_schedule` and `second_dose_schedule`, `[days]`, for `do`
    only: a whole schedule is one act and no entry of the state.

    Args:
        first: Planned first doses a day, float32 `[days]`, in agents.
        second: Planned second doses a day, float32 `[days]`.
    """

    first: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    second: torch.Tensor = field(default_factory=lambda: torch.zeros(0))

    def decided(self) -> "DeliveredDoses":
        first = pyro.deterministic("first_dose_schedule", self.first, event_dim=1)
        return replace(self, first=first, second=pyro.deterministic("second_dose_schedule", self.second, event_dim=1))

    def start(self, agents: int) -> State:
        """Nobody is vaccinated; second doses that could not be given are owed."""
        return {
            "doses": torch.zeros(agents, dtype=torch.uint8),
            "first_dose_day": torch.full((agents,), -1, dtype=torch.int16),
            "owed": torch.zeros(1, dtype=torch.int64),
            **{name: policy(name, value) for name, value in POLICIES.items()},
        }

    def day(self, s: State, eligible: torch.Tensor, seniority: torch.Tensor, elderly: torch.Tensor) -> State:
        """One day: second doses that are due, then first doses with what is left of the day's supply."""
        running = s["vaccination"] > 0
        today = whole_day(s["t"])
        on_schedule = today.long().reshape(1).to(self.first.device)
        doses, since = s["doses"], s["t"] - s["first_dose_day"]
        supply = torch.where(running, look_up(self.first, on_schedule) + look_up(self.second, on_schedule), 0.0).long()
        then = (s["t"] - s["second_dose_delay"]).long()
        promised = torch.where(running & (then >= 0), look_up(self.second, then.clamp(min=0)), 0.0).long()
        owed = s["owed"] + promised
        waiting = (doses == 1) & eligible & (since >= SHORTEST_INTERVAL + s["second_dose_delay"])
        # Longest waiting first; a week of waiting is a class.
        weeks = torch.div(since.int().clamp(min=0) + 6, 7, rounding_mode="floor")  # in integers: the same on a GPU
        queue = (255 - weeks.clamp(max=255)).to(torch.int16)
        given_second = allocate("second_dose", torch.where(waiting, queue, NOT_ASKING), torch.minimum(owed, supply))
        served = tally("second_doses", given_second)
        fresh = (doses == 0) & eligible
        given_first = allocate("first_dose", torch.where(fresh, seniority.to(torch.int16), NOT_ASKING), supply - served)
        tally("first_doses", given_first)
        return {
            "doses": doses + (given_first | given_second).to(torch.uint8),
            "first_dose_day": torch.where(given_first, today, s["first_dose_day"]),
            "owed": owed - served,
        }
