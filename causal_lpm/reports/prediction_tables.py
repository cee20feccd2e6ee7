"""Totals of predicted worlds, and what each averts, as tables of a report."""

from collections.abc import Mapping
from math import isnan

import xarray as xr

from causal_lpm.inference.policies.counted import is_stock
from causal_lpm.inference.policies.dying_out import died_out, knows_who_died_out
from causal_lpm.inference.policies.effects import CONVENTION, effects, totals
from causal_lpm.inference.policies.statements import kind_of_totals, said, said_of_predictions
from causal_lpm.inference.policies.summaries import summarise
from causal_lpm.reports.contents import Table

__all__ = ["prediction_tables"]


def prediction_tables(predictions: xr.Dataset, references: Mapping[str, str], warning: str = "") -> list[Table]:
    """The total of each outcome in each world, and how many died out; of those that are compared, what is averted.

    Args:
        predictions: Of `predict`.
        references: World -> the world that it is compared with.
        warning: What every table must say.
    """
    # What is there at the end of a day is counted again on the next: it has no total.
    outcomes = [str(name) for name, series in predictions.items() if not is_stock(series)]
    if not outcomes:
        return []
    ask = "".join(f"{text} " for text in (warning, said_of_predictions(predictions)) if text)
    count = f"{_count(predictions, 'draw')} of the parameters, {_count(predictions, 'replicate', 'run')} of each."
    worlds = [str(world) for world in predictions["world"].values]
    gone = {world: _gone(predictions, world) for world in worlds} if knows_who_died_out(predictions) else {}
    rows = [
        (row.name, outcome, f"{row.median:,.0f}", _interval(row.interval_90), *([gone[row.name]] if gone else []))
        for outcome in outcomes
        for row in summarise(totals(predictions, outcome))
    ]
    columns = ("world", "outcome", "median", "90% interval", *(["died out"] if gone else []))
    caption = f"{ask}Statement: {kind_of_totals(predictions)} (each world by itself). {count}"
    tables = [Table("Totals over all days", columns, sorted(rows, key=lambda row: worlds.index(row[0])), caption)]
    if references:
        tables.append(
            _averted(predictions, references, outcomes, f"{ask}Statement: {said(predictions.attrs['kind'])}.")
        )
    return tables


def _averted(predictions: xr.Dataset, references: Mapping[str, str], outcomes: list[str], caption: str) -> Table:
    found = {
        (row.name, row.outcome, row.quantity): row for row in summarise(effects(predictions, references, outcomes))
    }
    rows = []
    for contrast in dict.fromkeys(name for name, _, _ in found):
        for outcome in outcomes:
            row, share = found[contrast, outcome, "averted"], found[contrast, outcome, "relative"].mean
            spread = ("not known" if isnan(x) else f"{x:,.0f}" for x in (row.sd_parameter, row.sd_luck))
            shown = "not known" if isnan(share) else f"{share:+.0%}"
            mean = _with_error(row.mean, row.mcse)
            rows.append((contrast, outcome, mean, _interval(row.interval_90, "+"), shown, *spread))
    columns = ("contrast", "outcome", "mean ± Monte-Carlo error", "90% interval", "share", "sd: parameters", "sd: luck")
    coupling = predictions.attrs.get("coupling", "")
    return Table("Averted", columns, rows, f"{caption} Coupling: {coupling}. {CONVENTION[0].upper()}{CONVENTION[1:]}.")


def _with_error(mean: float, error: float) -> str:
    """A mean and its Monte-Carlo error, with decimals where the error would be 0 without them."""
    if isnan(error):  # of one run
        return f"{mean:+,.0f} ± not known"
    decimals = 2 if 0 < error < 2 else 0
    return f"{mean:+,.{decimals}f} ± {error:,.{decimals}f}"


def _gone(predictions: xr.Dataset, world: str) -> str:
    """How many runs of a world died out."""
    flags = died_out(predictions, world=world)
    return f"{int(flags.sum())} of {flags.size}"


def _count(predictions: xr.Dataset, dim: str, word: str = "draw") -> str:
    size = predictions.sizes[dim]
    return f"{size} {word}{'s' * (size != 1)}"


def _interval(ends: tuple[float, float], sign: str = "") -> str:
    return " to ".join(f"{end:{sign},.0f}" for end in ends)
