"""Packaged outlines as flat shapes for a map, and the series whose groups are places of one of them."""

import json
from math import cos, radians
from typing import Any

import xarray as xr

from causal_lpm import data
from causal_lpm.reports.contents import Geography

__all__ = ["geography_of", "names_of", "shapes"]

FILES = tuple(sorted(name for name in data.DATASETS if name.startswith("outlines_")))
DIGITS = 4  # of a coordinate in degrees: ten metres


def names_of(outlines: str) -> list[str]:
    """The places of packaged outlines, in their order; ValueError where there are no such outlines.

    >>> names_of("outlines_nyc_boroughs.geojson")[:2]
    ['Bronx', 'Brooklyn']
    """
    return [str(feature["properties"]["name"]) for feature in _features(outlines)]


def geography_of(predictions: xr.Dataset) -> dict[str, Geography]:
    """The series by place, where all groups are places of one of the packaged outlines; else empty."""
    labels = set(map(str, predictions["group"].values)) if "group" in predictions.coords else set()
    if len(labels) < 2:
        return {}
    for outlines in FILES:
        if labels <= set(names_of(outlines)):
            return {"place": Geography(outlines, predictions)}
    return {}


def shapes(outlines: str) -> list[dict[str, Any]]:
    """Features of a plane, of which a map is drawn without a projection: properties `name`, east and north in degrees.

    East is shortened by the cosine of the middle latitude, so that shapes look as they do on a local map.
    """
    features = _features(outlines)
    north = [float(feature["properties"]["lat"]) for feature in features]
    scale = cos(radians((min(north) + max(north)) / 2))
    # The Aleutians go on beyond 180 degrees: east is counted from the middle of the widest gap, which no place crosses.
    east = sorted(float(feature["properties"]["lon"]) % 360 for feature in features)
    gaps = [
        (after - before, (before + after) / 2) for before, after in zip(east, [*east[1:], east[0] + 360], strict=True)
    ]
    west = max(gaps)[1] % 360
    return [
        {
            "type": "Feature",
            "properties": {"name": feature["properties"]["name"]},
            "geometry": {
                "type": feature["geometry"]["type"],
                "coordinates": _flat(feature["geometry"]["coordinates"], scale, west),
            },
        }
        for feature in features
    ]


def _features(outlines: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(data.path(outlines).read_text(encoding="utf-8"))["features"]
    return found


def _flat(coordinates: list[Any], scale: float, west: float) -> list[Any]:
    if not isinstance(coordinates[0], list):
        east, north = coordinates[:2]
        return [round((east - west) % 360 * scale, DIGITS), round(north, DIGITS)]
    return [_flat(each, scale, west) for each in coordinates]
