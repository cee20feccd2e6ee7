"""Prior sensitivity by power-scaling: does the posterior move when the prior is made a little weaker or stronger?"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, finite, matrix_of_draws, names_of_parameters
from causal_lpm.inference.diagnostics.pareto import pareto_smooth
from causal_lpm.inference.diagnostics.report import Gate, Verdict

__all__ = ["prior_sensitivity", "prior_sensitivity_gate"]

ALPHAS = (0.8, 1.25)
SENSITIVE = 0.05
TRUSTED_K = 0.7


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


def prior_sensitivity_gate(draws: npt.ArrayLike, log_prior: npt.ArrayLike, names: Sequence[str] | None = None) -> Gate:
    """Warns if the prior moves the posterior of a parameter by more than 0.05 per doubling of its power.

    It never fails: an informative prior may be meant.

    Args:
        draws: posterior draws `[S, d]`.
        log_prior: log prior density of each draw, `[S]`.
        names: of the parameters.

    Raises:
        ValueError: as of `prior_sensitivity`.
    """
    sensitivity, k = prior_sensitivity(draws, log_prior)
    labels = names_of_parameters(names, sensitivity.size)
    most = int(sensitivity.argmax())
    sentence = f"The prior moves {labels[most]} most, by {sensitivity[most]:.2f} per doubling of its power."
    steps = []
    if sensitivity[most] > SENSITIVE:
        moved = ", ".join(label for label, s in zip(labels, sensitivity, strict=True) if s > SENSITIVE)
        steps.append(f"Say where the prior of {moved} comes from; if it is not meant to inform, widen it.")
    if k > TRUSTED_K:
        sentence += f" The weights are not reliable (k-hat = {k:.2f})."
        steps.append("Calibrate once more with another prior to see its influence.")
    verdict: Verdict = "warn" if steps else "pass"
    return Gate("prior sensitivity", verdict, float(sensitivity[most]), SENSITIVE, sentence, " ".join(steps))


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
