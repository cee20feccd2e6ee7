"""Tables in a README that are written from results, never by hand.

`python -m case_studies.page nyc_first_wave results/nyc` writes `expected.json` and the tables of a case study from the
folder of a finished `causal-lpm run`.
"""

import json
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["fill", "four_digits", "numbers_and_tables", "table", "titled", "update"]


def fill(text: str, parts: Mapping[str, str]) -> str:
    """The text with each part between its markers, `<!-- NAME -->` and `<!-- /NAME -->`.

    Args:
        text: Of the page.
        parts: Name of the place -> Markdown.

    Raises:
        ValueError: a marker is missing.

    >>> print(fill("<!-- a --> old <!-- /a -->", {"a": "new"}))
    <!-- a -->
    new
    <!-- /a -->
    """
    for name, part in parts.items():
        begin, end = f"<!-- {name} -->", f"<!-- /{name} -->"
        if begin not in text or end not in text:
            raise ValueError(f"the page lacks the markers {begin} and {end}: add them where the table belongs.")
        head, rest = text.split(begin, 1)
        text = f"{head}{begin}\n{part}\n{end}{rest.split(end, 1)[1]}"
    return text


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; the first column is text, the others stand to the right.

    >>> print(table(("method", "NLL"), [("npe", "4.1")]))
    | method | NLL |
    | --- | ---: |
    | npe | 4.1 |
    """
    rule = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(_row(line) for line in (header, rule, *rows))


def titled(parts: Mapping[str, str], banner: str = "") -> str:
    """The tables of a run as one text, each under its name, by which the page knows it too.

    Args:
        parts: Name -> Markdown, as `fill` takes them.
        banner: What has to be read first, if anything.

    >>> print(titled({"fitted": "| a |", "posterior": "| b |"}))
    ### fitted
    <BLANKLINE>
    | a |
    <BLANKLINE>
    ### posterior
    <BLANKLINE>
    | b |
    """
    return "\n\n".join([*([banner] if banner else []), *(f"### {name}\n\n{part}" for name, part in parts.items())])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def four_digits(value: float) -> float:
    """A number with four significant digits, as results are kept.

    >>> four_digits(0.0123456)
    0.01235
    """
    number = float(value)
    if number == 0 or not math.isfinite(number):
        return number
    return round(number, 3 - math.floor(math.log10(abs(number))))


def numbers_and_tables(
    folder: Path, tables: Callable[[dict[str, Any]], dict[str, str]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The numbers of a finished reproduction, and what `tables` makes of them."""
    numbers = json.loads((folder / "numbers.json").read_text(encoding="utf-8"))
    return numbers, tables(numbers)


def update(study: str, folder: Path) -> None:
    """Writes `expected.json` and README.md of a package in `case_studies` from the folder of a finished run."""
    report = import_module(f"case_studies.{study}.report")
    numbers, parts = report.finished(folder)
    here = Path(str(report.__file__)).parent
    (here / "expected.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    page = here / "README.md"
    page.write_text(fill(page.read_text(encoding="utf-8"), parts), encoding="utf-8")


if __name__ == "__main__":
    update(sys.argv[1], Path(sys.argv[2]))
