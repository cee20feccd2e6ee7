"""Bias of the gradient handlers, and seconds and peak memory of a gradient through a million agents.

    python benchmarks/gradients.py bias                    # SIR x 40 days, against finite differences, as a table
    python benchmarks/gradients.py bias --agents 5000      # with 5000 agents; 1000 by default
    python benchmarks/gradients.py sensitivity             # SIR, 1e5 agents x 60 days, by age: seconds
    python benchmarks/gradients.py memory                  # SEIR, 1e6 agents x 60 days: one gradient
    python benchmarks/gradients.py memory --plain          # the same simulation without gradients
    python benchmarks/gradients.py memory --everything     # without checkpointing (about 5 GB)

Each command is one process; peak memory is that of the process, from the operating system.
"""

import argparse
import contextlib
import functools
import resource
import sys
import time
from collections.abc import Callable, Sequence

import pyro
import pyro.distributions as dist
import torch

from causal_lpm import (
    Checkpointing,
    KeyedNoise,
    MeanField,
    Rollout,
    State,
    StraightThrough,
    event,
    exposure,
    rollout,
    tally,
)
from causal_lpm.agents import Graph, Groups, random_graph
from causal_lpm.inference import check_gradient, sensitivity


def peak_mb() -> float:
    if sys.platform == "darwin":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return status_mb("VmHWM")  # unlike ru_maxrss it does not begin with the memory of the process that started this one


def resident_mb() -> float:
    return status_mb("VmRSS")


def status_mb(entry: str) -> float:
    with open("/proc/self/status") as status:  # noqa: PTH123
        return next(int(line.split()[1]) for line in status if line.startswith(entry)) / 2**10


def sir(graph: Graph, everybody: bool = False) -> Callable[[State], State]:
    def day(s: State) -> State:
        where = None if everybody else s["S"] > 0
        infected = s["S"] * event("infection", s["beta"] * exposure(graph, s["I"]), where=where)
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


def bias(pairs: int, agents: int, replicates: int, values: Sequence[float], days: int = 40) -> None:
    graph, infectious = random_graph(agents, 10, seed=3), (torch.arange(agents) < agents // 100).float()

    def model(everybody: bool = False) -> Rollout:
        beta = pyro.sample("beta", dist.LogNormal(-3.0, 1.0))
        return rollout(sir(graph, everybody), {"S": 1 - infectious, "I": infectious, "beta": beta}, days)

    for value in values:
        begun = time.process_time()
        check = functools.partial(
            check_gradient, wrt=["beta"], outcome="infections", at={"beta": value}, step={"beta": 0.001},
            replicates=replicates,
        )  # fmt: skip
        rows = check(model, pairs=pairs)
        truth = rows[0]
        # The simulation is the same and so is its slope; what the events of the others pass back is not.
        rows += check(functools.partial(model, everybody=True), estimators=[StraightThrough()], pairs=2)
        print(f"{agents} agents, beta {value}: E[infected] {truth.exact:.1f}, slope {truth.reference:.0f} +- "
              f"{truth.reference_error:.0f}, sd {truth.reference_sd:.0f} of one of {pairs} pairs")  # fmt: skip
        for row, concerned in zip(rows, [*[""] * (len(rows) - 1), " without where"], strict=True):
            error = (row.error**2 + truth.reference_error**2) ** 0.5 / abs(truth.reference)
            size, slope = 100 * (row.value / truth.exact - 1), 100 * (row.slope / truth.reference - 1)
            print(f"  {row.estimator}{concerned}: infected {row.value:.1f} ({size:+.0f}%), slope {row.slope:.0f} +- "
                  f"{row.error:.0f} ({slope:+.1f}% +- {100 * error:.1f}%), sd {row.sd:.0f} of one run of "
                  f"{row.replicates}")  # fmt: skip
        print(f"  {time.process_time() - begun:.0f} s of one core", flush=True)


def sensitivities(agents: int, days: int) -> None:
    age, infectious = torch.arange(agents) % 4, (torch.arange(agents) < agents // 1000).float()
    layers = {"home": Groups(torch.arange(agents) // 4), "other": random_graph(agents, 10, seed=1)}

    def model() -> Rollout:
        contact = pyro.sample("contact", dist.LogNormal(torch.full((2,), -3.0), 1.0).to_event(1))
        with pyro.plate("ages", 4):
            susceptibility = pyro.sample("susceptibility", dist.Gamma(1.0, 1.0))

        def day(s: State) -> State:
            total = exposure(layers, s["I"])
            hazard = contact[..., 0] * total["home"] + contact[..., 1] * total["other"]
            hazard = hazard * susceptibility[..., age]
            infected = s["S"] * event("infection", hazard, where=s["S"] > 0)
            recovered = s["I"] * event("recovery", 1 / 7)
            tally("infections", infected, by=age, groups=4)
            return {"S": s["S"] - infected, "I": s["I"] + infected - recovered}

        return rollout(day, {"S": 1 - infectious, "I": infectious}, days)

    at = {"contact": [0.05, 0.02], "susceptibility": [0.5, 1.0, 1.0, 0.7]}
    for pairs in (0, 2, 4):
        begun, used = time.perf_counter(), time.process_time()
        found = sensitivity(model, "infections", by=["child", "young", "adult", "old"], at=at, pairs=pairs)
        print(f"{agents} agents, {days} days, {found.sizes['parameter']} parameters, 4 groups, {pairs} pairs: "
              f"{time.perf_counter() - begun:.1f} s, {time.process_time() - used:.1f} s of one core")  # fmt: skip
    for name in ("gradient", "finite_difference", "finite_difference_error"):
        print(name, found[name].values.round().tolist())
    print(f"peak {peak_mb():.0f} MB")


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
    parser.add_argument("what", choices=["bias", "sensitivity", "memory"])
    parser.add_argument("--agents", type=int)
    parser.add_argument("--days", type=int, default=60)
    parser.add_argument("--pairs", type=int, default=12_000)
    parser.add_argument("--replicates", type=int, default=2_000)
    parser.add_argument("--beta", type=float, nargs="+", default=[0.02, 0.025, 0.04])
    for flag in ("plain", "everything", "mean-field"):
        parser.add_argument(f"--{flag}", action="store_true")
    given = parser.parse_args()
    torch.set_num_threads(1)
    if given.what == "bias":
        bias(given.pairs, given.agents or 1000, given.replicates, given.beta)
    elif given.what == "sensitivity":
        sensitivities(given.agents or 100_000, given.days)
    else:
        memory(given.agents or 1_000_000, given.days, given.plain, given.everything, given.mean_field)
