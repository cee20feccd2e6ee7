"""What charts share: colours, figures, panels, bands, legends, files, and the banner of what is no posterior."""

import functools
import io
import math
import os
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.extras import installing
from causal_lpm.inference.diagnostics.report import Report
from causal_lpm.inference.policies.statements import refusal
from causal_lpm.whole_files import write_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.text import Text

__all__ = [
    "BANDS",
    "COLOURS",
    "FEW_CONTRASTS",
    "GREY",
    "LINES",
    "MOST_PANELS",
    "bands",
    "banner",
    "banner_text",
    "few_worlds",
    "legend_below",
    "outer_labels",
    "panels",
    "plain",
    "save_charts",
    "save_figure",
    "shade",
    "slug",
    "time_axis",
    "world_bands",
    "wrapped",
]

# Okabe and Ito (2008), Color Universal Design, in an order whose neighbours differ most.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (8, 3)), (0, (1, 3)))
GREY = "#595959"
WARNING = "#B54A00"  # Okabe and Ito's vermillion, dark enough for white letters
BANDS = ((0.9, 0.2), (0.5, 0.35))  # central probability, opacity
WIDTH = 8.0
MOST_PANELS = 12  # on one page
FEW_CONTRASTS = 10  # of more, only the first outcome is drawn: more charts than anybody looks at cost minutes


def panels(count: int, height: float = 2.3, columns: int | None = None) -> "tuple[Figure, list[Axes]]":
    """A figure with `count` panels, in one column up to three and in two or three columns above, if not given.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
        ValueError: more panels than fit on a page.
    """
    if count > MOST_PANELS:
        raise ValueError(f"{count} panels do not fit on a page: choose at most {MOST_PANELS}.")
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"plots need matplotlib: install the extra 'plots', {installing('plots')}."
        ) from error
    columns = columns or (1 if count <= 3 else 2 if count <= 6 else 3)
    rows = math.ceil(count / columns)
    # A figure by itself, without pyplot, needs no display and leaves no state behind.
    figure: Figure = _shown_figure()(figsize=(WIDTH, max(3.4, height * rows + 0.9)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for axes in grid[count:]:
        axes.remove()
    for axes in grid[:count]:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, grid[:count]


@functools.cache
def _shown_figure() -> Any:
    """The class of a figure that notebooks show: they know those of pyplot only."""
    from matplotlib.figure import Figure

    class ShownFigure(Figure):
        def _repr_png_(self) -> bytes:
            picture = io.BytesIO()
            self.savefig(picture, format="png", dpi=100)
            return picture.getvalue()

    return ShownFigure


def banner_text(result: xr.DataTree | xr.Dataset) -> str:
    """What every chart and table must say of a result that is no calibrated posterior, or of refused luck; else empty.

    Args:
        result: a tree, or a data set made from one, with attribute `status`; a tree's predictions have their own.

    >>> banner_text(xr.DataTree(xr.Dataset(attrs={"method": "svi", "status": "optimised"})))
    'OPTIMISED with svi: not a posterior; widths are no uncertainty.'
    """
    predictions = result.children.get("predictions") if isinstance(result, xr.DataTree) else None
    refused = "" if predictions is None else refusal(predictions.to_dataset())
    return " ".join(filter(None, (_of_status(result), refused)))


def _of_status(result: xr.DataTree | xr.Dataset) -> str:
    method, status = result.attrs.get("method", ""), result.attrs.get("status", "")
    if status == "optimised":
        return f"OPTIMISED{' with ' * bool(method)}{method}: not a posterior; widths are no uncertainty."
    if status != "uncalibrated":
        return refusal(result)
    gates = isinstance(result, xr.DataTree) and "diagnostics" in result.children
    report = Report.from_dataset(result["diagnostics"].to_dataset()) if gates else Report()
    return report.banner if report.failed else "UNCALIBRATED: do not read this as a posterior."


def banner(figure: "Figure", result: xr.DataTree | xr.Dataset) -> None:
    """Writes the banner of the result above everything else in the figure, if it has one."""
    if text := banner_text(result):
        box = {"facecolor": WARNING, "edgecolor": "none", "boxstyle": "square,pad=0.5"}
        lines = "\n".join(textwrap.wrap(text, 88))
        # The layout does not know of the box around the letters.
        figure.set_layout_engine("constrained", h_pad=9 / 72)
        plain(figure.suptitle(lines, color="white", fontsize="medium", fontweight="bold", bbox=box))


def outer_labels(grid: "Sequence[Axes]", x: str, y: str) -> None:
    """Labels the axes below which and left of which there are none."""
    specification = grid[0].get_gridspec()
    columns = 1 if specification is None else specification.ncols
    for number, axes in enumerate(grid):
        if number + columns >= len(grid):
            plain(axes.set_xlabel(x))
        if number % columns == 0:
            plain(axes.set_ylabel(y))


def plain(text: "Text") -> None:
    """Draws dollar signs as dollar signs: a name is not mathematics."""
    text.set_parse_math(False)


def wrapped(text: str, width: int = 80) -> str:
    """The text in at most four lines."""
    return "\n".join(textwrap.wrap(text, width, max_lines=4, placeholder=" ..."))


def slug(name: str) -> str:
    """The name as part of a file name.

    >>> slug("Delayed - standard 0.9")
    'delayed-standard-0-9'
    """
    return re.sub("[^a-z0-9_]+", "-", name.lower())[:80].strip("-")


def few_worlds(names: Sequence[str]) -> None:
    """Raises ValueError for more worlds than can be told apart."""
    if len(names) > len(COLOURS):
        raise ValueError(f"{len(names)} worlds cannot be told apart in one chart: choose at most {len(COLOURS)}.")


def save_charts(charts: "Iterable[tuple[str, Callable[[], Figure]]]", folder: str | os.PathLike[str]) -> list[Path]:
    """Draws charts of these names into a folder, which is made if need be, and returns the files."""
    panels(1)  # refuses before anything is written
    Path(folder).mkdir(parents=True, exist_ok=True)
    files: list[Path] = []
    taken: set[str] = set()
    for name, draw in charts:
        slugs = chain([slug(name)], (f"{slug(name)}-{number}" for number in count(2)))
        taken.add(own := next(one for one in slugs if one not in taken))  # two names may have one slug
        files += save_figure(draw(), Path(folder, f"{own}.png"))
    return files


def save_figure(figure: "Figure", path: str | os.PathLike[str]) -> list[Path]:
    """Writes the figure as PNG and as SVG, whatever the suffix of `path`, and returns both paths."""
    files = [Path(path).with_suffix(suffix) for suffix in (".png", ".svg")]
    from matplotlib import rc_context

    # Neither a date nor random ids inside, so that the same result gives the same file.
    with rc_context({"svg.hashsalt": "causal_lpm"}):
        for file in files:
            metadata = {"Date": None} if file.suffix == ".svg" else None
            write_whole(file, partial(figure.savefig, dpi=150, metadata=metadata))
    return files


def bands(
    axes: "Axes",
    x: npt.NDArray[Any],
    values: npt.NDArray[Any],
    colour: str,
    line: Any = "-",
    levels: Sequence[tuple[float, float]] = BANDS,
) -> None:
    """Draws the median and central bands of `[sample, day]`; a day on which all samples are NaN stays empty."""
    known = ~np.isnan(values).all(0)
    ends = np.full((2, values.shape[1]), np.nan)
    middle = ends[0].copy()
    for level, opacity in levels if len(values) > 1 else ():
        ends[:, known] = np.nanquantile(values[:, known], [(1 - level) / 2, (1 + level) / 2], axis=0)
        axes.fill_between(x, *ends, color=colour, alpha=opacity, linewidth=0)
    middle[known] = np.nanmedian(values[:, known], axis=0)
    axes.plot(x, middle, color=colour, linestyle=line, linewidth=1.6)
    axes.margins(x=0)


def world_bands(
    axes: "Axes", x: npt.NDArray[Any], runs: Mapping[str, npt.NDArray[Any]], levels: Sequence[tuple[float, float]]
) -> dict[str, Any]:
    """Draws `[sample, day]` of each world in a colour and a line of its own, and returns the lines by world."""
    lines = {}
    for (world, values), colour, line in zip(runs.items(), COLOURS, LINES, strict=False):
        bands(axes, x, values, colour, line, levels)
        lines[world] = axes.get_lines()[-1]
    axes.set_ylim(bottom=0)
    return lines


def shade(colour: str, opacity: float) -> Any:
    """The handle of a band in a legend."""
    from matplotlib.patches import Patch

    return Patch(color=colour, alpha=opacity, linewidth=0)


def legend_below(figure: "Figure", handles: Mapping[str, Any], columns: int = 4, title: str | None = None) -> None:
    """A legend below the axes, where it covers no data."""
    legend = figure.legend(
        list(handles.values()),
        [f"{number}" for number in range(len(handles))],
        loc="outside lower center",
        ncols=columns,
        fontsize="small",
        frameon=False,
        title=title,
        title_fontsize="small",
    )
    # Named afterwards: matplotlib leaves out of a legend what begins with an underscore.
    for text, name in zip(legend.get_texts(), handles, strict=True):
        text.set_text(wrapped(name, 60))
        plain(text)


def time_axis(grid: "Sequence[Axes]", values: xr.DataArray, dim: str) -> tuple[npt.NDArray[Any], str]:
    """The days to draw at, dates where there are any, and what to write below the axes."""
    dates = [name for name, coord in values.coords.items() if coord.dims == (dim,) and coord.dtype.kind == "M"]
    if dates:
        from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

        for axes in grid:
            locator = AutoDateLocator(maxticks=6)  # type: ignore[no-untyped-call]
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        return values[dates[0]].values, "date"
    numbered = dim in values.coords and values[dim].dtype.kind in "iuf"
    numbers: npt.NDArray[Any] = values[dim].values if numbered else np.arange(values.sizes[dim])
    return numbers, "time (days since the start)" if dim.endswith("day") else "step"
