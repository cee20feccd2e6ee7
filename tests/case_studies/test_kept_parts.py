"""What is left of a part whose computation, or whose writing, was stopped."""

from pathlib import Path

import pytest

from case_studies.kept_parts import kept_part


def test_a_part_is_computed_once(tmp_path: Path) -> None:
    asked: list[int] = []

    def computed() -> dict[str, list[float]]:
        asked.append(1)
        return {"mean": [1.5, 2.0]}

    first, again = (kept_part(tmp_path / "part.json", computed) for _ in range(2))
    assert first == again == {"mean": [1.5, 2.0]}
    assert len(asked) == 1


def test_a_part_that_was_stopped_is_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "part.json"

    def stopped(path: Path, text: str, encoding: str) -> None:
        path.write_bytes(text[: len(text) // 2].encode(encoding))
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Path, "write_text", stopped)
        with pytest.raises(KeyboardInterrupt):
            kept_part(file, lambda: [1, 2, 3])
    assert not file.exists()
    assert kept_part(file, lambda: [1, 2, 3]) == [1, 2, 3]
    assert [path.name for path in tmp_path.iterdir()] == ["part.json"]
