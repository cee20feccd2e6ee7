from pathlib import Path

import pytest

from causal_lpm.inference.files.json_object import read_object


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"a": 1, "a": 2}', "'a' is there twice"),
        (b'{"b": {"a": 1, "a": 1}}', "'a' is there twice"),
        (b'{"a": NaN}', "NaN is no number"),
        (b'{"a": -Infinity}', "-Infinity is no number"),
        (b"[]", "no JSON object"),
        (b"3", "no JSON object"),
        (b"", "cannot be read"),
        (b'{"a": ', "cannot be read"),
        (b'{"a": "\xff"}', "cannot be read"),
        (b"[" * 100_000, "cannot be read"),
    ],
)
def test_what_is_no_object_of_names_and_numbers_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    file = tmp_path / "manifest.json"
    file.write_bytes(content)
    with pytest.raises(ValueError, match=reason):
        read_object(file)


def test_an_object_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"a": [1, 2.5, null], "b": {"a": "x"}}')
    assert read_object(tmp_path / "a.json") == {"a": [1, 2.5, None], "b": {"a": "x"}}
    with pytest.raises(ValueError, match="cannot be read"):
        read_object(tmp_path / "no.json")
