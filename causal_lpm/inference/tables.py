"""Results as tables for a terminal; each says its kind of statement, coupling and Monte-Carlo error."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import xarray as xr
from rich.markup import escape
from rich.table import Table

from causal_lpm.inference.estimands import Estimate, died_out, effects, totals
from causal_lpm.inference.results import acts
from causal_lpm.inference.study import Policy, Study

__all__ = ["contrast_table", "policy_table", "result_tables", "settings_table", "studies_table"]

_INTERVALS = "Mean ± Monte-Carlo standard error; median [2.5 and 97.5 percentiles of the replicates]."


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
    dead = int(died_out(tree).sum())
    outcomes = [str(name) for name in tree["predictions"].data_vars]
    table = _table(
        f"{tree.attrs['title']}: totals per 100,000 in {tree.attrs['days']} days",
        f"Statement: interventional (each world by itself), {_replicates(count)}, "
        f"{tree.attrs['agents']:,} agents. {_INTERVALS} "
        f"Died out (infections below 1% of the agents in any world): {dead} of {count}.",
    )
    table.add_column("setting")
    table.add_column("policies unless default")
    for outcome in outcomes:
        table.add_column(f"{outcome}\nmean ± error\nmedian [95%]", justify="right")
    estimates = [totals(tree, outcome) for outcome in outcomes]
    for row, (world, policy) in enumerate(acts(tree).items()):
        changed = ", ".join(f"{name}={value:g}" for name, value in policy.items())
        cells = ["\n".join(_cells(column[row])) for column in estimates]
        table.add_row(escape(world), changed, *cells)
    return table


def contrast_table(tree: xr.DataTree, keep: npt.NDArray[np.bool_] | None = None, title: str | None = None) -> Table:
    """Each contrast: a paired statement."""
    count = tree["predictions"].sizes["replicate"] if keep is None else int(keep.sum())
    table = _table(
        title or "Paired differences per 100,000",
        f"Statement: paired (the worlds of a replicate share their noise), {_replicates(count)}. "
        f"Coupling: {tree.attrs['coupling']}. {_INTERVALS} The interval of the mean is Student's t.",
    )
    table.add_column("contrast")
    table.add_column("outcome")
    table.add_column("mean ± error", justify="right")
    table.add_column("95% interval\nof the mean", justify="right")
    table.add_column("median [95% of replicates]", justify="right")
    per_outcome = [effects(tree, str(outcome), keep=keep) for outcome in tree["predictions"].data_vars]
    for row in zip(*per_outcome, strict=True):
        for number, estimate in enumerate(row):
            mean, median = _cells(estimate, signed=True)
            interval = f"{_number(estimate.mean_low, True)} to {_number(estimate.mean_high, True)}"
            name = "" if number else escape(estimate.name)
            table.add_row(name, estimate.outcome, mean, interval if estimate.replicates > 1 else "-", median)
    return table


def _table(title: str, caption: str) -> Table:
    return Table(title=escape(title), caption=escape(caption), caption_justify="left", title_justify="left")


def _replicates(count: int) -> str:
    return f"{count} replicate{'s' if count != 1 else ''}"


def _cells(estimate: Estimate, signed: bool = False) -> tuple[str, str]:
    error = f" ± {_number(estimate.mcse)}" if estimate.replicates > 1 else ""
    low, high = _number(estimate.q025, signed), _number(estimate.q975, signed)
    median = f"{_number(estimate.median, signed)} [{low}, {high}]"
    return f"{_number(estimate.mean, signed)}{error}", escape(median)


def _number(value: float, signed: bool = False) -> str:
    """One decimal below 1,000, thousands separated above."""
    sign = "+" if signed and abs(value) >= 0.05 else ""
    return f"{value:{sign},.0f}" if abs(value) >= 999.95 else f"{value:{sign}z.1f}"


def studies_table(studies: Mapping[str, Study | str]) -> Table:
    """The installed studies; a text in place of a study says why it cannot be loaded."""
    table = Table(title="Studies", title_justify="left")
    for column in ("name", "question", "outcomes", "source"):
        table.add_column(column)
    for name, study in studies.items():
        if isinstance(study, str):
            table.add_row(escape(name), escape(study))
            continue
        table.add_row(escape(name), escape(study.title), ", ".join(study.outcomes), escape(study.source))
    return table


def policy_table(study: Study) -> Table:
    """The policies of one study, as `--setting` and `--do` take them."""
    table = Table(title=f"Policies of {escape(study.name)}", title_justify="left")
    for column in ("policy", "default", "allowed", "what it is"):
        table.add_column(column)
    for policy in study.policies.values():
        table.add_row(policy.name, _default(policy), _allowed(policy), escape(policy.description))
    return table


def _default(policy: Policy) -> str:
    return ("no", "yes")[int(policy.default)] if policy.switch else f"{policy.default:g}"


def _allowed(policy: Policy) -> str:
    if policy.switch:
        return "yes or no"
    return f"{policy.low:g} to {policy.high:g}{', whole' if policy.integer else ''}"
