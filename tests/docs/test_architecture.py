"""The page on architecture names what there is: every file it points to, every folder of the package, every face."""

import re
from pathlib import Path

import tests.test_import_contracts as contracts

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "causal_lpm"
TEXT = (ROOT / "docs" / "explanation" / "architecture.md").read_text(encoding="utf-8")
LAYERS = TEXT.split("## Layers")[1].split("Imports run downwards")[0]


def test_files_that_it_points_to_are_there() -> None:
    named = set(re.findall(r"`((?:\w+/)+\w+\.py)`", TEXT))
    folders = (PACKAGE, PACKAGE / "inference", ROOT)
    assert len(named) > 20
    assert {file for file in named if not any((folder / file).exists() for folder in folders)} == set()


def test_every_folder_of_the_package_is_a_layer() -> None:
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")}
    assert {folder for folder in folders if not re.search(rf"\b{folder}\b", LAYERS)} == set()


def test_every_face_is_public() -> None:
    public = TEXT.split("Public are the names of")[1].split("\n\n")[0]
    assert {face for face in contracts.FACES if f"`{face}`" not in public} == set()
