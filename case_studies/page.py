"""Tables in a README that are written from results, never by hand."""

from collections.abc import Iterable, Mapping, Sequence

__all__ = ["fill", "table"]


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


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
