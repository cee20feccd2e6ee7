"""What the data call their groups and days, predictions call theirs too, wherever there are as many."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.inference import CalibrationResult
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.results.data_labels import with_labels_of_data
from causal_lpm.inference.results.calibration_tree import About, TreeLabels, build_tree
from causal_lpm.inference import Report
from tests.inference.calibration.sir import DAYS, posterior, sir

REGIONS = ("Île-de-France", "Zürich", "東京")
START = np.datetime64("2020-03-01", "ns")


def dates(count: int, first: int = 0, step: int = 1) -> Any:
    return START + (first + step * np.arange(count)) * np.timedelta64(1, "D")


def observed(shapes: dict[str, tuple[int, int]], **labels: Any) -> xr.Dataset:
    data = {site: np.ones(shape) for site, shape in shapes.items()}
    about = About("abc", "uncalibrated", 0, 1, 1)
    tree = build_tree(about, {"b": [1.0]}, observed_data=data, labels=TreeLabels(**labels))
    return tree["observed_data"].to_dataset()


def predictions(shapes: dict[str, tuple[int, int]]) -> xr.Dataset:
    """As `predict` gives them: the largest numbers have the names `group` and `day`."""
    most = [max(shape[i] for shape in shapes.values()) for i in (0, 1)]
    variables, coords = {}, {"world": ["a", "b"]}
    for name, shape in shapes.items():
        dims = [kind if size == n else f"{name}_{kind}" for kind, size, n in zip(("group", "day"), shape, most, strict=True)]
        variables[name] = (("world", *dims), np.arange(2.0 * shape[0] * shape[1]).reshape(2, *shape))
        coords |= {dims[0]: list(map(str, range(shape[0]))), dims[1]: np.arange(shape[1])}
    return xr.Dataset(variables, coords)


def test_sites_and_series_of_their_size_have_the_labels_and_dates_of_the_data() -> None:
    shapes = {"cases": (3, 10), "infections": (1, 10), "by_region": (3, 10)}
    data = observed({"cases": (3, 10)}, groups={"cases": REGIONS}, dates={"cases": dates(10)})
    found = with_labels_of_data(predictions(shapes), data)
    assert found["by_region"]["group"].values.tolist() == list(REGIONS)
    assert found["infections"]["infections_group"].values.tolist() == ["0"]
    np.testing.assert_array_equal(found["date"], dates(10))
    assert found["date"].dims == ("day",)


def test_a_data_site_of_more_days_goes_on_with_its_dates_and_so_do_series_beside_it() -> None:
    data = observed({"cases": (3, 10)}, groups={"cases": REGIONS}, dates={"cases": dates(10, step=7)})
    found = with_labels_of_data(predictions({"cases": (3, 14), "infections": (1, 14)}), data)
    np.testing.assert_array_equal(found["date"], dates(14, step=7))
    assert found["infections"]["date"].dims == ("day",)
    uneven = data.assign_coords(date=("day", np.sort(np.append(dates(9), dates(1, 30)))))
    assert "date" not in with_labels_of_data(predictions({"cases": (3, 14)}), uneven).coords


def test_other_numbers_of_groups_and_days_have_none() -> None:
    data = observed({"cases": (3, 10)}, groups={"cases": REGIONS}, dates={"cases": dates(10)})
    longer = predictions({"weekly": (3, 12), "cases": (3, 9), "infections": (2, 12)})
    found = with_labels_of_data(longer, data)
    assert "date" not in found.coords
    assert "cases_date" not in found.coords
    assert found["cases"]["group"].values.tolist() == list(REGIONS)
    assert found["infections"]["infections_group"].values.tolist() == ["0", "1"]


def test_weekly_reports_and_daily_series_keep_their_own_dates() -> None:
    weekly = dates(4, step=7)
    data = observed({"reports": (1, 4)}, dates={"reports": weekly})
    found = with_labels_of_data(predictions({"reports": (1, 4), "infections": (1, 28)}), data)
    np.testing.assert_array_equal(found["reports_date"], weekly)
    assert found["reports_date"].dims == ("reports_day",)
    assert "date" not in found.coords


def test_sites_of_one_size_and_other_labels_get_dimensions_of_their_own() -> None:
    data = observed(
        {"cases": (2, 5), "deaths": (2, 5)},
        groups={"cases": ["young", "old"], "deaths": ["Bronx", "Queens"]},
        dates={"cases": dates(5), "deaths": dates(5, first=3)},
    )
    given_ = predictions({"cases": (2, 5), "deaths": (2, 5), "infections": (2, 5)})
    found = with_labels_of_data(given_, data)
    assert found["cases"]["cases_group"].values.tolist() == ["young", "old"]
    assert found["deaths"]["deaths_group"].values.tolist() == ["Bronx", "Queens"]
    assert found["infections"].dims == ("world", "group", "day")
    assert found["group"].values.tolist() == ["0", "1"]  # nobody can tell which of the two they are
    np.testing.assert_array_equal(found["cases_date"], dates(5))
    np.testing.assert_array_equal(found["deaths_date"], dates(5, first=3))
    for name in given_.data_vars:
        np.testing.assert_array_equal(found[name].values, given_[name].values)
    assert set(with_labels_of_data(given_[["cases", "deaths"]], data).dims) == {
        *("world", "cases_group", "cases_day", "deaths_group", "deaths_day")
    }


@settings(max_examples=25)
@given(st.dictionaries(st.sampled_from("abcd"), st.tuples(st.integers(1, 3), st.integers(2, 4)), min_size=1), st.data())
def test_numbers_never_change_and_a_site_has_its_own_labels(shapes: dict[str, tuple[int, int]], data: st.DataObject) -> None:
    sites = data.draw(st.lists(st.sampled_from(sorted(shapes)), min_size=1, unique=True))
    names = {site: [f"{site}{number}" for number in range(shapes[site][0])] for site in sites}
    when = {site: dates(shapes[site][1], first=ord(site)) for site in sites}
    given_ = predictions(shapes)
    found = with_labels_of_data(given_, observed({site: shapes[site] for site in sites}, groups=names, dates=when))
    for name in shapes:
        np.testing.assert_array_equal(found[name].values, given_[name].values)
        group, day = found[name].dims[1:]
        if name in sites:
            assert found[group].values.tolist() == names[name]
            (date,) = (coord for coord in found[name].coords.values() if coord.dims == (day,) and coord.dtype.kind == "M")
            np.testing.assert_array_equal(date, when[name])


@pytest.fixture(scope="module")
def dated() -> CalibrationResult:
    """A result of the small SIR model, whose reports have dates."""
    problem = Problem(sir, {"cases": pd.Series(np.zeros(DAYS), index=pd.date_range("2020-03-01", periods=DAYS))})
    series = problem.data["cases"]
    tree = build_tree(
        About("abc", "uncalibrated", 3, 10, 10),
        {name: value.numpy() for name, value in posterior(2).items()},
        observed_data={"cases": series.values.numpy()},
        labels=TreeLabels(dates={"cases": series.dates}),  # type: ignore[dict-item]
    )
    return CalibrationResult(tree, Report(), problem)


def test_a_result_gives_its_dates_on_and_takes_others_in_their_place(dated: CalibrationResult) -> None:
    worlds = {"factual": {}, "closed": {"closure_day": 5.0}}
    found = dated.predict(worlds, draws=2)
    assert str(found["date"].values[0])[:10] == "2020-03-01"
    assert found["group"].values.tolist() == ["0", "1"]
    assert dated.effects("factual", "by_half", by="group")["group"].values.tolist() == ["0", "1"]
    other = dated.predict(worlds, draws=2, start_date="2021-01-01", group_labels=["even", "odd"])
    assert str(other["date"].values[0])[:10] == "2021-01-01"
    assert other["group"].values.tolist() == ["even", "odd"]
    assert dated.effects("factual", "by_half", by="group")["group"].values.tolist() == ["even", "odd"]
    np.testing.assert_array_equal(found["cases"].values, other["cases"].values)


def test_labels_of_groups_reach_effects_and_files(dated: CalibrationResult, tmp_path: Any) -> None:
    tree = build_tree(
        About("abc", "uncalibrated", 3, 10, 10),
        {name: value.numpy() for name, value in posterior(2).items()},
        observed_data={"admissions": np.zeros((2, DAYS))},
        labels=TreeLabels(groups={"admissions": ["Zürich", "東京"]}),
    )
    CalibrationResult(tree, Report()).save(tmp_path / "result.nc")
    result = CalibrationResult.load(tmp_path / "result.nc", model=sir)
    found = result.predict({"factual": {}, "closed": {"closure_day": 5.0}}, draws=2)
    assert found["by_half"]["group"].values.tolist() == ["Zürich", "東京"]
    effects = result.effects("factual", "by_half", by="group")
    assert effects["averted"]["group"].values.tolist() == ["Zürich", "東京"]
    result.save(tmp_path / "result.nc")
    assert CalibrationResult.load(tmp_path / "result.nc").tree["predictions"]["group"].values.tolist() == ["Zürich", "東京"]
