"""How time a day and memory grow with agents, contacts, days and worlds: the epidemic of seir.py, one thread.

CPU seconds, of all days of a run: on one thread they are the seconds on the clock, less what other processes took.
"""

from __future__ import annotations

import math
import statistics
from dataclasses import asdict, dataclass, fields
from typing import Any

from measuring import Line, in_turn

FEWEST = 100  # agents, who can still have 40 contacts


@dataclass(frozen=True)
class Point:
    """One size of the epidemic."""

    agents: int
    contacts: int = 10
    days: int = 100
    worlds: int = 1

    def command(self) -> list[object]:
        more = f"degree={self.contacts}", f"worlds={self.worlds}"
        return ["seir.py", self.agents, self.days, 1, "model", *more]


def sweeps(scale: int = 1, quick: bool = False) -> dict[str, list[Point]]:
    """What grows -> its points, smallest first.

    Args:
        scale: All numbers of agents are divided by it, but are not less than FEWEST.
        quick: Two points each: the two largest numbers of agents, the ends of the others.
    """
    tens = [max(10**power // scale, FEWEST) for power in (4, 5, 6, 7)]
    million, few = tens[2], max(200_000 // scale, FEWEST)
    points = {
        "agents": [Point(n) for n in tens],
        "contacts": [Point(million, contacts=n) for n in (5, 10, 20, 40)],
        "days": [Point(million, days=n) for n in (25, 50, 100, 200)],
        "worlds": [Point(few, worlds=n) for n in (1, 2, 4, 8)],
    }
    if not quick:
        return points
    return {what: of[-2:] if what == "agents" else [of[0], of[-1]] for what, of in points.items()}


def exponent(rows: list[dict[str, float]]) -> float:
    """The slope of log(seconds a day) over log(agents) between the two largest populations.

    >>> row = lambda agents, ms: {"agents": agents, "cpu_ms_a_day": ms}
    >>> exponent([row(1e5, 5), row(1e6, 10), row(1e7, 100)])
    1.0
    """
    smaller, larger = rows[-2:]
    times = larger["cpu_ms_a_day"] / smaller["cpu_ms_a_day"]
    return round(math.log(times) / math.log(larger["agents"] / smaller["agents"]), 3)


def measure(scale: int = 1, repeats: int = 3, quick: bool = False) -> dict[str, list[dict[str, Any]]]:
    """What grows -> a row a point; a point of several sweeps is measured once.

    The sweep over agents, from which the exponent comes, is repeated; in a quick run the others are not.
    """
    wanted = sweeps(scale, quick)
    often = set(wanted["agents"])
    others = {point for points in wanted.values() for point in points} - often
    runs: dict[Point, list[Line]] = {}
    for points, times in ((often, repeats), (others, 1 if quick else repeats)):
        ordered = sorted(points, key=lambda p: [getattr(p, field.name) for field in fields(p)])
        runs |= in_turn({point: point.command() for point in ordered}, times)
    return {what: [_row(point, runs[point]) for point in points] for what, points in wanted.items()}


def _row(point: Point, lines: list[Line]) -> dict[str, Any]:
    each = [round(1e3 * statistics.fmean(line["cpu_seconds"]), 4) for line in lines]
    return {
        **asdict(point),
        "cpu_ms_a_day": statistics.median(each),
        "cpu_ms_a_day_of_each_run": each,
        "ms_a_day": round(1e3 * statistics.median(statistics.fmean(line["seconds"]) for line in lines), 4),
        "setup_seconds": statistics.median(line["setup_seconds"] for line in lines),
        "peak_rss_mb": statistics.median(line["peak_rss_mb"] for line in lines),
        "peak_rss_loaded_mb": statistics.median(line["peak_rss_loaded_mb"] for line in lines),
    }
