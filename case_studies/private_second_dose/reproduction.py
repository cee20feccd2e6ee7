"""Three parties and a dealer run the study on shares; what they release stands beside what one computer knows."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from case_studies.page import titled
from case_studies.private_second_dose.people import PARTIES, everybody, write_parts
from case_studies.private_second_dose.real import SIZE, TALLIES, simulation, worlds
from case_studies.private_second_dose.report import tables
from causal_lpm import KeyedNoise
from causal_lpm.agents import Population
from causal_lpm.parties import rehearse

__all__ = ["reproduce"]

REAL = "case_studies.private_second_dose.real"
REPLICATES = 20


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """Writes `numbers.json` and returns the tables; parts that are there are used."""
    agents, days = (600, 6) if quick else (10_000, 30)
    people = everybody(agents, seed)
    parts = out / "parties"
    if not parts.exists():
        parts.mkdir()
        write_parts(people, parts)
    size = {SIZE: f"{agents} {days} {seed}"}
    say(f"{REPLICATES} clear runs of {agents} agents and {days} days")
    clear = _clear(people, days, [seed + number for number in range(REPLICATES)])
    numbers: dict[str, Any] = {"agents": agents, "days": days, "seed": seed, "parties": PARTIES, "runs": {}}
    numbers["clear"] = {name: clear[name].tolist() for name in TALLIES}
    for name in ("check", "published"):
        say(f"{PARTIES} parties and a dealer: {name}")
        numbers["runs"][name] = _private(name, out, parts, size)
    numbers["different_cells"] = _different(out, people, days, seed)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return titled(tables(numbers))


def _clear(people: Population, days: int, seeds: list[int]) -> dict[str, torch.Tensor]:
    """Name -> totals `[replicate, world]` on one computer that sees everybody."""
    runs = []
    for seed in seeds:
        with KeyedNoise(seed):
            runs.append(simulation(people, days).tallies)
    return {name: torch.stack([run[name].sum((-1, -2)).reshape(len(worlds())) for run in runs]) for name in TALLIES}


def _private(name: str, out: Path, parts: Path, size: dict[str, str]) -> dict[str, Any]:
    folders = [out / f"{name}-{rank}" for rank in range(PARTIES)]
    times = out / f"{name}-seconds.json"
    if not all(folder.exists() for folder in folders):
        if any(folder.exists() for folder in folders):
            raise ValueError(f"{out} has the output of some parties of {name!r} only: remove those folders.")
        begin = time.monotonic()
        rehearse(
            f"{REAL}:{name}", [parts / f"party-{rank}.parquet" for rank in range(PARTIES)], folders, environment=size
        )
        times.write_text(json.dumps(time.monotonic() - begin), encoding="utf-8")
    tables_of_all = {(folder / "released.csv").read_text(encoding="utf-8") for folder in folders}
    if len(tables_of_all) != 1:
        raise ValueError(f"the parties of {name!r} have released different totals: look for a fault.")
    released = pd.read_csv(folders[0] / "released.csv")
    rho = pd.read_csv(folders[0] / "ledger.csv")["rho"].iloc[-1]
    cost = json.loads((folders[0] / "cost.json").read_text(encoding="utf-8"))
    totals = released.groupby(["tally", "row"])["value"].sum()
    return {
        "totals": {tally: [int(totals[tally, row]) for row in range(len(worlds()))] for tally in TALLIES},
        "rho": float(rho),
        "seconds": json.loads(times.read_text(encoding="utf-8")),
        **cost,
    }


def _different(out: Path, people: Population, days: int, seed: int) -> int:
    """Cells in which the private run with public luck is not the clear one."""
    released = pd.read_csv(out / "check-0" / "released.csv").set_index(["tally", "row", "group", "day"])["value"]
    with KeyedNoise(seed):
        clear = simulation(people, days).tallies
    different = 0
    for name in TALLIES:
        series = clear[name]
        own = torch.tensor(released[name].sort_index().to_numpy())
        different += int((own != series.reshape(-1)).sum())
    return different
