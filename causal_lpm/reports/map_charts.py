"""A map by place and day as Vega-Lite: one world, outcome and day at a time, chosen beside it."""

import numpy as np

from causal_lpm.inference.policies.counted import units_of
from causal_lpm.inference.policies.predictions import series_dims
from causal_lpm.reports.contents import Geography
from causal_lpm.reports.javascript import altair
from causal_lpm.reports.outlines import names_of, shapes
from causal_lpm.reports.series_charts import Chart
from causal_lpm.reports.series_rows import Columns, dates_of, plain_number
from causal_lpm.validate import known

__all__ = ["map_chart"]

MOST_NUMBERS = 60_000  # of a map; days are left out above
HEIGHT = 420


def map_chart(name: str, column: str, geography: Geography, outcome: str) -> Chart:
    """The mean of an outcome over all runs in each place, per 100,000 where it is known how many persons live there.

    Args:
        name: As of `Chart`.
        column: What the places are, such as `"borough"`.
        geography: Outlines, and the series by place.
        outcome: Which of them.

    Raises:
        ValueError: a group that is no place of the outlines.
    """
    alt = altair()
    predictions = geography.predictions
    groups, day = series_dims(predictions[outcome])
    places, drawn = [str(label) for label in predictions[groups].values], names_of(geography.outlines)
    for place in places:
        known(f"{column} of {geography.outlines}", place, drawn)
    mean = predictions[outcome].astype(float).mean(("draw", "replicate"))
    units = units_of(predictions[outcome], "a day, as the model counts")
    if "group_size" in predictions.coords and groups == "group":
        mean, units = mean / predictions["group_size"] * 1e5, f"{units} per 100,000"
    values = mean.transpose("world", groups, day)
    worlds = [str(world) for world in values["world"].values]
    days = _days(values.sizes[day], len(worlds) * len(places))
    data: dict[str, Columns] = {
        "values": _columns(values.values[:, :, days], places, days),
        "outlines": {"type": [], "properties": [], "geometry": []},
    }
    for shape in shapes(geography.outlines):
        for key, value in shape.items():
            data["outlines"][key].append(value)
    step = days[1] - days[0] if len(days) > 1 else 1
    peak = int(days[int(np.nansum(values.values[:, :, days], (0, 1)).argmax())])  # NaN where nobody lives
    chosen_day = alt.param(
        name="day", value=peak, bind=alt.binding_range(min=0, max=int(days[-1]), step=int(step), name="day ")
    )
    chosen_world = alt.param(
        name="world",
        value=len(worlds) - 1,
        bind=alt.binding_select(options=list(range(len(worlds))), labels=worlds, name="world "),
    )
    ground = alt.Chart(alt.NamedData("outlines")).mark_geoshape(fill="#eeeeee", stroke="#888888", strokeWidth=0.6)
    top = plain_number(float(np.nanmax(values.values, initial=0.0)) or 1.0)
    colour = alt.Color(
        "value:Q",
        title=[outcome, f"({units})"],
        scale=alt.Scale(scheme="viridis", domain=[0, top], reverse=True),
        legend=alt.Legend(orient="right"),
    )
    dates = dates_of(predictions[outcome], day)
    filled = (
        alt.Chart(alt.NamedData("values"))
        .transform_filter("datum.day == day && datum.world == world")
        .transform_lookup(
            lookup="place", from_=alt.LookupData(alt.NamedData("outlines"), key="properties.name"), as_="shape"
        )
        .mark_geoshape(stroke="white", strokeWidth=0.6)
        .encode(
            shape=alt.Shape("shape:G"),
            color=colour,
            tooltip=[alt.Tooltip("place:N", title=column), alt.Tooltip("value:Q", title=outcome, format=",.4~g")],
        )
    )
    title = alt.Title(
        text=alt.ExprRef("worlds[world] + ', ' + dates[day]"), anchor="start", fontSize=13, fontWeight="normal"
    )
    said = (
        [f"day {n}" for n in range(values.sizes[day])]
        if dates is None
        else np.datetime_as_string(dates, unit="D").tolist()
    )
    chart = alt.layer(ground, filled).project(type="identity", reflectY=True)
    chart = chart.add_params(
        chosen_world, chosen_day, alt.param(name="worlds", value=worlds), alt.param(name="dates", value=said)
    )
    chart = chart.properties(
        width="container", height=HEIGHT, title=title, description=f"Map of {outcome}, {units}, by {column}."
    )
    caption = f"Mean of all runs by {column}; outlines: {geography.outlines}."
    return Chart(name, caption, chart.configure_view(stroke=None).to_dict(), data)


def _days(count: int, rows: int) -> np.ndarray:
    """Every day, or every so many where that would be too much for a page."""
    return np.arange(0, count, max(1, -(-count * rows // MOST_NUMBERS)))


def _columns(values: np.ndarray, places: list[str], days: np.ndarray) -> Columns:
    """`[world, place, day]` as columns."""
    found: Columns = {"world": [], "place": [], "day": [], "value": []}
    for world, of_world in enumerate(values):
        for place, series in zip(places, of_world, strict=True):
            found["world"] += [world] * len(days)
            found["place"] += [place] * len(days)
            found["day"] += days.tolist()
            found["value"] += [plain_number(value) for value in series]
    return found
