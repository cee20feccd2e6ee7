"""Files of weekly cases: what is read of a good one, and one sentence for each that is not."""

import datetime
from pathlib import Path

import pytest

from case_studies.new_zealand.districts import DISTRICTS
from case_studies.new_zealand.weekly_cases import weekly_cases

HEAD = "week,district,cases"
FIRST = datetime.date(2019, 3, 4)
GOOD = {"Auckland": [0, 3, 9, 4, 2, 8, 1, 0, 0], "Northland": [0, 0, 1, 0, 0, 0, 1, 0, 0]}


def lines(series: dict[str, list[int]]) -> list[str]:
    return [
        f"{FIRST + datetime.timedelta(weeks=week)},{district},{count}"
        for district, counts in series.items()
        for week, count in enumerate(counts)
    ]


def written(folder: Path, *rows: str, head: str = HEAD) -> Path:
    file = folder / "weekly.csv"
    file.write_text("\n".join((head, *rows)) + "\n", encoding="utf-8")
    return file


def test_a_file_is_read_from_the_first_case_on(tmp_path: Path) -> None:
    found = weekly_cases(written(tmp_path, *lines(GOOD)))
    assert found.first_day == FIRST + datetime.timedelta(weeks=1)
    assert found.reported.shape == (len(DISTRICTS), 8)
    assert found.reported[DISTRICTS.index("Auckland")].tolist() == GOOD["Auckland"][1:]
    assert int(found.reported.sum()) == 29


def test_rows_may_come_in_any_order(tmp_path: Path) -> None:
    rows = lines(GOOD)
    one, other = (weekly_cases(written(tmp_path, *each)) for each in (rows, rows[::-1]))
    assert (one.reported == other.reported).all()


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (["2019-03-04,Aukland,3"], r"line 2: unknown district 'Aukland': did you mean 'Auckland'\?"),
        (["spring,Auckland,3"], "line 2: 'spring' is no week"),
        (["2011-03-07,Auckland,3"], "line 2: the week 2011-03-07 is not of 2019"),
        (["2019-03-04,Auckland,3", "2019-03-04,Auckland,4"], "line 3: the week 2019-03-04 of Auckland is there twice"),
        (lines(GOOD)[:4] + lines(GOOD)[5:], "the week 2019-04-01 of Auckland is missing"),
        (["2019-03-04,Auckland,3", "2019-03-13,Auckland,30"], "the week 2019-03-13 .* another weekday"),
        (["2019-03-04,Auckland,-3"], "line 2: -3 cases in a week"),
        (["2019-03-04,Auckland,1.5"], "line 2: '1.5' cases: give a whole number"),
        (["2019-03-04,Auckland,"], "line 2: '' cases: give a whole number"),
        (lines({"Auckland": [1, 3, 7, 12, 20, 26, 26, 30]}), "counted so far"),
        (lines({"Auckland": [1, 3, 2, 1, 0, 0, 0, 0]}), "7 cases in all: of fewer than 20"),
        (lines({"Auckland": [10, 3, 20]}), "3 weeks from the first case on: give 8 to 53"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(tmp_path: Path, rows: list[str], says: str) -> None:
    with pytest.raises(ValueError, match=says) as caught:
        weekly_cases(written(tmp_path, *rows))
    assert "\n" not in str(caught.value)
    assert "weekly.csv" in str(caught.value)


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "weekly.csv"
    file.write_text("\n", encoding="utf-8")
    with pytest.raises(ValueError, match="is empty: give the columns week, district, cases"):
        weekly_cases(file)
    file.write_bytes("week,district,cases\n".encode("utf-16"))
    with pytest.raises(ValueError, match=r"weekly\.csv is not a CSV file in UTF-8"):
        weekly_cases(file)
    with pytest.raises(ValueError, match="has no rows"):
        weekly_cases(written(tmp_path))


def test_a_file_without_a_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no column 'district'"):
        weekly_cases(written(tmp_path, "2019-03-04,3", head="week,cases"))


def test_weekly_counts_so_far_are_refused_for_all_districts_together(tmp_path: Path) -> None:
    grows = {"Auckland": [1, 3, 7, 12, 20, 26, 26, 30], "Waikato": [0, 0, 1, 1, 2, 2, 1, 3]}
    assert int(weekly_cases(written(tmp_path, *lines(grows))).reported.sum()) == 135
