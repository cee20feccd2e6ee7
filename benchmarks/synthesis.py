"""Time and memory of making, saving and loading a population with households and workplaces.

Run as `python benchmarks/synthesis.py [agents]`. Two fresh processes, one that makes and saves the population and one
that loads it, so that the peak memory of one is not that of the other. Prints seconds, the peak memory of the process,
and how much of it was there before the first agent (Python, torch and this package).
"""

import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from causal_lpm.agents import Population, households, synthesise, workplaces, zipf_sizes

# Rounded figures of the size of New York City's: what matters here is how many attributes of which kind there are.
AGE = {"0-19": 0.23, "20-64": 0.62, "65+": 0.15}
SEX = {"female": 0.52, "male": 0.48}
BOROUGH = {"Bronx": 0.17, "Brooklyn": 0.31, "Manhattan": 0.19, "Queens": 0.27, "Staten Island": 0.06}
SECTOR = {
    "0-19": {"none": 0.95, "shops": 0.05},
    "20-64": {"none": 0.25, "shops": 0.2, "offices": 0.35, "care": 0.2},
    "65+": {"none": 0.85, "offices": 0.15},
}
COMMUTING = {home: {work: 0.7 * (home == work) + 0.3 * (work == "Manhattan") for work in BOROUGH} for home in BOROUGH}
HOUSEHOLDS = [0.32, 0.30, 0.16, 0.12, 0.06, 0.04]
LARGEST = 5000


def make(agents: int, seed: int = 1) -> Population:
    given = {"sector": ("age", SECTOR), "works_in": ("borough", COMMUTING)}
    people = synthesise(agents, {"age": AGE, "sex": SEX, "borough": BOROUGH}, seed, given)
    home = households(agents, HOUSEHOLDS, seed, adult=people["age"] > 0)
    within = (people["sector"], people["works_in"])
    work = workplaces(people["sector"] > 0, zipf_sizes(LARGEST), seed, within)
    return people.with_attributes(household=home, workplace=work)


def mebibytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def step(name: str, agents: int, path: Path) -> None:
    make(1000)  # what is loaded at first use belongs to the baseline
    if name == "make":
        before, begin = mebibytes(), time.perf_counter()
        people = make(agents)
        made = time.perf_counter()
        report("synthesis", made - begin, before)
        people.save(path, seed=1)
        report("save", time.perf_counter() - made, before)
        print(f"           {path.stat().st_size / 2**20:.0f} MiB in the file")
    else:
        before, begin = mebibytes(), time.perf_counter()
        people = Population.load(path)
        report("load", time.perf_counter() - begin, before)
        data = sum(column.nbytes for column in (people[name] for name in people)) / 2**20
        print(f"           {data:.0f} MiB of data")


def report(what: str, seconds: float, before: float) -> None:
    print(f"{what:10} {seconds:6.2f} s, peak {mebibytes():5.0f} MiB, of which {before:.0f} before the first agent")


def main(agents: int = 8_400_000) -> None:
    print(f"{agents:,} agents on {platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        for name in ("make", "load"):
            subprocess.run([sys.executable, __file__, name, str(agents), f"{folder}/people.parquet"], check=True)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        step(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
    else:
        main(*map(int, sys.argv[1:]))
