"""Time and memory of agents who act as their kind of people does.

Run as `python benchmarks/archetypes.py [agents]`. One thread, 2,000 archetypes; CPU seconds of making them, and of a
simulated day in which everybody decides, with and without a tally by borough, chooses among three, or is drawn as
totals of groups only. Prints one JSON object.
"""

import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from causal_lpm import KeyedNoise, rollout, tally
from causal_lpm.agents import Archetypes, Population, choose_option, decide, decided_totals, start

CLASSES = {"age": 10, "gender": 2, "borough": 5, "income": 10, "work": 2}
DAYS = 5


def city(agents: int) -> Population:
    luck = torch.Generator().manual_seed(0)
    columns = {n: torch.randint(0, k, (agents,), generator=luck, dtype=torch.uint8) for n, k in CLASSES.items()}
    return Population(columns, {n: tuple(f"{n} {i}" for i in range(k)) for n, k in CLASSES.items()})


def a_day(people: Population, act: Callable[[Any], Any]) -> float:
    """CPU seconds of a day, the median of five."""
    times = []

    def day(s: Any) -> Any:
        begin = time.process_time()
        found = act(s)
        times.append(time.process_time() - begin)
        return {**s, "home": found} if found is not None else s

    with KeyedNoise(1):
        rollout(day, start(people, home=torch.zeros(people.size, dtype=torch.bool)), DAYS + 1)
    return sorted(times[1:])[DAYS // 2]


def peak_gb() -> float:
    """The most memory of this process so far, in GB of 10**9 bytes.

    Linux is asked for the high-water mark of the program: what getrusage says includes the program that started it.
    """
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        return int(lines["VmHWM"].split()[0]) * 1024 / 1e9
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e9


def measure(agents: int) -> dict[str, float]:
    people = city(agents)
    Archetypes.from_columns(city(10_000), list(CLASSES), minimum=1)  # what is loaded at first use
    begin = time.process_time()
    kinds = Archetypes.from_columns(people, list(CLASSES), minimum=1)
    found = {"agents": agents, "archetypes": len(kinds), "from_columns": time.process_time() - begin}
    logits = torch.randn(len(kinds))
    options = torch.randn(len(kinds), 3)

    def decides(s: Any) -> Any:
        return decide("home", logits, kinds)

    def counted(s: Any) -> Any:
        home = decide("home", logits, kinds)
        tally("home", home, people["borough"], groups=CLASSES["borough"])
        return home

    def chooses(s: Any) -> None:
        choose_option("where", options, kinds)

    def totals(s: Any) -> None:
        decided_totals("home", logits, kinds, "borough")

    for name, act in (("decide", decides), ("decide_and_tally", counted), ("choose_3", chooses), ("totals", totals)):
        found[name] = a_day(people, act)
    found["peak_gb"] = peak_gb()
    return {name: round(value, 3) for name, value in found.items()}


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps(measure(int(float(sys.argv[1])) if len(sys.argv) > 1 else 8_400_000)))
