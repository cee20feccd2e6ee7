"""Results as tables for a terminal; each says its kind of statement, coupling and Monte-Carlo error."""

import numpy as np
import numpy.typing as npt
import xarray as xr
from rich.markup import escape
from rich.table import Table

from causal_lpm.inference.policies.dying_out import died_out, knows_who_died_out, share_interval
from causal_lpm.inference.policies.effects import totals
from causal_lpm.inference.policies.statements import SHARING, kind_of, kind_of_totals, refusal
from causal_lpm.inference.policies.summaries import ENOUGH_FOR_PERCENTILES, Summary, summarise
from causal_lpm.inference.studies.study_tree import acts, options_text

__all__ = ["contrast_table", "result_tables", "worlds_table"]


def result_tables(tree: xr.DataTree) -> list[Table]:
    """The worlds, the contrasts, and the contrasts without the replicates that died out, if any did."""
    tables = [worlds_table(tree)]
    if "causal_effect" in tree.children:
        tables.append(contrast_table(tree))
        dead = _dead(tree)
        if dead.any() and not dead.all():
            title = f"The same without the {int(dead.sum())} of {dead.size} replicates that died out"
            tables.append(contrast_table(tree, keep=~dead, title=title))
    return tables


def worlds_table(tree: xr.DataTree) -> Table:
    """Each world by itself."""
    count = tree["predictions"].sizes["replicate"]
    predictions = tree["predictions"].to_dataset()
    outcomes = [str(name) for name in predictions.data_vars]
    table = _table(
        f"{tree.attrs['title']}: totals per 100,000 in {tree.attrs['days']} days",
        f"{_refused(tree)}Statement: {kind_of_totals(predictions)} (each world by itself), {_replicates(count)}, "
        f"{tree.attrs['agents']:,} agents. {_cells_text(count)} "
        f"{_died_out_text(tree)}{_options(tree)}",
    )
    table.add_column("world")
    table.add_column("policies unless default")
    for outcome in outcomes:
        table.add_column("\n".join([outcome, *_cell_names(count)]), justify="right")
    rows = [summarise(totals(predictions, outcome, per=1e5)) for outcome in outcomes]
    for number, (world, policy) in enumerate(acts(tree).items()):
        changed = ", ".join(f"{name}={value:g}" for name, value in policy.items())
        cells = ["\n".join(_cells(column[number])) for column in rows]
        table.add_row(escape(world), changed, *cells)
    return table


def contrast_table(tree: xr.DataTree, keep: npt.NDArray[np.bool_] | None = None, title: str | None = None) -> Table:
    """What each contrast averts."""
    effects = tree["causal_effect"].to_dataset()[["averted"]]
    if keep is not None:
        effects = effects.isel(replicate=np.flatnonzero(keep))
    count = effects.sizes["replicate"]
    several = count > 1
    rows = summarise(effects)
    method = " The interval of the mean is Student's t." if several else ""
    if any(row.mean_method == "mixture" for row in rows):
        method = " The interval of the mean is that of a mixture: some epidemics die out and others do not."
    table = _table(
        title or "Averted per 100,000: as it was minus what if",
        f"{_refused(tree)}Statement: {_statement(kind_of(effects))}, {_replicates(count)}. "
        f"Coupling: {tree.attrs['coupling']}. {_cells_text(count)}"
        f"{method}{_options(tree)}",
    )
    table.add_column("contrast")
    table.add_column("outcome")
    for name in [*_cell_names(count), *(["95% interval\nof the mean"] if several else [])]:
        table.add_column(name, justify="right")
    outcomes = effects["outcome"].values.tolist()
    for row in sorted(rows, key=lambda row: effects["contrast"].values.tolist().index(row.name)):
        interval = " to ".join(_number(end, True) for end in row.mean_interval)
        cells = [*_cells(row, signed=True), *([interval] if several else [])]
        table.add_row(escape(row.name) if row.outcome == outcomes[0] else "", row.outcome, *cells)
    return table


def _statement(kind: str) -> str:
    shared = "the worlds of a replicate share their noise" if kind == "paired" else SHARING.get(kind, "")
    return f"{kind} ({shared})" if shared else kind


def _refused(tree: xr.DataTree) -> str:
    text = refusal(tree["predictions"].to_dataset())
    return f"{text} " if text else ""


def _dead(tree: xr.DataTree) -> npt.NDArray[np.bool_]:
    """Which replicates died out; a study has one draw."""
    flags: npt.NDArray[np.bool_] = died_out(tree["predictions"].to_dataset()).values[0]
    return flags


def _table(title: str, caption: str) -> Table:
    return Table(title=escape(title), caption=escape(caption), caption_justify="left", title_justify="left")


def _died_out_text(tree: xr.DataTree) -> str:
    if not knows_who_died_out(tree["predictions"].to_dataset()):
        return "Whether epidemics died out is not known, without infections among the outcomes."
    flags = _dead(tree)
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


def _cells(row: Summary, signed: bool = False) -> list[str]:
    if row.replicates == 1:
        return [_number(row.mean, signed)]
    ends = row.interval_95 if row.replicates >= ENOUGH_FOR_PERCENTILES else (row.smallest, row.largest)
    low, high = (_number(end, signed) for end in ends)
    mean = f"{_number(row.mean, signed)} ± {_number(row.mcse)}"
    return [mean, escape(f"{_number(row.median, signed)} [{low}, {high}]")]


def _number(value: float, signed: bool = False) -> str:
    """One decimal below 1,000, thousands separated above."""
    sign = "+" if signed and abs(value) >= 0.05 else ""
    return f"{value:{sign},.0f}" if abs(value) >= 999.95 else f"{value:{sign}z.1f}"
