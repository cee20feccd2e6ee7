"""What the numbers should be, and the table that says whether they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.table import Table


@dataclass(frozen=True)
class Target:
    """A bound of one number of the results.

    Args:
        what: In words.
        key: In the results.
        bound: The worst value that still meets it.
        at_least: Whether more is better.
    """

    what: str
    key: str
    bound: float
    at_least: bool = False

    def words(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"

    def met(self, value: float | None) -> bool | None:
        """Whether the value meets it; None if there is no value."""
        if value is None:
            return None
        return value >= self.bound if self.at_least else value <= self.bound


TARGETS = (
    Target("starsim / ours, peak", "ratio_starsim_peak", 20, at_least=True),
    Target("covasim / ours, peak", "ratio_covasim_peak", 15, at_least=True),
    Target("starsim / ours, below 2%", "ratio_starsim_low", 20, at_least=True),
    Target("covasim / ours, below 2%", "ratio_covasim_low", 20, at_least=True),
    Target("LASER / ours, in patches, 1e6 agents", "ratio_laser_1e6", 2.5, at_least=True),
    Target("LASER / ours, in patches, 1e5 agents", "ratio_laser_1e5", 2, at_least=True),
    Target("LASER / ours, in patches, 1e4 agents", "ratio_laser_1e4", 1, at_least=True),
    Target("SEIR, 1e6 agents: peak memory (MB)", "seir_peak_mb", 400),
    Target("second dose, 8.4e6 agents x 180 days (s)", "second_dose_8m_seconds", 60),
    Target("... its peak memory (GB)", "second_dose_8m_gb", 3),
    Target("second dose, 1e5 agents x 180 days, two worlds (s)", "second_dose_100k_two_worlds_seconds", 2),
    Target("README's model, 1e4 agents: a day (ms)", "readme_day_ms", 0.2),
    Target("two threads beside a busy process / one alone", "busy_ratio", 1.3),
    Target("two ranks against one, 8.4e6 agents: times as fast", "ranks_speedup", 1.6, at_least=True),
    Target("... memory of a rank over all", "ranks_memory", 0.6),
    Target("two worlds / one", "two_worlds_ratio", 1.95),
    Target("two worlds / one, late split, over proportion", "late_split_excess", 1.05),
    Target("handlers over the bare loop, 1e6 agents", "handler_overhead", 0.05),
    Target("exponent of growth, 1e6 to 1e7 agents", "growth_exponent", 1.1),
    Target("table of the study, 10 replicates x 7 settings (s)", "paper_table_seconds", 120),
    Target("synthesis of 8.4e6 agents (s)", "synthesis_seconds", 60),
    Target("... its peak memory (GB)", "synthesis_gb", 3),
    Target("... loading it (s)", "synthesis_load_seconds", 5),
    Target("gradient, 1e6 agents x 60 days: extra memory (GB)", "gradient_extra_gb", 1),
    Target("1e8 agents x 180 days on a GPU (s)", "gpu_1e8_seconds", 60),
)


def table(results: dict[str, Any]) -> Table:
    """Every target with its value, if there is one."""
    title = "Scaled down: no value means what the target says" if results.get("scale", 1) != 1 else "Benchmarks"
    shown = Table("what", "target", "value", "met", title=title)
    for target in TARGETS:
        value, met = results.get(target.key), target.met(results.get(target.key))
        mark = {True: "[green]yes[/]", False: "[red]no[/]", None: "-"}[met]
        shown.add_row(target.what, target.words(), "-" if value is None else f"{value:.4g}", mark)
    return shown
