"""Outlines of places from GeoJSON: read, checked, matched with labels, and laid flat for a map."""

import json
import math
import os
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from causal_lpm import data
from causal_lpm.validate import did_you_mean, folded

__all__ = ["Outlines", "Place", "outlines_of", "read_outlines"]

PACKAGED = tuple(sorted(name for name in data.DATASETS if name.startswith("outlines_")))
Ring = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Place:
    """A feature of GeoJSON: the names that it goes by, and its polygons.

    A polygon is its outline and its holes, each a ring `[points, 2]` in degrees east and north.
    """

    names: tuple[str, ...]
    polygons: tuple[tuple[Ring, ...], ...]

    @property
    def rings(self) -> tuple[Ring, ...]:
        """The rings of all polygons."""
        return tuple(ring for polygon in self.polygons for ring in polygon)


@dataclass(frozen=True)
class Outlines:
    """The places of a file.

    Attributes:
        file: Its name.
        places: In the order of the file; the first of a place's names is shown.
    """

    file: str
    places: tuple[Place, ...]

    @cached_property
    def _by_name(self) -> dict[str, int]:
        """A name without case, accents and spacing -> number of the place."""
        return {_plain(name): number for number, place in enumerate(self.places) for name in reversed(place.names)}

    def matched(self, labels: Iterable[str]) -> dict[str, int]:
        """Label -> number of its place, of those that have one, by name or id; case and accents play no part.

        Raises:
            ValueError: no label has a place, or two have the same.
        """
        given = [str(label) for label in labels]
        found = {label: self._by_name[_plain(label)] for label in given if _plain(label) in self._by_name}
        if not found:
            shown = [place.names[0] for place in self.places]
            hint = did_you_mean(given[0], shown) if given else "give values of at least one."
            raise ValueError(f"none of the {len(given)} labels is a place of {self.file}, not {given[:1]}: {hint}")
        if len(set(found.values())) < len(found):
            twice = sorted(label for label in found if [*found.values()].count(found[label]) > 1)
            raise ValueError(f"{', '.join(map(repr, twice))} are one place of {self.file}: give one value for it.")
        return found

    @cached_property
    def _west(self) -> float:
        """Where the map begins, degrees east: in the widest gap between points, so that no place is cut in two."""
        east = np.unique(np.concatenate([ring[:, 0] for place in self.places for ring in place.rings]) % 360)
        gap = np.diff(east, append=east[0] + 360)
        first = float(east[(np.argmax(gap) + 1) % len(east)])
        return (first + 180) % 360 - 180 - 1e-6  # rounding must not put the first point behind the last one

    def flat(self, points: Ring) -> Ring:
        """Degrees east and north as they are drawn: the first of them may run beyond 180."""
        return np.stack([(points[:, 0] - self._west) % 360 + self._west, points[:, 1]], axis=1)

    @cached_property
    def box(self) -> tuple[float, float, float, float]:
        """West, south, east and north of all places, as drawn."""
        every = np.concatenate([self.flat(ring) for place in self.places for ring in place.rings])
        (west, south), (east, north) = every.min(0), every.max(0)
        return float(west), float(south), float(east), float(north)

    @property
    def aspect(self) -> float:
        """How much longer a degree north is than a degree east, in the middle of the map."""
        return 1 / math.cos(math.radians((self.box[1] + self.box[3]) / 2))

    def check_points(self, points: Mapping[str, tuple[float, float]]) -> None:
        """Raises ValueError for a point (degrees east, north) that is not in WGS84, or in none of the places."""
        for name, point in points.items():
            where = f"the point {name!r} at {tuple(point)}"
            _check_degrees(np.array([point], dtype=np.float64), where)
            here = self.flat(np.array([point], dtype=np.float64))[0]
            if not any(_inside(here, [self.flat(ring) for ring in place.rings]) for place in self.places):
                west, south, east, north = self.box
                raise ValueError(
                    f"{where} lies in no place of {self.file}, which runs from {west:.4g} to {east:.4g} degrees east "
                    f"and from {south:.4g} to {north:.4g} degrees north: give (east, north), in this order."
                )


def read_outlines(source: str | os.PathLike[str], key: str | None = None) -> Outlines:
    """Outlines from GeoJSON in WGS84, of polygons.

    Args:
        source: The name of a packaged data set, such as "outlines_nz_dhb.geojson", or a path.
        key: The property with the names of the places; "name" and the id, if not given.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file that is no GeoJSON, without places, of other shapes than polygons, without names, or whose
            coordinates are not degrees.

    >>> [place.names[0] for place in read_outlines("outlines_nyc_boroughs.geojson").places][:2]
    ['Bronx', 'Brooklyn']
    """
    name = os.fspath(source)
    file = data.path(name) if name in PACKAGED else Path(name)
    if not file.is_file():
        raise FileNotFoundError(f"there are no outlines {name!r}: give a path, or one of {', '.join(PACKAGED)}.")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{name} is no GeoJSON ({error}): save the outlines as GeoJSON.") from error
    features = content.get("features") if isinstance(content, dict) else None
    if not isinstance(features, list) or not features:
        raise ValueError(f"{name} has no features: give a GeoJSON FeatureCollection, one feature a place.")
    return Outlines(file.name, tuple(_place(name, number, each, key) for number, each in enumerate(features)))


def outlines_of(labels: Iterable[str]) -> str:
    """The packaged outlines that have all of these places.

    Raises:
        ValueError: none has.

    >>> outlines_of(["Queens", "Bronx"])
    'outlines_nyc_boroughs.geojson'
    """
    given = [str(label) for label in labels]
    for name in PACKAGED:
        known = read_outlines(name)._by_name
        if given and all(_plain(label) in known for label in given):
            return name
    raise ValueError(
        f"no packaged outlines have all of the places {', '.join(map(repr, given[:3]))}"
        f"{' ...' * (len(given) > 3)}: give outlines=, one of {', '.join(PACKAGED)} or the path of a GeoJSON file."
    )


def _place(file: str, number: int, feature: Mapping[str, Any], key: str | None) -> Place:
    properties = feature.get("properties") or {}
    wanted = [properties.get(key)] if key else [properties.get("name"), properties.get("id"), feature.get("id")]
    names = tuple(dict.fromkeys(str(name) for name in wanted if name not in (None, "")))
    if not names:
        raise ValueError(
            f"feature {number} of {file} has no {key or 'name'!r}: its properties are {', '.join(properties) or 'none'}"
            "; give key=, the property with the names of the places."
        )
    geometry = feature.get("geometry") or {}
    if (shape := geometry.get("type")) not in ("Polygon", "MultiPolygon"):
        raise ValueError(f"{names[0]!r} of {file} is a {shape}: a map has polygons; give places with an area.")
    try:
        polygons = [geometry["coordinates"]] if shape == "Polygon" else geometry["coordinates"]
        place = Place(
            names,
            tuple(
                tuple(np.array([point[:2] for point in ring], dtype=float) for ring in polygon) for polygon in polygons
            ),
        )
        if not place.rings or any(ring.ndim != 2 or len(ring) < 4 for ring in place.rings):
            raise ValueError("a ring has fewer than four points")
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise ValueError(f"the outline of {names[0]!r} of {file} is broken ({error}): save the file again.") from error
    for ring in place.rings:
        _check_degrees(ring, f"the outline of {names[0]!r} of {file}")
    return place


def _check_degrees(points: Ring, what: str) -> None:
    wrong = ~((np.abs(points[:, 0]) <= 180) & (np.abs(points[:, 1]) <= 90))
    if wrong.any():
        east, north = points[wrong][0]
        raise ValueError(
            f"{what} is at {east:g} east, {north:g} north, which are no degrees: give longitude and latitude in WGS84 "
            "(EPSG:4326), in this order; convert other coordinates first."
        )


def _inside(point: Ring, rings: Iterable[Ring]) -> bool:
    """Whether a line from the point to the east crosses the rings an odd number of times, holes included."""
    crossings = 0
    for ring in rings:
        (x0, y0), (x1, y1) = ring[:-1].T, ring[1:].T
        across = (y0 > point[1]) != (y1 > point[1])
        at = x0[across] + (point[1] - y0[across]) / (y1 - y0)[across] * (x1 - x0)[across]
        crossings += int((at > point[0]).sum())
    return crossings % 2 == 1


def _plain(name: str) -> str:
    return folded("".join(each for each in unicodedata.normalize("NFD", name) if not unicodedata.combining(each)))
