"""A campaign on its own: everybody is well, and what happens each day is written down."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import torch

from causal_lpm import KeyedNoise, Rollout, comparing, exogenous, rollout
from causal_lpm.agents.vaccination import Vaccination
from causal_lpm.ops import hazard_of
from causal_lpm.typing import State

EVERYBODY = 100_000  # doses a day are given per so many agents


@dataclass
class Diary:
    """What happened day by day: rows of `[agents]`, and the noise that decided it."""

    doses: list[list[int]]
    stocks: list[list[int]]
    ties: list[list[float]]
    skips: list[list[bool]]
    run: Rollout


def campaign(
    vaccination: Vaccination,
    agents: int,
    days: int,
    eligible: Callable[[int], torch.Tensor] | None = None,
    seniority: torch.Tensor | None = None,
    elderly: torch.Tensor | None = None,
) -> Diary:
    diary = Diary([], [], [], [], Rollout({}))
    old = torch.zeros(agents, dtype=torch.uint8) if seniority is None else seniority
    first_served = torch.zeros(agents, dtype=torch.bool) if elderly is None else elderly

    def day(s: State) -> State:
        asking = torch.ones(agents, dtype=torch.bool) if eligible is None else eligible(int(s["t"]))
        # The campaign's own noise, asked for by name.
        diary.ties.append(exogenous("dose", agents).tolist())
        diary.skips.append((exogenous("second_dose_skipped", agents) < hazard_of(vaccination.skip_second)).tolist())
        new = vaccination.day(s, asking, old, first_served)
        diary.doses.append(new["doses"].tolist())
        diary.stocks.append([new[f"stock_{age}"].tolist() for age in range(vaccination.shelf_life)])
        return {**s, **new}

    diary.run = rollout(day, vaccination.start(agents), days)
    return diary


def one_world(seed: int, policies: Mapping[str, float], *args: object, **kwargs: object) -> Diary:
    with KeyedNoise(seed), comparing({"one": policies}):
        return campaign(*args, **kwargs)  # type: ignore[arg-type]


def rate(doses_a_day: Fraction | int, agents: int) -> float:
    return float(Fraction(doses_a_day) * EVERYBODY / agents)


def doses_by_day(diary: Diary) -> torch.Tensor:
    """Doses given on each day, int `[days]`."""
    total = torch.tensor(diary.doses).sum(-1)
    return torch.diff(total, prepend=torch.zeros(1, dtype=total.dtype))
