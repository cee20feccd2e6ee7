"""Prior sensitivity by power-scaling: does the posterior move when the prior is made a little weaker or stronger?

Where data say little, it moves in every right world. That is no news; news is a prior that pulls away from the data.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, finite, matrix_of_draws, names_of_parameters
from causal_lpm.inference.diagnostics.identifiability import contraction
from causal_lpm.inference.diagnostics.pareto import pareto_smooth
from causal_lpm.inference.diagnostics.report import Gate, Verdict

__all__ = ["prior_conflict", "prior_sensitivity", "prior_sensitivity_gate"]

ALPHAS = (0.8, 1.25)
SENSITIVE = 0.05
TRUSTED_K = 0.7
CONFLICT = 0.01  # of its p-value
LEARNT = 0.1  # contraction below which data cannot conflict with a prior


def prior_sensitivity(draws: npt.ArrayLike, log_prior: npt.ArrayLike) -> tuple[Floats, float]:
    """How far each marginal posterior moves when the prior is raised to powers 0.8 and 1.25, float64 `[d]`; and k-hat.

    The distance is the square root of the cumulative Jensen-Shannon divergence over its upper bound, between the
    draws as they are and weighted by prior**(alpha - 1), Pareto-smoothed; averaged over both powers and divided by
    log2(1.25), so that it is a rate per doubling. The prior is scaled as a whole.

    Source: Kallioinen, Paananen, Buerkner, Vehtari 2024, Statistics and Computing 34:57.

    Args:
        draws: posterior draws `[S, d]`.
        log_prior: log prior density of each draw, summed over parameters, `[S]`.

    Returns:
        The sensitivity of each parameter, and the larger k-hat of both weightings.

    Raises:
        ValueError: the shapes do not fit, or a value is not finite.
    """
    values = matrix_of_draws("draws", draws)
    logs = finite("log_prior", log_prior, 1, "[draws]")
    if logs.size != len(values):
        raise ValueError(f"{len(values)} draws and {logs.size} log prior densities: give one for each draw.")
    smoothed = [pareto_smooth((alpha - 1) * logs) for alpha in ALPHAS]
    distances = [[_distance(column, np.exp(weights)) for column in values.T] for weights, _ in smoothed]
    return np.mean(distances, axis=0) / np.log2(ALPHAS[1]), max(k for _, k in smoothed)


def prior_conflict(draws: npt.ArrayLike, prior: npt.ArrayLike) -> Floats:
    """P-values of the data lying where the prior expects none, float64 `[d]`; 1 where data say almost nothing.

    If prior and model are right, posterior means scatter around the prior's with its variance less that of the
    posterior. Each is compared with a normal distribution of that variance, on a scale on which the prior is normal.

    Source: Evans and Moshonov 2006, Checking for prior-data conflict, Bayesian Analysis 1:893-914.

    Args:
        draws: posterior draws `[S, d]`, on the unconstrained scale.
        prior: draws `[S', d]`.

    Raises:
        ValueError: as of `contraction`.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> prior_conflict(2.0 + 0.1 * rng.normal(size=(500, 1)), rng.normal(size=(500, 1))).round(2)
        array([0.03])
    """
    from scipy.special import ndtr  # costly to import, and only needed here

    contraction(draws, prior)  # for its checks
    values, before = np.asarray(draws, dtype=np.float64), np.asarray(prior, dtype=np.float64)
    scores = np.stack([_normal_scores(*columns) for columns in zip(values.T, before.T, strict=True)], axis=1)
    learnt = 1 - scores.var(0)
    return np.where(learnt > LEARNT, 2 * ndtr(-np.abs(scores.mean(0)) / np.sqrt(np.maximum(learnt, LEARNT))), 1.0)


def _normal_scores(values: Floats, prior: Floats) -> Floats:
    """Values `[S]` on the scale on which the draws of their prior `[S']` are standard normal, and beyond these."""
    from scipy.special import ndtri  # costly to import, and only needed here

    ranked = np.sort(prior)
    scores: Floats = np.interp(values, ranked, ndtri((np.arange(prior.size) + 0.5) / prior.size))
    beyond: Floats = (values - np.clip(values, ranked[0], ranked[-1])) / prior.std()
    return scores + beyond


def prior_sensitivity_gate(
    draws: npt.ArrayLike, log_prior: npt.ArrayLike, prior: npt.ArrayLike, names: Sequence[str] | None = None
) -> Gate:
    """Warns if a prior conflicts with the data (p < 1%, after Bonferroni) and moves the posterior by more than 0.05.

    It never fails: an informative prior may be meant. In right worlds of one to five parameters with normal or uniform
    priors it warned in at most 2.2% of 1,000 cases. Takes and raises what `prior_sensitivity` and `prior_conflict` do.
    """
    sensitivity, k = prior_sensitivity(draws, log_prior)
    conflict = np.minimum(prior_conflict(draws, prior) * sensitivity.size, 1.0)
    labels = names_of_parameters(names, sensitivity.size)
    most = int(sensitivity.argmax())
    sentence = f"The prior moves {labels[most]} most, by {sensitivity[most]:.2f} per doubling of its power."
    if k > TRUSTED_K:
        sentence += f" The weights are not reliable (k-hat = {k:.2f})."
    moved = (conflict < CONFLICT) & ((sensitivity > SENSITIVE) | (k > TRUSTED_K))
    step = ""
    if moved.any():
        against = ", ".join(label for label, is_so in zip(labels, moved, strict=True) if is_so)
        sentence += f" The data lie where the prior of {against} expects none (p = {conflict.min():.2g})."
        step = f"Say where the prior of {against} comes from; if it is not meant to inform, widen it."
    verdict: Verdict = "warn" if step else "pass"
    return Gate("prior sensitivity", verdict, float(sensitivity[most]), SENSITIVE, sentence, step)


def _distance(values: Floats, weights: Floats) -> float:
    """The distance of equally weighted to weighted values, 0 to 1, the larger one of x and -x."""
    order = np.argsort(values)
    gaps = np.diff(values[order])
    plain = np.arange(1, values.size) / values.size
    weighted = np.minimum(np.cumsum(weights[order])[:-1], 1.0)
    return max(_jensen_shannon(plain, weighted, gaps), _jensen_shannon(1 - plain, 1 - weighted, gaps))


def _jensen_shannon(p: Floats, q: Floats, gaps: Floats) -> float:
    """Square root of the symmetric cumulative Jensen-Shannon divergence over its bound (Nguyen and Vreeken 2015).

    In CJS(P, Q) + CJS(Q, P) the terms linear in P - Q cancel; what is left is at most the integral of P + Q.
    """
    total = p + q
    with np.errstate(divide="ignore", invalid="ignore"):
        terms = np.where(p > 0, p * np.log2(2 * p / total), 0.0) + np.where(q > 0, q * np.log2(2 * q / total), 0.0)
    bound = float((total * gaps).sum())
    return float(np.sqrt(max(float((terms * gaps).sum()), 0.0) / bound)) if bound > 0 else 0.0
