"""Packaged outlines as flat shapes for a map, and the series whose groups are places of one of them."""

from typing import Any

import xarray as xr

from causal_lpm.inference.charts.outlines import outlines_of, read_outlines
from causal_lpm.reports.contents import Geography

__all__ = ["geography_of", "names_of", "shapes"]

DIGITS = 4  # of a coordinate in degrees: ten metres


def names_of(outlines: str) -> list[str]:
    """The places of packaged outlines, in their order; FileNotFoundError where there are no such outlines.

    >>> names_of("outlines_nyc_boroughs.geojson")[:2]
    ['Bronx', 'Brooklyn']
    """
    return [place.names[0] for place in read_outlines(outlines).places]


def geography_of(predictions: xr.Dataset) -> dict[str, Geography]:
    """The series by place, where all groups are places of one of the packaged outlines; else empty."""
    labels = set(map(str, predictions["group"].values)) if "group" in predictions.coords else set()
    if len(labels) < 2:
        return {}
    try:
        outlines = outlines_of(labels)
    except ValueError:
        return {}
    return {"place": Geography(outlines, predictions)} if labels <= set(names_of(outlines)) else {}


def shapes(outlines: str) -> list[dict[str, Any]]:
    """Features of a plane, of which a map is drawn without a projection: properties `name`, east and north in degrees.

    East is shortened by the cosine of the middle latitude, so that shapes look as they do on a local map.
    """
    found = read_outlines(outlines)
    features = []
    for place in found.places:
        polygons = [
            [(found.flat(ring) / (found.aspect, 1.0)).round(DIGITS).tolist() for ring in polygon]
            for polygon in place.polygons
        ]
        geometry = {"type": "MultiPolygon", "coordinates": polygons}
        features.append({"type": "Feature", "properties": {"name": place.names[0]}, "geometry": geometry})
    return features
