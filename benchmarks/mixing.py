"""What contacts by a matrix cost against a layer of groups: `python benchmarks/mixing.py [agents]`, one JSON line.

18 ages in 5 regions. Both layers are asked in turn, A B A B, in one process and one thread, and each counts with the
fastest of its calls, in CPU time: `exposure` of who is infectious (bool) and of how infectious each is (float32). The
matrix is weighed anew at every call, as a closure does.
"""

import json
import math
import statistics

from peers.epidemic import arguments

if __name__ == "__main__":
    agents, *_ = arguments()  # before torch is loaded: it reads the number of threads once

import time

import torch

from causal_lpm import exposure, reuse_freed_memory
from causal_lpm.agents import Groups, Mixing, by_place, contact_matrices

ROUNDS = 30
AGES, REGIONS = 18, 5


def main(agents: int) -> None:
    torch.set_num_threads(1)
    reuse_freed_memory()
    g = torch.Generator().manual_seed(1)
    group = torch.randint(0, AGES * REGIONS, (agents,), generator=g)
    regions = 0.8 * torch.eye(REGIONS) + 0.2 / REGIONS
    groups, mixing = Groups(group), Mixing(group, by_place(contact_matrices("GBR"), regions))
    luck = torch.rand(agents, generator=g)
    results: dict[str, object] = {"agents": agents, "groups": AGES * REGIONS}
    for kind, sent in (("bool", luck < 0.05), ("float32", torch.where(luck < 0.05, luck, 0.0))):
        calls = {"groups": lambda: groups, "mixing": lambda: mixing.scaled(school=0.5)}
        seconds: dict[str, list[float]] = {name: [] for name in calls}
        for number in range(ROUNDS + 1):
            for name, layer in calls.items():
                begin = time.process_time()
                exposure(layer(), sent)
                if number:  # the first compiles
                    seconds[name].append(time.process_time() - begin)
        least = {name: min(times) for name, times in seconds.items()}
        ratios = [b / a for a, b in zip(seconds["groups"], seconds["mixing"], strict=True)]
        results[kind] = {
            "milliseconds": {name: round(1e3 * x, 3) for name, x in least.items()},
            "ratio": round(least["mixing"] / least["groups"], 2) if least["groups"] else math.nan,
            "median_of_ratios": round(statistics.median(ratios), 2),
        }
    print(json.dumps(results))


if __name__ == "__main__":
    main(agents)
