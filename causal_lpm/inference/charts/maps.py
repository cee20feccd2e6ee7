"""Maps by place: choropleths of a day or of a total, worlds side by side, and films of the days."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.charts.map_values import Mapped, mapped
from causal_lpm.inference.charts.outlines import Outlines, outlines_of, read_outlines
from causal_lpm.inference.charts.style import GREY, MOST_PANELS, WIDTH, banner, banner_text, panels, plain, wrapped
from causal_lpm.validate import whole_number
from causal_lpm.whole_files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PatchCollection
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = ["animate_map", "plot_map"]

COLOURS = "cividis_r"  # equal steps look equal, also to those who do not see red and green
UNKNOWN = "#DDDDDD"
Source = str | os.PathLike[str]


def plot_map(
    values: Any,
    outcome: str | None = None,
    *,
    day: int | None = None,
    worlds: str | Sequence[str] | None = None,
    outlines: Source | None = None,
    key: str | None = None,
    per_100k: bool = False,
    points: Mapping[str, tuple[float, float]] | None = None,
    title: str = "",
) -> "Figure":
    """Places coloured by an outcome, one map a world on one scale; a mean over all runs.

    Places without a value are grey, and the figure names them, as it names labels without a place.

    Args:
        values: Predictions (a data set, or a result that has them); a `DataArray` with one dimension of labelled
            places, and perhaps `world`, `day` and samples; a mapping or `pandas.Series`, place -> number.
        outcome: Which one, of predictions with several.
        day: Number of the day from 0, or from the end if negative; the total of all days, if not given.
        worlds: Which, at most twelve; all, if not given.
        outlines: A packaged data set, such as "outlines_nz_dhb.geojson", or the path of a GeoJSON file in WGS84; the
            packaged outlines that have all of the places, if not given.
        key: The property of the outlines with the names of places; "name" and the id, if not given.
        per_100k: Per 100,000 persons, where predictions know `group_size`.
        points: Name -> (degrees east, degrees north) of what is to be marked.
        title: Above the maps.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        TypeError: values of another kind.
        ValueError: an unknown outcome, world or day; the total of a stock; no label that is a place of the outlines;
            outlines that are no GeoJSON in degrees; points outside of them.

    >>> plot_map({"Bronx": 3, "Otago": 5})
    Traceback (most recent call last):
    ValueError: no packaged outlines have all of the places 'Bronx', 'Otago': give outlines=, one of ...
    """
    shown = _Maps(mapped(values, outcome, worlds, per_100k), outlines, key, points)
    numbers, when, unit = shown.mapped.on(day)
    figure, _ = shown.drawn(numbers, numbers, unit)
    shown.caption(figure, values, shown.heading(title, when))
    return figure


def animate_map(
    values: Any,
    path: Source,
    outcome: str | None = None,
    *,
    worlds: str | Sequence[str] | None = None,
    outlines: Source | None = None,
    key: str | None = None,
    per_100k: bool = False,
    every: int = 1,
    frames_per_second: int = 10,
    title: str = "",
) -> Path:
    """Writes a film of the days, as `plot_map` draws them, with one scale for all days and worlds.

    Args:
        values: As for `plot_map`, with days.
        path: Of the film: `.gif`, or `.mp4` where the program ffmpeg is installed.
        outcome: As for `plot_map`.
        worlds: As for `plot_map`.
        outlines: As for `plot_map`.
        key: As for `plot_map`.
        per_100k: As for `plot_map`.
        every: Days from one frame to the next.
        frames_per_second: Of the film.
        title: Above the maps.

    Returns:
        The path.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ValueError: as for `plot_map`; values without days; another ending than these two; no ffmpeg for `.mp4`.
    """
    file = Path(path)
    every = whole_number("every", every)
    writer = _writer(file, whole_number("frames_per_second", frames_per_second, 1, 100))
    shown = _Maps(mapped(values, outcome, worlds, per_100k), outlines, key, None)
    if not shown.mapped.days:
        raise ValueError(f"{shown.mapped.what} has no days, of which a film is made: draw it with plot_map.")
    numbers = shown.mapped.values
    figure, collections = shown.drawn(numbers[..., 0], numbers, shown.mapped.unit)
    heading, missing = shown.caption(figure, values, shown.heading(title, shown.mapped.days[0]))

    def film(part: Path) -> None:
        with writer.saving(figure, str(part), dpi=100):
            for number in range(0, len(shown.mapped.days), every):
                for world, collection in enumerate(collections):
                    collection.set_array(shown.coloured(numbers[world, :, number]))
                heading.set_text(shown.heading(title, shown.mapped.days[number]) + missing)
                writer.grab_frame()

    write_whole(file, film)
    return file


class _Maps:
    """One map a world, of the same places and on one scale."""

    def __init__(
        self, values: Mapped, source: Source | None, key: str | None, points: Mapping[str, tuple[float, float]] | None
    ) -> None:
        if len(values.worlds) > MOST_PANELS:
            raise ValueError(f"{len(values.worlds)} worlds do not fit on a page: choose at most {MOST_PANELS}.")
        self.mapped = values
        self.outlines: Outlines = read_outlines(outlines_of(values.places) if source is None else source, key)
        self.number = self.outlines.matched(values.places)
        self.points = dict(points or {})
        self.outlines.check_points(self.points)

    def coloured(self, numbers: npt.NDArray[np.float64]) -> Any:
        """One number for each place of the outlines, masked where it is not known."""
        found = np.full(len(self.outlines.places), np.nan)
        for label, number in self.number.items():
            found[number] = numbers[self.mapped.places.index(label)]
        return np.ma.masked_invalid(found)

    def drawn(
        self, numbers: npt.NDArray[np.float64], scale: npt.NDArray[np.float64], unit: str
    ) -> "tuple[Figure, list[PatchCollection]]":
        """The figure, and the coloured places of each map; numbers `[world, place]`, on the scale of all of `scale`."""
        west, south, east, north = self.outlines.box
        count = len(self.mapped.worlds)
        across = min(count, 3 if count in (3, 5, 6) or count > 8 else 4 if count > 6 else 2)
        tall = (north - south) * self.outlines.aspect / (east - west)
        figure, grid = panels(count, min(max(0.85 * WIDTH / across * tall, 1.5), 6.0), across)
        from matplotlib.colors import Normalize

        known = scale[np.isfinite(scale)]
        low, high = (0.0, 1.0) if not known.size else (min(0.0, float(known.min())), float(known.max()))
        norm = Normalize(low, high if high > low else low + 1)
        collections = [self._map(axes, numbers[n], norm) for n, axes in enumerate(grid)]
        for axes, world in zip(grid, self.mapped.worlds, strict=True):
            plain(axes.set_title(wrapped(world, 50) if count > 1 else "", fontsize="medium"))
        bar = figure.colorbar(collections[0], ax=grid, shrink=0.8, pad=0.02)
        bar.outline.set_visible(False)
        bar.set_label(f"{self.mapped.what}\n({unit})" if unit else self.mapped.what, parse_math=False)
        return figure, collections

    def _map(self, axes: "Axes", numbers: npt.NDArray[np.float64], norm: Any) -> "PatchCollection":
        from matplotlib import colormaps
        from matplotlib.collections import PatchCollection
        from matplotlib.patches import PathPatch
        from matplotlib.path import Path as Curve

        shapes = [
            PathPatch(Curve.make_compound_path(*(Curve(self.outlines.flat(ring), closed=True) for ring in place.rings)))
            for place in self.outlines.places
        ]
        colours = colormaps[COLOURS].with_extremes(bad=UNKNOWN)
        places = PatchCollection(shapes, cmap=colours, norm=norm, edgecolor="white", linewidth=0.5)
        places.set_array(self.coloured(numbers))
        axes.add_collection(places)
        for name, (point_east, point_north) in self.points.items():
            at = self.outlines.flat(np.array([[point_east, point_north]]))[0]
            axes.plot(*at, "o", color="black", markeredgecolor="white", markersize=5)
            plain(axes.annotate(name, at, (4, 4), textcoords="offset points", fontsize="small"))
        west, south, east, north = self.outlines.box
        edge = 0.02 * max(east - west, north - south)
        axes.set(xlim=(west - edge, east + edge), ylim=(south - edge, north + edge), aspect=self.outlines.aspect)
        axes.set_axis_off()
        return places

    def heading(self, title: str, when: str) -> str:
        """What is drawn, of when, in which world, and of how many runs it is the mean."""
        only = self.mapped.worlds[0] if len(self.mapped.worlds) == 1 else ""
        runs = f"mean of {self.mapped.runs} runs" if self.mapped.runs > 1 else ""
        what = ", ".join(filter(None, (title or self.mapped.what, only, when, runs)))
        return wrapped(what, 90)

    def caption(self, figure: "Figure", values: Any, heading: str) -> "tuple[Text, str]":
        """Writes the heading above the maps, below a banner, and what is missing under them.

        Returns:
            The text with the heading, and what follows the heading in it.
        """
        labels = [label for label in self.mapped.places if label not in self.number]
        drawn = set(self.number.values())
        grey = [place.names[0] for number, place in enumerate(self.outlines.places) if number not in drawn]
        parts = [
            f"no outline, and not drawn: {_few(labels)}" if labels else "",
            f"no value, in grey: {_few(grey)}" if grey else "",
        ]
        missing = wrapped("; ".join(filter(None, parts)), 100)
        if isinstance(values, xr.Dataset | xr.DataTree) and banner_text(values):
            banner(figure, values)
            missing = f"\n{missing}" if missing else ""
            text = figure.supxlabel(heading + missing, fontsize="medium")
            plain(text)
            return text, missing
        if missing:
            plain(figure.supxlabel(missing, fontsize="small", color=GREY))
        text = figure.suptitle(heading, fontsize="medium")
        plain(text)
        return text, ""


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _writer(file: Path, speed: int) -> Any:
    """What writes films of this ending; raises where it cannot, before anything is computed."""
    panels(1)  # refuses where matplotlib is missing
    from matplotlib.animation import FFMpegWriter, PillowWriter

    if file.suffix.lower() == ".gif":
        return PillowWriter(fps=speed)
    if file.suffix.lower() != ".mp4":
        raise ValueError(f"{file.name} is neither .gif nor .mp4: give the film one of these endings.")
    if not FFMpegWriter.isAvailable():
        raise ValueError(f"{file.name} needs the program ffmpeg, which is not installed: install it, or write a .gif.")
    return FFMpegWriter(fps=speed)
