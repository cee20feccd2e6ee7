"""What default threads cost beside one busy process: SEIR in one patch, over one thread on the machine alone.

Run as `python benchmarks/busy.py [agents] [days] [threads] [repeats]`; prints one JSON line. Each pair of runs is in
turn: one thread alone, then so many threads while another process counts.
"""

import json
import statistics
import subprocess
import sys

from measuring import line
from peers.epidemic import arguments


def main(agents: int, days: int, threads: int, repeats: int) -> None:
    alone, beside = [], []
    for _ in range(repeats):
        alone.append(line(["patches.py", agents, days, 1, 1]))
        with subprocess.Popen([sys.executable, "-c", "while True: pass"]) as other:
            try:
                beside.append(line(["patches.py", agents, days, threads, 1]))
            finally:
                other.kill()
    ms = {name: [1e3 * sum(run["seconds"]) / days for run in runs] for name, runs in (("a", alone), ("b", beside))}
    ratio = statistics.median(b / a for a, b in zip(ms["a"], ms["b"], strict=True))
    found = {"busy_ratio": round(ratio, 3), "ms_a_day_alone": ms["a"], "ms_a_day_beside": ms["b"]}
    print(json.dumps({"agents": agents, "days": days, "threads": threads, **found}))


if __name__ == "__main__":
    agents, days, threads, rounds = arguments()
    main(agents, days, threads, int(rounds or 3))
