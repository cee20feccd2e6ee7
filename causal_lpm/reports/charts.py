"""The charts of a report: each outcome in all worlds, what is averted, data beside what is expected of them, maps."""

from collections.abc import Iterator
from dataclasses import dataclass

import xarray as xr

from causal_lpm.inference.charts.style import slug
from causal_lpm.inference.policies.predictions import series_dims
from causal_lpm.inference.policies.statements import said
from causal_lpm.reports.contents import Contents
from causal_lpm.reports.map_charts import map_chart
from causal_lpm.reports.series_charts import Chart, series_chart
from causal_lpm.reports.series_rows import averted_lines, world_lines

__all__ = ["MOST_GROUPS", "Charts", "charts_of"]

MOST_GROUPS = 12
"""Of the data of a calibration that are drawn one by one."""
MOST_MAPS = 3


@dataclass(frozen=True)
class Charts:
    """The charts of a report, by section, each with its heading.

    Attributes:
        series: Of the worlds and their differences.
        fitted: Of data.
        maps: By place.
    """

    series: list[tuple[str, Chart]]
    fitted: list[tuple[str, Chart]]
    maps: list[tuple[str, Chart]]


def charts_of(contents: Contents) -> Charts:
    """All charts for which the contents have what they need."""
    return Charts(list(_series(contents)), list(_fitted(contents)), list(_maps(contents)))


def _series(contents: Contents) -> Iterator[tuple[str, Chart]]:
    predictions = contents.predictions
    for outcome in [] if predictions is None else map(str, predictions.data_vars):
        assert predictions is not None
        yield outcome, series_chart(f"series-{slug(outcome)}", world_lines(predictions, outcome))
        if contents.references:
            worlds = [str(world) for world in predictions["world"].values]
            of = [worlds.index(other) for other in contents.references]
            lines = averted_lines(predictions, outcome, contents.references)
            title = f"{outcome}: as it was minus what if ({said(contents.kind)})"
            yield title, series_chart(f"averted-{slug(outcome)}", lines, numbers=of)


def _fitted(contents: Contents) -> Iterator[tuple[str, Chart]]:
    for site in [] if contents.fitted is None else map(str, contents.fitted.data_vars):
        assert contents.fitted is not None
        groups, _ = series_dims(contents.fitted[site])
        labels = [str(label) for label in contents.fitted[groups].values]
        for number, label in enumerate(labels[:MOST_GROUPS]):
            lines = world_lines(contents.fitted, site, label)
            seen = None if contents.observed is None else _data(contents.observed, site, number)
            title = f"{site}, {label}" if len(labels) > 1 else site
            chart = series_chart(f"fitted-{slug(site)}-{number}", lines, observed=seen, switched=False)
            yield title, chart


def _data(observed: xr.Dataset, site: str, row: int) -> list[float] | None:
    return observed[site].values[row].tolist() if site in observed.data_vars else None


def _maps(contents: Contents) -> Iterator[tuple[str, Chart]]:
    for column, geography in contents.geography.items():
        for outcome in list(map(str, geography.predictions.data_vars))[:MOST_MAPS]:
            yield f"{outcome} by {column}", map_chart(f"map-{slug(column)}-{slug(outcome)}", column, geography, outcome)
