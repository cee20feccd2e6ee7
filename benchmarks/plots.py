"""The picture of growth.py: small multiples, time a day above and peak memory below, logarithmic both ways."""

from __future__ import annotations

from pathlib import Path
from typing import Any

BLUE, ORANGE = "#0072B2", "#D55E00"  # of Okabe and Ito, told apart with any colour vision
LABELS = {"agents": "agents", "contacts": "contacts an agent", "days": "days", "worlds": "worlds"}
ROWS = (("cpu_ms_a_day", "CPU time a day (ms)", BLUE, "o"), ("peak_rss_mb", "peak memory (MB)", ORANGE, "s"))


def fixed(rows: list[dict[str, Any]], what: str) -> str:
    """What the other sizes are, in words."""
    others = {name: rows[0][name] for name in LABELS if name != what}
    return ", ".join(f"{value:,} {name if value != 1 else name[:-1]}" for name, value in others.items())


def draw(growth: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """Writes the picture, PNG."""
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullFormatter, StrMethodFormatter

    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(3.0 * len(growth), 5.6), layout="constrained")
        axes = figure.subplots(len(ROWS), len(growth), squeeze=False, sharey="row", sharex="col")
        for column, (what, rows) in enumerate(growth.items()):
            sizes = [row[what] for row in rows]
            for across, (key, label, colour, marker) in zip(axes[:, column], ROWS, strict=True):
                across.loglog(sizes, [row[key] for row in rows], color=colour, marker=marker)
                across.grid(True, which="major", color="0.9", linewidth=0.8)
                if column == 0:
                    across.set_ylabel(label)
                if len(sizes) > 1 and key == "cpu_ms_a_day" and what != "days":
                    begin = rows[-1][key] / sizes[-1] * sizes[0]
                    across.loglog([sizes[0], sizes[-1]], [begin, rows[-1][key]], color="0.5", linestyle=":")
                    across.annotate("in proportion", (sizes[0], begin), color="0.4", fontsize=7, va="top")
                across.yaxis.set_major_locator(LogLocator(10, subs=(1, 2, 5) if key == "peak_rss_mb" else (1,)))
                across.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
                across.yaxis.set_minor_formatter(NullFormatter())
            loaded = min(row["peak_rss_loaded_mb"] for row in rows)
            axes[1, column].axhline(loaded, color="0.5", linestyle="--", linewidth=0.8)
            axes[1, column].annotate(
                "before the first agent", (1, 0.95 * loaded), xycoords=("axes fraction", "data"), ha="right", va="top",
                color="0.4", fontsize=7,
            )  # fmt: skip
            axes[1, column].set_xlabel(LABELS[what])
            axes[0, column].set_title(fixed(rows, what), fontsize=8, color="0.3")
            if what == "agents":
                axes[1, column].xaxis.set_major_locator(LogLocator(10))
            else:
                axes[1, column].set_xticks(sizes, [f"{size:g}" for size in sizes])
            axes[1, column].xaxis.set_minor_formatter(NullFormatter())
        axes[1, 0].set_ylim(100, max(1000, 1.2 * max(row["peak_rss_mb"] for rows in growth.values() for row in rows)))
        figure.suptitle("An SEIR epidemic on a random graph, one thread: what a day costs", fontsize=11)
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
