"""Calibrations as tables for a terminal, and as JSON; none that is not calibrated is shown without saying so."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from rich.markup import escape
from rich.table import Table

from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.whole_files import write_whole

__all__ = ["gates_table", "parameter_table", "to_json", "write_json"]

COLUMNS = ["mean", "sd", "5%", "95%"]


def parameter_table(result: CalibrationResult, truth: Mapping[str, float] | None = None) -> Table:
    """Mean, standard deviation and 90% interval of each parameter in natural units, beside the interval of its prior.

    With the truth where it is known, and with mean and standard deviation on the scale of the logarithm or logit.
    """
    draws = result.draws
    kind = {"calibrated": "Posterior", "uncalibrated": "Uncalibrated draws", "optimised": "Optimised, not a posterior"}
    title = f"{kind[result.status]}: {result.method}, {draws} draw{'' if draws == 1 else 's'}"
    banner = f"[bold red]{escape(result.banner)}[/]" if result.banner else None
    table = Table(title=title, title_justify="left", caption=banner, caption_justify="left")
    found = result.summary(truth=truth)
    spread = {"mean": "mean", "sd": "sd", "5%": "5%", "95%": "95%"} if draws > 1 else {"mean": "value"}
    more = {name: name for name in ("prior 5%", "prior 95%", "truth") if name in found.columns}
    columns, scaled = {**spread, **more}, "scale" in found.columns
    for column in ("parameter", *columns.values(), *(["on its scale"] if scaled else ())):
        table.add_column(column, justify="left" if column in ("parameter", "on its scale") else "right")
    for name, row in found.iterrows():
        cells = ["" if np.isnan(row[column]) else f"{row[column]:.4g}" for column in columns]
        table.add_row(escape(str(name)), *cells, *([_on_its_scale(row, draws)] if scaled else ()))
    return table


def _on_its_scale(row: Any, draws: int) -> str:
    """Mean and standard deviation of the logarithm or logit, by name."""
    if not isinstance(row["scale"], str):
        return ""
    return f"{row['scale']} {row['mean on it']:.4g}" + (f" ± {row['sd on it']:.2g}" if draws > 1 else "")


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
        "parameters": [
            dict(zip(names, row, strict=False)) for row in result.summary(natural=False)[COLUMNS].itertuples()
        ],
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
