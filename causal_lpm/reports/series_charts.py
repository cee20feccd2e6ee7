"""Interactive charts of series as Vega-Lite: lines with bands, worlds on and off, numbers where the pointer is."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from causal_lpm.inference.charts.style import COLOURS
from causal_lpm.reports.javascript import altair
from causal_lpm.reports.series_rows import Columns, Lines, columns_of, plain_number

__all__ = ["DASHES", "Chart", "series_chart"]

DASHES = ([1, 0], [6, 3], [8, 3, 2, 3], [2, 2], [10, 3, 2, 2, 2, 2], [14, 5], [2, 6])
HEIGHT = 260


@dataclass(frozen=True)
class Chart:
    """A chart of a page.

    Attributes:
        name: Unique in its page, of letters, digits and signs that an address may have.
        caption: What is to be known beside it.
        spec: Vega-Lite, without its data.
        data: Name of a data set of the specification -> its columns.
        switched: Whether it shows the worlds that are switched on in the page, by its parameter `show`.
    """

    name: str
    caption: str
    spec: dict[str, Any]
    data: dict[str, Columns]
    switched: bool = False

    def complete(self) -> dict[str, Any]:
        """The specification with its data, as rows, which is what Vega-Lite reads."""
        rows = {
            name: [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
            for name, columns in self.data.items()
        }
        return {**self.spec, "datasets": rows}

    def for_script(self) -> dict[str, Any]:
        """What the script of a page draws it from."""
        return {"name": self.name, "spec": self.spec, "data": self.data, "switched": self.switched}


def series_chart(
    name: str,
    lines: Lines,
    *,
    numbers: Sequence[int] | None = None,
    observed: Sequence[float] | None = None,
    switched: bool = True,
) -> Chart:
    """The chart of some lines.

    Args:
        name: As of `Chart`.
        lines: What is drawn.
        numbers: Of the world of each line among all worlds, of which it has the colour and the switch; all, in order,
            if not given.
        observed: Data of each day, drawn as dots.
        switched: As of `Chart`.
    """
    alt = altair()
    labels = list(lines.values)
    ids = [f"w{number}" for number in range(len(labels))]
    worlds = list(range(len(labels)) if numbers is None else numbers)
    show = alt.param(name="show", value=worlds)
    hover = alt.selection_point(
        name="hover", fields=["x"], nearest=True, on="pointermove", empty=False, clear="pointerout"
    )
    x = _days(lines)
    title = [lines.outcome, f"({lines.units})"]
    y = {"title": title, "scale": alt.Scale(zero=True, nice=True)}
    shown = f"indexof(show, {worlds}[toNumber(slice(datum.id, 1))]) >= 0"
    drawn = alt.Chart(alt.NamedData("series")).transform_filter(shown)
    colour = alt.Color(
        "id:N",
        title=None,
        scale=alt.Scale(domain=ids, range=[COLOURS[n % len(COLOURS)] for n in worlds]),
        legend=_legend(labels),
    )
    dash = alt.StrokeDash(
        "id:N",
        title=None,
        scale=alt.Scale(domain=ids, range=[DASHES[n % len(DASHES)] for n in worlds]),
        legend=_legend(labels),
    )
    wide = drawn.mark_area(opacity=0.15).encode(x, alt.Y("low:Q", **y), alt.Y2("high:Q"), colour)
    narrow = drawn.mark_area(opacity=0.25).encode(x, alt.Y("inner_low:Q", **y), alt.Y2("inner_high:Q"), colour)
    middle = drawn.mark_line(strokeWidth=1.8, clip=True).encode(x, alt.Y("median:Q", **y), colour, dash)
    layers = [wide, narrow, middle]
    data = {"series": columns_of(lines)}
    if observed is not None:
        dots = alt.Chart(alt.NamedData("observed")).mark_point(filled=True, size=22, color="black", opacity=0.85)
        layers.append(dots.encode(x, alt.Y("value:Q", **y)))
        data["observed"] = {"x": lines.x, "value": [plain_number(value) for value in observed]}
    said = (
        "format(datum.median, ',.4~g') + ' (' + format(datum.low, ',.4~g') + ' to ' + format(datum.high, ',.4~g') + ')'"
    )
    days = (
        alt.Tooltip("x:T", timeUnit="utcyearmonthdate", title="date")
        if lines.dated
        else alt.Tooltip("x:Q", title="day")
    )
    pointed = (
        alt.Chart(alt.NamedData("series"))
        .transform_calculate(said=said)
        .transform_pivot("id", value="said", groupby=["x"], op="min")
        .mark_rule(color="#595959", strokeWidth=1)
        .encode(
            x,
            opacity=alt.condition(hover, alt.value(0.7), alt.value(0)),
            tooltip=[days, *(alt.Tooltip(f"{own}:N", title=label) for own, label in zip(ids, labels, strict=True))],
        )
        .add_params(hover)
    )
    # Labels are looked up by number: a name may hold any sign, and none is part of an expression.
    chart = alt.layer(*layers, pointed).add_params(show, alt.param(name="labels", value=labels))
    chart = chart.properties(width="container", height=HEIGHT, description=_description(lines))
    spec = chart.configure_view(stroke=None).configure_axis(labelFontSize=12, titleFontSize=12).to_dict()
    of_data = "" if observed is None else " Dots are data."
    return Chart(name, f"{lines.spread[0].upper()}{lines.spread[1:]}.{of_data}", spec, data, switched)


def _days(lines: Lines) -> Any:
    alt = altair()
    axis = alt.Axis(grid=False, labelOverlap=True, tickCount=8)
    if lines.dated:
        return alt.X("x:T", title="date", scale=alt.Scale(type="utc"), axis=axis)
    return alt.X("x:Q", title="time (days since the start)", scale=alt.Scale(nice=False), axis=axis)


def _legend(labels: list[str]) -> Any:
    alt = altair()
    if len(labels) == 1:
        return None
    return alt.Legend(
        orient="bottom", direction="vertical", columns=1 if max(map(len, labels)) > 40 else 2, labelLimit=640,
        labelFontSize=12, symbolType="stroke", symbolOpacity=1, symbolStrokeWidth=2, symbolSize=220,
        labelExpr="labels[toNumber(slice(datum.value, 1))]",
    )  # fmt: skip


def _description(lines: Lines) -> str:
    return f"{lines.outcome}, {lines.units}, over {len(lines.x)} days, of {', '.join(lines.values)}: {lines.spread}."
