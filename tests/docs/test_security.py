"""Each claim of SECURITY.md names a test that there is."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
CLAIMS = [line for line in TEXT.splitlines() if line.startswith("| ") and not line.startswith("| claim")]


@pytest.mark.parametrize("claim", CLAIMS, ids=range(len(CLAIMS)))
def test_a_claim_has_a_test(claim: str) -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", claim)
    assert named, f"no test is named: {claim}"
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        functions = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{file} has no {name}"


def test_there_are_claims() -> None:
    assert len(CLAIMS) > 15
