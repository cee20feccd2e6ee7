"""Arrays of draws as data sets with ArviZ's dimensions (chain, draw, ...)."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

__all__ = [
    "SAMPLE_DIMS",
    "Arrays",
    "check_name",
    "element_draws",
    "element_names",
    "flat_names",
    "number_samples",
    "samples",
    "split_chains",
]

Arrays = Mapping[str, npt.ArrayLike]
"""Name -> draws, the first dimension."""

SAMPLE_DIMS = ("chain", "draw")


def samples(
    group: str, arrays: Arrays, chains: int, dims: Mapping[str, Sequence[str]], coords: Mapping[str, Sequence[Any]]
) -> xr.Dataset:
    """Arrays `[chain * draw, *shape]` as variables (chain, draw, *shape).

    `dims` has the names of the dimensions of a variable's shape, instead of `NAME_dim_0`, and `coords` their labels.

    Raises:
        ValueError: no array, or arrays of different numbers of draws, or shapes that do not fit their names.

    Example:
        >>> samples("posterior", {"beta": [0.2, 0.3, 0.4, 0.5]}, 2, {}, {})["beta"].shape
        (2, 2)
    """
    if not arrays:
        raise ValueError(f"the group {group!r} has no variables: give arrays by name.")
    variables: dict[str, Any] = {}
    sizes: dict[str, int] = {}
    for name, given in arrays.items():
        check_name("variable", name)
        values = split_chains(group, name, given, chains)
        own = tuple(dims.get(name, [f"{name}_dim_{number}" for number in range(values.ndim - 2)]))
        if len(own) != values.ndim - 2:
            raise ValueError(
                f"{name!r} in {group!r} has shape {values.shape[2:]} a draw and the dimensions {list(own)}: "
                "name as many as it has."
            )
        for dim, size in zip(("draw", *own), values.shape[1:], strict=True):
            wanted = len(coords[dim]) if dim in coords else sizes.get(dim, size)
            if size != wanted:
                what = "labels are given" if dim in coords else "are elsewhere"
                raise ValueError(f"{name!r} in {group!r} has {size} of {dim!r}, {wanted} {what}: make them equal.")
            sizes[dim] = size
        variables[name] = ((*SAMPLE_DIMS, *own), values)
    return number_samples(xr.Dataset(variables, {dim: list(coords[dim]) for dim in coords if dim in sizes}))


def split_chains(group: str, name: str, given: npt.ArrayLike, chains: int) -> npt.NDArray[Any]:
    """`[chain * draw, ...]` as `[chain, draw, ...]`.

    Raises:
        ValueError: no draw, or not equally many in each chain.
    """
    values = np.asarray(given)
    if values.ndim == 0 or values.shape[0] == 0 or values.shape[0] % chains:
        raise ValueError(
            f"{name!r} in {group!r} has shape {values.shape}: its first dimension must be draws, at least one and "
            f"equally many for each of {chains} chain{'s' * (chains != 1)}."
        )
    return values.reshape(chains, -1, *values.shape[1:])


def number_samples(dataset: xr.Dataset) -> xr.Dataset:
    """Chains and draws numbered from 0, as ArviZ does."""
    return dataset.assign_coords({dim: np.arange(dataset.sizes[dim]) for dim in SAMPLE_DIMS})


def check_name(what: str, name: str) -> None:
    """Raises ValueError for a name that NetCDF cannot hold, or that is a dimension's.

    >>> check_name("variable", "beta/age")
    Traceback (most recent call last):
    ValueError: the variable 'beta/age' cannot be stored: a name is not empty, has no '/' and is none of chain, draw.
    """
    if not name or "/" in name or name in SAMPLE_DIMS:
        raise ValueError(
            f"the {what} {name!r} cannot be stored: a name is not empty, has no '/' and is none of "
            f"{', '.join(SAMPLE_DIMS)}."
        )


def element_names(name: str, shape: Sequence[int]) -> list[str]:
    """`name`, or `name[0]`, `name[1]` and so on where it has a shape.

    >>> element_names("beta", ()), element_names("rate", (1, 2))
    (['beta'], ['rate[0,0]', 'rate[0,1]'])
    """
    if not shape:
        return [name]
    return [f"{name}[{','.join(map(str, at))}]" for at in itertools.product(*map(range, shape))]


def flat_names(dataset: xr.Dataset) -> list[str]:
    """One name an element of a draw: "beta", or "beta[0]", "beta[1]" where a parameter has several.

    >>> flat_names(samples("posterior", {"beta": np.ones((5, 2)), "rho": np.ones((5, 1))}, 1, {}, {}))
    ['beta[0]', 'beta[1]', 'rho']
    """
    shapes = {str(name): values.shape[2:] for name, values in dataset.data_vars.items()}
    return [each for name, shape in shapes.items() for each in element_names(name, () if shape == (1,) else shape)]


def element_draws(dataset: xr.Dataset) -> dict[str, npt.NDArray[Any]]:
    """Flat name -> its draws of all chains, `[chain * draw]`."""
    columns: list[npt.NDArray[Any]] = []
    for values in dataset.data_vars.values():
        columns += list(values.values.reshape(values.sizes["chain"] * values.sizes["draw"], -1).T)
    return dict(zip(flat_names(dataset), columns, strict=True))
