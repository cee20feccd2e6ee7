"""A chart of an explanation: necessity, sufficiency and responsibility of each candidate, with what is uncertain."""

from typing import TYPE_CHECKING

from causal_lpm.inference.abduction.explanation import MEASURES, Explanation
from causal_lpm.inference.charts.style import COLOURS, GREY, outer_labels, panels, plain, wrapped
from causal_lpm.inference.policies.statements import said

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["explanation_chart"]

Z_95 = 1.96


def explanation_chart(explanation: Explanation) -> "Figure":
    """One panel a measure, one row a candidate: the estimate with its 95% interval.

    Numbers that rest on too few draws are grey and open. The line in the panel of sufficiency is the share of the
    outcome as it was.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    names = explanation.candidates
    figure, grid = panels(len(MEASURES), height=0.8 + 0.3 * len(names))
    for axes, measure in zip(grid, MEASURES, strict=True):
        for row, name in enumerate(names):
            one = explanation.of(name, measure)
            colour = COLOURS[0] if one.supported else GREY
            reach = Z_95 * one.standard_error
            axes.errorbar(
                one.mean,
                row,
                xerr=[[min(reach, one.mean)], [min(reach, 1 - one.mean)]],  # shares end at 0 and 1
                fmt="o",
                color=colour,
                markerfacecolor=colour if one.supported else "white",
                capsize=3,
            )
        if measure == "sufficiency":
            axes.axvline(explanation.factual().mean, color="black", linestyle="--", linewidth=0.8)
        axes.set_xlim(-0.03, 1.03)
        axes.set_ylim(len(names) - 0.5, -0.5)
        axes.set_yticks(range(len(names)))
        for label in axes.set_yticklabels(names):
            plain(label)
        axes.set_title(measure, loc="left", fontsize="medium")
    outer_labels(grid, "share of draws, and 95% interval", "")
    kind = str(explanation.traces.attrs["kind"])
    title = said(kind) if explanation.status == "supported" else f"{said(kind)}; {explanation.status}"
    plain(figure.suptitle(wrapped(title, 95), fontsize="small", x=0.01, ha="left"))
    return figure
