"""The recorded answers against the labour market: months, correlations, held-out errors, and what the page says."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from case_studies.page import fill
from case_studies.stimulus_nyc import census, report
from case_studies.stimulus_nyc.data import FIRST_ANSWERS, FIRST_OBSERVED, answers, labour_market, months_from, pulse
from case_studies.stimulus_nyc.question import BOROUGHS, PAID
from case_studies.stimulus_nyc.reproduction import rebuilt_census, rounded

HERE = Path(report.__file__).parent


def test_answers_have_all_boroughs_and_months_but_manhattan_without_payment() -> None:
    table = answers()
    assert len(table) == len(BOROUGHS) * 26
    assert set(table["borough"]) == set(BOROUGHS)
    assert table.loc[table["none"].isna(), "borough"].eq("Manhattan").all()
    assert table["none"].isna().sum() == 26
    assert (str(table["month"].min()), str(table["month"].max())) == ("2020-09", "2022-10")
    assert table[["none", "payment"]].max().max() == 50


@given(first=st.integers(0, 900), number=st.integers(1, 60))
def test_months_are_counted_from_one(first: int, number: int) -> None:
    begin = pd.Period(ordinal=first, freq="M")
    (month,) = months_from(begin, pd.Series([number]))
    assert month == begin + (number - 1)


def test_the_observed_column_is_twelve_months_late() -> None:
    found = census.alignments()
    assert (FIRST_OBSERVED - FIRST_ANSWERS).n == 12
    assert found[str(FIRST_OBSERVED)]["change"] == pytest.approx(0.0, abs=1e-9)
    others = [name for name in found if name != str(FIRST_OBSERVED)]
    assert all(found[name]["change"] > 0.3 for name in others)
    assert max(found, key=lambda name: found[name]["cases"]) == str(FIRST_ANSWERS)


def test_labour_markets_add_up() -> None:
    real = labour_market()
    assert (real["labour_force"] - real["employed"] - real["unemployed"]).abs().max() <= 200  # rounded to hundreds
    rate = 100 * real["unemployed"] / real["labour_force"]
    assert (rate - real["unemployment"]).abs().max() < 0.1
    year = real[real["month"].dt.year == 2019].groupby("borough")["employment"].mean()
    assert np.allclose(year, 100.0)


def test_surveys_are_shares_of_months() -> None:
    said = pulse()
    assert said.index.is_unique
    assert bool(said.stack().dropna().between(0, 100).all())
    assert "2020-09" in said.index.astype(str)


def test_a_denominator_below_a_count_is_refused() -> None:
    with pytest.raises(ValueError, match="largest count is 43: give at least that"):
        census.joined(40)


@pytest.mark.parametrize("outcome", ["unemployment", "employment"])
def test_an_answer_that_is_the_outcome_would_help_every_baseline(outcome: str, monkeypatch: pytest.MonkeyPatch) -> None:
    table = census.joined()
    monkeypatch.setattr(census, "joined", lambda asked=50: table.assign(answer=table[outcome]))
    for row in census.held_out(outcome).values():
        assert row["with"] < 1e-6 < row["without"]
    slope, error = census.slopes(outcome)["trend, season and cases"]
    assert slope == pytest.approx(float(table[outcome].std()))
    assert error < 1e-6


def test_answers_help_a_poor_baseline_only() -> None:
    found = census.held_out("unemployment")
    assert found["cases"]["with"] < found["cases"]["without"] - 0.3
    decent = found["trend, season and cases"]
    assert decent["with"] > decent["without"]
    assert decent["without"] < 0.4 * found["cases"]["without"]


def test_payments_were_made_in_months_of_the_answers() -> None:
    months = set(answers()["month"].astype(str))
    assert [month in months for month in PAID] == [False, True, True]


def test_rounding_keeps_what_is_no_number() -> None:
    assert rounded({"a": [0.123456, None, "x", 7], "b": (12345.6, 0.0)}) == {
        "a": [0.1235, None, "x", 7],
        "b": [12350.0, 0.0],
    }


def test_the_page_is_the_committed_numbers() -> None:
    numbers = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    page = (HERE / "README.md").read_text(encoding="utf-8")
    assert fill(page, report.tables(numbers)) == page


def leaves(value: Any) -> list[Any]:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else None
    return [value] if parts is None else [leaf for part in parts for leaf in leaves(part)]


def test_the_committed_census_is_what_the_tables_say() -> None:
    numbers = json.loads((HERE / "expected.json").read_text(encoding="utf-8"))
    computed = json.loads(json.dumps(rebuilt_census()))
    assert computed.keys() == numbers["census"].keys()
    for one, other in zip(leaves(computed), leaves(numbers["census"]), strict=True):
        assert one == pytest.approx(other, abs=0.005)
