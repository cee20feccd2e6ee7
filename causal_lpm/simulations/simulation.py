"""A simulation that one can look at: a model, who lives in it, and everything that is asked of it."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from causal_lpm.inference.policies.question import named_worlds
from causal_lpm.simulations.set_up import DAYS, SetUp
from causal_lpm.simulations.tables import html_of, leading, seeds_of, series_frame, summary_frame
from causal_lpm.simulations.what_if import AS_IT_IS, WhatIf
from causal_lpm.validate import known

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from matplotlib.figure import Figure

    from causal_lpm.explore import Served
    from causal_lpm.inference.calibration.result import CalibrationResult
    from causal_lpm.inference.runs.addresses import Where
    from causal_lpm.inference.studies.model_study import ModelStudy
    from causal_lpm.reports import Contents

__all__ = ["Simulation"]

SEEDS = 10


class Simulation(SetUp):
    """A model in a population, to be run, drawn, asked and calibrated; made by `create`.

    It holds nothing that a model must know about: `simulation.model(days)` is a Pyro program, and every question can
    also be asked of that with `predict`, `fit` and `comparing`.
    """

    _predictions: xr.Dataset | None = None
    _days, _seeds = DAYS, SEEDS
    _start_date: str | None = None

    def run(
        self,
        days: int = DAYS,
        seeds: int = SEEDS,
        *,
        start_date: str | None = None,
        workers: int = 1,
        executor: Where = None,
        progress: bool = True,
    ) -> Self:
        """Simulates it, once a seed, and keeps the series.

        Args:
            days: Simulated.
            seeds: Runs, each with luck of its own, and with a draw of its own of parameters that have priors.
            start_date: Of day 0, as "2020-03-01".
            workers: Processes; the numbers do not depend on it.
            executor: Where it is computed, as of `simulate_set`: `"dask://host:port"`, for example.
            progress: Whether a bar shows the days, on a terminal or in a notebook.

        Returns:
            The same simulation.

        Raises:
            ValueError: days or seeds that are no whole numbers from 1, a start date that is none, or an executor.
        """
        self._predictions = self.simulate({AS_IT_IS: {}}, days, seeds, start_date, workers, progress, executor)
        self._days, self._seeds, self._start_date = int(days), int(seeds), start_date
        return self

    def whatif(
        self,
        scenarios: Mapping[str, Mapping[str, float]],
        *,
        days: int | None = None,
        seeds: int | None = None,
        workers: int = 1,
        executor: Where = None,
        progress: bool = True,
    ) -> WhatIf:
        """Simulates it as it is and in other worlds, which share every agent's luck, and compares them.

        Args:
            scenarios: Name -> policy -> value; other policies are as they are.
            days: As those of the last run, if not given.
            seeds: As those of the last run, if not given.
            workers: Processes.
            executor: Where it is computed, as of `run`.
            progress: Whether a bar shows the days.

        Raises:
            ValueError: no scenario, an unknown policy, a value that it cannot have, a scenario that changes nothing.
            TypeError: scenarios that are no mapping of mappings.

        >>> import torch
        >>> from causal_lpm import create
        >>> from causal_lpm.agents import Population
        >>> simulation = create("seir", Population({"school": torch.arange(900) // 30}), r0=3.0)
        >>> closed = simulation.whatif({"closed": {"school_closure_day": 10}}, days=40, seeds=4, progress=False)
        >>> bool(closed.to_frame().loc[("infections", "closed"), "averted"] > 0)
        True
        """
        if not isinstance(scenarios, Mapping) or not all(isinstance(acts, Mapping) for acts in scenarios.values()):
            raise TypeError(
                "scenarios name each world and what it sets, as in whatif({'closed': {'school_closure_day': 20}})."
            )
        if not scenarios:
            raise ValueError("there is no scenario: give at least one, as in {'closed': {'school_closure_day': 20}}.")
        if AS_IT_IS in scenarios:
            raise ValueError(f"the scenario {AS_IT_IS!r} has the name of the world without changes: rename it.")
        worlds = named_worlds({AS_IT_IS: {}, **scenarios})
        for name, acts in list(worlds.items())[1:]:
            for policy in acts:
                known("policy", policy, self.policies)
            if {**self.policies, **acts} == self.policies:
                raise ValueError(f"the scenario {name!r} changes nothing: give a policy another value than it has.")
            self.model(1).check_days(acts)
        days, seeds = self._days if days is None else days, self._seeds if seeds is None else seeds
        seen = self.simulate(worlds, days, seeds, self._start_date, workers, progress, executor)
        return WhatIf(self, seen)

    def to_xarray(self) -> xr.Dataset:
        """The series, (world, draw, replicate, group, day), as `effects` and `summarise` take them."""
        if self._predictions is None:
            raise ValueError("the simulation has not run yet: call run(days=180, seeds=10) first.")
        return self._predictions

    def to_frame(self) -> pd.DataFrame:
        """The series as a table: seed, place, day (and date), and one column a series."""
        return series_frame(self.to_xarray(), self.by)

    def summary(self) -> pd.DataFrame:
        """Total of each series of new events, and peak of each stock: mean and middle 90% of the seeds."""
        return summary_frame(self.to_xarray(), self.units)

    def plot(self, series: str | Sequence[str] | None = None) -> Figure:
        """The series over time, all places together: median, and middle 50% and 90% of the seeds.

        Args:
            series: Which; all, if not given.

        Raises:
            ValueError: an unknown series; it has not run yet.
            ModuleNotFoundError: matplotlib is not installed.
        """
        from causal_lpm.inference.charts.world_charts import worlds_chart

        return worlds_chart(self.to_xarray(), series, title=self.title)

    def map(self, column: str | None = None, series: str | None = None, **options: Any) -> Figure:
        """A map of the places by which it counts: the total of a series, or a day of it.

        Args:
            column: Column of places; the one by which it counts, if not given.
            series: Which; the first, if not given.
            **options: Of `causal_lpm.inference.plot_map`: `day`, `per_100k`, `outlines`, `points`.

        Raises:
            ValueError: it has not run yet; a column that is unknown, that it does not count by, or has no outlines.
            ModuleNotFoundError: matplotlib is not installed.
        """
        from causal_lpm.inference.charts.maps import plot_map

        predictions = self.to_xarray()
        chosen = self.by if column is None else column
        known("column of places", chosen, self.population.places)
        if chosen != self.by:
            raise ValueError(f"it counts by {self.by!r}: create it with by={chosen!r} for a map by {chosen!r}.")
        outlines = options.pop("outlines", self.population.outlines.get(chosen))
        name = series or next(iter([*leading(predictions, self.units), *map(str, predictions.data_vars)]))
        return plot_map(predictions, name, outlines=outlines, title=options.pop("title", self.title), **options)

    def contents(self) -> Contents:
        """What a report on it shows."""
        from causal_lpm.simulations.presenting import contents_of_worlds

        return contents_of_worlds(self, self.to_xarray())

    def report(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> Path:
        """Writes one HTML file that needs no network; see `causal_lpm.reports.write_report`."""
        from causal_lpm.reports import write_report

        return write_report(self, path, overwrite=overwrite)

    def study(self) -> ModelStudy:
        """The simulation as a study of the command line's kind, over the days of its last run."""
        from causal_lpm.simulations.presenting import study_of

        return study_of(self, self._days)

    def explore(self, **options: Any) -> Served:
        """Serves a page on this machine in which its policies are moved; see `causal_lpm.explore.serve`."""
        from causal_lpm.explore import serve

        return serve(self, **options)

    def calibrate(
        self,
        data: Any,
        priors: Mapping[str, Any] | None = None,
        *,
        reported: Any = 1.0,
        dispersion: Any = 10.0,
        method: str = "npe",
        **options: Any,
    ) -> CalibrationResult:
        """Calibrates parameters to a daily series of reports, and says whether the result can be trusted.

        The reports of a series are negative binomial around the share `reported` of it. No differentiable stand-in is
        known of a template, so that networks learn from the series themselves, unless a `surrogate` is given.

        Args:
            data: Series -> numbers `[days]`, or `[places, days]` in the order of the places, NaN where missing; pandas
                and xarray bring their dates. Or a CSV file or a table of pandas with a column `date` or `day`, one a
                series, and perhaps a column `group` with the names of places.
            priors: Parameter -> distribution, beside those that the simulation has already.
            reported: Share of a series that is reported, a number or a distribution.
            dispersion: Of the negative binomial, a number or a distribution.
            method: Of `fit`.
            **options: Of `fit`, such as `budget`, `gate`, `seed` and `workers`.

        Returns:
            Of `fit`: posterior, verdict, predictions under policies. Data sites are called `reported_SERIES`.

        Raises:
            ValueError: an unknown series or parameter, no prior, data that are not daily; what `fit` refuses.
        """
        from causal_lpm.inference.calibration.fit import fit
        from causal_lpm.simulations.reports import reported_model

        model, given = reported_model(self, data, priors or {}, reported, dispersion)
        return fit(model, given, method, **{"seed": self.seed, **options})

    def __repr__(self) -> str:
        if self._predictions is None:
            return f"<{self.title}; not run yet>"
        many = self._seeds > 1
        rows = [
            f"  {name}: {row['mean']:,.0f} {row['what']}"
            + (f" (90% of seeds: {row['5%']:,.0f} to {row['95%']:,.0f})" if many else "")
            for name, row in self.summary().iterrows()
        ]
        return "\n".join([f"<{self.title}, {self._days} days, {seeds_of(self.to_xarray())}", *rows]) + ">"

    def _repr_html_(self) -> str:
        if self._predictions is None:
            return html_of(self.title, "Not run yet: call run(days=180, seeds=10).")
        return html_of(self.title, f"{self._days} days, {seeds_of(self.to_xarray())}", self.summary())
