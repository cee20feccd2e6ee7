"""Line lists by date: what is counted, what reaches agents, and what is refused."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from causal_lpm import data
from causal_lpm.inference import Cases, LineList, read_line_list
from tests.inference.abduction.tiny import AGENTS, epidemic

HAGELLOCH = {"dates": ("prodrome", "rash", "death"), "infector": "infector"}


def hagelloch() -> Cases:
    return read_line_list(data.path("measles_hagelloch_1861.csv"), **HAGELLOCH)  # type: ignore[arg-type]


def test_the_curves_of_hagelloch_hold_every_case_once() -> None:
    cases = hagelloch()
    curve = cases.epidemic_curve("prodrome", by="school_class")
    assert curve.dims == ("school_class", "date")
    assert curve.sum("date").to_series().to_dict() == {0: 90, 1: 30, 2: 68}
    assert str(curve["date"].values[0])[:10] == "1861-10-30"
    assert str(curve["date"].values[-1])[:10] == "1862-01-24"
    assert curve.sizes["date"] == 87
    first_class = curve.sel(school_class=1)
    assert [int(first_class.sel(date=f"1861-11-{day}")) for day in (20, 21, 22, 23)] == [1, 11, 8, 3]
    assert cases.epidemic_curve("death").attrs["undated"] == 176
    assert int(cases.epidemic_curve("death").sum()) == 12
    sexes = cases.epidemic_curve("rash", by="sex").sum("date").to_series()
    assert sexes["missing"] == 11
    assert sexes.sum() == 188
    ages = pd.cut(cases.table["age"], [0, 5, 10, 20], right=False)
    assert cases.epidemic_curve("rash", by=ages).sum("date").to_series().sum() == 188


def test_a_frame_says_the_same_as_its_file() -> None:
    """A column of numbers with empty cells is one of floats in a frame, and text in a file."""
    from_frame = read_line_list(data.read("measles_hagelloch_1861.csv"), **HAGELLOCH)  # type: ignore[arg-type]
    assert torch.equal(from_frame.infector, hagelloch().infector)
    assert from_frame.epidemic_curve("rash").equals(hagelloch().epidemic_curve("rash"))
    infectors = data.read("measles_hagelloch_1861.csv")["infector"]
    assert (from_frame.infector + 1).tolist() == infectors.fillna(0).astype(int).tolist()  # cases are 1 to 188


def test_days_before_and_after_are_in_the_curve() -> None:
    cases = read_line_list({"onset": ["2020-03-03"]}, dates="onset", case=None)
    curve = cases.epidemic_curve("onset", start="2020-02-29", end="2020-03-05")
    assert curve.values.tolist() == [0, 0, 0, 1, 0, 0]
    assert curve.dtype == np.int64


def test_dates_of_all_kinds_are_days() -> None:
    zone = datetime.timezone(datetime.timedelta(hours=13))
    kinds = [
        "2020-03-09",
        datetime.date(2020, 3, 9),
        datetime.datetime(2020, 3, 9, 23, 59, tzinfo=zone),
        np.datetime64("2020-03-09T12:00"),
        pd.Timestamp("2020-03-09 05:00"),
        pd.NaT,
        None,
        float("nan"),
        "  ",
        "Unknown",
    ]
    cases = read_line_list({"onset": kinds}, dates=["onset"], case=None, missing=["unknown"])
    assert cases.days("onset", "2020-03-08")[:5].tolist() == [1.0] * 5
    assert bool(cases.days("onset")[5:].isnan().all())


def test_a_model_takes_what_the_list_says() -> None:
    table = {"onset": ["2020-03-01", "2020-03-03", ""], "tested": ["", "", "2020-03-02"]}
    cases = read_line_list(table, dates=["onset", "tested"], case=None)
    rows = cases.observations({"infection": "onset"}, agents=[4, 1, 2])
    assert rows.to_dict("list") == {"agent": [4, 1], "day": [0, 2], "event": ["infection", "infection"]}
    seen = LineList(rows, epidemic, complete=["infection"])
    known = torch.stack(list(seen.data.values()))
    assert known.shape[-1] == AGENTS
    assert known.nansum().item() == 2
    both = cases.observations({"infection": "onset", "test": "tested"}, start="2020-02-29")
    assert both["day"].tolist() == [1, 3, 2]
    assert both["agent"].tolist() == [0, 1, 2]


TWO = {"case": ["a", "b"], "onset": ["2020-03-01", "2020-03-05"], "from": ["", "a"]}


@pytest.mark.parametrize(
    ("table", "arguments", "sentence"),
    [
        ({}, {"dates": []}, "no dates were given"),
        ({}, {"dates": ["onst"]}, "unknown column of the line list 'onst': did you mean 'onset'"),
        ({}, {"dates": ["onset", "onset"]}, "the column of dates 'onset' appears twice"),
        ({}, {"infector": "form"}, "unknown column of the line list 'form': did you mean 'from'"),
        ({"onset": ["2020-03-01", "2020-02-30"]}, {}, "row 1 of the line list has the onset '2020-02-30', which is no"),
        ({"onset": ["2020-03-01", 43891]}, {}, "row 1 of the line list has the onset 43891, which is no date"),
        ({"onset": ["2020-03-01", "1066-10-14"]}, {}, "row 1 of the line list has the onset '1066-10-14'"),
        ({"case": ["a", "a"]}, {}, "the line list has the case 'a' twice, in rows 0 and 1: leave one of them out"),
        ({"case": ["a", None]}, {}, "row 1 of the line list has no case: give each case an identifier"),
        ({"from": ["", "c"]}, {"infector": "from"}, "row 1 of the line list has the from 'c', which is no case of the"),
        (
            {"from": ["", "b"]},
            {"infector": "from"},
            "row 1 of the line list has the from 'b', which is the case",
        ),
        ({"case": [], "onset": [], "from": []}, {}, "the line list has no rows: give one a case"),
    ],
)
def test_bad_lists_are_refused(table: dict[str, Any], arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        read_line_list({**TWO, **table}, **{"dates": ["onset"], **arguments})


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda c: c.days("rash"), "unknown date of the line list 'rash'"),
        (
            lambda c: c.days("onset", "2020-03-02"),
            "row 0 of the line list has the onset 2020-03-01, before day 0",
        ),
        (lambda c: c.days("onset", "March"), "the start of the days: 'March' is not a date like 2020-03-09"),
        (lambda c: c.days("never"), "column 'never' of the line list has no date at all"),
        (lambda c: c.epidemic_curve("onset", end="2020-03-04"), "has the onset 2020-03-05, after the end 2020-03-04"),
        (lambda c: c.epidemic_curve("onset", by="sex"), "unknown column of the line list 'sex'"),
        (lambda c: c.epidemic_curve("onset", by=[1]), "1 labels were given for 2 cases: give one a case"),
        (lambda c: c.observations({}), "no events were given"),
        (lambda c: c.observations({"infection": "onset"}, agents=[1]), "1 agents were given for 2 cases"),
    ],
)
def test_what_is_not_in_the_list_is_refused(ask: Any, sentence: str) -> None:
    cases = read_line_list({**TWO, "never": ["", ""]}, dates=["onset", "never"])
    with pytest.raises(ValueError, match=sentence):
        ask(cases)


def test_files_keep_identifiers_as_they_are_written(tmp_path: Path) -> None:
    file = tmp_path / "list.csv"
    file.write_text("case,from,onset\n007,,2020-03-01\n7,007,2020-03-02\n")
    assert read_line_list(file, dates=["onset"], infector="from").infector.tolist() == [-1, 0]


def test_a_list_without_a_column_case_is_told_how_to_name_its_own() -> None:
    with pytest.raises(ValueError, match="no column 'case': give case= the one that identifies a case, of 'Case ID'"):
        read_line_list({"Case ID": ["a"], "onset": ["2020-03-01"]}, dates=["onset"])
