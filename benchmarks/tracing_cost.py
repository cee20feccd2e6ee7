"""What a day of tracing costs among a million agents, by layer and by how many are diagnosed.

python benchmarks/tracing_cost.py [AGENTS]
"""

import sys
import time

import torch

from causal_lpm import KeyedNoise, exposure, rollout
from causal_lpm.agents import FreshRandom, FreshWattsStrogatz, Groups, Layer, Tracing, random_graph
from causal_lpm.typing import State

DAYS_BACK, DAYS = 7, 12


def layers(agents: int) -> dict[str, Layer]:
    classes = torch.arange(agents) % 30
    return {
        "fixed graph of degree 10": random_graph(agents, 10.0, seed=1),
        "groups of 5": Groups(torch.arange(agents) // 5),
        "fresh pairs, 10 a day": FreshRandom(torch.full((agents,), 10), name="pairs"),
        "fresh small worlds of degree 10": FreshWattsStrogatz(classes, torch.full((30,), 10.0), 0.1, "ring"),
    }


def milliseconds(layer: Layer, diagnosed: int) -> tuple[float, float]:
    """Of the last days of a rollout, the medians of a day's tracing and of one exposure, in time of the processor."""
    tracing, spent = Tracing(network=layer, days_back=DAYS_BACK, probability=0.5), ([], [])

    def day(s: State) -> State:
        cases = (
            torch.rand(layer.agents, generator=torch.Generator().manual_seed(int(s["t"]))) < diagnosed / layer.agents
        )
        times = [time.process_time()]
        changed, _ = tracing.day(s, cases)
        times.append(time.process_time())
        exposure(layer, cases)
        times.append(time.process_time())
        for kind, begin, end in zip(spent, times, times[1:], strict=False):
            kind.append(end - begin)
        return {**s, **changed}

    with KeyedNoise(1):
        rollout(day, tracing.start(layer.agents), DAYS)
    tracing_ms, exposure_ms = (1e3 * float(torch.tensor(kind[DAYS_BACK + 1 :]).median()) for kind in spent)
    return tracing_ms, exposure_ms


if __name__ == "__main__":
    agents = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    for name, layer in layers(agents).items():
        for diagnosed in (0, 100, 1_000, 10_000):
            tracing_ms, exposure_ms = milliseconds(layer, diagnosed)
            print(
                f"{name:32} {diagnosed:6} diagnosed: {tracing_ms:7.1f} ms of tracing, {exposure_ms:6.1f} ms an exposure"
            )
