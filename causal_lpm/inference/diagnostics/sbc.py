"""Simulation-based calibration: among its posterior draws, the truth must have a uniform rank."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Integers, draws_and_truth, finite, names_of_parameters, ranks_among
from causal_lpm.inference.diagnostics.report import WARN_P, Gate, gate_of_test
from causal_lpm.inference.diagnostics.uniformity import Uniformity, uniform_of_ranks, uniformity

__all__ = ["sbc_gate", "sbc_ranks"]


def sbc_ranks(draws: npt.ArrayLike, truth: npt.ArrayLike, seed: int = 0) -> Integers:
    """The rank of each true parameter among its posterior draws, int64 `[n, d]` of 0..S.

    Source: Talts, Betancourt, Simpson, Vehtari, Gelman 2018 (arXiv:1804.06788).

    Args:
        draws: S posterior draws for each of n simulated data sets, `[S, n, d]`.
        truth: the parameters that made these, drawn from the prior, `[n, d]`.
        seed: breaks ties, so that a parameter with few values has uniform ranks too.

    Raises:
        ValueError: the shapes do not fit, or a value is not finite.

    Example:
        >>> sbc_ranks([[[1.0]], [[2.0]], [[3.0]]], [[2.5]])
        array([[2]])
    """
    draws, truth = draws_and_truth(draws, truth)
    return ranks_among(draws, truth, seed)


def sbc_gate(ranks: npt.ArrayLike, draws: int, names: Sequence[str] | None = None, seed: int = 0) -> Gate:
    """Fails if the ranks of any parameter are not uniform, after Bonferroni over parameters.

    The ranks `[n, d]` of 0..draws are those of `sbc_ranks`; `seed` spreads them within their cells.

    Raises:
        ValueError: ranks outside 0..draws, or names that do not fit.

    Example:
        >>> sbc_gate(np.random.default_rng(1).integers(0, 100, (200, 3)), draws=99).verdict
        'pass'
    """
    u = uniform_of_ranks(finite("ranks", ranks, 2, "[simulations, parameters]"), draws, seed)
    labels = names_of_parameters(names, u.shape[1])
    tests = [uniformity(column) for column in u.T]
    worst = int(np.argmin([test.p for test in tests]))
    p = min(1.0, tests[worst].p * len(tests))
    if p >= WARN_P:
        return gate_of_test("sbc", p, "The ranks of the truth look uniform", "", len(u))
    fault, next_step = _fault(tests[worst])
    finding = f"The ranks of the truth are not uniform: the posterior of {labels[worst]} {fault}"
    return gate_of_test("sbc", p, finding, next_step, len(u))


def _fault(test: Uniformity) -> tuple[str, str]:
    """The larger component in words, and what helps against it."""
    if abs(test.slope) > abs(test.bowl):
        return (
            f"lies too {'low' if test.slope > 0 else 'high'}",
            "See that the gate and the training simulate from the same prior; then raise the budget.",
        )
    if test.bowl > 0:
        return "is too narrow", "Raise the budget or the ensemble: too few simulations make networks overconfident."
    return "is too wide", "Raise the budget, add a second round, or give features that say more of this parameter."
