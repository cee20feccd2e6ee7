"""The page of both questions, from what their reproductions leave."""

import json
from importlib import import_module
from pathlib import Path
from typing import Any

from case_studies.new_zealand.question import QUESTIONS

__all__ = ["finished", "tables"]

NUMBERS = "numbers.json"
"""In the folder of a question: the question -> its numbers."""


def tables(numbers: dict[str, Any]) -> dict[str, str]:
    """Marker -> Markdown, of the questions whose numbers are there."""
    parts: dict[str, str] = {}
    for question, own in numbers.items():
        parts |= import_module(f"case_studies.new_zealand.{question}_report").tables(own)
    return parts


def finished(folder: Path) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers and tables of the questions that were answered in a folder; of others, those that are expected."""
    numbers: dict[str, Any] = {}
    for file in (Path(__file__).with_name("expected.json"), folder / NUMBERS, *folder.glob(f"*/{NUMBERS}")):
        if file.exists():
            numbers |= json.loads(file.read_text(encoding="utf-8"))
    return numbers, tables({question: numbers[question] for question in QUESTIONS if question in numbers})
