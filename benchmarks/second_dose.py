"""Time and memory of the second-dose study: 100,000 agents, 180 days, two worlds.

Run as `python benchmarks/second_dose.py [agents] [worlds] [repeats]`; prints seconds (median of the repeats after
one warm-up, which compiles kernels), peak memory of the process, and the size of the machine.
"""

import os
import platform
import resource
import statistics
import sys
import time

import torch

from case_studies.second_dose.study import study
from causal_lpm.inference import Options, Setting


def main(agents: int = 100_000, worlds: int = 2, repeats: int = 3) -> None:
    schedules = [
        Setting("standard", {}),
        Setting("delayed", {"first_dose_priority": 1.0}),
        *(
            Setting(f"delayed {e}", {"first_dose_priority": 1.0, "first_dose_efficacy": e / 100})
            for e in range(60, 95, 5)
        ),
    ][:worlds]
    options = Options(agents=agents, days=180)
    study.simulate(schedules, Options(agents=min(agents, 20_000), days=20), seed=0)
    seconds = []
    for seed in range(repeats):
        begin = time.perf_counter()
        study.simulate(schedules, options, seed)
        seconds.append(time.perf_counter() - begin)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{agents} agents x {options.days} days x {worlds} worlds, {torch.get_num_threads()} threads")
    print(f"seconds: median {statistics.median(seconds):.2f} (all: {', '.join(f'{s:.2f}' for s in seconds)})")
    print(f"peak memory: {peak:.2f} GiB")
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, torch {torch.__version__}")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
