"""The tables of the study, from its numbers."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from case_studies.benchmark_tasks.references import published
from case_studies.page import numbers_and_tables, table

__all__ = ["finished", "tables", "task_table", "toy_table"]

Rows = Sequence[Mapping[str, Any]]

BUDGETS = (1_000, 10_000)


def tables(numbers: Mapping[str, Any]) -> dict[str, str]:
    """Marker -> Markdown table, of the tasks that were scored."""
    found = {"toy": toy_table(numbers["toy"])}
    return found | {task: task_table(task, numbers[task]) for task in ("sir", "lotka_volterra") if task in numbers}


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of a finished reproduction."""
    return numbers_and_tables(folder, tables)


def toy_table(rows: Rows) -> str:
    """Negative log density and coverage by method, as Markdown."""
    header = ("method", "simulations", "NLL", "50% intervals hold", "90% hold", "p (50%)", "p (90%)", "CPU s")
    return table(
        header,
        (
            (
                row["method"],
                f"{row['simulations']:,}",
                f"{row['nll']:.2f} ± {row['nll_error']:.2f}",
                f"{row['coverage_50']:.1%}",
                f"{row['coverage_90']:.1%}",
                f"{row['p_50']:.2g}",
                f"{row['p_90']:.2g}",
                f"{row['seconds']:.0f}",
            )
            for row in rows
        ),
    )


def task_table(task: str, rows: Rows) -> str:
    """C2ST by method and budget, ours above the published ones, as Markdown."""
    lines = []
    for label, budget in dict.fromkeys((row["label"], row["simulations"]) for row in rows):
        each = [row["c2st"] for row in rows if (row["label"], row["simulations"]) == (label, budget)]
        lines.append((label, f"{budget:,}", ", ".join(f"{x:.3f}" for x in each), f"{sum(each) / len(each):.3f}"))
    for algorithm, scores in published(task).iterrows():
        lines += [(f"{algorithm}, published", f"{budget:,}", "", f"{scores[budget]:.3f}") for budget in BUDGETS]
    return table((task, "simulations", "C2ST of observations 1, 2, 3", "mean"), lines)
