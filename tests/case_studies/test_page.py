"""Texts of a run: each table under its name, what has to be read first above all."""

from hypothesis import given
from hypothesis import strategies as st

from case_studies.page import fill, titled

NAMES = st.text("abcdefgh-", min_size=1)
PARTS = st.text("|-0123456789 ", min_size=1)


@given(st.dictionaries(NAMES, PARTS), st.text("abc ", max_size=9))
def test_every_table_stands_under_its_name_in_their_order(parts: dict[str, str], banner: str) -> None:
    told = titled(parts, banner)
    expected = [banner] if banner else []
    for name, part in parts.items():
        expected += [f"### {name}", part]
    assert told == "\n\n".join(expected)


@given(st.dictionaries(NAMES, PARTS, min_size=1))
def test_the_page_knows_tables_by_the_names_that_a_run_shows(parts: dict[str, str]) -> None:
    page = "\n".join(f"<!-- {name} --><!-- /{name} -->" for name in parts)
    filled = fill(page, parts)
    named = [line.removeprefix("### ") for line in titled(parts).split("\n\n") if line.startswith("### ")]
    assert all(f"<!-- {name} -->\n{parts[name]}\n<!-- /{name} -->" in filled for name in named)
    assert named == list(parts)
