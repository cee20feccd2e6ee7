"""An SEIR epidemic of 10 million, 100 million and a billion agents on one GPU: seconds and peak memory.

Run as `python benchmarks/gpu.py [agents] [--days 180] [--device cuda]`; without agents all three sizes. Households of
three and two chance contacts a day, drawn afresh each day and never stored; two bytes of state an agent. Prints a line
of JSON a size. On a machine without a GPU it says so and ends well; `--device cpu` is for trying it out.
"""

import argparse
import json
import resource
import time
from collections.abc import Sequence
from typing import Any

import torch

from causal_lpm import KeyedNoise, Rollout, event, exposure, rollout, tally
from causal_lpm.agents import FreshRandom, Groups, Population, start
from causal_lpm.kernels import use

SIZES = (10**7, 10**8, 10**9)
S, E, I, R = range(4)  # noqa: E741
HAZARD = {"home": 0.06, "chance": 0.12}  # a contact and day
EXPOSED, INFECTIOUS = 3, 6  # days
SEEDED = 1000  # one agent in so many was exposed on day 0
BYTES_AN_AGENT = 64  # at the widest place, which is the making of the chance contacts; a day needs about 45


def setup(agents: int, device: str) -> tuple[dict[str, Any], dict[str, torch.Tensor]]:
    number = torch.arange(agents, device=device, dtype=torch.int32)
    contacts = {
        "home": Groups(number // 3),
        "chance": FreshRandom(torch.full((agents,), 2, dtype=torch.int32, device=device), name="chance"),
    }
    stage = torch.where(number % SEEDED == 0, E, S).to(torch.uint8)
    left = torch.where(stage == E, EXPOSED, 0).to(torch.uint8)
    return contacts, start(Population({"stage": stage}), left=left)


def seir(contacts: dict[str, Any], initial: dict[str, torch.Tensor], days: int) -> Rollout:
    """`left`: days left in the present stage, 0 where nothing is due."""

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        stage, left = s["stage"], s["left"]
        met = exposure(contacts, stage == I)
        # In place, to save memory; and no add(alpha=...), which rounds once on one device and twice on another.
        hazard = met.pop("home").mul_(HAZARD["home"]).add_(met.pop("chance").mul_(HAZARD["chance"]))
        infected = event("infection", hazard, where=stage == S)
        tally("infections", infected)
        moves = left == 1
        left = torch.where(moves & (stage == E), INFECTIOUS, left - (left > 0).to(torch.uint8))
        return {"stage": stage + infected + moves, "left": torch.where(infected, EXPOSED, left).to(torch.uint8)}

    return rollout(day, initial, days)


def measure(agents: int, days: int, device: str) -> dict[str, Any]:
    cuda = device.startswith("cuda")
    if cuda:
        torch.cuda.reset_peak_memory_stats(device)
    begin = time.perf_counter()
    contacts, initial = setup(agents, device)
    _wait(cuda)
    ready = time.perf_counter()
    with KeyedNoise(torch.tensor(1, device=device)):
        run = seir(contacts, initial, days)
    _wait(cuda)
    seconds = time.perf_counter() - ready
    peak = (
        torch.cuda.max_memory_allocated(device) if cuda else 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    )
    return {
        "device": torch.cuda.get_device_name(device) if cuda else "cpu",
        "agents": agents,
        "days": days,
        "setup_seconds": round(ready - begin, 3),
        "seconds": round(seconds, 3),
        "peak_memory_gb": round(peak / 1e9, 3),
        "infections": int(run.tallies["infections"].sum()),
        "torch": str(torch.__version__),
    }


def _wait(cuda: bool) -> None:
    if cuda:
        torch.cuda.synchronize()


def same_as_on_the_cpu(device: str, agents: int = 50_000, days: int = 60) -> bool:
    """Whether a small epidemic has the same last stages on the device and, in torch alone, on the CPU."""
    stages = []
    for where, implementation in ((device, "auto"), ("cpu", "reference")):
        contacts, initial = setup(agents, where)
        with use(implementation), KeyedNoise(torch.tensor(1, device=where)):
            stages.append(seir(contacts, initial, days).state["stage"].cpu())
    return torch.equal(*stages)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("agents", type=lambda text: int(float(text)), nargs="?", help="by default 1e7, 1e8 and 1e9")
    parser.add_argument("--days", type=int, default=180)
    parser.add_argument("--device", default="cuda")
    given = parser.parse_args(arguments)
    if given.device.startswith("cuda") and not torch.cuda.is_available():
        print("No GPU: torch finds no CUDA device on this machine, so nothing was measured.")
        return
    same = same_as_on_the_cpu(given.device)  # also compiles what there is to compile
    for agents in (given.agents,) if given.agents else SIZES:
        if given.device.startswith("cuda"):
            torch.cuda.empty_cache()
            free, _ = torch.cuda.mem_get_info(given.device)
            if agents * BYTES_AN_AGENT > free:
                needed, there = agents * BYTES_AN_AGENT / 1e9, free / 1e9
                print(f"{agents:.0e} agents need about {needed:.0f} GB; this GPU has {there:.0f} GB free: left out.")
                continue
        print(json.dumps({**measure(agents, given.days, given.device), "same_stages_as_on_cpu": same}), flush=True)


if __name__ == "__main__":
    main()
