"""What the data could not have shown: a calibrated posterior says nothing of it, and no check can."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, matrix_of_draws, names_of_parameters
from causal_lpm.inference.diagnostics.identifiability import LEAST_CONTRACTION, contraction
from causal_lpm.inference.diagnostics.report import Gate
from causal_lpm.inference.diagnostics.series_statistics import OF_SERIES

__all__ = ["blind_spots", "blind_spots_gate"]

ONE = 0.8  # share of a direction that one parameter has, above which it is that parameter
PART = 0.1  # share of a direction below which a parameter is no part of it


def blind_spots(
    posterior: npt.ArrayLike,
    prior: npt.ArrayLike,
    observed: Mapping[str, npt.ArrayLike],
    names: Sequence[str] | None = None,
    not_run: Sequence[str] = (),
    tables: Collection[str] = (),
    agents: bool = True,
) -> tuple[str, ...]:
    """Parameters and directions that stayed as wide as their prior, and what series of this form cannot show.

    Args:
        posterior: draws `[S, d]`, on the unconstrained scale.
        prior: draws `[S', d]`.
        observed: site -> data `[group, day]` or `[day]`; NaN is a missing day.
        names: of the parameters.
        not_run: checks that were left out, in words.
        tables: the sites whose data are no series: a number a cell, without days.
        agents: whether the model has agents, who may infect each other.

    Raises:
        ValueError: as of `contraction`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> prior = rng.normal(size=(500, 2))
        >>> blind_spots(prior * [0.1, 1], prior, {"cases": np.ones(30)}, ["beta", "rho"])[0]
        'the value of rho (its posterior is as wide as its prior)'
    """
    draws, before = matrix_of_draws("posterior", posterior), matrix_of_draws("prior", prior)
    labels = names_of_parameters(names, draws.shape[1])
    learnt = contraction(draws, before)
    weak = [label for label, share in zip(labels, learnt, strict=True) if share < LEAST_CONTRACTION]
    found = [f"the value of {label} (its posterior is as wide as its prior)" for label in weak]
    found += _directions(draws, before, labels, learnt >= LEAST_CONTRACTION)
    for site, given in observed.items():
        if site in tables:
            found.append(f"how those within a cell of {site} differ (only one number a cell is seen)")
            continue
        data = np.atleast_2d(np.asarray(given, dtype=np.float64))
        groups = int((~np.isnan(data)).any(1).sum())
        inside = f"each of the {groups} groups" if groups > 1 else "the whole"
        infections = f"who infects whom within {inside} of {site}, such as in households"
        found.append(f"{infections if agents else f'how those within {inside} of {site} differ'} (only sums are seen)")
        days = int((~np.isnan(data)).sum(1).max())
        unseen = [name for name, (fewest, _) in OF_SERIES.items() if days < fewest]
        if unseen:
            found.append(f"{', '.join(unseen)} of {site} ({days} days are too few)")
    return (*found, *not_run)


def blind_spots_gate(
    posterior: npt.ArrayLike,
    prior: npt.ArrayLike,
    observed: Mapping[str, npt.ArrayLike],
    names: Sequence[str] | None = None,
    not_run: Sequence[str] = (),
    tables: Collection[str] = (),
    agents: bool = True,
) -> Gate:
    """Says what the data could not have shown; it never warns, since no data show everything. Its value is how many.

    Takes and raises what `blind_spots` does.
    """
    found = blind_spots(posterior, prior, observed, names, not_run, tables, agents)
    sentence = f"The data could not have shown: {'; '.join(found)}."
    return Gate("not shown", "pass", len(found), float("inf"), sentence)


def _directions(posterior: Floats, prior: Floats, labels: Sequence[str], alone: npt.NDArray[np.bool_]) -> list[str]:
    """Combinations of parameters along which the posterior is as wide as the prior, though each alone is narrower."""
    scaled = (posterior - prior.mean(0)) / prior.std(0)
    variances, directions = np.linalg.eigh(np.atleast_2d(np.cov(scaled.T)))
    found = []
    for variance, direction in zip(variances, directions.T, strict=True):
        shares = np.square(direction)
        if variance <= 1 - LEAST_CONTRACTION or shares.max() >= ONE:
            continue
        parts = np.flatnonzero(shares >= PART).tolist()
        if not alone[parts].any():  # named already
            continue
        first = np.sign(direction[parts[0]])
        moves = [f"{labels[part]} {'higher' if np.sign(direction[part]) == first else 'lower'}" for part in parts]
        found.append(f"{' with '.join(moves)} (along this line the posterior is as wide as the prior)")
    return found
