"""Tables that users give: text as it was written, and one sentence for each that is none."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from case_studies.given_files import dates_of, given_table, numbers_of


def written(folder: Path, text: str) -> Path:
    file = folder / "mine.csv"
    file.write_text(text, encoding="utf-8")
    return file


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.tuples(st.dates(), st.floats(allow_nan=False, allow_infinity=False, width=32)), min_size=1, max_size=9)
)
def test_days_and_numbers_are_read_as_they_were_written(tmp_path: Path, rows: list[tuple[object, float]]) -> None:
    text = "\ufeffnumber , day\n" + "".join(f" {number!r},{day} \n" for day, number in rows)
    table = given_table(file := written(tmp_path, text), ("day", "number"))
    assert [each.date() for each in dates_of(file, table["day"])] == [day for day, _ in rows]
    assert numbers_of(file, table["number"]).tolist() == [number for _, number in rows]


@pytest.mark.parametrize("cell", ["2024-01-06T00:00", "2024-01-06Z", "20240106", "6.1.2024", "2024-02-30", "2024", ""])
def test_what_is_no_day_is_said_as_it_was_written(tmp_path: Path, cell: str) -> None:
    table = given_table(file := written(tmp_path, f"day,x\n2024-01-01,1\n{cell},1\n"), ("day",))
    with pytest.raises(ValueError, match=f"mine.csv has the day '{cell}': give ISO dates, as 2024-01-06"):
        dates_of(file, table["day"])


@pytest.mark.parametrize("cell", ["inf", "NaN", "1_000", "many", "$2", "", "True"])
def test_what_is_no_number_is_said_as_it_was_written(tmp_path: Path, cell: str) -> None:
    table = given_table(file := written(tmp_path, f"x,y\n1,1\n{cell},1\n"), ("x",))
    with pytest.raises(ValueError, match=r"mine.csv has '.*' in x: give numbers"):
        numbers_of(file, table["x"])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no rows"),
        ("x\n", "has no rows"),
        ("y\n1\n", "has no column 'x': give x, y"),
        ("x;y\n1;2\n", "separate columns by commas"),
        ("x,y\n1,2,3\n", "line 2: 3 cells under 2 column names"),
        ("x,y,x\n1,2,3\n", "the column 'x' appears twice"),
    ],
)
def test_what_is_no_table_is_one_sentence(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(ValueError, match=r"mine\.csv") as error:
        given_table(written(tmp_path, text), ("x", "y"))
    assert says in str(error.value)
