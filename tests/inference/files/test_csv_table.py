"""A table is read cell by cell, strictly, and in a time that does not grow with the square of anything."""

import re
import time
from pathlib import Path

import numpy as np
import pytest

from causal_lpm.inference.files.csv_table import read_table
from causal_lpm.inference.studies.series_file import read_series


def file(folder: Path, content: str | bytes) -> Path:
    path = folder / "cases.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("date,cases\n2020-03-01,3\n".encode("utf-16"), "is not a CSV file in UTF-8"),
        ("date,cases\n2020-03-01,3\n".encode("utf-16-le"), "it looks like UTF-16; save it as UTF-8"),
        ("date,fälle\n2020-03-01,3\n".encode("latin-1"), "is not a CSV file in UTF-8"),
        ("date;cases\n2020-03-01;1,5\n", "separate columns by commas, decimals by points"),
        ("date,cases\n2020-03-01,1,5\n", "line 2: 3 cells under 2 column names"),
        (",date,cases\n0,2020-03-01,3\n", "column 1 has no name"),
        ("date,cases,\n2020-03-01,3,\n", "column 3 has no name"),
        ("date,date,cases\n1,1,1\n", "the column 'date' appears twice"),
        ("date,cases\n\n\n", "has no rows"),
        ("date,cases\n" + "2020-03-01," + "9" * 200_000 + "\n", "field larger than field limit"),
        ('date,cases\n"2020-03-01,3\n', "is not a CSV file in UTF-8"),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_table(file(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        *((f'day,cases\n0,"{cell}"\n', f"line 2: {cell!r} in column 'cases' is not a number like 12")
          for cell in ("1_000", "١٢", "1,000", "1,5", "0x10", "inf", "-Infinity", "+5", "1e400", "1 000", "null", "-")),
        ("day,cases\n0,1\nday,cases\n", "line 3: 'day' is not a day like 0, 1, 2"),
        ("date,cases\n2020-03-01,1\ndate,cases\n", "line 3: 'date' is not a date like"),
        ("day,cases\n" + "1" * 5000 + ",1\n", "line 2: '1111111111111111111111111111111111111...' is not a day like"),
        ("day,cases\n٠,1\n١,2\n", "line 2: '٠' is not a day"),
        ("day,cases\n0_0,1\n", "'0_0' is not a day"),
        ("day,cases\n1.0,1\n", "'1.0' is not a day"),
        ("day,cases\n19,1\n18,2\n", "line 3: day 18 comes after day 19"),
        ("date,cases\n2020-03-02,1\n2020-03-01,2\n", "line 3: the dates are out of order: 2020-03-01"),
        ("date,cases\n2020-03-01,1\n\n2020-03-01,2\n", "line 4: the dates are out of order: 2020-03-01"),
        ("date,cases\n2020-03-01,1\n2020-03-02,1\n2020-03-05,2\n", "line 4: the dates have a gap before 2020-03-05"),
        ("date,cases\n31/12/2020,1\n", "line 2: '31/12/2020' is not a date like 2020-03-09"),
        ("date,cases\n20201231,1\n", "line 2: '20201231' is not a date"),
        ("date,cases\n٢٠٢٠-٠٣-٠١,1\n", "is not a date"),
        ("date,cases\n9999-12-31,1\n", "line 2: the date 9999-12-31 lies outside the years 1678 to 2261"),
        ("date,group,x\n2020-03-02,a,1\n2020-03-01,a,1\n2020-03-02,b,1\n2020-03-01,b,1\n", "line 3: the dates are out"),
    ],
)  # fmt: skip
def test_what_only_python_would_read_is_refused_with_its_line(tmp_path: Path, content: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        read_series(file(tmp_path, content))


def test_forms_of_files_that_mean_the_same(tmp_path: Path) -> None:
    plain = "date,cases\n2020-03-01,3\n2020-03-08,\n2020-03-15,2.5e1\n"
    forms = [
        plain,
        plain.replace("\n", "\r\n"),
        plain.replace("\n", "\r"),
        "\ufeff" + plain,
        plain.replace("\n", "\n\n"),
    ]
    forms += [plain.replace(",", " , "), plain.replace("3\n", '"3"\n'), plain.replace(",\n", ",NaN\n"), plain.rstrip()]
    for content in forms:
        found = read_series(file(tmp_path, content))["cases"]
        np.testing.assert_array_equal(found.values, [3.0, np.nan, 25.0])
        assert str(found["date"].values[-1])[:10] == "2020-03-15"


def test_twenty_thousand_columns_take_no_minute(tmp_path: Path) -> None:
    """Looked up by name for every cell they took 37 s; now a fifth of one. Ten leave room for a busy machine."""
    names = ",".join(f"site{number}" for number in range(20_000))
    wide = file(tmp_path, f"day,{names}\n" + "".join(f"{day}" + ",7" * 20_000 + "\n" for day in range(3)))
    begin = time.perf_counter()
    table = read_table(wide)
    values = [[table.number(name, row) for row in range(3)] for name in table.columns]
    assert time.perf_counter() - begin < 10
    assert len(values) == 20_001
    assert values[-1] == [7.0] * 3


def test_a_file_larger_than_memory_is_refused_before_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(tmp_path, "day,cases\n")
    monkeypatch.setattr("os.sysconf", lambda name: 10)  # a machine of a hundred bytes
    with pytest.raises(ValueError, match=r"the cells of cases\.csv need about .* GB; .* give fewer rows or columns"):
        read_table(path)
