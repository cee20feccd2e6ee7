"""All benchmarks in turn: a table against the targets, and benchmarks/results/latest.json with the pictures of growth.

    make bench                                # all of it; peers that are not installed are named as missing
    make bench-peers                          # the same, with the peers in environments of their own
    python benchmarks/run.py --quick          # ratios that hardly depend on the machine, in less than two minutes
    python benchmarks/run.py --scale 100      # everything with a hundredth of the agents: to try it out
    python benchmarks/run.py --only growth    # some parts, named as in the list PARTS

One fresh process a measurement, one at a time. The machine should do nothing else. README.md says what each number is.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from measuring import HERE, load_average, thread_settings, versions, without_paths
from parts import ELSEWHERE, PARTS, Plan, Values
from rich.console import Console
from side_by_side import machine
from targets import table

LATEST = HERE / "results" / "latest.json"
MOST_SCALE = 1000
BUSY = 0.5  # load average before the first run


def run(plan: Plan, only: Sequence[str] = (), say: Callable[[str], None] = print) -> Values:
    """Measures the parts in turn; a part that fails is named under `missing`, and the others go on."""
    results: Values = {key: None for name in PARTS for key in PARTS[name].keys}
    missing: dict[str, str] = {}
    details: Values = {}
    failed: list[str] = []
    before, began = load_average(), time.time()
    if before > BUSY:
        say(f"The load average is {before}: something else is running, and times will be too long.")
    for name, part in PARTS.items():
        reason = ""
        if only and name not in only:
            missing |= dict.fromkeys(part.keys, "left out of this run")
            continue
        say(f"{name}: {part.measure.__doc__}")
        start = time.perf_counter()
        try:
            values, details[name] = part.measure(plan)
        except RuntimeError as error:
            values, reason = {}, without_paths(str(error))
            details[name] = {}
            failed.append(name)
            say(f"{name} failed: {reason}")
        details[name]["took_seconds"] = round(time.perf_counter() - start, 1)
        results |= values
        known = details[name].get("missing", {})
        missing |= {key: reason or known.get(key, "not measured") for key in part.keys if results[key] is None}
    return {
        "scale": plan.scale,
        **results,
        "missing": missing,
        "failed": failed,
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began)),
        "took_minutes": round((time.time() - began) / 60, 1),
        "load_average": {"before": before, "after": load_average()},
        "machine": machine(),
        "versions": versions(),
        "thread_settings": thread_settings(),
        "threads": plan.threads,
        "repeats": plan.repeats,
        "details": details,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="All benchmarks in turn.")
    parser.add_argument("--quick", action="store_true", help="only the part `quick`, in less than two minutes")
    parser.add_argument("--full", action="store_true", help="two worlds of 8.4 million agents too")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--scale", type=int, default=1, help="divide all numbers of agents by this")
    parser.add_argument("--only", nargs="+", default=(), choices=list(PARTS), help="these parts alone")
    parser.add_argument("--environments", type=Path, default=HERE / ".venvs", help="folder with one environment a peer")
    parser.add_argument("--out", type=Path, help="JSON file to write; pictures go beside it")
    given = parser.parse_args(arguments)
    if not 1 <= given.scale <= MOST_SCALE or given.repeats < 1:
        parser.error(f"give a --scale from 1 to {MOST_SCALE} and at least one of --repeats.")
    only = ("quick",) if given.quick else given.only
    name = "quick.json" if given.quick else "latest.json"
    # Only a whole run at full size becomes the results that are committed, unless asked otherwise.
    out = given.out or (LATEST if not only and given.scale == 1 else ELSEWHERE / name)
    console = Console()
    plan = Plan(given.scale, given.repeats, given.full, given.environments, out.parent)
    results = run(plan, only, lambda text: console.print(text, markup=False, soft_wrap=True))
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(results, indent=1) + "\n")
    if not given.quick:
        console.print(table(results))
        for key, reason in results["missing"].items():
            console.print(f"{key}: {reason}", markup=False, soft_wrap=True)
    where = without_paths(str(out.resolve()))
    console.print(f"Written: {where} (after {results['took_minutes']} minutes)", markup=False, soft_wrap=True)
    return int(bool(results["failed"]))


if __name__ == "__main__":
    sys.exit(main())
