"""Where sbi is missing, a reproduction that needs it says so before it simulates for minutes."""

from importlib import import_module
from pathlib import Path

import pytest

from causal_lpm.inference.posteriors import sbi_tools


@pytest.mark.parametrize("study", ["market.reproduction", "new_zealand.measles_reproduction"])
def test_what_is_missing_is_said_first(study: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sbi_tools, "find_spec", lambda name: None)
    said: list[str] = []
    with pytest.raises(ModuleNotFoundError, match="needs sbi: install the extra 'inference'"):
        import_module(f"case_studies.{study}").reproduce(tmp_path, quick=True, seed=0, workers=1, say=said.append)
    assert said == []
    assert list(tmp_path.iterdir()) == []
