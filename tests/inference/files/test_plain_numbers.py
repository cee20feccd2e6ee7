"""What is a number to Python and to nobody else is none; what programs write is read back to the last bit."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference.files.plain_numbers import number_of, number_or_text, whole_number_of

STRANGE = [
    "1_000",
    "١٢",
    "１２",
    "²",
    " 5 ",
    "5\n",
    "+5",
    "0x10",
    "nan",
    "inf",
    "-Infinity",
    "1e400",
    "",
    "-",
    ".",
    "1,5",
]
STRANGE += ["1 000", "1.2.3", "--1", "1e", "e5", "1" * 5000, "True", "½", "1j", "−5"]  # the last has a minus of its own


@given(st.floats(allow_nan=False, allow_infinity=False), st.integers(-(10**29), 10**29))
def test_what_programs_write_is_read_back(value: float, whole: int) -> None:
    assert number_of(repr(value)) == value
    assert number_of(f"{value:e}") == float(f"{value:e}")
    assert whole_number_of(str(whole)) == whole
    assert number_of(str(whole)) == float(whole)


@pytest.mark.parametrize("text", STRANGE)
def test_what_is_no_number_is_refused_in_one_short_sentence(text: str) -> None:
    for read in (number_of, whole_number_of):
        if read is number_of and text == "1" * 5000:
            continue  # refused as infinite
        with pytest.raises(ValueError, match=r"is not a (whole )?number like 12") as caught:
            read(text)
        assert len(str(caught.value)) < 100
    assert number_or_text(text) == text


@given(st.text("019.eE+-_ x١naif", max_size=8))
def test_a_text_is_a_number_of_ascii_or_none(text: str) -> None:
    found = number_or_text(text)
    if isinstance(found, float):
        assert text.isascii()
        assert not set(text) - set("0123456789.eE+-")
        assert math.isfinite(found)
    else:
        assert found == text
