import re
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.inference.studies.series_file import read_series

NUMBERS = st.none() | st.integers(0, 10**6)


def text(value: int | None) -> str:
    return "" if value is None else str(value)


def read(content: str, groups: tuple[str, ...] = ()) -> dict[str, object]:
    with TemporaryDirectory() as folder:
        file = Path(folder, "cases.csv")
        file.write_text(content, encoding="utf-8")
        return dict(read_series(file, groups))


@settings(deadline=None, max_examples=30)
@given(
    st.lists(st.tuples(NUMBERS, NUMBERS), min_size=1, max_size=20),
    st.dates(date(1700, 1, 1), date(2200, 1, 1)),
    st.booleans(),
)
def test_a_long_table_holds_what_the_wide_tables_of_its_groups_hold(rows, first, by_group: bool) -> None:  # type: ignore[no-untyped-def]
    dates = [str(np.datetime64(first) + day) for day in range(len(rows))]
    lines = [(g, d) for g in (0, 1) for d in range(len(rows))]
    if not by_group:
        lines = [(g, d) for d in range(len(rows)) for g in (0, 1)]
    long = "date,group,cases\n" + "".join(f"{dates[d]},{'ab'[g]},{text(rows[d][g])}\n" for g, d in lines)
    both = read(long)["cases"]
    assert both.dims == ("group", "date")
    for group in (0, 1):
        wide = "cases,date\n" + "".join(f"{text(row[group])},{day}\n" for row, day in zip(rows, dates, strict=True))
        alone = read(wide)["cases"]
        np.testing.assert_array_equal(alone.values, both.sel(group="ab"[group]).values)
        np.testing.assert_array_equal(alone.values, [np.nan if row[group] is None else row[group] for row in rows])
        np.testing.assert_array_equal(alone["date"], both["date"])


def test_groups_come_in_the_order_of_the_model() -> None:
    content = "day,group,cases\n0,south,1\n0,north,2\n"
    assert read(content)["cases"].values.tolist() == [[1.0], [2.0]]
    assert read(content, ("north", "south"))["cases"].values.tolist() == [[2.0], [1.0]]


def test_spaces_blank_lines_and_marks_of_spreadsheets_do_no_harm() -> None:
    found = read("\ufeffday, cases ,deaths\n\n1, 3 ,NA\n2,4,0.5\n")
    assert found["cases"].values.tolist() == [3.0, 4.0]
    np.testing.assert_array_equal(found["deaths"].values, [np.nan, 0.5])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "cases.csv has no rows"),
        ("date,cases\n", "cases.csv has no rows"),
        ("when,cases\n1,2\n", "exactly one must be called date or day"),
        ("day,date,cases\n1,2020-03-01,2\n", "exactly one must be called date or day"),
        ("day;cases\n1;2\n", "separate columns by commas"),
        ("day,cases,cases\n1,2,3\n", "the column 'cases' appears twice"),
        ("day\n1\n", "has no column of data"),
        ("day,cases\n1,2,3\n", "line 2: 3 cells under 2 column names"),
        ("day,cases\n1,2\n\n2,many\n", "line 4: 'many' in column 'cases' is not a number"),
        ("day,cases\n1,2\n3,2\n", "line 3: day 3 comes after day 1"),
        ("day,cases\n1,2\n1,2\n", "line 3: day 1 comes after day 1"),
        ("day,cases\none,2\n", "'one' is not a day"),
        ("date,cases\n3/1/2020,2\n", "line 2: '3/1/2020' is not a date like 2020-03-09"),
        ("date,cases\n2020-02-30,2\n", "'2020-02-30' is not a date"),
        ("date,cases\n2020-March,2\n", "'2020-March' is not a date"),
        ("day,group,cases\n1,a,2\n2,a,2\n1,b,2\n", "a row for day 2"),
        ('day,cases\n1,"2\n', "is not a CSV file"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(content: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read(content)


def test_declared_groups_are_all_there_and_known() -> None:
    declared = ("north", "south")
    with pytest.raises(ValueError, match="did you mean 'south'"):
        read("day,group,cases\n0,north,1\n0,soutt,2\n", declared)
    with pytest.raises(ValueError, match="no rows of group 'south'"):
        read("day,group,cases\n0,north,1\n", declared)
