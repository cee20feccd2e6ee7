"""Simulated outbreaks: what was reported of each, and how many were infected in each world with the same luck."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

import torch
import xarray as xr
from torch import Tensor

from case_studies.new_zealand.measles_model import LEAD, outbreak
from case_studies.new_zealand.measles_parameters import prior_draws
from case_studies.new_zealand.measles_people import Candidates
from case_studies.new_zealand.measles_question import AS_IT_WAS, EFFECTS, WORLDS
from causal_lpm.inference import Worlds, predict, replicate_seed

__all__ = ["LEAST", "Outbreaks", "Setting", "joined", "known_outbreaks", "simulated"]

LEAST = 20
"""Reported cases of an outbreak: of smaller ones, nothing is said."""
TOGETHER = 250
"""Outbreaks that are kept as one part."""
CELLS = 1_500_000
"""Agents x rows x worlds that are simulated side by side."""


@dataclass(frozen=True, eq=False)
class Setting:
    """Among whom and when outbreaks are simulated.

    Attributes:
        country: The agents.
        weeks: That are reported.
        day_of_year: Of the first infection, for school terms.
    """

    country: Candidates
    weeks: int
    day_of_year: int


@dataclass(frozen=True, eq=False)
class Outbreaks:
    """Outbreaks side by side.

    Attributes:
        reported: Cases by district and week, int64 `[outbreaks, districts, weeks]`.
        infections: From the first one to the end of the last week, by world in the order of `WORLDS`, int64
            `[outbreaks, worlds]`.
        asked: The district of the second world, int64 `[outbreaks]`.
    """

    reported: Tensor
    infections: Tensor
    asked: Tensor

    def __len__(self) -> int:
        return len(self.asked)

    def __getitem__(self, which: Tensor | slice) -> "Outbreaks":
        return Outbreaks(self.reported[which], self.infections[which], self.asked[which])

    @property
    def noticed(self) -> Tensor:
        """Which of them have at least `LEAST` reported cases, bool `[outbreaks]`."""
        return self.reported.sum((1, 2)) >= LEAST

    @property
    def averted(self) -> Tensor:
        """Infections as it was, less those in each other world: int64 `[outbreaks, worlds - 1]`."""
        return self.infections[:, :1] - self.infections[:, 1:]


def simulated(
    setting: Setting, number: int, seed: int, *, folder: Path, workers: int, say: Callable[[str], None]
) -> tuple[Outbreaks, Outbreaks]:
    """So many outbreaks with parameters from the prior, in all worlds; parts that are in the folder are used.

    Args:
        setting: Among whom and when.
        number: Of outbreaks, small ones too.
        seed: Of parameters and luck.
        folder: Of finished parts.
        workers: Processes; the numbers do not depend on it.
        say: Called with what is done next.

    Returns:
        The outbreaks twice: asking about a district that is drawn in proportion to people, and about the one with most
        reported cases.
    """
    drawn_at_random, most_hit = [], []
    for at, first in enumerate(range(0, number, TOGETHER)):
        size, own = min(TOGETHER, number - first), replicate_seed(seed, at)
        say(f"measles: outbreaks {first + 1} to {first + size} of {number}, in {len(WORLDS)} worlds")
        drawn = prior_draws(size, setting.country.offered, own)
        one = _run(setting, drawn, own, folder / f"part {at}", workers)
        drawn_at_random.append(one)
        most_hit.append(_asking_where_most_are(setting, drawn, one, own, folder / f"part {at}, most hit", workers))
    return joined(*drawn_at_random), joined(*most_hit)


def joined(*parts: Outbreaks) -> Outbreaks:
    """All outbreaks of several."""
    names = [each.name for each in fields(Outbreaks)]
    return Outbreaks(*(torch.cat([getattr(part, name) for part in parts]) for name in names))


def known_outbreaks(setting: Setting, number: int, seed: int, *, tried: int, folder: Path, workers: int) -> Outbreaks:
    """The first outbreaks that are noticed, of which the district with most reported cases is asked about.

    They are simulated as they were, and then again with the same luck in all worlds.

    Args:
        setting: Among whom and when.
        number: Of outbreaks.
        seed: Of parameters and luck.
        tried: How many are simulated to find them.
        folder: Of finished parts.
        workers: Processes.

    Raises:
        ValueError: fewer of those tried are noticed.
    """
    drawn = prior_draws(tried, setting.country.offered, seed)
    as_it_was = _predicted(setting, drawn, {AS_IT_WAS: {}}, seed, folder / "as it was", workers)
    reported = _reported(setting, as_it_was)
    found = (reported.sum((1, 2)) >= LEAST).nonzero()[:number, 0]
    if len(found) < number:
        raise ValueError(f"{len(found)} of {tried} outbreaks had {LEAST} reported cases: try more to find {number}.")
    # Rows have their luck by their number, so that all up to the last are run again.
    last = int(found[-1]) + 1
    drawn = {name: value[:last] for name, value in drawn.items()} | {"asked": reported[:last].sum(2).argmax(1)}
    return _run(setting, drawn, seed, folder / "worlds", workers)[found]


def _run(setting: Setting, drawn: dict[str, Tensor], seed: int, folder: Path, workers: int) -> Outbreaks:
    found = _predicted(setting, drawn, WORLDS, seed, folder, workers)
    return Outbreaks(_reported(setting, found), _infections(found), drawn["asked"])


def _asking_where_most_are(
    setting: Setting, drawn: dict[str, Tensor], outbreaks: Outbreaks, seed: int, folder: Path, workers: int
) -> Outbreaks:
    """The same outbreaks, asking about the district with most reported cases: one world is run again."""
    district = EFFECTS[0]
    asked = outbreaks.reported.sum(2).argmax(1)
    found = _predicted(setting, {**drawn, "asked": asked}, {district: WORLDS[district]}, seed, folder, workers)
    infections = outbreaks.infections.clone()
    infections[:, list(WORLDS).index(district)] = _infections(found)[:, 0]
    return Outbreaks(outbreaks.reported, infections, asked)


def _predicted(
    setting: Setting, drawn: dict[str, Tensor], worlds: Worlds, seed: int, folder: Path, workers: int
) -> xr.Dataset:
    model = partial(outbreak, setting.country, setting.weeks, setting.day_of_year)
    batch = max(1, CELLS // (setting.country.size * len(worlds)))
    return predict(model, drawn, worlds, seed=seed, batch=batch, workers=workers, folder=folder)


def _reported(setting: Setting, found: xr.Dataset) -> Tensor:
    """Cases by district and week as it was, int64 `[outbreaks, districts, weeks]`."""
    daily = torch.as_tensor(found["reported"].sel(world=AS_IT_WAS).values[:, 0, :, LEAD:]).long()
    return daily.reshape(*daily.shape[:-1], setting.weeks, 7).sum(-1)


def _infections(found: xr.Dataset) -> Tensor:
    """In all, int64 `[outbreaks, worlds]`."""
    return torch.as_tensor(found["infections"].sum(("group", "day")).values[:, :, 0]).long().T
