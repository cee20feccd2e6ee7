"""Doses as they were delivered: the file that says how many, and a campaign that gives them."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyro
import torch

from causal_lpm import allocate, policy, tally
from causal_lpm.agents.testing import whole_day
from causal_lpm.agents.vaccination import Vaccination
from causal_lpm.typing import State

__all__ = ["POLICIES", "DeliveredDoses", "read_doses"]

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
MOST = 10_000_000  # doses a day; a larger number is a mistake


def read_doses(path: Path, days: int) -> tuple[datetime.date, torch.Tensor, torch.Tensor]:
    """The first day, and daily first and second doses (persons), of a CSV with the columns date, dose1, dose2.

    Args:
        path: The file, one row a day.
        days: How many days are needed; the doses are float64 `[days]`.

    Raises:
        ValueError: no such file, no such table, missing columns, dates out of order or with gaps, counts that are not
            whole persons, too few days.
    """
    if not path.is_file():
        raise ValueError(f"there is no file of doses {path}: give a CSV with the columns {', '.join(COLUMNS)}.")
    try:
        table = pd.read_csv(path)
    except (ValueError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not a CSV that can be read: give the columns {', '.join(COLUMNS)}.") from error
    for column in COLUMNS:
        if column not in table.columns:
            there = ", ".join(map(str, table.columns))
            raise ValueError(
                f"column {column!r} is missing in {path}: needed are {', '.join(COLUMNS)}, it has {there}."
            )
    dates = pd.to_datetime(table["date"], format="%Y-%m-%d", errors="coerce")
    if bool(dates.isna().any()):
        wrong = table["date"][dates.isna()].iloc[0]
        raise ValueError(f"{path} has the date {wrong!r}: give dates of the form 2020-12-14.")
    steps = dates.diff().dt.days.iloc[1:]
    if bool((steps != 1).any()):
        row = int(np.flatnonzero((steps != 1).to_numpy())[0]) + 1
        raise ValueError(
            f"the dates of {path} are out of order at row {row + 1} ({table['date'].iloc[row]} after "
            f"{table['date'].iloc[row - 1]}): give one row a day, ascending, without gaps."
        )
    counts = table[["dose1", "dose2"]].apply(pd.to_numeric, errors="coerce")
    whole = ((counts >= 0) & (counts <= MOST) & (counts % 1 == 0)).all(axis=1).to_numpy()
    if not whole.all():
        row = int(np.flatnonzero(~whole)[0])
        given = ", ".join(map(str, table[["dose1", "dose2"]].iloc[row]))
        raise ValueError(
            f"the doses of {path} are not whole persons at row {row + 1} ({given}): give numbers of at least 0, "
            "digits only."
        )
    if len(table) < days:
        raise ValueError(f"{path} has {len(table)} days of doses but {days} are simulated: simulate fewer days.")
    first, second = (torch.tensor(counts[column].to_numpy(dtype=float)[:days]) for column in counts)
    return dates.iloc[0].date(), first, second


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
        supply = torch.where(running, _on(self.first, on_schedule) + _on(self.second, on_schedule), 0.0).long()
        then = (s["t"] - s["second_dose_delay"]).long()
        promised = torch.where(running & (then >= 0), _on(self.second, then.clamp(min=0)), 0.0).long()
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


def _on(schedule: torch.Tensor, day: torch.Tensor) -> torch.Tensor:
    """The schedule on a day that may differ by world: `[*dims, days]` at int64 `[*dims, 1]` is `[*dims, 1]`."""
    # A schedule that was split has its worlds left of a dimension 1 for the agents.
    dims = torch.broadcast_shapes(day.shape, schedule.shape[:-1])
    chosen = schedule.expand(*dims, -1).gather(-1, day.expand(dims)[..., None])
    return chosen[..., 0]
