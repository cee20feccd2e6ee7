"""starsim's SIR with births and deaths, as docs/how_to/demography.md describes it, beside 30 seeds of starsim itself.

    python benchmarks/starsim_demography.py [seeds]          # 100 seeds by default; a table, exit 1 if they disagree

starsim's numbers are in peers/examples/starsim_sir_demography.csv, made by peers/starsim_demography.py.
"""

import math
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats

from causal_lpm import (
    DiscreteTime,
    KeyedNoise,
    Rollout,
    State,
    Worlds,
    event,
    exogenous,
    exposure,
    hazard_of,
    rollout,
    tally,
)
from causal_lpm.agents import Demography, Population, VitalRates, renew, start, with_places

RECORDED = Path(__file__).parent / "peers/examples/starsim_sir_demography.csv"
AGENTS, CAPACITY, YEARS, PARTNERS = 10_000, 14_000, 51, 5
STEP = 365  # days in a step of a year
A_YEAR = 365.25 / STEP  # rates of life are per year of 365.25 days; all other hazards are those of a step
MEAN, SD = 6.0, 1.0  # years of infection, log-normal
DIES = 0.015
SUSCEPTIBLE, INFECTED, RECOVERED = range(3)


class Partners:
    """A random network among those present: each draws partners, with replacement, and contacts go both ways."""

    def __init__(self, present: torch.Tensor, luck: torch.Tensor) -> None:
        self.agents, present = present.shape[-1], present.expand(luck.shape[:-1])
        count = present.sum(-1, keepdim=True)
        number = (luck.flatten(-2) * count).long().clamp(max=count - 1)
        self.other = torch.argsort(~present, stable=True).gather(-1, number)  # the present come first
        self.draws = present.repeat_interleave(luck.shape[-1], -1)
        self.one = torch.arange(self.agents).repeat_interleave(luck.shape[-1]).expand(self.other.shape)

    def total(self, x: torch.Tensor) -> torch.Tensor:
        """The sum over partners drawn and partners that drew."""
        x = x.long().expand(self.draws.shape[:-1] + x.shape[-1:])
        received = torch.zeros(x.shape, dtype=torch.int64)
        received.scatter_add_(-1, self.one, x.gather(-1, self.other) * self.draws)
        return received.scatter_add_(-1, self.other, x.gather(-1, self.one) * self.draws)


def simulate() -> Rollout:
    """One run, or one a replicate; tallies by year."""
    people = with_places(Population({"age": torch.full((AGENTS,), 30)}), CAPACITY)
    # Everybody has children at half of a woman's rate: a probability of .02 a step.
    rates = VitalRates((0,), (DIES * A_YEAR,), (2 * hazard_of(0.02) * A_YEAR,))
    demography, sigma = Demography(rates), math.sqrt(math.log(1 + (SD / MEAN) ** 2))

    def years_ill() -> torch.Tensor:
        luck = exogenous("years_ill", CAPACITY, "uniform").double()
        return torch.exp(math.log(MEAN) - sigma**2 / 2 + sigma * torch.special.ndtri(luck)).ceil()

    def year(s: State) -> State:
        now = s["t"] / STEP
        lived, vital = demography.day(s)
        s = s | renew(s, vital.born, {"stage": SUSCEPTIBLE, "until": -1})
        died = vital.died | event("newborn_death", DIES, where=vital.born, at_once=True)
        ends = s["alive"] & (s["stage"] == INFECTED) & (s["until"] <= now)
        of_it = event("fatal", hazard_of(0.01), where=ends, at_once=True)
        stage = torch.where(ends & ~of_it, RECOVERED, s["stage"])
        # starsim's random network links those of an age above 0: nobody meets anybody in the year of birth.
        network = Partners(s["alive"], exogenous("partner", CAPACITY, "uniform", slots=PARTNERS))
        met = exposure(network, s["alive"] & (stage == INFECTED))
        infected = event("infection", 0.1 * met, where=s["alive"] & (stage == SUSCEPTIBLE), at_once=True)
        alive = lived["alive"] & ~died & ~of_it  # whoever dies leaves at the end of the step
        stage = torch.where(infected, INFECTED, stage)
        tally("infections", infected)
        for name, who in {"infected": INFECTED, "recovered": RECOVERED}.items():
            tally(name, alive & (stage == who), stock=True)
        tally("alive", alive, stock=True)
        until = torch.where(infected, now + years_ill(), s["until"])
        return {**s, **lived, "alive": alive, "stage": stage, "until": until.to(torch.int16)}

    first = people["alive"] & (exogenous("first", CAPACITY, "uniform") < 0.01)
    until = torch.where(first, years_ill(), -1).to(torch.int16)
    state = start(people, **demography.start(people), until=until)
    with DiscreteTime(dt=STEP):
        return rollout(year, {**state, "stage": first.to(torch.uint8)}, YEARS * STEP)


def outputs(seeds: int, at_once: int = 10) -> pd.DataFrame:
    """The columns of the recorded file, one row a seed."""
    found = []
    for first in range(1, seeds + 1, at_once):
        numbers = torch.arange(first, min(first + at_once, seeds + 1))[:, None]
        with Worlds(replicates=len(numbers)), KeyedNoise(numbers):
            series = {name: x.reshape(len(numbers), YEARS) for name, x in simulate().tallies.items()}
        infected, last = series["infected"], {name: x[:, -1] for name, x in series.items()}
        found.append(
            pd.DataFrame(
                {
                    "infections": series["infections"].sum(-1),
                    "peak_year": 2000 + infected.argmax(-1),
                    "peak_height": infected.amax(-1),
                    **{name: last[name] for name in ("alive", "recovered", "infected")},
                }
            )
        )
    return pd.concat(found, ignore_index=True)


def compare(ours: pd.DataFrame, theirs: pd.DataFrame) -> pd.DataFrame:
    """A row a column: means, their relative difference and its standard error, KS p, and whether they agree.

    They agree where p > .001 and means differ by at most 3% or three standard errors.
    """
    rows = {}
    for name in ours:
        a, b = ours[name].to_numpy(dtype=float), theirs[name].to_numpy(dtype=float)
        difference, error = a.mean() - b.mean(), np.sqrt(a.var(ddof=1) / len(a) + b.var(ddof=1) / len(b))
        close = bool(abs(difference) <= 0.03 * b.mean())
        p = float(stats.ks_2samp(a, b).pvalue)
        agrees = (
            close if name in ("infections", "peak_height") else p > 0.001 and (close or abs(difference) <= 3 * error)
        )
        rows[name] = (a.mean(), b.mean(), 100 * difference / b.mean(), 100 * error / b.mean(), p, agrees)
    columns = ["ours", "starsim", "difference_percent", "error_percent", "ks_p", "agrees"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns)


if __name__ == "__main__":
    table = compare(outputs(int(sys.argv[1]) if len(sys.argv) > 1 else 100), pd.read_csv(RECORDED))
    print(table.to_string(float_format=lambda x: f"{x:.4g}"))
    sys.exit(0 if table["agrees"].all() else 1)
