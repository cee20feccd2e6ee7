"""The epidemic of peers/epidemic.py in this package and in its peers, in turn: A B C, A B C, ...

Run as `python benchmarks/side_by_side.py --agents 1e6 --days 100 --repeats 3 --out FILE`. Every run is a process of its
own, a peer's in the peer's own environment (`make venv-peers`). A peer that is not installed is named as missing.

A ratio is the seconds a day of a peer divided by ours, the median over the rounds. Each tool counts with its fastest
variant: of starsim and covasim those with contacts that stay the same, with one thread or all; covasim in both of its
generations. `peak` is the mean of all days, `low` the mean of the days on which less than 2% are infectious, by the
tool's own count and without day 0.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOW = 0.02  # prevalence
TOLERANCE = 0.02  # of attack rates, relative
Line = dict[str, Any]  # what peers/epidemic.py prints


@dataclass(frozen=True)
class Variant:
    """One way to run one tool.

    Args:
        name: As in the results.
        tool: What it counts for in the ratios; None: it is timed, and counts for nothing.
        environment: Folder of the environment, None for the one that runs this.
        script: Relative to this folder.
        threads: Number of threads.
        mode: Last argument of the script.
    """

    name: str
    tool: str | None
    environment: str | None
    script: str
    threads: int = 1
    mode: str = ""

    def python(self, environments: Path) -> Path:
        if self.environment is None:
            return Path(sys.executable)
        return environments / self.environment / "bin" / "python"

    def missing(self, environments: Path) -> str | None:
        """What to do, if the environment is not there."""
        if self.python(environments).exists():
            return None
        return f"{self.environment} is not installed in {environments}: make venv-peers"

    def run(self, environments: Path, agents: int, days: int) -> Line:
        command = [self.python(environments), HERE / self.script, agents, days, self.threads, self.mode]
        # A peer must not find our packages.
        environment = {k: v for k, v in os.environ.items() if self.environment is None or k != "PYTHONPATH"}
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=environment, check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
        if done.returncode != 0 or not lines:
            raise RuntimeError(f"{self.name} failed (exit status {done.returncode}): {done.stderr.strip()[-2000:]}")
        line: Line = json.loads(lines[-1])
        return line


def variants(threads: int) -> list[Variant]:
    """All tools in the order in which they run."""
    all_threads = [1, threads] if threads > 1 else [1]

    def each(name: str, tool: str, environment: str | None, script: str, mode: str = "") -> list[Variant]:
        return [Variant(f"{name}, {n} thread{'s' * (n > 1)}", tool, environment, script, n, mode) for n in all_threads]

    return [
        *each("causal_lpm", "causal_lpm", None, "seir.py"),
        *each("causal_lpm general", None, None, "seir.py", "general"),  # reported beside; in no ratio
        Variant("starsim static", "starsim", "starsim", "peers/starsim_seir.py", mode="static"),  # has no threads
        Variant("starsim crn", "starsim", "starsim", "peers/starsim_seir.py", mode="crn"),
        Variant("starsim default", None, "starsim", "peers/starsim_seir.py", mode="default"),
        *each("covasim 3", "covasim", "covasim3", "peers/covasim3_seir.py"),
        Variant("covasim 4 static", "covasim", "covasim4", "peers/covasim4_seir.py", mode="static"),
        Variant("covasim 4 crn", "covasim", "covasim4", "peers/covasim4_seir.py", mode="crn"),
    ]


def mean_day(line: Line, regime: str, clock: str = "seconds") -> float:
    """Seconds a day of one run, through the peak or below 2% prevalence."""
    days = list(zip(line[clock], line["prevalence"], strict=True))
    if regime == "low":
        days = [(seconds, prevalence) for seconds, prevalence in days[1:] if prevalence < LOW]
    return statistics.fmean(seconds for seconds, _ in days)


def fastest(runs: dict[str, list[Line]], candidates: Iterable[str], regime: str) -> str:
    """The variant with the smallest median."""
    return min(candidates, key=lambda name: statistics.median(mean_day(line, regime) for line in runs[name]))


def ratios(runs: dict[str, list[Line]], used: list[Variant], incomplete: Iterable[str | None] = ()) -> Line:
    """`ratio_PEER_REGIME` for every peer of which all variants ran, and which variants stand behind it."""
    found: Line = {}
    for regime in ("peak", "low"):
        ours = fastest(runs, [v.name for v in used if v.tool == "causal_lpm"], regime)
        for tool in dict.fromkeys(v.tool for v in used if v.tool not in (None, "causal_lpm", *incomplete)):
            theirs = fastest(runs, [v.name for v in used if v.tool == tool], regime)
            pairs = zip(runs[theirs], runs[ours], strict=True)
            ratio = statistics.median(mean_day(a, regime) / mean_day(b, regime) for a, b in pairs)
            found[f"ratio_{tool}_{regime}"] = round(ratio, 2)
            found[f"ratio_{tool}_{regime}_of"] = f"{theirs} / {ours}"
    return found


def summary(runs: dict[str, list[Line]], used: list[Variant], incomplete: Iterable[str | None] = ()) -> Line:
    """Medians of every variant, ratios, and whether the attack rates agree.

    A peer is `incomplete` if one of its variants is not installed: it may be the fastest, so there is no ratio.
    """
    table = {}
    for name, lines in runs.items():
        peak, low = (statistics.median(mean_day(line, regime) for line in lines) for regime in ("peak", "low"))
        table[name] = {
            "ms_a_day_peak": round(1e3 * peak, 3),
            "ms_a_day_low": round(1e3 * low, 3),
            "cpu_ms_a_day_least": round(1e3 * min(mean_day(line, "peak", "cpu_seconds") for line in lines), 3),
            "highest_prevalence": statistics.median(max(line["prevalence"]) for line in lines),
            "attack_rate": statistics.median(line["attack_rate"] for line in lines),
            "setup_seconds": statistics.median(line["setup_seconds"] for line in lines),
            "peak_rss_mb": statistics.median(line["peak_rss_mb"] for line in lines),
            "versions": lines[0]["versions"],
        }
    rates = [table[v.name]["attack_rate"] for v in used if v.tool is not None]
    spread = (max(rates) - min(rates)) / min(rates) if min(rates) > 0 else float("inf")
    one_thread = [v for v in used if v.threads == 1]
    compared = any(v.tool not in (None, "causal_lpm") for v in used)
    return {
        **ratios(runs, used, incomplete),
        "one_thread": ratios(runs, one_thread, incomplete),
        "attack_rates_spread": round(spread, 4),
        "attack_rates_agree": spread <= TOLERANCE if compared else None,
        "tools": table,
    }


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine() -> Line:
    """Cores and the name of the processor."""
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return {"cores": cores(), "processor": (names or [platform.processor()])[0], "system": platform.platform()}


def side_by_side(agents: int, days: int, repeats: int, environments: Path, only: Iterable[str] = ()) -> Line:
    """Runs everything that is installed, in turn, and says what is not.

    Args:
        agents: Number of agents.
        days: Number of days.
        repeats: Rounds.
        environments: Folder with one environment a peer.
        only: Tools to run beside ours; all without it.

    Raises:
        RuntimeError: a script fails.
    """
    wanted = [v for v in variants(cores()) if not only or v.environment is None or v.environment in set(only)]
    missing = sorted({reason for v in wanted if (reason := v.missing(environments))})
    for reason in missing:
        print(reason, file=sys.stderr)
    used = [v for v in wanted if not v.missing(environments)]
    runs: dict[str, list[Line]] = {v.name: [] for v in used}
    began = time.time()
    for number in range(repeats):
        for variant in used:
            line = variant.run(environments, agents, days)
            runs[variant.name].append(line)
            day = 1e3 * mean_day(line, "peak")
            print(f"{number + 1}/{repeats} {variant.name}: {day:.2f} ms a day, attack rate {line['attack_rate']:.4f}")
    return {
        **summary(runs, used, {v.tool for v in wanted if v.missing(environments)}),
        "missing": missing,
        "agents": agents,
        "days": days,
        "repeats": repeats,
        "machine": machine(),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "load_average": round(os.getloadavg()[0], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="The epidemic here and in the peers, in turn.")
    parser.add_argument("--agents", type=float, default=1e6)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--environments", type=Path, default=HERE / ".venvs", help="folder with one environment a peer")
    parser.add_argument("--only", nargs="*", default=(), help="environments: starsim covasim3 covasim4")
    parser.add_argument("--out", type=Path, help="JSON file to write")
    given = parser.parse_args()
    found = side_by_side(int(given.agents), given.days, given.repeats, given.environments, given.only)
    text = json.dumps(found, indent=1)
    if given.out is not None:
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(text + "\n")
    print(text)
    if found["attack_rates_agree"] is False:
        sys.exit("the attack rates differ by more than 2%: this is not one epidemic, and the ratios mean nothing.")


if __name__ == "__main__":
    main()
