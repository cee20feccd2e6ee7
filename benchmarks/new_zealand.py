"""Time and memory of New Zealand as 5.17 million agents: the population, 180 days of an SEIR, and a map by district.

Run as `python benchmarks/new_zealand.py [agents] [folder]`. One process, in the order in which a user does it; the peak
memory after each step is that of the process so far. Prints seconds by the clock and of computing (all threads
together), which are far apart where other programs run, and writes the map into the folder, if one is given.
"""

import os
import platform
import resource
import sys
import time
from pathlib import Path

import torch
import xarray as xr

from causal_lpm import KeyedNoise
from causal_lpm.inference import plot_map
from causal_lpm.populations import SyntheticPopulation, population
from causal_lpm.templates import load_template

DAYS = 180


def epidemic(people: SyntheticPopulation, days: int = DAYS) -> xr.DataArray:
    """New infections by district and day."""
    with KeyedNoise(1):
        series = load_template("seir").function(people, days).tallies["infections"]
    places = {"district": list(people.places["district"])}
    found = xr.DataArray(series.reshape(-1, days).numpy(), places, ["district", "day"], "infections")
    return found.assign_coords(group_size=("district", torch.bincount(people.people["district"].long()).numpy()))


class Step:
    def __init__(self, name: str) -> None:
        self.name = name

    def __enter__(self) -> None:
        self.begin, self.computing = time.perf_counter(), time.process_time()

    def __exit__(self, *_: object) -> None:
        seconds, computing = time.perf_counter() - self.begin, time.process_time() - self.computing
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(f"{self.name:11} {seconds:7.1f} s, {computing:7.1f} s of computing, peak {peak:5.2f} GiB", flush=True)


def main(agents: int | None = None, folder: str | None = None) -> None:
    population("new-zealand", 1000)
    with Step("before"):  # what is loaded and compiled at first use
        plot_map(epidemic(population("new-zealand", 5000), 3))
    print(f"{platform.machine()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, torch {torch.__version__}")
    with Step("population"):
        made = population("new-zealand", agents)
    with Step("simulation"):
        infections = epidemic(made)
    with Step("map"):
        figure = plot_map(infections, per_100k=True)
        figure.savefig(Path(folder) / "new_zealand.png" if folder else os.devnull, dpi=100, format="png")
    share = float(infections.sum()) / made.size
    print(f"{made.size:,} agents, {DAYS} days; {share:.0%} were infected")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]), *sys.argv[2:3])
