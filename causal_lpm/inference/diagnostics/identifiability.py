"""Identifiability: what the data say of each parameter, and which parameters they cannot tell apart."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, matrix_of_draws, names_of_parameters
from causal_lpm.inference.diagnostics.report import Gate, Verdict

__all__ = ["contraction", "identifiability_gate", "strongest_correlation"]

LEAST_CONTRACTION = 0.1
MOST_CORRELATION = 0.95


def contraction(posterior: npt.ArrayLike, prior: npt.ArrayLike) -> Floats:
    """Posterior contraction, 1 - posterior variance / prior variance, float64 `[d]`.

    0 if the data say nothing, 1 if they say all, negative if the posterior is the wider one. Give both on the
    unconstrained scale. Source: Schad, Betancourt, Vasishth 2021, Psychological Methods 26:103-126.

    Args:
        posterior: draws `[S, d]`.
        prior: draws `[S', d]`.

    Raises:
        ValueError: the shapes do not fit, a value is not finite, or a prior that does not vary.

    Example:
        >>> contraction([[0.0], [1.0]], [[0.0], [2.0]])
        array([0.75])
    """
    posterior, prior = matrix_of_draws("posterior", posterior), matrix_of_draws("prior", prior)
    if posterior.shape[1] != prior.shape[1]:
        raise ValueError(f"{posterior.shape[1]} posterior parameters and {prior.shape[1]} prior: give the same.")
    variance = prior.var(0)
    if not (variance > 0).all():
        raise ValueError(
            f"prior draws of parameter {int(variance.argmin())} are all the same: there is nothing to learn."
        )
    share: Floats = 1.0 - posterior.var(0) / variance
    return share


def strongest_correlation(posterior: npt.ArrayLike) -> tuple[int, int, float]:
    """The pair of parameters that are most correlated in the posterior, and their correlation.

    Args:
        posterior: draws `[S, d]` of at least two parameters.

    Raises:
        ValueError: fewer than 2 parameters or draws, or a value that is not finite.

    Example:
        >>> first, second, r = strongest_correlation([[0.0, 5.0, 1.0], [1.0, 6.0, -1.0], [2.0, 7.0, 1.0]])
        >>> first, second, round(r, 3)
        (0, 1, 1.0)
    """
    draws = matrix_of_draws("posterior", posterior)
    if draws.shape[1] < 2:
        raise ValueError("posterior has 1 parameter: a correlation needs two.")
    centred = draws - draws.mean(0)
    spread = np.sqrt(np.square(centred).sum(0))
    r = centred.T @ centred / np.where(spread > 0, spread, np.inf)[:, None] / np.where(spread > 0, spread, np.inf)
    rows, columns = np.triu_indices(draws.shape[1], 1)
    best = int(np.abs(r[rows, columns]).argmax())
    return int(rows[best]), int(columns[best]), float(r[rows[best], columns[best]])


def identifiability_gate(posterior: npt.ArrayLike, prior: npt.ArrayLike, names: Sequence[str] | None = None) -> Gate:
    """Warns if the data say almost nothing of a parameter (contraction below 10%) or if two move as one (|r| > 0.95).

    It never fails: a posterior as wide as its prior may be right. Its value is the smallest contraction. Takes and
    raises what `contraction` does, and names of the parameters.
    """
    learnt = contraction(posterior, prior)
    labels = names_of_parameters(names, learnt.size)
    least = int(learnt.argmin())
    sentence = f"The data contract the prior of {labels[least]} least: {_change(learnt[least])}."
    steps = []
    if learnt[least] < LEAST_CONTRACTION:
        weak = ", ".join(label for label, share in zip(labels, learnt, strict=True) if share < LEAST_CONTRACTION)
        steps.append(f"What is reported of {weak} is the prior: say so, fix it by other data, or add a data site.")
    if learnt.size > 1:
        first, second, r = strongest_correlation(posterior)
        sentence += f" {labels[first]} and {labels[second]} are most correlated, r = {r:.2f}."
        if abs(r) > MOST_CORRELATION:
            steps.append(f"Report {labels[first]} and {labels[second]} together, or take their product or ratio.")
    verdict: Verdict = "warn" if steps else "pass"
    return Gate("identifiability", verdict, float(learnt[least]), LEAST_CONTRACTION, sentence, " ".join(steps))


def _change(contraction: float) -> str:
    """In words; with little data a posterior may be wider than its prior, if only because both are draws."""
    if contraction >= 0:
        return f"its variance falls by {contraction:.0%}"
    return f"wider than the prior, its variance rises by {-contraction:.0%}"
