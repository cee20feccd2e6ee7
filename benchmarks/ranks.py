"""The second-dose model on 1, 2 and 4 ranks: seconds of CPU a rank, memory a rank, and bytes sent a day.

    python -m benchmarks.ranks --agents 1000000 --days 20 --ranks 1 2 4

Strong scaling keeps the number of agents, weak scaling the agents a rank. Seconds are those of a rank's CPU, the largest
of all ranks, from the first day on: on a machine with fewer free cores than ranks the clock says nothing. Memory is the
most that a rank had at a time, less what a process has that has run 20,000 agents.
"""

import argparse
import json
import resource
import time
from pathlib import Path
from typing import Any

import torch
from torch import distributed

from case_studies.second_dose.mechanism import mechanism
from case_studies.second_dose.model import second_dose, setup
from case_studies.second_dose.people import king_county
from causal_lpm import KeyedNoise
from causal_lpm.memory import reuse_freed_memory
from causal_lpm.ops.pyro_stack import innermost
from causal_lpm.ranks import Sharded, on_ranks

WARM = 20_000


def _simulated(agents: int, days: int) -> tuple[float, int]:
    """Seconds of CPU in the days of one world, and how many agents were infected."""
    prepared = setup(king_county(agents), mechanism("described"))
    before = time.process_time()
    with KeyedNoise(3):
        run = second_dose(prepared, days)
    return time.process_time() - before, int(run.tallies["infections"].sum())


def measured(agents: int, days: int) -> list[dict[str, Any]]:
    """What each rank has taken."""
    torch.set_num_threads(1)
    reuse_freed_memory()
    _simulated(WARM, 3)  # compiled loops are loaded
    began = _most_memory()
    sharded = innermost(Sharded)
    told = {} if sharded is None else dict(sharded.ranks.sent)
    seconds, infected = _simulated(agents, days)
    sent = {} if sharded is None else sharded.ranks.sent
    own = {
        "seconds": seconds,
        "megabytes": _most_memory() - began,
        "infected": infected,
        "bytes a day": {kind: (many - told.get(kind, 0)) // (days - 1) for kind, many in sent.items()},
    }
    if sharded is None:
        return [own]
    ranks: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(ranks, own)
    return ranks


def _most_memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measures, one number of ranks after the other, and writes a line of JSON for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--agents", type=float, default=1e6, help="strong scaling: all; weak: those of a rank")
    parser.add_argument("--days", type=int, default=20)
    parser.add_argument("--ranks", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--weak", action="store_true", help="so many agents a rank")
    parser.add_argument("--out", type=Path, help="a file to add the lines to")
    given = parser.parse_args()
    for ranks in given.ranks:
        agents = int(given.agents) * (ranks if given.weak else 1)
        each = on_ranks(ranks, measured, agents, given.days)
        row = {
            "ranks": ranks,
            "agents": agents,
            "days": given.days - 1,
            "seconds a day": max(one["seconds"] for one in each) / (given.days - 1),
            "megabytes a rank": max(one["megabytes"] for one in each),
            "infected": each[0]["infected"],
            "bytes a day": each[-1]["bytes a day"],
        }
        line = json.dumps(row)
        print(line)
        if given.out is not None:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
