"""Seconds and peak memory of the second-dose study: one world, two worlds in turn, or its whole table.

Run as `python benchmarks/second_dose.py [agents] [days] [threads] [mode] [repeats]`; prints one JSON line. The modes:

    one     one world (the default)
    two     one world and two worlds in turn, and the ratio of each pair
    table   the seven main settings in 10 replicates, as the command line runs them: a process a thread

Seconds are those of the simulation. What comes before it (population and networks) happens once a process and is
reported apart: two days are simulated first, so that all of it is there, and compiled loops are loaded before by a
small simulation. Like the command line, the process keeps the memory that it has freed. The seconds of the table are
those of everything.
"""

import json
import sys
import tempfile
from pathlib import Path

from peers.epidemic import Stopwatch, arguments, peak_mb

if __name__ == "__main__":
    agents, days, threads, mode = arguments()  # before torch is loaded: it reads the number of threads once

import torch

from case_studies.second_dose.study import study
from causal_lpm import reuse_freed_memory
from causal_lpm.inference import Options, run_experiment

SCHEDULES: dict[int, dict[str, dict[str, float]]] = {
    1: {"standard": {}},
    2: {"standard": {}, "delayed": {"first_dose_priority": 1.0}},
}
REPLICATES = 10
SMALL = 20_000  # agents
SEED = 0


def simulations(agents: int, days: int, worlds: tuple[int, ...], repeats: int) -> dict[str, object]:
    """Seconds of every simulation: A B A B, each of so many worlds."""
    study.simulate(SCHEDULES[max(worlds)], Options(min(agents, SMALL), days), SEED)  # loads the compiled loops
    setup = Stopwatch()
    for number in worlds:
        study.simulate(SCHEDULES[number], Options(agents, min(days, 2)), SEED)
    setup.lap()
    runs: dict[int, list[float]] = {number: [] for number in worlds}
    for _ in range(repeats):
        for number in worlds:
            watch = Stopwatch()
            study.simulate(SCHEDULES[number], Options(agents, days), SEED)
            watch.lap()
            runs[number].append(round(watch.seconds[0], 3))
    found: dict[str, object] = {"setup_seconds": round(setup.seconds[0], 3), "seconds": runs[1]}
    if len(worlds) > 1:
        found["seconds_two_worlds"] = runs[2]
        found["ratios"] = [round(two / one, 4) for one, two in zip(runs[1], runs[2], strict=True)]
    return found


def table(agents: int, days: int, workers: int, replicates: int) -> dict[str, object]:
    """Seconds of the study's table from nothing: with the start of the processes, and with what is written."""
    worlds, references = study.worlds("main")
    watch = Stopwatch()
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "table"
        run_experiment(study, worlds, references, replicates, SEED, Options(agents, days), out, workers)
    watch.lap()
    return {"replicates": replicates, "settings": len(worlds), "seconds": [round(watch.seconds[0], 3)]}


def main(agents: int, days: int, threads: int, mode: str, repeats: int) -> None:
    reuse_freed_memory()
    torch.set_num_threads(threads)
    if mode == "table":
        found = table(agents, days, threads, repeats)
    elif mode in ("", "one", "two"):
        found = simulations(agents, days, (1, 2) if mode == "two" else (1,), repeats)
    else:
        sys.exit(f"mode is {mode!r}: give one, two or table.")
    given = {"mode": mode or "one", "agents": agents, "days": days, "threads": threads}
    print(json.dumps({**given, **found, "peak_rss_mb": peak_mb()}))


if __name__ == "__main__":
    default = REPLICATES if mode == "table" else 1
    main(agents, days, threads, mode, int(sys.argv[5]) if len(sys.argv) > 5 else default)
