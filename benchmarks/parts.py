"""The parts of the benchmarks: each measures, in fresh processes, and says which numbers of the results it fills."""

from __future__ import annotations

import json
import re
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import growth
from measuring import HERE, ROOT, gb, in_turn, line, median, module_lines, printed, without_paths
from patches import beside_laser
from plots import draw
from side_by_side import machine, side_by_side

ELSEWHERE = ROOT / "build" / "bench"  # of runs that are not to be committed
QUICK_SCALE = 20
FEWEST = 500  # agents: the second-dose study needs as many


@dataclass(frozen=True)
class Plan:
    """How much is measured: what all numbers of agents are divided by, runs of each kind, and what else is given."""

    scale: int = 1
    repeats: int = 3
    full: bool = False
    environments: Path = HERE / ".venvs"
    pictures: Path = HERE / "results"

    def agents(self, number: float) -> int:
        return max(round(number / self.scale), FEWEST)

    @property
    def threads(self) -> int:
        return min(2, int(machine()["cores"]))


Values = dict[str, Any]
Found = tuple[Values, Values]  # the numbers of the first level; everything else that was measured


def peers(plan: Plan) -> Found:
    """The epidemic here and in the peers."""
    found = side_by_side(plan.agents(1e6), 100, plan.repeats, plan.environments)
    ours = [tool for name, tool in found["tools"].items() if name.startswith("causal_lpm")]
    ratios = {key: found[key] for key in PARTS["peers"].keys if key in found}
    if found["attack_rates_agree"] is False:
        raise RuntimeError("the attack rates differ by more than 2%: this is not one epidemic.")
    reasons = [without_paths(reason) for reason in found["missing"]]
    found["missing"] = {
        key: "; ".join(reason for reason in reasons if reason.startswith(key.split("_")[1])) for key in PEER_RATIOS
    }
    return {"seir_peak_mb": min(tool["peak_rss_mb"] for tool in ours), **ratios}, found


def laser(plan: Plan) -> Found:
    """SEIR in one patch and in a hundred, here and in LASER."""
    sizes = {name: plan.agents(float(name)) for name in ("1e6", "1e5", "1e4")}
    found = beside_laser(list(sizes.values()), 150, plan.repeats, plan.environments)
    keys = {f"ratio_laser_{name}": f"ratio_laser_{size:.0e}".replace("e+0", "e") for name, size in sizes.items()}
    reason = without_paths(found["missing"])
    found["missing"] = dict.fromkeys(keys, reason) if reason else {}
    return {key: found[own] for key, own in keys.items() if own in found}, found


def second_dose(plan: Plan) -> Found:
    """8.4 million agents x 180 days, one world."""
    command = ["second_dose.py", plan.agents(8.4e6), 180, plan.threads, "one"]
    runs = in_turn({"one": command}, plan.repeats)["one"]
    memory = gb(median(runs, "peak_rss_mb"))
    return {"second_dose_8m_seconds": median(runs, "seconds"), "second_dose_8m_gb": memory}, {"runs": runs}


def second_dose_small(plan: Plan) -> Found:
    """100,000 agents x 180 days, two worlds that differ from the first dose on, one thread."""
    found = line(["second_dose.py", plan.agents(1e5), 180, 1, "two", plan.repeats])
    return {"second_dose_100k_two_worlds_seconds": statistics.median(found["seconds_two_worlds"])}, found


def small_days(plan: Plan) -> Found:
    """A day of the README's model, 10,000 agents, one thread."""
    found = line(["small_days.py", plan.agents(1e4), 100, 1, plan.repeats])
    return {"readme_day_ms": statistics.median(found["ms_a_day"])}, found


def busy(plan: Plan) -> Found:
    """SEIR in one patch with two threads, by default settings, beside one busy process, over one thread alone."""
    found = line(["busy.py", plan.agents(1e6), 100, plan.threads, plan.repeats])
    return {"busy_ratio": found["busy_ratio"]}, found


def ranks(plan: Plan) -> Found:
    """The second-dose model on two ranks against one, one thread each."""
    command = ["benchmarks.ranks", "--agents", plan.agents(8.4e6), "--days", 40, "--ranks", 1, 2]
    one, two = module_lines(command)
    values = {
        "ranks_speedup": round(one["seconds a day"] / two["seconds a day"], 3),
        "ranks_memory": round(two["megabytes a rank"] / one["megabytes a rank"], 3),
    }
    return values, {"runs": [one, two]}


def two_worlds(plan: Plan) -> Found:
    """Two worlds that differ from the first dose on over one, in turn in one process."""
    found = line(["second_dose.py", plan.agents(1e6), 180, plan.threads, "two", plan.repeats])
    details: Values = {"1e6 agents": found}
    if plan.full:
        details["8.4e6 agents"] = line(["second_dose.py", plan.agents(8.4e6), 180, plan.threads, "two", 1])
    return {"two_worlds_ratio": statistics.median(found["ratios"])}, details


def late_split(plan: Plan, agents: float = 1e6, days: int = 180) -> Found:
    """Two worlds over one, when they split at half of the days; in proportion only the days after it count twice."""
    split = days // 2
    size = plan.agents(agents), days, 1, "model"
    commands = {
        "one world": ["seir.py", *size],
        "two worlds, split on day 0": ["seir.py", *size, "worlds=2"],
        f"two worlds, split on day {split}": ["seir.py", *size, "worlds=2", f"split={split}"],
    }
    runs = in_turn(commands, plan.repeats)
    seconds = {name: [sum(run["cpu_seconds"]) for run in of] for name, of in runs.items()}
    one, early, late = seconds.values()
    after = statistics.median(sum(run["cpu_seconds"][split:]) / sum(run["cpu_seconds"]) for run in runs["one world"])
    ratio = statistics.median(b / a for a, b in zip(one, late, strict=True))
    details = {
        "agents": plan.agents(agents),
        "days": days,
        "split": split,
        "late_split_ratio": round(ratio, 4),
        "early_split_ratio": round(statistics.median(b / a for a, b in zip(one, early, strict=True)), 4),
        "in_proportion": round(1 + after, 4),
        "cpu_seconds": {name: [round(x, 4) for x in of] for name, of in seconds.items()},
    }
    return {"late_split_ratio": round(ratio, 4), "late_split_excess": round(ratio / (1 + after), 4)}, details


def handlers(plan: Plan) -> Found:
    """What handlers cost over the bare loop of the same kernels."""
    found = line(["seir.py", plan.agents(1e6), 100, 1, "overhead"])
    return {"handler_overhead": found["handler_overhead"]}, found


def growing(plan: Plan, quick: bool = False) -> Found:
    """Time a day and memory against agents, contacts, days, worlds."""
    found = growth.measure(plan.scale, plan.repeats, quick)
    draw(found, plan.pictures / "growth.png")
    return {"growth_exponent": growth.exponent(found["agents"])}, found


def paper_table(plan: Plan) -> Found:
    """The table of the second-dose study."""
    command = ["second_dose.py", plan.agents(1e5), 180, plan.threads, "table"]
    runs = in_turn({"table": command}, plan.repeats)["table"]
    return {"paper_table_seconds": median(runs, "seconds")}, {"runs": runs}


def synthesis(plan: Plan) -> Found:
    """A population with households and workplaces: making it, loading it."""
    text = printed(["synthesis.py", plan.agents(8.4e6)])
    steps = re.findall(r"^(synthesis|save|load)\s+([\d.]+) s, peak\s+(\d+) MiB, of which (\d+)", text, re.MULTILINE)
    if len(steps) != 3:
        raise RuntimeError(f"synthesis.py printed something else than its three steps: {text[:500]!r}")
    found = {
        name: {"seconds": float(seconds), "peak_rss_mb": int(peak), "peak_rss_loaded_mb": int(before)}
        for name, seconds, peak, before in steps
    }
    values = {
        "synthesis_seconds": found["synthesis"]["seconds"],
        "synthesis_gb": gb(found["synthesis"]["peak_rss_mb"]),
        "synthesis_load_seconds": found["load"]["seconds"],
    }
    return values, found


def gradients(plan: Plan) -> Found:
    """What a gradient needs in memory over the same simulation without it."""
    peaks, texts = {}, {}
    for name, flags in (("gradient", []), ("plain", ["--plain"])):
        texts[name] = printed(["gradients.py", "memory", "--agents", plan.agents(1e6), *flags])
        found = re.findall(r"peak (\d+) MB", texts[name])
        if not found:
            raise RuntimeError(f"gradients.py printed no peak memory: {texts[name][:500]!r}")
        peaks[name] = int(found[-1])
    extra = gb(peaks["gradient"] - peaks["plain"])
    lines = {name: text.splitlines() for name, text in texts.items()}
    return {"gradient_extra_gb": extra}, {"peak_rss_mb": peaks, "printed": lines}


def gpu(plan: Plan) -> Found:
    """1e7, 1e8 and 1e9 agents on a GPU, where there is one."""
    text = printed(["gpu.py", *([plan.agents(1e8)] if plan.scale > 1 else [])])
    runs = [json.loads(row) for row in text.splitlines() if row.startswith("{")]
    if not runs:
        return {}, {"missing": {"gpu_1e8_seconds": text.strip()}}
    wanted = [run["seconds"] for run in runs if run["agents"] == plan.agents(1e8)]
    return {"gpu_1e8_seconds": wanted[0] if wanted else None}, {"runs": runs, "printed": text.splitlines()}


def speedups(plan: Plan) -> Found:
    """Compiled kernels over the reference."""
    found = line(["speedups.py", plan.agents(1e6)])
    return {"speedups": found["speedups"]}, found


def quick(plan: Plan) -> Found:
    """The ratios that hardly depend on the machine, small: what a change is compared by."""
    small = Plan(plan.scale * QUICK_SCALE, plan.repeats, pictures=ELSEWHERE)
    pair = line(["second_dose.py", small.agents(1e6), 60, 1, "two", 5])
    cost, overhead = handlers(small)
    slope, points = growing(small, quick=True)
    faster, times = speedups(small)
    values = {"two_worlds_ratio": statistics.median(pair["ratios"]), **cost, **slope, **faster}
    return {"quick": {**values, "details": [pair, overhead, points, times]}}, {}


@dataclass(frozen=True)
class Part:
    """One part of the benchmarks and the keys that it fills."""

    measure: Callable[[Plan], Found]
    keys: tuple[str, ...]


PEER_RATIOS = tuple(f"ratio_{peer}_{regime}" for regime in ("peak", "low") for peer in ("starsim", "covasim"))
PARTS = {
    "peers": Part(peers, (*PEER_RATIOS, "seir_peak_mb")),
    "laser": Part(laser, ("ratio_laser_1e6", "ratio_laser_1e5", "ratio_laser_1e4")),
    "handlers": Part(handlers, ("handler_overhead",)),
    "growth": Part(growing, ("growth_exponent",)),
    "late_split": Part(late_split, ("late_split_ratio", "late_split_excess")),
    "two_worlds": Part(two_worlds, ("two_worlds_ratio",)),
    "second_dose": Part(second_dose, ("second_dose_8m_seconds", "second_dose_8m_gb")),
    "second_dose_small": Part(second_dose_small, ("second_dose_100k_two_worlds_seconds",)),
    "small_days": Part(small_days, ("readme_day_ms",)),
    "busy": Part(busy, ("busy_ratio",)),
    "ranks": Part(ranks, ("ranks_speedup", "ranks_memory")),
    "paper_table": Part(paper_table, ("paper_table_seconds",)),
    "synthesis": Part(synthesis, ("synthesis_seconds", "synthesis_gb", "synthesis_load_seconds")),
    "gradients": Part(gradients, ("gradient_extra_gb",)),
    "gpu": Part(gpu, ("gpu_1e8_seconds",)),
    "speedups": Part(speedups, ("speedups",)),
    "quick": Part(quick, ("quick",)),
}
