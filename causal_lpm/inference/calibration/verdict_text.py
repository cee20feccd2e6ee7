"""The verdict on a calibration in words: a few lines for a terminal, and HTML for a notebook."""

from html import escape

import xarray as xr

from causal_lpm.inference.calibration.parameter_summary import summary_of
from causal_lpm.inference.charts.style import banner_text
from causal_lpm.inference.diagnostics.report import Report

__all__ = ["html_of", "verdict_lines"]


def verdict_lines(tree: xr.DataTree, report: Report) -> list[str]:
    """One line for the status, and one for each gate that failed or warned, with what to try next.

    >>> from causal_lpm.inference import Gate
    >>> tree = xr.DataTree(xr.Dataset(attrs={"status": "calibrated"}))
    >>> verdict_lines(tree, Report([Gate("sbc", "pass", 0.4, 0.008, "Ranks look uniform.")]))
    ['Calibrated: none of 1 gates failed.']
    """
    status = str(tree.attrs["status"])
    passed = f"{status.capitalize()}: none of {len(report.gates)} gates failed."
    said = [banner_text(tree) or passed]
    for verdict in ("fail", "warn"):
        for gate in (gate for gate in report.gates if gate.verdict == verdict):
            said.append(f"  {gate.name} {'failed' if verdict == 'fail' else 'warns'}: {gate.sentence} {gate.next_step}")
    return [line.rstrip() for line in said]


def html_of(tree: xr.DataTree, report: Report, name: str) -> str:
    """The verdict, the table of parameters and the gates, for a notebook."""
    status, *gates = verdict_lines(tree, report)
    colour = "#006400" if tree.attrs["status"] == "calibrated" else "#B54A00"
    listed = "".join(f"<li>{escape(line.strip())}</li>" for line in gates)
    table = summary_of(tree).to_html(float_format=lambda number: f"{number:.4g}", na_rep="", escape=True)
    return (
        f"<p>{escape(name)}<br><strong style='color:{colour}'>{escape(status)}</strong></p>"
        f"{f'<ul>{listed}</ul>' if listed else ''}{table}"
    )
