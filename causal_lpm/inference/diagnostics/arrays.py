"""What the diagnostics take: checked arrays of float64, and names for their parameters."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

__all__ = [
    "Floats",
    "Integers",
    "draws_and_truth",
    "finite",
    "log_densities",
    "matrix_of_draws",
    "names_of_parameters",
    "ranks_among",
]

Floats = npt.NDArray[np.float64]
"""float64 of any shape."""
Integers = npt.NDArray[np.int64]
"""int64 of any shape."""


def finite(what: str, values: npt.ArrayLike, dimensions: int, shape: str) -> Floats:
    """The values as float64; `shape` says in words what the dimensions are.

    Raises:
        ValueError: another number of dimensions, no values, or values that are not finite.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != dimensions or not array.size:
        raise ValueError(f"{what} has shape {list(array.shape)}: it must be {shape}, with at least one of each.")
    if bad := int((~np.isfinite(array)).sum()):
        raise ValueError(
            f"{what} holds {bad} of {array.size} values that are NaN or infinite: "
            "leave out the simulations that failed, and say how many they were."
        )
    return array


def log_densities(what: str, values: npt.ArrayLike, dimensions: int, shape: str) -> Floats:
    """Like `finite`, but -infinity, a density of zero, is allowed and becomes the smallest float64."""
    return finite(what, np.maximum(np.asarray(values, dtype=np.float64), -np.finfo(np.float64).max), dimensions, shape)


def draws_and_truth(draws: npt.ArrayLike, truth: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Posterior draws `[S, n, d]` of n simulated data sets and the parameters `[n, d]` that made these.

    Raises:
        ValueError: the shapes do not fit, or a value is not finite.
    """
    draws = finite("draws", draws, 3, "[draws, simulations, parameters]")
    truth = finite("truth", truth, 2, "[simulations, parameters]")
    if draws.shape[1:] != truth.shape:
        raise ValueError(
            f"draws have shape {list(draws.shape)} and truth {list(truth.shape)}: "
            "give [draws, simulations, parameters] and [simulations, parameters]."
        )
    return draws, truth


def matrix_of_draws(what: str, draws: npt.ArrayLike) -> Floats:
    """Draws `[S, d]`.

    Raises:
        ValueError: fewer than 2 draws, another shape, or a value that is not finite.
    """
    draws = finite(what, draws, 2, "[draws, parameters]")
    if len(draws) < 2:
        raise ValueError(f"{what} holds 1 draw: a spread needs at least 2.")
    return draws


def names_of_parameters(names: Sequence[str] | None, count: int) -> list[str]:
    """The given names, or "parameter 0" and so on.

    Raises:
        ValueError: as many names as parameters were not given.
    """
    if names is None:
        return [f"parameter {i}" for i in range(count)]
    if len(names) != count:
        raise ValueError(f"{len(names)} names for {count} parameters: give one for each.")
    return list(names)


def ranks_among(draws: Floats, value: Floats, seed: int) -> Integers:
    """How many of the draws `[S, ...]` lie below the value `[...]`: 0..S; ties count at random."""
    ties = (draws == value).sum(0)
    chosen = np.random.default_rng(seed).integers(0, ties, endpoint=True)
    below: Integers = (draws < value).sum(0) + chosen
    return below
