"""The second-dose model on 1, 2 and 4 ranks: seconds of CPU a rank, memory a rank, and bytes sent a day.

    python -m benchmarks.ranks --agents 1000000 --days 20 --ranks 1 2 4

Strong scaling keeps the number of agents, weak scaling the agents a rank. Seconds are those of a rank's CPU, the
largest of all ranks, in the days alone: on a machine with fewer free cores than ranks the clock says nothing. Memory is
what a rank has while it simulates, population and networks included, beyond that of a process that has simulated
100,000 agents; the peak is the most that it ever had, also while people were drawn and networks made. Bytes are those
that the last rank sends; those of `whole` are sent before the first day.
"""

import argparse
import ctypes
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

WARM = 100_000
FEW = 3
"""Days that are simulated first, so that what comes before the days is told apart."""
WITH_DOSES = 15
"""Days after which all compiled loops have run: doses are given from day 10 on."""


def measured(agents: int, days: int) -> list[dict[str, Any]]:
    """What each rank has taken."""
    torch.set_num_threads(1)
    reuse_freed_memory()
    sharded = innermost(Sharded)
    ranks = None if sharded is None else sharded.ranks
    _seconds(setup(king_county(WARM), mechanism("described")), WITH_DOSES)  # loops are compiled or loaded
    _hand_back()
    before = _megabytes()
    prepared = setup(king_county(agents), mechanism("described"))
    _hand_back()
    at_first = _seconds(prepared, FEW)
    told = {} if ranks is None else dict(ranks.sent)
    _hand_back()
    seconds = _seconds(prepared, days) - at_first
    own = {
        "seconds a day": seconds / (days - FEW),
        "megabytes": _megabytes() - before,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10 - before,
        "bytes a day": {
            kind: (many - told.get(kind, 0)) // days for kind, many in (ranks.sent if ranks else {}).items()
        },
    }
    if ranks is None:
        return [own]
    all_ranks: list[Any] = [None] * ranks.count
    distributed.all_gather_object(all_ranks, own)
    return all_ranks


def _seconds(prepared: Any, days: int) -> float:
    """Of the CPU, in the simulation of one world."""
    before = time.process_time()
    with KeyedNoise(3):
        second_dose(prepared, days + 1)
    return time.process_time() - before


def _hand_back() -> None:
    """Gives what was freed back to the system: it is no part of what the days need."""
    ctypes.CDLL(None).malloc_trim(0)


def _megabytes() -> float:
    """What the process has in memory; what the days have freed is kept, so that it is the most they had."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 2**20


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
            "days": given.days,
            "seconds a day": round(max(one["seconds a day"] for one in each), 4),
            "megabytes a rank": round(max(one["megabytes"] for one in each)),
            "peak a rank": round(max(one["peak"] for one in each)),
            "bytes a day": each[-1]["bytes a day"],
        }
        line = json.dumps(row)
        print(line)
        if given.out is not None:
            with given.out.open("a", encoding="utf-8") as file:
                file.write(line + "\n")


if __name__ == "__main__":
    main()
