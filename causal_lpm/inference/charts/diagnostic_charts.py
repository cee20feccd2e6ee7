"""Charts of how good a calibration is: prior against posterior, ranks, expected coverage."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.charts.style import (
    COLOURS,
    GREY,
    LINES,
    MOST_PANELS,
    banner,
    legend_below,
    outer_labels,
    panels,
    plain,
)
from causal_lpm.inference.diagnostics.coverage import coverage_curve
from causal_lpm.inference.diagnostics.uniformity import uniform_of_ranks
from causal_lpm.inference.results.sample_arrays import element_draws

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["CURVES", "GRID", "coverage_chart", "marginals", "rank_chart", "simultaneous_band"]

Values = npt.NDArray[np.float64]

GRID = np.linspace(0, 1, 101)[1:-1]
BINS = 10, 30  # fewest and most of a histogram
CURVES = {
    "highest_density_level": "highest-density regions",
    "tarp_level": "balls around random points (TARP)",
}


def marginals(tree: xr.DataTree, truth: Mapping[str, float] | None = None, page: int = 0) -> "Figure":
    """Histograms of each parameter in the prior and in the posterior, on one scale.

    `truth` has the values that made the data, where they are known, elements as "beta[0]"; a page has twelve.

    Raises:
        ValueError: there is no such page.
    """
    posterior = element_draws(tree["posterior"].to_dataset())
    prior = element_draws(tree["prior"].to_dataset()) if "prior" in tree.children else {}
    names = list(posterior)[page * MOST_PANELS : (page + 1) * MOST_PANELS]
    if not names:
        raise ValueError(f"there is no page {page} of {len(posterior)} parameters: pages count from 0.")
    figure, grid = panels(len(names), height=2.0)
    handles: dict[str, Any] = {}
    for axes, name in zip(grid, names, strict=True):
        after, before = posterior[name], prior.get(name, np.empty(0))
        handles["posterior"] = axes.stairs(*_density(after), fill=True, color=COLOURS[0], alpha=0.6)
        if before.size:
            handles["prior"] = axes.stairs(*_density(before), color=GREY, linestyle="--", linewidth=1.2)
        if truth is not None and name in truth:
            handles["truth"] = axes.axvline(truth[name], color="black", linewidth=1.4)
        axes.set_yticks([])
        unit = tree["posterior"][name].attrs.get("units") if name in tree["posterior"].data_vars else None
        plain(axes.set_xlabel(f"{name} ({unit})" if unit else name))
        axes.set_ylabel("density")
    banner(figure, tree)
    legend_below(figure, handles)
    return figure


def _density(draws: Values) -> tuple[Values, Values]:
    """Heights and edges of a histogram without the outer half per cents, which would make its picture empty."""
    low, high = np.quantile(draws, [0.005, 0.995])
    bins = int(np.clip(np.sqrt(draws.size), *BINS))
    edges = np.linspace(low, high, bins + 1) if high > low else np.array([low - 0.5, low + 0.5])
    # A share of all draws, also of those outside.
    return np.histogram(draws, edges)[0] / (draws.size * np.diff(edges)), edges


def rank_chart(tree: xr.DataTree, page: int = 0) -> "Figure":
    """Simulation-based calibration: for each parameter, how far the ranks' cumulative share is from uniform.

    Above the band, the posterior lies too high, below it too low; first above and then below, it is too narrow, first
    below and then above too wide. Source: Säilynoja, Bürkner, Vehtari 2022 (Statistics and Computing 32:32).

    Raises:
        ValueError: there are no ranks, or no such page.
    """
    sbc = _sbc(tree, "ranks")
    ranks = sbc["ranks"].values
    names = [str(name) for name in sbc["parameter"].values]
    chosen = range(page * MOST_PANELS, min(len(names), (page + 1) * MOST_PANELS))
    if not chosen:
        raise ValueError(f"there is no page {page} of {len(names)} parameters: pages count from 0.")
    low, high = simultaneous_band(len(ranks))
    uniform = uniform_of_ranks(ranks, int(sbc.attrs["draws"]), seed=0)
    curves = np.stack([coverage_curve(column, GRID) - GRID for column in uniform.T], axis=1)
    most = 1.15 * max(np.abs(curves[:, chosen]).max(), (high - GRID).max(), (GRID - low).max())
    figure, grid = panels(len(chosen), height=1.9)
    for axes, column in zip(grid, chosen, strict=True):
        band = axes.fill_between(GRID, low - GRID, high - GRID, color=GREY, alpha=0.25, linewidth=0)
        (line,) = axes.step(GRID, curves[:, column], color=COLOURS[0], where="mid", linewidth=1.4)
        axes.axhline(0, color="black", linewidth=0.8)
        axes.set_xlim(0, 1)
        axes.set_ylim(-most, most)
        plain(axes.set_title(names[column], loc="left", fontsize="medium"))
    outer_labels(grid, "rank of the truth (0 to 1)", "cumulative share\nminus uniform")
    banner(figure, tree)
    label = f"{len(ranks)} simulations"
    legend_below(figure, {label: line, "95% of calibrated posteriors stay inside (each parameter)": band}, columns=2)
    return figure


def coverage_chart(tree: xr.DataTree) -> "Figure":
    """Expected coverage: how often regions of each level hold the truth; below the diagonal they are too narrow.

    Raises:
        ValueError: `prior_sbc` has neither `highest_density_level` nor `tarp_level`.
    """
    sbc = _sbc(tree, *CURVES)
    low, high = simultaneous_band(sbc.sizes["simulation"])
    figure, (axes,) = panels(1, height=4.2)
    handles: dict[str, Any] = {}
    band = axes.fill_between(GRID, low, high, color=GREY, alpha=0.25, linewidth=0)
    axes.plot([0, 1], [0, 1], color="black", linewidth=0.8)
    shown = [name for name in CURVES if name in sbc.data_vars]
    for name, colour, line in zip(shown, COLOURS, LINES, strict=False):
        curve = coverage_curve(sbc[name].values, GRID)
        (handles[CURVES[name]],) = axes.plot(GRID, curve, color=colour, linestyle=line, linewidth=1.6)
    handles["95% of calibrated posteriors stay inside (each curve)"] = band
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="level of the region")
    axes.set_ylabel(f"share of {sbc.sizes['simulation']} simulations\nwhose truth it holds")
    axes.text(0.97, 0.04, "too narrow", ha="right", color=GREY, fontsize="small")
    axes.text(0.03, 0.93, "too wide", color=GREY, fontsize="small")
    banner(figure, tree)
    legend_below(figure, handles, columns=2)
    return figure


def simultaneous_band(simulations: int, level: float = 0.95, repeats: int = 2000) -> tuple[Values, Values]:
    """The band that holds the whole cumulative curve of uniform numbers with probability `level`, at `GRID`.

    Pointwise binomial intervals, all of one level, which is chosen by simulation with a fixed seed. Source: Säilynoja,
    Bürkner, Vehtari 2022 (Statistics and Computing 32:32), section 2.

    Returns:
        Lower and upper ends, float64 `[grid]`.

    Example:
        >>> low, high = simultaneous_band(200)
        >>> bool((low <= GRID).all() and (GRID <= high).all()), bool((high - low).max() < 0.25)
        (True, True)
    """
    from scipy.stats import binom

    cells = np.diff(np.concatenate([[0.0], GRID, [1.0]]))
    drawn = np.random.default_rng(0).multinomial(simulations, cells, size=repeats)[:, :-1].cumsum(1)
    counts = np.arange(simulations + 1)
    below = binom.cdf(counts[:, None], simulations, GRID)
    above = binom.sf(counts[:, None] - 1, simulations, GRID)
    tails = np.minimum(below, above)[drawn, np.arange(GRID.size)]
    share = float(np.quantile(tails.min(1), 1 - level))  # of either tail
    return binom.ppf(share, simulations, GRID) / simulations, binom.isf(share, simulations, GRID) / simulations


def _sbc(tree: xr.DataTree, *names: str) -> xr.Dataset:
    dataset = tree["prior_sbc"].to_dataset() if "prior_sbc" in tree.children else xr.Dataset()
    if not any(name in dataset.data_vars for name in names):
        raise ValueError(f"the result has no {' or '.join(names)} in prior_sbc: calibrate with a gate.")
    return dataset
