"""Every page is in the sidebar once, and every link leads to a file and to a heading that are there."""

import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted(page for page in DOCS.rglob("*.md") if "_build" not in page.parts),
    *sorted((ROOT / "case_studies").rglob("*.md")),
]
FENCE = re.compile(r"^(?P<fence>```+)(?P<language>[^\n]*)\n(?P<body>.*?)^(?P=fence)\s*$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`[^`\n]+`")
LINK = re.compile(r"\]\(\s*<?(?P<target>[^)\s>]+)")
HEADING = re.compile(r"^#+ +(?P<text>.+?) *#*$", re.MULTILINE)
TARGET = re.compile(r"^\((?P<name>[\w-]+)\)=$", re.MULTILINE)


def prose(page: Path) -> str:
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def anchors(page: Path) -> set[str]:
    """As GitHub and MyST make them of headings: small letters, no punctuation, hyphens for blanks, -1 for a second."""
    text, found, seen = prose(page), set(TARGET.findall(prose(page))), Counter[str]()
    for heading in HEADING.findall(text):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", shown).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


def dead_links(page: Path) -> list[str]:
    """Targets within the repository that are no file, or no heading of it."""
    dead = []
    for target in LINK.findall(CODE.sub("", prose(page))):
        name, _, anchor = target.partition("#")
        if re.match(r"\w+:", target):
            continue
        file = (page.parent / name).resolve() if name else page
        if not file.exists() or (anchor and file.suffix == ".md" and anchor not in anchors(file)):
            dead.append(target)
    return dead


def in_sidebar() -> Counter[str]:
    """How many toctrees of docs/index.md have each page; within one, a page that a line names is not named again."""
    counted: Counter[str] = Counter()
    for block in FENCE.finditer((DOCS / "index.md").read_text(encoding="utf-8")):
        if block["language"] == "{toctree}":
            lines = [line for line in block["body"].splitlines() if line and not line.startswith(":")]
            files = {line: list(DOCS.glob(f"{line}.md")) for line in lines}
            assert all(files.values()), f"a line of a toctree names nothing: {files}"
            counted.update({file.relative_to(DOCS).as_posix() for found in files.values() for file in found})
    return counted


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_to_a_file_and_a_heading(page: Path) -> None:
    assert dead_links(page) == []


def test_dead_links_are_found(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One: `two`, three\n\n## Again\n\n## Again\n\n[a](#one-two-three) [b](page.md#again-1) [c](https://x.org#y)\n"
        "`[code](nowhere.md)` [d](nowhere.md) [e](#again-2)\n\n```text\n[f](nowhere.md)\n# Again\n```\n",
        encoding="utf-8",
    )
    assert dead_links(page) == ["nowhere.md", "#again-2"]


def test_every_page_is_in_the_sidebar_once() -> None:
    pages = {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md") if "_build" not in page.parts}
    assert in_sidebar() == Counter(pages - {"index.md"})
