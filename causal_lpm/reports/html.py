"""Pieces of HTML in which every text is escaped."""

import json
import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from causal_lpm.reports.contents import Table

__all__ = ["definitions", "element", "json_script", "listed", "paragraph", "section", "table"]

NUMBER = re.compile(r"[-+]?[\d,.]+(?:e[-+]?\d+)?%?(?: ± .*)?")
VERDICTS = ("pass", "warn", "fail")


def element(name: str, text: str, **attributes: str) -> str:
    """An element with a text.

    >>> element("p", "a < b", class_="note")
    '<p class="note">a &lt; b</p>'
    """
    return f"<{name}{_attributes(attributes)}>{escape(text)}</{name}>"


def _attributes(attributes: Mapping[str, str]) -> str:
    return "".join(f' {name.rstrip("_")}="{escape(value)}"' for name, value in attributes.items())


def paragraph(text: str, kind: str = "") -> str:
    """A paragraph; empty for an empty text."""
    return element("p", text, **({"class_": kind} if kind else {})) if text else ""


def section(title: str, name: str, *parts: str) -> str:
    """A section with a heading; empty where all its parts are."""
    body = "\n".join(filter(None, parts))
    return f'<section aria-labelledby="{name}">\n{element("h2", title, id=name)}\n{body}\n</section>' if body else ""


def definitions(pairs: Mapping[str, str]) -> str:
    """Names and what they are; what is empty is left out."""
    rows = [f"{element('dt', name)}{element('dd', text)}" for name, text in pairs.items() if text]
    return f"<dl>{''.join(rows)}</dl>" if rows else ""


def listed(sentences: Sequence[str]) -> str:
    """A list; empty where there is nothing in it."""
    return f"<ul>{''.join(element('li', sentence) for sentence in sentences)}</ul>" if sentences else ""


def table(given: Table) -> str:
    """A table, numbers to the right."""
    head = "".join(element("th", column, scope="col") for column in given.columns)
    body = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in given.rows)
    return (
        f'<div class="wide"><table>{element("caption", given.title)}<thead><tr>{head}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>{paragraph(given.caption, 'caption')}"
    )


def _cell(text: str) -> str:
    kind = "number" if NUMBER.match(text.strip()) else text if text in VERDICTS else ""
    return element("td", text, **({"class_": kind} if kind else {}))


def json_script(name: str, value: Any) -> str:
    r"""Data for a script of the page; no text in them can end the element that holds them.

    >>> json_script("charts", ["</script>"])
    '<script type="application/json" id="charts">["\\u003c/script>"]</script>'
    """
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    safe = text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return f'<script type="application/json" id="{escape(name)}">{safe}</script>'
