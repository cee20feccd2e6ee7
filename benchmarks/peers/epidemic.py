"""The epidemic that every tool runs, and the line that every script prints. Standard library only.

SEIR on a random graph that stays the same. Who is infected on day d counts that day as the first of EXPOSED days; then
come INFECTIOUS days; then nothing. On each of them a contact transmits with probability TRANSMISSION. SEEDED of the
agents begin day 0 as newly exposed.
"""

import json
import os
import platform
import resource
import sys
import time
from pathlib import Path

DEGREE = 10  # mean number of contacts; each is evaluated from both ends
EXPOSED = 3  # days
INFECTIOUS = 8  # days
TRANSMISSION = 0.035  # a contact and day: R0 = 10 * (1 - (1 - 0.035)**8) = 2.5
SEEDED = 0.001  # of the agents


def arguments() -> tuple[int, int, int, str]:
    """`[agents] [days] [threads] [mode]` of the command line; the threads are announced to libraries not yet loaded."""
    given = sys.argv[1:]
    agents = int(float(given[0])) if given else 1_000_000
    days = int(given[1]) if len(given) > 1 else 100
    threads = int(given[2]) if len(given) > 2 else 1
    for library in ("OMP", "MKL", "OPENBLAS", "NUMBA"):
        os.environ[f"{library}_NUM_THREADS"] = str(threads)
    return agents, days, threads, given[3] if len(given) > 3 else ""


def peak_mb() -> float:
    """The most memory that this process has had so far (resident set, MB of 2**20 bytes).

    Linux is asked for the high-water mark of the program: what getrusage says includes the program that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return round(int(lines["VmHWM"].split()[0]) / 1024, 1)
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit, 1)


class Stopwatch:
    """Wall-clock and CPU seconds (of all threads) between laps; starts when it is made."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.cpu_seconds: list[float] = []
        self._wall, self._cpu = time.perf_counter(), time.process_time()

    def lap(self) -> None:
        wall, cpu = time.perf_counter(), time.process_time()
        self.seconds.append(wall - self._wall)
        self.cpu_seconds.append(cpu - self._cpu)
        self._wall, self._cpu = wall, cpu


def report(
    tool: str,
    agents: int,
    threads: int,
    setup_seconds: float,
    days: Stopwatch,
    infectious: list[int],
    infected: int,
    versions: dict[str, str],
    **more: object,
) -> None:
    """Prints the one JSON line of a run.

    Args:
        tool: Name and variant.
        agents: Number of agents.
        threads: Threads asked for.
        setup_seconds: What came before the first day.
        days: The time of every day.
        infectious: Number infectious on every day.
        infected: Number infected by the last day, those of the beginning included.
        versions: Of the libraries that matter.
        **more: What else is worth knowing.
    """
    line = {
        "tool": tool,
        "agents": agents,
        "days": len(days.seconds),
        "threads": threads,
        "setup_seconds": round(setup_seconds, 3),
        "attack_rate": round(infected / agents, 5),
        "peak_rss_mb": peak_mb(),
        "seconds": [round(x, 6) for x in days.seconds],
        "cpu_seconds": [round(x, 6) for x in days.cpu_seconds],
        "prevalence": [round(x / agents, 6) for x in infectious],
        "versions": {"python": platform.python_version(), **versions},
        **more,
    }
    print(json.dumps(line), flush=True)
