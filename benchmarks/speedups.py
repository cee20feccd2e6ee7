"""How many times faster the compiled kernels are than the reference in torch, one thread, from the same input.

Run as `python benchmarks/speedups.py [agents]`; prints one JSON line. Both are called in turn, and each counts with its
fastest call, in CPU time. The ratios depend on the machine much less than the times do.
"""

import json
import math
from collections.abc import Callable

from peers.epidemic import arguments

if __name__ == "__main__":
    agents, *_ = arguments()  # before torch is loaded: it reads the number of threads once

import time

import torch

from causal_lpm import kernels, reuse_freed_memory
from causal_lpm.agents import FreshRandom, FreshWattsStrogatz, random_graph
from causal_lpm.kernels import hashing

MANY, FEW = 0.4, 0.01  # shares of the agents that are infectious
ROUNDS = 10
LONG_ENOUGH = 0.01  # seconds: a shorter call is made again and again

Call = Callable[[], torch.Tensor]


def calls(agents: int) -> dict[str, Call]:
    """One call of every kernel of a day."""
    key = hashing.stream(torch.tensor([1]), "speedup", 0)
    luck = kernels.field(key, agents, "uniform")
    many, few = luck < MANY, luck < FEW
    graph = random_graph(agents, 10, seed=1)
    rows = graph.indptr, graph.neighbours
    sums, other = kernels.graph_total(many, *rows), many ^ few
    home = torch.arange(agents, dtype=torch.int32) // 3
    ring = FreshWattsStrogatz(torch.arange(agents) % 10, torch.full((10,), 10.0), 0.1, "ring")
    stubs = FreshRandom(torch.full((agents,), 2), name="stubs")
    asking = torch.where(many, 0, -1).to(torch.int16)
    supply = torch.tensor([agents // 10])
    return {
        "field": lambda: kernels.field(key, agents, "exponential"),
        "happens": lambda: kernels.happens(luck, key, many),
        "select": lambda: kernels.select(asking, key, supply, 1),
        "group_total": lambda: kernels.group_total(many, home, int(home[-1]) + 1),
        "graph_total, many": lambda: kernels.graph_total(many, *rows),
        "graph_total, few": lambda: kernels.graph_total(few, *rows),
        "graph_change": lambda: kernels.graph_change(sums.clone(), many, other, *rows),
        "ring_total": lambda: kernels.ring_total(many, key, *ring.ring, ring.rewire),
        "stub_total, many": lambda: kernels.stub_total(many, key, stubs.owner, stubs.first, chain=False),
        "stub_total, few": lambda: kernels.stub_total(few, key, stubs.owner, stubs.first, chain=False),
    }


def seconds(call: Call) -> float:
    """The CPU time of one call, the least of several if it is short."""
    times: list[float] = []
    while sum(times) < LONG_ENOUGH:
        begin = time.process_time()
        call()
        times.append(time.process_time() - begin)
    return min(times)


def main(agents: int) -> None:
    torch.set_num_threads(1)
    reuse_freed_memory()
    ratios, milliseconds = {}, {}
    for name, call in calls(agents).items():
        least = {"reference": math.inf, "numba": math.inf}
        results = {}
        for number in range(ROUNDS + 1):
            for implementation in least:
                with kernels.use(implementation):
                    if number == 0:
                        results[implementation] = call()  # compiles, and is not counted
                    else:
                        least[implementation] = min(least[implementation], seconds(call))
        assert torch.equal(*results.values()), f"{name}: the compiled kernel and the reference differ"
        ratios[name] = round(least["reference"] / least["numba"], 2)
        milliseconds[name] = {implementation: round(1e3 * x, 4) for implementation, x in least.items()}
    print(json.dumps({"agents": agents, "speedups": ratios, "milliseconds": milliseconds}))


if __name__ == "__main__":
    main(agents)
