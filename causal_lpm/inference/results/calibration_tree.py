"""The result of a calibration: one `xarray.DataTree` with ArviZ's groups.

- `posterior`, `prior`: each parameter, (chain, draw, *its shape); `log_prior` and `sample_stats` beside them;
- `posterior_predictive`, `prior_predictive`: each data site, (chain, draw, group, day); `observed_data`: (group, day),
  NaN where a day is missing; `log_likelihood` of each number, where the density of the model is known. Sites of other sizes, dates or groups have dimensions of their own, `SITE_group` and
  `SITE_day`; data of sites before the simulation, of any shape, are (SITE_dim_0, ...) in `observed_data`;
- `predictions` (world, draw, replicate, group, day) and `causal_effect` (contrast, draw, ...), which say their kind:
  a draw is a value of the parameters, a replicate is luck;
- `prior_sbc`: ranks and truths, (simulation, parameter); `diagnostics`: the report;
- `constant_data`.

Root attributes say how the numbers were made and where they come from.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.results.sample_arrays import Arrays, check_name, flat_names, samples
from causal_lpm.inference.results.series_layout import SeriesLayout
from causal_lpm.inference.results.tree_files import load, save
from causal_lpm.provenance import provenance
from causal_lpm.validate import known

__all__ = ["About", "Arrays", "TreeLabels", "build_tree", "load", "save", "with_group"]

STATUSES = ("calibrated", "uncalibrated", "optimised")
KINDS = ("interventional", "paired", "counterfactual")
BY_POSTERIOR_DRAW = ("log_prior", "sample_stats", "nuisances", "posterior_predictive", "log_likelihood")
SERIES = ("posterior_predictive", "prior_predictive", "log_likelihood")
READY = ("constant_data", "diagnostics", "predictions", "causal_effect")
GROUPS = (*BY_POSTERIOR_DRAW, "prior", "prior_predictive", "observed_data", "prior_sbc", *READY)


@dataclass(frozen=True)
class About:
    """How a calibration was made; the root attributes of its tree.

    Attributes:
        method: as given to `fit`, such as "svi+npe".
        status: "calibrated", "uncalibrated", or "optimised" where the draws are no posterior.
        seed: of the calibration.
        budget: simulations that were allowed.
        simulations: simulations that were made.
        failures: simulations that failed.
        kind: of the predictive groups; "interventional", because their luck is fresh.

    Raises:
        ValueError: another status or kind.
    """

    method: str
    status: str
    seed: int
    budget: int
    simulations: int
    failures: int = 0
    kind: str = "interventional"

    def __post_init__(self) -> None:
        known("status", self.status, STATUSES)
        known("kind", self.kind, KINDS)


@dataclass(frozen=True)
class TreeLabels:
    """What the dimensions and numbers of a tree are called; `TreeLabels()` numbers everything.

    Attributes:
        dims: Parameter -> names of the dimensions of its shape, instead of `NAME_dim_0`.
        coords: Dimension of parameters -> its labels.
        groups: Site -> labels of its groups.
        dates: Site -> the date of each day.
        tables: Sites without groups and days, whose dimensions are `SITE_dim_0` and so on.
        units: Site or parameter -> its unit, for charts and tables, such as "new per week".
        scales: Parameter -> "log" or "logit", where tables show it on that scale, too.
        elements: Of the columns of `prior_sbc`; made from the posterior's shapes, if not given.
    """

    dims: Mapping[str, Sequence[str]] = field(default_factory=dict)
    coords: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    dates: Mapping[str, npt.ArrayLike] = field(default_factory=dict)
    tables: Collection[str] = ()
    units: Mapping[str, str] = field(default_factory=dict)
    scales: Mapping[str, str] = field(default_factory=dict)
    elements: Sequence[str] | None = None


def build_tree(
    about: About,
    posterior: Arrays,
    *,
    chains: int = 1,
    sbc_draws: int | None = None,
    labels: TreeLabels = TreeLabels(),
    **groups: Arrays | xr.Dataset | None,
) -> xr.DataTree:
    """The tree of a calibration from numpy arrays by name; draws are always the first dimension.

    Args:
        about: how it was made.
        posterior: parameter -> `[draw, *shape]`, in the model's units.
        chains: of the posterior, one after the other in its draws; independent draws are one chain.
        sbc_draws: posterior draws that each truth of `prior_sbc` was ranked among.
        labels: what dimensions are called.
        groups: the other groups, each if there is one: of each posterior draw `log_prior` `[draw]`, `sample_stats` and
            `nuisances`, which predictions need and nothing reports; `prior`, as the posterior; `posterior_predictive`
            and `prior_predictive`, and `log_likelihood`, site -> `[draw, day]` or `[draw, group, day]`; `observed_data`, site -> `[day]` or
            `[group, day]`, NaN where a day is missing; `terms`, data of any shape, kept with the observed ones;
            `prior_sbc`, with `ranks` and `truth` `[simulation, parameter]`, and what else there is of each simulation;
            and as data sets `constant_data`, `diagnostics`, `predictions`, `causal_effect`.

    Raises:
        ValueError: an unknown group, shapes that do not fit each other, or names that NetCDF cannot hold.

    Example:
        >>> about = About("svi+npe", "calibrated", seed=0, budget=300, simulations=500)
        >>> tree = build_tree(
        ...     about,
        ...     {"beta": np.full(4, 0.3)},
        ...     posterior_predictive={"cases": np.ones((4, 10))},
        ...     observed_data={"cases": np.ones(10)},
        ... )
        >>> dict(tree["posterior_predictive"]["cases"].sizes)
        {'chain': 1, 'draw': 4, 'group': 1, 'day': 10}
    """
    terms: Any = groups.pop("terms", None) or {}
    for name in groups:
        known("group", name, GROUPS)
    given: dict[str, Any] = {name: value for name, value in groups.items() if isinstance(value, xr.Dataset) or value}
    series = [given.get(name, {}) for name in (*SERIES, "observed_data")]
    tables = [{site: one[site] for site in one if site in labels.tables} for one in series]
    series = [{site: one[site] for site in one if site not in labels.tables} for one in series]
    layout = SeriesLayout(series[:-1], series[-1], labels.groups, labels.dates)
    tree = {"posterior": samples("posterior", posterior, chains, labels.dims, labels.coords)}
    for name, one in {name: given[name] for name in GROUPS if name in given}.items():
        of = chains if name in BY_POSTERIOR_DRAW else 1
        if isinstance(one, xr.Dataset):
            tree[name] = one
        elif name == "observed_data":
            tree[name] = layout.observed(series[-1])
        elif name == "prior_sbc":
            tree[name] = _prior_sbc(one, sbc_draws, labels.elements or flat_names(tree["posterior"]))
        elif name in SERIES:
            tree[name] = _sampled(name, layout, series[SERIES.index(name)], tables[SERIES.index(name)], of)
        else:
            tree[name] = samples(name, one, of, labels.dims, labels.coords)
    _check_draws(tree)
    for kind, plain in (("term", terms), ("table", tables[-1])):
        for name, values in plain.items():
            dims = [f"{name}_dim_{number}" for number in range(np.ndim(values))]
            tree["observed_data"][name] = (dims, np.asarray(values), {kind: 1})
    _write_units(tree, labels.units)
    for name, scale in labels.scales.items():
        for group in (group for group in ("posterior", "prior") if group in tree and name in tree[group]):
            tree[group][name].attrs["scale"] = scale
    result = xr.DataTree.from_dict(tree)
    result.attrs = {**asdict(about), **_origin(about.seed, {**series[-1], **tables[-1], **terms})}
    return result


def _sampled(name: str, layout: SeriesLayout, series: Arrays, tables: Arrays, chains: int) -> xr.Dataset:
    """Samples of series, and beside them those of tables."""
    parts = [layout.samples(name, series, chains)] if series else []
    parts += [samples(name, tables, chains, {}, {})] if tables else []
    return xr.merge(parts)


def with_group(tree: xr.DataTree, name: str, dataset: xr.Dataset) -> xr.DataTree:
    """A new tree with one group more, or with another one in its place; the given tree stays as it is.

    >>> tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"beta": 0.3})})
    >>> more = with_group(tree, "predictions", xr.Dataset({"infections": 7}))
    >>> list(more.children), list(tree.children)
    (['posterior', 'predictions'], ['posterior'])
    """
    check_name("group", name)
    more = tree.copy()
    more[name] = xr.DataTree(dataset)
    return more


def _check_draws(tree: Mapping[str, xr.Dataset]) -> None:
    draws = tree["posterior"].sizes["draw"]
    for name in (name for name in BY_POSTERIOR_DRAW if name in tree):
        count = tree[name].sizes["draw"]
        if count > draws or (count < draws and name != "posterior_predictive"):
            raise ValueError(f"{name!r} has {count} draws a chain and the posterior {draws}: give one of each draw.")


def _write_units(tree: Mapping[str, xr.Dataset], units: Mapping[str, str]) -> None:
    described = [tree[name] for name in ("posterior", "prior", *SERIES[:2], "observed_data") if name in tree]
    for name, unit in units.items():
        known("parameter or data site", name, {str(key) for dataset in described for key in dataset.data_vars})
        for dataset in described:
            if name in dataset.data_vars:
                dataset[name].attrs["units"] = unit


def _prior_sbc(arrays: Arrays, draws: int | None, names: Sequence[str]) -> xr.Dataset:
    variables: dict[str, Any] = {}
    if "ranks" in arrays and draws is None:
        raise ValueError("'prior_sbc' has ranks, but not among how many draws: give sbc_draws.")
    for name, given in arrays.items():
        values = np.asarray(given)
        if values.ndim not in (1, 2) or (values.ndim == 2 and values.shape[1] != len(names)):
            raise ValueError(
                f"{name!r} in 'prior_sbc' has shape {values.shape}: give [simulation] or [simulation, {len(names)}], "
                f"a column for each of {', '.join(names)}."
            )
        variables[name] = (("simulation", "parameter")[: values.ndim], values)
    if len(counts := {values.shape[0] for _, values in variables.values()}) > 1:
        raise ValueError(f"'prior_sbc' has arrays of {sorted(counts)} simulations: give as many each.")
    simulations = np.arange(counts.pop())
    coords = {"simulation": simulations, "parameter": list(names)}
    return xr.Dataset(variables, coords, {} if draws is None else {"draws": draws})


def _origin(seed: int, data: Arrays) -> dict[str, str]:
    hashes = {
        site: hashlib.sha256(np.ascontiguousarray(np.asarray(values, dtype=np.float64)).tobytes()).hexdigest()
        for site, values in data.items()
    }
    return {f"provenance_{key}": value for key, value in provenance(seed, hashes).items()}
