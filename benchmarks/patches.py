"""SEIR in patches, where everybody meets everybody, here and in LASER.

Run as `python benchmarks/patches.py [agents] [days] [threads] [patches]` it simulates here and prints one JSON line, as
peers/laser_patches.py does there. `beside_laser` runs both in turn, each with one thread and with all, and gives
LASER's seconds a day over ours, each with its faster variant, the median over the rounds.
"""

import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from peers.epidemic import EXPOSED, INFECTIOUS, SEEDED, Stopwatch, arguments, report

if __name__ == "__main__":
    agents, days, threads, mode = arguments()  # before torch is loaded: it reads the number of threads once

R0 = 2.5
NEVER = 255  # days are bytes: an agent is the day of its infection
TOLERANCE = 0.01  # of attack rates, relative
Line = dict[str, Any]


def simulate(agents: int, days: int, patches: int) -> tuple[Stopwatch, Line]:
    """The epidemic here: the time of every day, and the series."""
    import torch
    from seir import Clock

    from causal_lpm import KeyedNoise, event, rollout, tally

    size = agents // patches
    number = torch.arange(size * patches)
    patch = (number // size).to(torch.int32)
    infected_on = torch.where(number % size < max(1, round(SEEDED * size)), 0, NEVER).to(torch.uint8)

    def day(s):
        today, infected_on = s["t"].to(torch.uint8), s["infected_on"]
        susceptible, since = infected_on == NEVER, today - infected_on
        infectious = (since - EXPOSED < INFECTIOUS) & ~susceptible  # bytes wrap around below 0
        if patches == 1:
            ill = tally("infectious", infectious)
            infected = event("infection", R0 / INFECTIOUS / size * ill, where=susceptible)
        else:
            ill = tally("infectious", infectious, by=patch, groups=patches)
            infected = event("infection", R0 / INFECTIOUS / size * ill, where=susceptible, by=patch)
        tally("infections", infected)
        return {"infected_on": torch.where(infected, today, infected_on)}

    with Clock() as clock, KeyedNoise(1):
        run = rollout(day, {"infected_on": infected_on}, days)
    infected = int((run.state["infected_on"] != NEVER).sum())
    return clock.watch, {"infectious": run.tallies["infectious"].sum(0).tolist(), "infected": infected}


def main(agents: int, days: int, threads: int, patches: int) -> None:
    import torch

    from causal_lpm import reuse_freed_memory

    torch.set_num_threads(threads)
    reuse_freed_memory()  # as the manual says for large populations
    simulate(agents, 2, patches)  # compiles and loads the loops, those of several threads too
    setup = Stopwatch()
    setup.lap()
    watch, found = simulate(agents, days, patches)
    ours = {"torch": str(torch.__version__)}
    report(
        "causal_lpm",
        agents,
        threads,
        setup.seconds[0],
        watch,
        found["infectious"],
        found["infected"],
        ours,
        patches=patches,
    )


def beside_laser(
    sizes: Sequence[int], days: int, repeats: int, environments: Path, patches: Sequence[int] = (1, 100)
) -> Line:
    """`ratio_laser_SIZE` of every size, the smaller one of those of each number of patches, and all single runs.

    Raises:
        RuntimeError: a script fails, or attack rates of large patches differ by more than 1%.
    """
    from side_by_side import Variant, cores, mean_day

    tools = {"causal_lpm": (None, "patches.py"), "laser": ("laser", "peers/laser_patches.py")}
    found: Line = {"missing": "", "runs": {}}
    for size in sizes:
        ratios = []
        for number in patches:
            variants = [
                Variant(f"{tool}, {n}", tool, where, script, n, str(number))
                for tool, (where, script) in tools.items()
                for n in sorted({1, min(2, cores())})
            ]
            found["missing"] = next(filter(None, (v.missing(environments) for v in variants)), "")
            if found["missing"]:
                return found
            runs: dict[str, list[Line]] = {v.name: [] for v in variants}
            for _ in range(repeats):
                for variant in variants:
                    runs[variant.name].append(variant.run(environments, size, days))
            day = {name: [1e3 * mean_day(line, "peak") for line in lines] for name, lines in runs.items()}
            best = {
                tool: min((v.name for v in variants if v.tool == tool), key=lambda name: statistics.median(day[name]))
                for tool in tools
            }
            ratio = statistics.median(b / a for a, b in zip(day[best["causal_lpm"]], day[best["laser"]], strict=True))
            rates = {tool: runs[name][0]["attack_rate"] for tool, name in best.items()}
            if (
                size >= 100_000
                and size // number >= 10_000
                and abs(rates["laser"] / rates["causal_lpm"] - 1) > TOLERANCE
            ):
                raise RuntimeError(f"attack rates differ by more than 1%: {rates}; this is not one epidemic.")
            ratios.append(ratio)
            found["runs"][f"{size} agents, patches: {number}"] = {
                "ratio": round(ratio, 3),
                "of": f"{best['laser']} / {best['causal_lpm']}",
                "attack_rates": rates,
                "ms_a_day": {name: [round(x, 4) for x in each] for name, each in day.items()},
                "cpu_ms_a_day": {
                    name: [round(1e3 * mean_day(line, "peak", "cpu_seconds"), 4) for line in lines]
                    for name, lines in runs.items()
                },
            }
        found[f"ratio_laser_{size:.0e}".replace("e+0", "e")] = round(min(ratios), 2)
    return found


if __name__ == "__main__":
    main(agents, days, threads, int(mode or 1))
