"""Bias of the gradient handlers, and seconds and peak memory of a gradient through a million agents.

    python benchmarks/gradients.py bias                    # SIR, 1000 agents x 40 days, against finite differences
    python benchmarks/gradients.py memory                  # SEIR, 1e6 agents x 60 days: one gradient
    python benchmarks/gradients.py memory --plain          # the same simulation without gradients
    python benchmarks/gradients.py memory --everything     # without checkpointing (about 5 GB)

Each command is one process; peak memory is that of the process, from the operating system.
"""

import argparse
import contextlib
import resource
import sys
import time
from collections.abc import Callable

import torch

from causal_lpm import Checkpointing, KeyedNoise, MeanField, StraightThrough, event, exposure, rollout, tally
from causal_lpm.agents.networks import Graph, random_graph
from causal_lpm.typing import State


def peak_mb() -> float:
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**20 if sys.platform == "darwin" else 2**10)


def resident_mb() -> float:
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 2**10


def sir(graph: Graph) -> Callable[[State], State]:
    def day(s: State) -> State:
        infected = s["S"] * event("infection", s["beta"] * exposure(graph, s["I"]))
        recovered = s["I"] * event("recovery", 1 / 7)
        tally("infections", infected)
        return {**s, "S": s["S"] - infected, "I": s["I"] + infected - recovered}

    return day


def seir(graph: Graph) -> Callable[[State], State]:
    def day(s: State) -> State:
        infected = s["S"] * event("infection", s["beta"] * exposure(graph, s["I"]))
        onset = s["E"] * event("onset", 1 / 3)
        recovered = s["I"] * event("recovery", 1 / 7)
        tally("infections", infected)
        return {
            **s, "S": s["S"] - infected, "E": s["E"] + infected - onset, "I": s["I"] + onset - recovered
        }  # fmt: skip

    return day


def bias(pairs: int, agents: int = 1000, days: int = 40, change: float = 0.001) -> None:
    graph, step = random_graph(agents, 10, seed=3), 500
    infectious = (torch.arange(agents) < 10).float()

    def total(beta: torch.Tensor, *handlers: contextlib.AbstractContextManager[object]) -> torch.Tensor:
        with contextlib.ExitStack() as stack:
            for handler in handlers:
                stack.enter_context(handler)
            start = {"S": 1 - infectious, "I": infectious, "beta": beta}
            return rollout(sir(graph), start, days).tallies["infections"].sum(-1)[..., 0]

    for value in (0.02, 0.025, 0.04):
        slopes, sizes, straight = [], [], []
        for batch in range(0, pairs, step):
            seeds = torch.arange(batch, batch + step)[:, None]
            low, high = (total(torch.tensor([value + sign * change]), KeyedNoise(seeds)) for sign in (-1, 1))
            slopes.append((high - low) / (2 * change))
            sizes.append((high + low) / 2)
            if batch < 2000:
                beta = torch.full((step, 1), value, requires_grad=True)
                infections = total(beta, StraightThrough(), KeyedNoise(seeds))
                straight.append(torch.autograd.grad(infections.sum(), beta)[0][:, 0])
        slope, size, st = torch.cat(slopes), torch.cat(sizes), torch.cat(straight)
        beta = torch.tensor([value], requires_grad=True)
        mean_field = total(beta, MeanField())
        (mf,) = torch.autograd.grad(mean_field, beta)
        truth, error = float(slope.mean()), float(slope.std()) / len(slope) ** 0.5
        print(f"beta {value}: E[infected] {float(size.mean()):.1f}, d/dbeta {truth:.0f} +- {error:.0f} ({pairs} pairs)")
        print(f"  straight-through {float(st.mean()):.0f} +- {float(st.std()) / len(st) ** 0.5:.0f}: "
              f"{100 * (float(st.mean()) / truth - 1):+.0f}%, sd {float(st.std()):.0f}")  # fmt: skip
        print(f"  mean field {float(mf):.0f}: {100 * (float(mf) / truth - 1):+.0f}%, "
              f"E[infected] {float(mean_field.detach()):.1f}", flush=True)  # fmt: skip


def memory(agents: int, days: int, plain: bool, everything: bool, mean_field: bool) -> None:
    graph = random_graph(agents, 10, seed=1)
    infectious = (torch.arange(agents) < agents // 1000).float()
    beta = torch.tensor([0.05], requires_grad=not plain)
    start = {"S": 1 - infectious, "E": torch.zeros(agents), "I": infectious, "beta": beta}
    before = resident_mb()
    started = time.perf_counter()
    with contextlib.ExitStack() as stack:
        stack.enter_context(KeyedNoise(1))
        if not plain:
            stack.enter_context(MeanField() if mean_field else StraightThrough())
        if not plain and not everything:
            stack.enter_context(Checkpointing())
        series = rollout(seir(graph), start, days).tallies["infections"]
    forward, high = time.perf_counter() - started, peak_mb()
    print(f"infected {float(series.sum().detach()):.0f} of {agents}")
    print(f"forward: {forward:.1f} s, resident before {before:.0f} MB, peak {high:.0f} MB")
    if not plain:
        series.sum().backward()
        print(f"gradient {float(beta.grad if beta.grad is not None else torch.nan):.9g}")
        print(f"backward: {time.perf_counter() - started - forward:.1f} s, peak {peak_mb():.0f} MB")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["bias", "memory"])
    parser.add_argument("--agents", type=int, default=1_000_000)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=12_000)
    for flag in ("plain", "everything", "mean-field"):
        parser.add_argument(f"--{flag}", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.what == "bias":
        bias(given.pairs)
    else:
        memory(given.agents, given.days, given.plain, given.everything, given.mean_field)
