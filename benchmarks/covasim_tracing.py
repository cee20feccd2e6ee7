"""Covasim's tracing example from its words: towns side by side, with and without tracing, against 30 recorded runs.

    python benchmarks/covasim_tracing.py [RUNS]

A run has ten towns, which do not meet: each is a seed of its own.

The recorded runs are in peers/examples/covasim_tracing.csv; peers/covasim_tracing.py made them.
"""

import math
import sys
import time
from pathlib import Path

import pandas as pd
import torch
from scipy import stats

from causal_lpm import KeyedNoise, Rollout, comparing, event, exposure, rollout, tally
from causal_lpm.agents import (
    Graph,
    Isolation,
    Screening,
    StageGraph,
    Testing,
    TimedPolicy,
    Tracing,
    Transition,
    log_normal_days,
    whole_day,
)

RECORDED = Path(__file__).parent / "peers" / "examples" / "covasim_tracing.csv"
COLUMNS = ("attack_rate", "peak_day", "peak_infectious", "diagnoses", "quarantined")
TOWNS, TOWN, DAYS, FIRST = 10, 20_000, 181, 50
STAGES = ("well", "exposed", "not yet", "symptoms", "none", "recovered")  # the infectious by their symptoms
WELL, EXPOSED, NOT_YET, SYMPTOMS, NONE, RECOVERED = range(6)
COURSE = StageGraph(
    STAGES,
    [
        Transition("well", "exposed", 1.0),
        Transition("exposed", "not yet", 0.75, log_normal_days(4.5, 1.5)),
        Transition("exposed", "none", 0.25, log_normal_days(4.5, 1.5)),
        Transition("not yet", "symptoms", 1.0, log_normal_days(1.1, 0.9)),
        Transition("symptoms", "recovered", 1.0, log_normal_days(8.0, 2.0)),
        Transition("none", "recovered", 1.0, log_normal_days(8.0, 2.0)),
    ],
)
WORLDS = {"without tracing": {}, "with tracing": {"tracing_strength": 1.0}}


def contacts(towns: int, seed: int) -> Graph:
    """In each town, everybody draws Poisson(10) / 2 partners, halves rounded up or down at random."""
    g, agents = torch.Generator().manual_seed(seed), towns * TOWN
    twice = torch.poisson(torch.full((agents,), 10.0), generator=g)
    partners = (twice / 2 + 0.5 * torch.randint(0, 2, (agents,), generator=g)).floor().long()
    source = torch.repeat_interleave(torch.arange(agents), partners)
    target = source // TOWN * TOWN + torch.randint(0, TOWN, source.shape, generator=g)
    return Graph.from_edges(source, target, agents, distinct=False)


def epidemic(graph: Graph, days: int = DAYS) -> Rollout:
    agents = torch.arange(graph.agents)
    town, towns = agents // TOWN, graph.agents // TOWN
    course = COURSE.course(torch.zeros(graph.agents, dtype=torch.uint8))
    screening, testing = Screening(with_symptoms=0.2, without=0.001), Testing((1,), (1.0,), sensitivity=1.0)
    tracing = Tracing(network=graph, probability=0.6, delay=1, strength=0.0)  # worlds turn it on
    isolation = TimedPolicy("isolation", strength=0.8, start_day=0)
    quarantine = Isolation("quarantine", strength=0.7, days=13)

    def day(s):
        today, stage, due = whole_day(s["t"]), s["stage"], s["due"]
        for _ in range(2):  # symptoms can begin on the day on which somebody becomes infectious
            stage, due = course.enter_next(stage, due, due == today, today - 1)
        ill = (stage > EXPOSED) & (stage < RECOVERED)

        swabbed = screening.swabbed(s, stage == SYMPTOMS, among=~s["diagnosed"])
        tests, positive = testing.day(s, swabbed & ill)
        new = positive & ~s["diagnosed"]
        diagnosed = s["diagnosed"] | new
        traced, told = tracing.day(s, new)
        kept, inside = quarantine.day(s, told & (stage != RECOVERED), leave=diagnosed)

        chance = 0.025 * torch.where(diagnosed, isolation.left(s), 1.0) * quarantine.contacts_left(s, inside)
        received = exposure(graph, torch.where(ill, -torch.log1p(-chance), 0.0)) * quarantine.contacts_left(s, inside)
        infected = event("infection", received, where=stage == WELL)
        counted = {"infections": infected, "infectious": ill, "diagnoses": new}
        for name, who in {**counted, "quarantined": inside & ~quarantine.inside(s)}.items():
            tally(name, who, by=town, groups=towns)
        stage, due = course.enter_next(stage, due, infected, today - 1)
        return {**s, **tests, **traced, **kept, "stage": stage, "due": due, "diagnosed": diagnosed}

    parts = (screening, testing, tracing, quarantine)
    entries = {name: value for part in parts for name, value in part.start(graph.agents).items()}
    first = agents % TOWN < FIRST
    state = {
        **entries,
        **isolation.policies(),
        "stage": torch.where(first, EXPOSED, WELL).to(torch.uint8),
        "due": torch.where(first, course.days[..., EXPOSED].short(), -1),
        "diagnosed": torch.zeros(graph.agents, dtype=torch.bool),
    }
    return rollout(day, state, days)


def runs(towns: int, seed: int) -> pd.DataFrame:
    """One row a world (`tracing` 0 or 1) and town, with the columns of the recorded runs."""
    with KeyedNoise(seed), comparing(WORLDS):
        tallies = epidemic(contacts(towns, seed)).tallies
    rows = []
    for traced in (0, 1):
        of = {name: series.expand(2, *series.shape[-2:])[traced] for name, series in tallies.items()}
        peak = of["infectious"].max(-1)
        rows.append(
            pd.DataFrame(
                {
                    "tracing": traced,
                    "attack_rate": ((of["infections"].sum(-1) + FIRST) / TOWN).numpy(),
                    "peak_day": peak.indices.numpy(),
                    "peak_infectious": peak.values.numpy(),
                    "diagnoses": of["diagnoses"].sum(-1).numpy(),
                    "quarantined": of["quarantined"].sum(-1).numpy(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


def agreement(ours: pd.DataFrame) -> pd.DataFrame:
    """Means, their difference in standard errors, and p of a Kolmogorov-Smirnov test, by scenario and column."""
    recorded, rows = pd.read_csv(RECORDED), []
    for traced in (0, 1):
        for column in COLUMNS:
            a = ours.loc[ours["tracing"] == traced, column].astype(float)
            b = recorded.loc[recorded["tracing"] == traced, column].astype(float)
            error = math.sqrt(a.var() / len(a) + b.var() / len(b))
            p = float(stats.ks_2samp(a, b).pvalue)
            off = (a.mean() - b.mean()) / error if error else 0.0
            relative = a.mean() / b.mean() - 1 if b.mean() else a.mean()
            rows.append((traced, column, a.mean(), b.mean(), relative, off, p))
    return pd.DataFrame(rows, columns=["tracing", "column", "ours", "covasim", "relative", "standard errors", "p"])


def agrees(table: pd.DataFrame) -> pd.Series:
    return (table["p"] > 0.001) & ((table["relative"].abs() < 0.02) | (table["standard errors"].abs() < 3))


if __name__ == "__main__":
    seeds = range(1, 1 + (int(sys.argv[1]) if len(sys.argv) > 1 else 10))
    begin = time.perf_counter()
    table = agreement(pd.concat([runs(TOWNS, seed) for seed in seeds]))
    print(f"{TOWNS * len(seeds)} towns of {TOWN:,}, two worlds, {DAYS} days: {time.perf_counter() - begin:.0f} s")
    print(table.to_string(index=False, float_format=lambda x: f"{x:.4g}"))
    print("all agree" if agrees(table).all() else f"{(~agrees(table)).sum()} columns do not agree")
