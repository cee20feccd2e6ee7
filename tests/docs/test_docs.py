"""The pages do what they say: their Python runs, and prints what they show."""

import contextlib
import doctest
import importlib
import io
import itertools
import re
import tomllib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.scripts import script

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
FOLDERS = ("tutorials", "how_to", "explanation")
EXECUTED = [ROOT / "README.md", *(page for folder in FOLDERS for page in sorted((DOCS / folder).glob("*.md")))]
WRITTEN = [ROOT / "README.md", *sorted(DOCS.rglob("*.md")), *sorted((ROOT / "case_studies").rglob("*.md"))]
FENCE = re.compile(r"^```(?P<language>\w*)[^\n]*\n(?P<body>.*?)^```\s*$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block of a page: its language, text and first line number."""

    language: str
    body: str
    line: int


def blocks(page: Path) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    return [Block(m["language"], m["body"], text.count("\n", 0, m.start()) + 2) for m in FENCE.finditer(text)]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", EXECUTED, ids=name_of)
def test_the_page_runs_and_prints_what_it_shows(page: Path) -> None:
    namespace: dict[str, object] = {"__name__": "page"}
    found = blocks(page)
    if page.parent.name != "explanation":
        assert any(block.language == "python" for block in found), f"{name_of(page)} has no Python to run"
    for block, following in itertools.zip_longest(found, found[1:]):
        if block.language != "python":
            continue
        printed = io.StringIO()
        # Line numbers of the page in tracebacks.
        code = compile("\n" * (block.line - 1) + block.body, str(page), "exec")
        with contextlib.redirect_stdout(printed):
            exec(code, namespace)
        if following is not None and following.language == "text":
            options = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert doctest.OutputChecker().check_output(following.body, printed.getvalue(), options), (
                f"{name_of(page)}, line {following.line}, shows\n{following.body}\nbut prints\n{printed.getvalue()}"
            )


@pytest.mark.parametrize("page", WRITTEN, ids=name_of)
def test_no_page_has_gaps(page: Path) -> None:
    """No name in capitals that stands for a number to come, no empty place for a table."""
    text = page.read_text(encoding="utf-8")
    capitals = set(re.findall(r"\b[A-Z]{3,}_[A-Z0-9_]{2,}\b", FENCE.sub("", text)))
    settings = {"CAUSAL_LPM_ADDRESSES", "CAUSAL_LPM_RANK", "CAUSAL_LPM_DATA", "TORCH_INDEX_URL"}
    settings |= {"GLIBC_TUNABLES", "OMP_WAIT_POLICY", "OMP_NUM_THREADS"}
    settings |= {"RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"}
    assert capitals <= settings
    assert not re.search(r"<!-- ([\w-]+) -->\s*<!-- /\1 -->", text)


def test_the_reference_is_current() -> None:
    written = {page.name: page.read_text(encoding="utf-8") for page in (DOCS / "reference").glob("*.md")}
    assert written == script("make_reference").reference(), "run `python docs/make_reference.py`"


def test_the_reference_has_a_page_for_every_face() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    hidden = next(c["forbidden_modules"] for c in contracts if c["name"] == "Case studies use public names only")
    faces = {module.removesuffix(".*") for module in hidden if module.endswith(".*")}
    assert faces <= set(script("make_reference").SECTIONS)


def test_the_reference_shows_every_public_name_once() -> None:
    """As a directive that takes signature, docstring and example from the code; as code; or as a link to its page."""
    shown: Counter[str] = Counter()
    for module in script("make_reference").SECTIONS:
        face = importlib.import_module(module)
        text = (DOCS / "reference" / script("make_reference").file_of(module)).read_text(encoding="utf-8")
        shown.update(re.findall(r"^\.\. auto\w+:: (\S+)$", text, re.MULTILINE))
        headings = re.findall(r"^## (\w+)$", text, re.MULTILINE)
        assert set(headings) >= {name for name in face.__all__ if not name.isupper()}, module
        assert all(hasattr(face, heading) for heading in headings), module
    assert len(shown) > 200
    assert set(shown.values()) == {1}


def test_a_public_name_without_docstring_is_refused(tmp_path: Path) -> None:
    module = tmp_path / "bare.py"
    module.write_text('__all__ = ["f"]\n\ndef f() -> None:\n    pass\n', encoding="utf-8")
    with pytest.raises(ValueError, match="f has no docstring"):
        script("make_reference").public_names(module)


@pytest.mark.parametrize("page", EXECUTED, ids=name_of)
def test_no_page_compares_the_day_with_a_policy_that_says_never_by_a_number_before_all_days(page: Path) -> None:
    """`t >= -1` holds on every day, so that what never begins would be in force: `TimedPolicy` tells the two apart."""
    code = "".join(block.body for block in blocks(page) if block.language == "python")
    never = re.findall(r'policy\("(\w+)", (?:NEVER|-1(?:\.0?)?)\)', code)
    assert not [name for name in never if re.search(rf's\["t"\] >=? s\["{name}"\]', code)]
