"""Milliseconds of a day of the README's model, as the README has it, in one world and in three.

Run as `python benchmarks/small_days.py [agents] [days] [threads] [repeats]` (10,000 agents are the README's);
prints one JSON line. All runs happen in turn in one process, after one that loads the compiled loops.
"""

import json
import re
from pathlib import Path

from peers.epidemic import Stopwatch, arguments

if __name__ == "__main__":
    agents, days, threads, rounds = arguments()  # before torch is loaded: it reads the number of threads once

import torch

from causal_lpm import KeyedNoise, comparing

README = Path(__file__).parents[1] / "README.md"
WORLDS = {1: {"never": {}}, 3: {"never": {}, "day 20": {"closing_day": 20}, "day 30": {"closing_day": 30}}}


def model(agents: int):
    """The function `epidemic` of the README, with so many agents."""
    text = README.read_text(encoding="utf-8")
    code = re.search(r"```python\n(import torch\n.*?)\nwith KeyedNoise", text, re.DOTALL)
    if code is None:
        raise RuntimeError("README.md has no program that begins with `import torch` and runs `with KeyedNoise`.")
    names: dict[str, object] = {}
    exec(code[1].replace("10_000", str(agents)), names)
    return names["epidemic"]


def main(agents: int, days: int, threads: int, repeats: int) -> None:
    torch.set_num_threads(threads)
    epidemic = model(agents)
    found: dict[int, list[float]] = {worlds: [] for worlds in WORLDS}
    for turn in range(repeats + 1):
        for worlds, settings in WORLDS.items():
            with KeyedNoise(1), comparing(settings):
                watch = Stopwatch()
                epidemic(days)
                watch.lap()
            if turn:
                found[worlds].append(round(1e3 * watch.seconds[0] / days, 4))
    row = {"agents": agents, "days": days, "threads": threads, "ms_a_day": found[1], "ms_a_day_three_worlds": found[3]}
    print(json.dumps(row))


if __name__ == "__main__":
    main(agents, days, threads, int(rounds or 5))
