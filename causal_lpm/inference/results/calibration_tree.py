"""The result of a calibration: one `xarray.DataTree` with ArviZ's groups.

- `posterior`, `prior`: each parameter, (chain, draw, *its shape); `log_prior` and `sample_stats` beside them;
- `posterior_predictive`, `prior_predictive`: each data site, (chain, draw, group, day); `observed_data`: (group, day),
  NaN where a day is missing. Sites of other sizes, dates or groups have dimensions of their own, `SITE_group` and
  `SITE_day`; data of sites before the simulation, of any shape, are (SITE_dim_0, ...) in `observed_data`;
- `predictions` (world, draw, replicate, group, day) and `causal_effect` (contrast, draw, ...), which say their kind:
  a draw is a value of the parameters, a replicate is luck;
- `prior_sbc`: ranks and truths, (simulation, parameter); `diagnostics`: the report;
- `constant_data`.

Root attributes say how the numbers were made and where they come from.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference.results.sample_arrays import Arrays, check_name, samples
from causal_lpm.inference.results.series_layout import SeriesLayout
from causal_lpm.inference.results.tree_files import load, save
from causal_lpm.inference.results.element_names import element_names
from causal_lpm.provenance import provenance
from causal_lpm.validate import known

__all__ = ["About", "Arrays", "build_tree", "flat_names", "load", "save", "with_group"]

STATUSES = ("calibrated", "uncalibrated", "optimised")
KINDS = ("interventional", "paired", "counterfactual")


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


def build_tree(
    about: About,
    posterior: Arrays,
    *,
    chains: int = 1,
    log_prior: Arrays | None = None,
    sample_stats: Arrays | None = None,
    prior: Arrays | None = None,
    posterior_predictive: Arrays | None = None,
    prior_predictive: Arrays | None = None,
    observed_data: Arrays | None = None,
    terms: Arrays | None = None,
    nuisances: Arrays | None = None,
    constant_data: xr.Dataset | None = None,
    prior_sbc: Arrays | None = None,
    sbc_draws: int | None = None,
    parameter_names: Sequence[str] | None = None,
    dims: Mapping[str, Sequence[str]] | None = None,
    coords: Mapping[str, Sequence[Any]] | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    dates: Mapping[str, npt.ArrayLike] | None = None,
    units: Mapping[str, str] | None = None,
    diagnostics: xr.Dataset | None = None,
    predictions: xr.Dataset | None = None,
    causal_effect: xr.Dataset | None = None,
) -> xr.DataTree:
    """The tree of a calibration from numpy arrays by name; draws are always the first dimension.

    Args:
        about: how it was made.
        posterior: parameter -> `[draw, *shape]`, in the model's units.
        chains: of the posterior, one after the other in its draws; independent draws are one chain.
        log_prior: parameter -> log density of each posterior draw, `[draw]`.
        sample_stats: name -> `[draw, ...]`, of each posterior draw.
        prior: parameter -> `[draw, *shape]`, as many draws as there are.
        posterior_predictive: site -> `[draw, day]` or `[draw, group, day]`, of all posterior draws or the first ones.
        prior_predictive: site -> the same, as many draws as there are.
        observed_data: site -> `[day]` or `[group, day]`, NaN where a day is missing.
        terms: data site before the simulation -> its data, of any shape; kept with the observed data.
        nuisances: name -> `[draw, *shape]` of each posterior draw, which predictions need and nothing reports.
        constant_data: what the model was given beside the data.
        prior_sbc: `ranks` and `truth`, `[simulation, parameter]`, and what else there is of each simulation, such as
            `highest_density_level` and `tarp_level`, `[simulation]`, of which the plots draw expected coverage.
        sbc_draws: posterior draws that each truth was ranked among.
        parameter_names: of the columns of `prior_sbc`; made from the posterior's shapes, if not given.
        dims: parameter -> names of the dimensions of its shape, instead of `NAME_dim_0`.
        coords: dimension of parameters -> its labels.
        groups: site -> labels of its groups.
        dates: site -> the date of each day.
        units: site or parameter -> its unit, for charts and tables, such as "new per week".
        diagnostics: the report, as `Report.to_dataset` gives it.
        predictions: worlds under the posterior, with attribute `kind`.
        causal_effect: their contrasts, with attribute `kind`.

    Raises:
        ValueError: shapes that do not fit each other, or names that NetCDF cannot hold.

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
    dims, coords = dims or {}, coords or {}
    layout = SeriesLayout(
        (posterior_predictive or {}, prior_predictive or {}), observed_data or {}, groups or {}, dates or {}
    )
    tree = {"posterior": samples("posterior", posterior, chains, dims, coords)}
    for name, arrays in {"log_prior": log_prior, "sample_stats": sample_stats}.items():
        if arrays:
            tree[name] = samples(name, arrays, chains, dims, coords)
    if posterior_predictive:
        tree["posterior_predictive"] = layout.samples("posterior_predictive", posterior_predictive, chains)
    _check_draws(tree)
    if prior:
        tree["prior"] = samples("prior", prior, 1, dims, coords)
    if prior_predictive:
        tree["prior_predictive"] = layout.samples("prior_predictive", prior_predictive, 1)
    if observed_data:
        tree["observed_data"] = layout.observed(observed_data)
    for name, values in (terms or {}).items():
        plain = np.asarray(values)
        tree["observed_data"][name] = ([f"{name}_dim_{number}" for number in range(plain.ndim)], plain)
    if nuisances:
        tree["nuisances"] = samples("nuisances", nuisances, chains, dims, coords)
    if prior_sbc:
        tree["prior_sbc"] = _prior_sbc(prior_sbc, sbc_draws, parameter_names or flat_names(tree["posterior"]))
    _write_units(tree, units or {})
    ready = {
        "constant_data": constant_data,
        "diagnostics": diagnostics,
        "predictions": predictions,
        "causal_effect": causal_effect,
    }
    tree |= {name: dataset for name, dataset in ready.items() if dataset is not None}
    result = xr.DataTree.from_dict(tree)
    result.attrs = {**asdict(about), **_origin(about.seed, {**(observed_data or {}), **(terms or {})})}
    return result


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


def flat_names(dataset: xr.Dataset) -> list[str]:
    """One name an element of a draw: "beta", or "beta[0]", "beta[1]" where a parameter has several.

    >>> flat_names(samples("posterior", {"beta": np.ones((5, 2)), "rho": np.ones(5)}, 1, {}, {}))
    ['beta[0]', 'beta[1]', 'rho']
    """
    names = []
    for name, values in dataset.data_vars.items():
        names += element_names(str(name), values.shape[2:])
    return names


def _check_draws(tree: Mapping[str, xr.Dataset]) -> None:
    draws = tree["posterior"].sizes["draw"]
    for name, dataset in tree.items():
        count = dataset.sizes["draw"]
        if count > draws or (count < draws and name != "posterior_predictive"):
            raise ValueError(f"{name!r} has {count} draws a chain and the posterior {draws}: give one of each draw.")


def _write_units(tree: Mapping[str, xr.Dataset], units: Mapping[str, str]) -> None:
    described = [dataset for name, dataset in tree.items() if name not in ("log_prior", "sample_stats", "prior_sbc")]
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
