"""The answer to what if: worlds that share every agent's luck, their effects, and how well these are determined."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causal_lpm.inference.policies.effects import effects
from causal_lpm.inference.policies.predictions import series_dims
from causal_lpm.inference.policies.statements import said_of_predictions
from causal_lpm.inference.policies.summaries import summarise
from causal_lpm.simulations.tables import html_of, leading, seeds_of, series_frame, unfinished
from causal_lpm.validate import known

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from causal_lpm.reports import Contents
    from causal_lpm.simulations.set_up import SetUp

__all__ = ["AS_IT_IS", "WhatIf"]

AS_IT_IS = "as it is"
"""Name of the world without changes."""


class WhatIf:
    """Worlds of a simulation, compared with the world as it is.

    Averted is as it is minus what if, in the same seed: negative where a scenario does harm.

    Attributes:
        predictions: Series of all worlds, (world, draw, replicate, group, day), kind "paired".
        scenarios: Names of the worlds beside the one as it is.
    """

    def __init__(self, simulation: SetUp, predictions: xr.Dataset) -> None:
        self.predictions, self.title, self._simulation = predictions, simulation.title, simulation
        self.scenarios = tuple(str(world) for world in predictions["world"].values[1:])

    @property
    def counted(self) -> list[str]:
        """Series whose totals mean something: new events; a stock has none."""
        return leading(self.predictions, self._simulation.units)

    def effects(self, series: str | Sequence[str] | None = None, **options: Any) -> xr.Dataset:
        """Averted in all, a value a seed; see `causal_lpm.inference.effects`.

        Args:
            series: Which; all that can be summed over days, if not given.
            **options: Of `effects`, such as by="group" and per=100_000.
        """
        chosen = self.counted if series is None else series
        for name in [chosen] if isinstance(chosen, str) else chosen:
            known("series of new events", name, self.counted)
        return effects(self.predictions, AS_IT_IS, chosen, **options)

    def to_frame(self) -> pd.DataFrame:
        """The effects: one row a series and scenario.

        Columns: `as it is` and `what if`, mean totals; `averted`, the mean difference; `mc error`, its Monte-Carlo
        standard error; `low` and `high`, the 95% interval of that mean; `share averted`, of what is as it is;
        `smallest` and `largest` of the seeds.
        """
        import pandas as pd

        rows: dict[tuple[str, str], dict[str, float]] = {}
        for name in self.counted:
            series = self.predictions[name]
            totals = series.sum(series_dims(series)).mean(("draw", "replicate"))
            for row in summarise(effects(self.predictions, AS_IT_IS, name)):
                if row.quantity != "averted":
                    continue
                scenario = row.name.removesuffix(f" against {AS_IT_IS}")
                before = float(totals.sel(world=AS_IT_IS))
                rows[name, scenario] = {
                    AS_IT_IS: before,
                    "what if": float(totals.sel(world=scenario)),
                    "averted": row.mean,
                    "mc error": row.mcse,
                    "low": row.mean_interval[0],
                    "high": row.mean_interval[1],
                    "share averted": row.mean / before if before else float("nan"),
                    "smallest": row.smallest,
                    "largest": row.largest,
                }
        frame = pd.DataFrame.from_dict(rows, orient="index")
        frame.index = pd.MultiIndex.from_tuples(frame.index, names=["series", "scenario"])
        return frame

    def to_xarray(self) -> xr.Dataset:
        """The series of all worlds."""
        return self.predictions

    def series_frame(self) -> pd.DataFrame:
        """The series of all worlds as a table."""
        return series_frame(self.predictions, self._simulation.by)

    def plot(self, series: str | None = None) -> Figure:
        """A series in all worlds, and below it what each scenario averts so far, with the spread over seeds.

        Args:
            series: Which; the first that can be summed, if not given.
        """
        from causal_lpm.inference.charts.world_charts import averted_chart

        chosen = series or self.counted[0]
        known("series of new events", chosen, self.counted)
        return averted_chart(self.predictions, chosen, AS_IT_IS, title=self.title)

    def contents(self) -> Contents:
        """What a report on it shows."""
        from causal_lpm.simulations.presenting import contents_of_worlds

        return contents_of_worlds(self._simulation, self.predictions)

    def report(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Writes one HTML file that needs no network; see `causal_lpm.reports.write_report`."""
        from causal_lpm.reports import write_report

        return write_report(self, path, overwrite=overwrite)

    def __repr__(self) -> str:
        lines = [
            f"  {series}, {scenario}: {round(row['averted']):,} averted (Monte-Carlo error {row['mc error']:,.2g}; "
            + (f"{row['share averted']:.0%} of {row[AS_IT_IS]:,.0f})" if row[AS_IT_IS] else "there are none as it is)")
            for (series, scenario), row in self.to_frame().iterrows()
        ]
        notes = [f"  {note}" for note in self._notes]
        return "\n".join([f"<{self.title}: worlds that share their luck, {self._seeds}", *lines, *notes]) + ">"

    def _repr_html_(self) -> str:
        line = f"Averted: as it is minus what if, in worlds that share every agent's luck; {self._seeds}"
        return html_of(self.title, ". ".join([line, " ".join(self._notes)]).removesuffix(". "), self.to_frame())

    @property
    def _notes(self) -> list[str]:
        """What has to be said with the numbers: who died out, and who is not over."""
        said = said_of_predictions(self.predictions), unfinished(self.predictions, self._simulation.units)
        return [note for note in said if note]

    @property
    def _seeds(self) -> str:
        return seeds_of(self.predictions)
