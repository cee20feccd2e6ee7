"""Calibrations as tables for a terminal, and as JSON; none that is not calibrated is shown without saying so."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.whole_files import write_whole

__all__ = ["gates_table", "parameter_table", "to_json", "write_json"]


def parameter_table(result: CalibrationResult) -> Table:
    """Mean, standard deviation and 90% interval of each parameter, beside the interval of its prior."""
    draws = result.draws
    kind = {"calibrated": "Posterior", "uncalibrated": "Uncalibrated draws", "optimised": "Optimised, not a posterior"}
    title = f"{kind[result.status]}: {result.method}, {draws} draw{'' if draws == 1 else 's'}"
    banner = f"[bold red]{escape(result.banner)}[/]" if result.banner else None
    table = Table(title=title, title_justify="left", caption=banner, caption_justify="left")
    spread = ("mean", "sd", "5%", "95%") if draws > 1 else ("value",)
    for column in ("parameter", *spread, "prior 5%", "prior 95%"):
        table.add_column(column, justify="left" if column == "parameter" else "right")
    before = result.summary("prior") if "prior" in result.tree.children else ()
    prior = {name: ends for name, _, _, *ends in before}
    for name, *found in result.summary():
        numbers = (*found[: len(spread)], *prior.get(name, ()))
        table.add_row(escape(name), *(f"{number:.4g}" for number in numbers))
    return table


def gates_table(result: CalibrationResult) -> Table:
    """The report, under the status of the result: gates that pass make no posterior of what is optimised."""
    table = result.report.table()
    table.title = f"Diagnostics: {result.status}"
    return table


def to_json(result: CalibrationResult, target: str) -> dict[str, Any]:
    """Parameters, verdict and gates, for people who read them with other tools."""
    names = ("parameter", "mean", "sd", "q05", "q95")[: 5 if result.draws > 1 else 2]  # a point has no spread
    gates = ("name", "verdict", "value", "threshold", "sentence", "next_step")
    return {
        "calibration": target,
        "status": result.status,
        "banner": result.banner,
        "method": result.method,
        **{key: int(result.tree.attrs[key]) for key in ("seed", "budget", "simulations", "failures")},
        "parameters": [dict(zip(names, row, strict=False)) for row in result.summary()],
        "gates": [{name: _plain(getattr(gate, name)) for name in gates} for gate in result.report.gates],
    }


def _plain(value: str | float) -> str | float | None:
    """A float even where a gate counted, as in the file of a result; JSON has no NaN and no infinity."""
    if isinstance(value, str):
        return value
    return float(value) if np.isfinite(value) else None


def write_json(result: CalibrationResult, target: str, path: Path) -> None:
    """Writes `to_json` to a file, whole or not at all."""
    text = json.dumps(to_json(result, target), indent=2, allow_nan=False) + "\n"
    write_whole(path, lambda file: file.write_text(text, encoding="utf-8"))
