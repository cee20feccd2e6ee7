"""Results as tables for a terminal; each says its kind of statement, coupling and Monte-Carlo error."""

import numpy as np
import numpy.typing as npt
import xarray as xr
from rich.markup import escape
from rich.table import Table

from causal_lpm.inference.results.dying_out import share_interval
from causal_lpm.inference.results.estimands import ENOUGH_FOR_PERCENTILES, Estimate, died_out, effects, totals
from causal_lpm.inference.studies.study_tree import acts, options_text

__all__ = ["contrast_table", "result_tables", "settings_table"]


def result_tables(tree: xr.DataTree) -> list[Table]:
    """The settings, the contrasts, and the contrasts without the replicates that died out, if any did."""
    tables = [settings_table(tree)]
    if "causal_effect" in tree.children:
        tables.append(contrast_table(tree))
        dead = died_out(tree).values
        if dead.any() and not dead.all():
            title = f"The same without the {int(dead.sum())} of {dead.size} replicates that died out"
            tables.append(contrast_table(tree, keep=~dead, title=title))
    return tables


def settings_table(tree: xr.DataTree) -> Table:
    """Each world by itself: an interventional statement."""
    count = tree["predictions"].sizes["replicate"]
    outcomes = [str(name) for name in tree["predictions"].data_vars]
    table = _table(
        f"{tree.attrs['title']}: totals per 100,000 in {tree.attrs['days']} days",
        f"Statement: interventional (each world by itself), {_replicates(count)}, "
        f"{tree.attrs['agents']:,} agents. {_cells_text(count)} "
        f"{_died_out_text(tree)}{_options(tree)}",
    )
    table.add_column("setting")
    table.add_column("policies unless default")
    for outcome in outcomes:
        table.add_column("\n".join([outcome, *_cell_names(count)]), justify="right")
    estimates = [totals(tree, outcome) for outcome in outcomes]
    for row, (world, policy) in enumerate(acts(tree).items()):
        changed = ", ".join(f"{name}={value:g}" for name, value in policy.items())
        cells = ["\n".join(_cells(column[row])) for column in estimates]
        table.add_row(escape(world), changed, *cells)
    return table


def contrast_table(tree: xr.DataTree, keep: npt.NDArray[np.bool_] | None = None, title: str | None = None) -> Table:
    """Each contrast: a paired statement."""
    count = tree["predictions"].sizes["replicate"] if keep is None else int(keep.sum())
    several = count > 1
    method = " The interval of the mean is Student's t." if several else ""
    dead = died_out(tree).values if keep is None else died_out(tree).values[keep]
    if dead.any() and not dead.all():
        method = " The interval of the mean is that of a mixture: some epidemics die out and others do not."
    table = _table(
        title or "Averted per 100,000: as it was minus what if",
        f"Statement: paired (the worlds of a replicate share their noise), {_replicates(count)}. "
        f"Coupling: {tree.attrs['coupling']}. {_cells_text(count)}"
        f"{method}{_options(tree)}",
    )
    table.add_column("contrast")
    table.add_column("outcome")
    for name in [*_cell_names(count), *(["95% interval\nof the mean"] if several else [])]:
        table.add_column(name, justify="right")
    per_outcome = [effects(tree, str(outcome), keep=keep) for outcome in tree["predictions"].data_vars]
    for row in zip(*per_outcome, strict=True):
        for number, estimate in enumerate(row):
            interval = f"{_number(estimate.mean_low, True)} to {_number(estimate.mean_high, True)}"
            cells = [*_cells(estimate, signed=True), *([interval] if several else [])]
            table.add_row("" if number else escape(estimate.name), estimate.outcome, *cells)
    return table


def _table(title: str, caption: str) -> Table:
    return Table(title=escape(title), caption=escape(caption), caption_justify="left", title_justify="left")


def _died_out_text(tree: xr.DataTree) -> str:
    if "infections" not in tree["predictions"].data_vars:
        return "Whether epidemics died out is not known, without infections among the outcomes."
    flags = died_out(tree).values
    dead, count = int(flags.sum()), flags.size
    text = f"Died out (infections below 1% of the agents in any world): {dead} of {count}"
    if count == 1:
        return f"{text}."
    low, high = share_interval(dead, count)
    text += f" (95% interval of the share: {low:.0%} to {high:.0%})."
    if not dead:
        text += (
            " Intervals of means hold if none can die out; if some can, they are too narrow (Python: may_die_out=True)."
        )
    return text


def _replicates(count: int) -> str:
    return f"{count} replicate{'s' if count != 1 else ''}"


def _options(tree: xr.DataTree) -> str:
    text = options_text(tree)
    return f" {text[0].upper()}{text[1:]}." if text else ""


def _cell_names(count: int) -> list[str]:
    """What `_cells` shows of this many replicates."""
    if count == 1:
        return ["value"]
    spread = "95% of replicates" if count >= ENOUGH_FOR_PERCENTILES else f"smallest to largest of {count}"
    return ["mean ± error", f"median\n{escape(f'[{spread}]')}"]


def _cells_text(count: int) -> str:
    if count == 1:
        return "One replicate says nothing about how much replicates differ."
    percentiles = "2.5 and 97.5 percentiles of the replicates"
    spread = percentiles if count >= ENOUGH_FOR_PERCENTILES else f"smallest to largest of {count}"
    return f"Mean ± Monte-Carlo standard error; median [{spread}]."


def _cells(estimate: Estimate, signed: bool = False) -> list[str]:
    if estimate.replicates == 1:
        return [_number(estimate.mean, signed)]
    enough = estimate.replicates >= ENOUGH_FOR_PERCENTILES
    ends = (estimate.q025, estimate.q975) if enough else (estimate.smallest, estimate.largest)
    low, high = (_number(end, signed) for end in ends)
    mean = f"{_number(estimate.mean, signed)} ± {_number(estimate.mcse)}"
    return [mean, escape(f"{_number(estimate.median, signed)} [{low}, {high}]")]


def _number(value: float, signed: bool = False) -> str:
    """One decimal below 1,000, thousands separated above."""
    sign = "+" if signed and abs(value) >= 0.05 else ""
    return f"{value:{sign},.0f}" if abs(value) >= 999.95 else f"{value:{sign}z.1f}"
