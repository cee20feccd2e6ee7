"""Whatever a result holds decides what its report shows."""

import numpy as np
import pytest
import xarray as xr

from causal_lpm.inference import About, Gate, Report, TreeLabels, build_tree
from causal_lpm.inference.policies.counted import STOCK
from causal_lpm.inference.policies.predictions import predictions_dataset
from causal_lpm.inference.results.calibration_tree import with_group
from causal_lpm.reports.charts import charts_of
from causal_lpm.reports.outlines import geography_of, names_of, shapes
from causal_lpm.reports.results import contents_of
from causal_lpm.reports.series_rows import averted_lines, world_lines

WEEKS = np.arange("2020-03-01", "2020-04-12", 7, dtype="datetime64[D]")


def calibration(status: str = "calibrated", **groups: xr.Dataset) -> xr.DataTree:
    rng = np.random.default_rng(0)
    draws = rng.poisson(20.0, (60, 2, len(WEEKS))).astype(float)
    return build_tree(
        About("svi+npe", status, seed=0, budget=300, simulations=500),
        {"beta": rng.normal(0.3, 0.01, 60)},
        prior={"beta": rng.normal(0.3, 0.1, 60)},
        posterior_predictive={"cases": draws},
        observed_data={"cases": np.array([[18.0, 22, np.nan, 20, 21, 19], [30.0, 20, 20, 20, 20, 20]])},
        labels=TreeLabels(groups={"cases": ["Bronx", "Queens"]}, dates={"cases": WEEKS}),
        **groups,
    )


def test_a_calibration_shows_its_data_in_weeks_and_its_gates() -> None:
    report = Report((Gate("sbc", "fail", 0.001, 0.008, "Ranks are U-shaped.", "Train longer."),))
    contents = contents_of(calibration("uncalibrated", diagnostics=report.to_dataset()))
    assert contents.warning.startswith("UNCALIBRATED: sbc failed")
    assert contents.gates is not None
    assert contents.gates.gates == report.gates
    assert contents.provenance["method"] == "svi+npe"
    charts = charts_of(contents)
    assert [title for title, _ in charts.fitted] == ["cases, Bronx", "cases, Queens"]
    chart = charts.fitted[0][1]
    assert chart.data["observed"]["value"] == [18, 22, None, 20, 21, 19]
    assert chart.data["series"]["x"] == [str(day) for day in WEEKS]
    assert "Dots are data" in chart.caption
    assert "a week, as the model counts" in chart.spec["description"]
    assert not charts.series
    assert not charts.maps


def predicted(units: str | None = None) -> xr.Dataset:
    rng = np.random.default_rng(1)
    values = {"cases": rng.poisson(20.0, (2, 30, 2, 2, 8)).astype(float)}
    return predictions_dataset(
        values, ["factual", "closed"], seed=0, coupling="all luck", group_labels=["Bronx", "Queens"], units=units
    )


def test_predictions_are_compared_with_the_first_world_and_drawn_on_a_map() -> None:
    contents = contents_of(with_group(calibration(), "predictions", predicted()))
    assert contents.references == {"closed": "factual"}
    assert [table.title for table in contents.tables][:2] == ["Totals over all days", "Averted"]
    assert "all luck" in contents.tables[1].caption
    charts = charts_of(contents)
    assert len(charts.series) == 2
    (chart,) = [chart for _, chart in charts.maps]
    values = chart.data["values"]
    first = [values[name][0] for name in ("world", "place", "day")]
    assert first == [0, "Bronx", 0]
    mean = predicted()["cases"].sel(world="factual", group="Bronx", day=0).mean().item()
    assert values["value"][0] == pytest.approx(mean, rel=1e-4)


def test_what_is_there_at_the_end_of_a_day_is_never_added_up() -> None:
    new, stock = predicted("new per day"), predicted(STOCK)
    references = {"closed": "factual"}
    gap = new["cases"].sel(world="factual") - new["cases"].sel(world="closed")
    runs = gap.sum("group").stack(run=("draw", "replicate"))
    for predictions, expected in ((new, runs.cumsum("day")), (stock, runs)):
        (values,) = averted_lines(predictions, "cases", references).values.values()
        assert np.allclose(values[0], expected.median("run"))
    contents = contents_of(with_group(calibration(), "predictions", stock))
    assert not any("closed" in cell for table in contents.tables for row in table.rows for cell in row)


def test_bands_are_those_of_all_runs() -> None:
    runs = predicted()["cases"].sum("group").sel(world="closed").stack(run=("draw", "replicate"))
    values = world_lines(predicted(), "cases").values["closed"]
    assert np.allclose(values[1:3], [runs.quantile(q, "run") for q in (0.05, 0.95)])


@pytest.mark.parametrize("name", ["us_states", "nz_dhb", "nyc_boroughs", "england_regions"])
def test_outlines_become_flat_shapes_without_a_seam(name: str) -> None:
    """No place is as wide as half of all of them: none is torn apart at 180 degrees."""
    outlines = f"outlines_{name}.geojson"
    widths, every = [], []
    for shape in shapes(outlines):
        east = [point[0] for ring in _rings(shape["geometry"]["coordinates"]) for point in ring]
        widths.append(max(east) - min(east))
        every += east
    assert len(widths) == len(names_of(outlines))
    assert max(widths) < 0.6 * (max(every) - min(every))


def _rings(coordinates: list) -> list:  # type: ignore[type-arg]
    if isinstance(coordinates[0][0], float):
        return [coordinates]
    return [ring for part in coordinates for ring in _rings(part)]


def test_groups_that_are_no_places_make_no_map() -> None:
    ages = predictions_dataset({"x": np.ones((1, 1, 1, 2, 3))}, ["a"], seed=0, coupling="", group_labels=["0-9", "10+"])
    assert geography_of(ages) == {}
