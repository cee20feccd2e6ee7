from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyro.distributions as dist
import pytest
import xarray as xr

from causal_lpm import create
from causal_lpm.simulations.reports import reported_model
from tests.templates.town import town

R0 = {"r0": dist.LogNormal(0.9, 0.4)}


def given(data: Any, priors: Any = R0, reported: Any = 1.0) -> Any:
    return reported_model(create("seir", town(400)), data, priors, reported, 10.0)


def test_data_come_as_numbers_tables_and_files(tmp_path: Path) -> None:
    file = tmp_path / "cases.csv"
    file.write_text("date,cases\n2020-03-01,3\n2020-03-02,\n2020-03-03,5\n", encoding="utf-8")
    dated = pd.Series([3.0, np.nan, 5.0], pd.date_range("2020-03-01", periods=3), name="cases")
    column = dated.rename_axis("date").reset_index()
    as_text = column.assign(date=column["date"].dt.strftime("%Y-%m-%d"))
    for data in (file, dated, dated.to_frame(), column, as_text, {"cases": [3, float("nan"), 5]}):
        model, named = given(data)
        assert list(named) == ["reported_cases"]
        assert model.model.days == 3
        assert np.array_equal(np.asarray(named["reported_cases"]), [3, np.nan, 5], equal_nan=True)


def test_a_table_by_place_is_brought_into_the_order_of_the_places() -> None:
    labels = create("seir", town(400)).population.places["borough"]
    rows = [(label, day, 10 * place + day) for place, label in enumerate(labels) for day in range(4)]
    table = pd.DataFrame(rows, columns=["group", "day", "cases"]).sample(frac=1.0, random_state=1)
    model, named = given(table)
    assert model.by_place == {"cases": True}
    assert np.asarray(named["reported_cases"]).tolist() == [
        [10 * place + day for day in range(4)] for place in range(3)
    ]
    with pytest.raises(ValueError, match="unknown group in the table"):
        given(table.replace({labels[0]: "Atlantis"}))


def test_rows_with_the_names_of_places_go_to_them_and_not_by_their_order() -> None:
    labels = create("seir", town(400)).population.places["borough"]
    days, mixed = pd.date_range("2020-03-01", periods=4), [labels[2], labels[0], labels[1]]
    table = pd.DataFrame([[20, 21, 22, 23], [0, 1, 2, 3], [10, 11, 12, 13]], mixed, days)
    array = xr.DataArray(table.to_numpy(), {"group": mixed, "date": days}, ("group", "date"))
    for data in (table, array, array.transpose()):
        numbers = given({"cases": data})[1]["reported_cases"]
        assert np.asarray(numbers).tolist() == [[10 * place + day for day in range(4)] for place in range(3)]
        assert numbers[numbers.dims[0]].values.tolist() == list(labels)
    with pytest.raises(ValueError, match="unknown place in the data of 'cases' 'Atlantis'"):
        given({"cases": table.rename({labels[0]: "Atlantis"})})
    with pytest.raises(ValueError, match="is needed once"):
        given({"cases": table.iloc[:2]})


def test_data_that_would_be_put_on_other_days_are_refused() -> None:
    table = pd.DataFrame({"day": [10, 11, 12], "cases": [3, 4, 5]})
    with pytest.raises(ValueError, match="begin on day 10, and the simulation begins with their first day"):
        given(table)
    with pytest.raises(ValueError, match="the table has the day 10 twice"):
        given(table.assign(day=10))
    assert given(table.assign(day=[1, 2, 3]))[0].model.days == 3


def test_places_are_told_apart_where_the_data_do() -> None:
    assert given({"cases": np.ones((3, 5))})[0].by_place == {"cases": True}
    with pytest.raises(ValueError, match="the data of 'cases' have 2 groups and the model counts 3"):
        given({"cases": np.ones((2, 5))})


@pytest.mark.parametrize(
    ("data", "priors", "message"),
    [
        ({"case": [1, 2]}, R0, "unknown series 'case': did you mean 'cases'"),
        ({"cases": [1, 2]}, {"rO": R0["r0"]}, "unknown parameter 'rO'"),
        ({"cases": [1, 2]}, {}, "no parameter has a prior, so that there is nothing to learn"),
        ({"cases": [1, 2], "deaths": [1]}, R0, r"the series have \[1, 2\] days"),
        ({}, R0, "there are no data"),
        (pd.DataFrame({"Notified": ["2020-03-01"], "cases": [1]}), R0, "column 'Notified' of the table has no numbers"),
        (pd.DataFrame({"date": ["01/03/2020"], "cases": [1]}), R0, "something else than dates such as 2020-03-09"),
        (pd.DataFrame({"date": ["2020-03-01"], "day": [0], "cases": [1]}), R0, "a column date and a column day"),
        ({"cases": 3}, R0, "the data of 'cases' have 0 dimensions"),
        (pd.Series([1, 2], pd.date_range("2020-03-01", periods=2, freq="7D"), name="cases"), R0, "are not daily"),
    ],
)
def test_bad_data_are_one_sentence(data: Any, priors: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        given(data, priors)


@pytest.mark.slow
def test_a_calibration_finds_r0_of_simulated_cases() -> None:
    """Within three posterior standard deviations in one run with fixed seeds: no alarm can be false."""
    truth = create("seir", town(1_000), r0=3.0, seed=5, school_closure_day=15).run(40, 1, progress=False)
    cases = truth.to_frame().groupby("day")["cases"].sum().to_numpy()
    simulation = create("seir", town(1_000), school_closure_day=15)
    result = simulation.calibrate({"cases": cases}, R0, budget=200, gate=0, ensemble=1)
    draws = result.tree["posterior"]["r0"].values
    assert abs(draws.mean() - 3.0) < 3 * draws.std()
    assert draws.std() < 1.0
    worlds = result.predict({"as it was": {}, "open": {"school_closure_day": -1}}, draws=10)
    totals = worlds["infections"].sum(("group", "day")).mean(("draw", "replicate")).values
    assert totals[1] > totals[0]
