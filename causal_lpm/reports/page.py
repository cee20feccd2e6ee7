"""The HTML of a report: sections, charts, tables, and the scripts that make charts move."""

from base64 import b64encode
from collections.abc import Sequence
from html import escape
from pathlib import Path

from causal_lpm.inference.charts.style import COLOURS
from causal_lpm.inference.policies.statements import said
from causal_lpm.reports import html
from causal_lpm.reports.charts import charts_of
from causal_lpm.reports.contents import Contents
from causal_lpm.reports.javascript import bundle, svg
from causal_lpm.reports.rich_tables import table_of
from causal_lpm.reports.series_charts import Chart

__all__ = ["figures", "page", "script_of", "style", "switches"]

HERE = Path(__file__).parent
# A browser that obeys asks nothing of any host, whatever a script in the page may try.
POLICY = "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data: blob:"
WIDTH = 760  # of a picture for paper
MOST_AT_FIRST = len(COLOURS)  # worlds that are switched on when the page is opened


def page(contents: Contents) -> str:
    """The whole file, as HTML."""
    charts = charts_of(contents)
    drawn = [chart for _, chart in (*charts.series, *charts.maps, *charts.fitted)]
    worlds = [] if contents.predictions is None else [str(world) for world in contents.predictions["world"].values]
    gates = [] if contents.gates is None else [html.table(table_of(contents.gates.table()))]
    sections = [
        html.section("Over time", "over-time", switches(worlds), *figures(charts.series)),
        html.section("Map", "map", *figures(charts.maps)),
        html.section("Tables", "tables", *map(html.table, contents.tables)),
        html.section("Data, and what the calibration expects of them", "data", *figures(charts.fitted)),
        html.section("Gates", "gates", *gates),
        html.section("What these numbers do not say", "limits", html.listed(contents.limits)),
        html.section("Where they come from", "provenance", html.definitions(contents.provenance)),
    ]
    known = [chart.for_script() for chart in drawn]
    scripts = [html.json_script("charts", known), script_of(bundle()), script_of(_file("page.js"))] if drawn else []
    about = {
        "Question": contents.question,
        "Statement": said(contents.kind),
        "Held fixed": contents.held_fixed,
        "Source": contents.source,
    }
    lines = [
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        # Without one, a browser asks a server for an icon.
        '<link rel="icon" href="data:,">',
        html.element("title", contents.title),
        f"<style>{style()}</style>",
        "<noscript><style>.still { display: block; } .chart, fieldset { display: none; }</style></noscript>",
        "</head>\n<body>\n<header>",
        html.element("h1", contents.title),
        html.paragraph(contents.warning, "warning"),
        f"{html.definitions(about)}\n</header>\n<main>",
        *filter(None, sections),
        "</main>",
        *scripts,
        "</body>\n</html>\n",
    ]
    return "\n".join(filter(None, lines))


def switches(worlds: Sequence[str]) -> str:
    """A box for each world; empty where there is only one."""
    if len(worlds) < 2:
        return ""
    boxes = [
        f'<label><input type="checkbox" value="{number}"{" checked" * (number < MOST_AT_FIRST)}>'
        f'<span class="key" style="background:{COLOURS[number % len(COLOURS)]}"></span>{escape(world)}</label>'
        for number, world in enumerate(worlds)
    ]
    return f'<fieldset id="worlds"><legend>Worlds that are drawn</legend>{"".join(boxes)}</fieldset>'


def figures(charts: Sequence[tuple[str, Chart]], still: bool = True) -> list[str]:
    """A place for each chart under its title, and with `still` a picture of it for paper."""
    return [_figure(title, chart, still) for title, chart in charts]


def _figure(title: str, chart: Chart, still: bool) -> str:
    picture = ""
    if still:
        # On paper there is no container whose width it could have.
        image = b64encode(svg({**chart.complete(), "width": WIDTH}).encode()).decode()
        source, text = f"data:image/svg+xml;base64,{image}", str(chart.spec.get("description", title))
        picture = f'<img class="still" alt="{escape(text)}" src="{source}">'
    place = f'<div class="chart" id="{escape(chart.name)}"></div>'
    return f"<figure>{html.element('h3', title)}{place}{picture}{html.element('figcaption', chart.caption)}</figure>"


def script_of(text: str) -> str:
    """A script as an element of a page."""
    # "</script" in a text of a library would end the element; in JavaScript "<\/" is the same as "</".
    return "<script>" + text.replace("</script", "<\\/script").replace("<!--", "<\\!--") + "</script>"


def style() -> str:
    """The style of pages."""
    return _file("page.css")


def _file(name: str) -> str:
    return (HERE / name).read_text(encoding="utf-8")
