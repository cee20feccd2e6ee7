"""Convergence: k-hat where draws are weighted, R-hat where they come in chains, and neither elsewhere."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.diagnostics.arrays import Floats, finite, names_of_parameters
from causal_lpm.inference.diagnostics.pareto import pareto_smooth
from causal_lpm.inference.diagnostics.report import Gate, gate_of_measure

__all__ = ["divergence_gate", "effective_draws", "ess_gate", "khat_gate", "rhat_gate", "split_rhat"]

KHAT = (0.5, 0.7)  # warns, fails
RHAT = (1.01, 1.05)
EFFECTIVE = (400, 100)
DIVERGED = (0.0, 0.01)  # share of trajectories


def khat_gate(log_weights: npt.ArrayLike) -> Gate:
    """Fails if the k-hat of importance weights is above 0.7, warns above 0.5.

    Only for importance sampling: the draws of a neural posterior have no weights. Takes and raises what
    `pareto_smooth` does.
    """
    logs, k = pareto_smooth(log_weights)
    effective = 1 / np.square(np.exp(logs)).sum()
    sentence = f"Pareto k-hat of the importance weights is {k:.2f}: {effective:.0f} effective of {logs.size} draws."
    step = "Draw from a proposal nearer to the posterior, or one with heavier tails."
    return gate_of_measure("k-hat", k, KHAT, sentence, step)


def split_rhat(chains: npt.ArrayLike) -> Floats:
    """Rank-normalised split R-hat, the larger one of bulk and tail (folded), float64 `[d]`.

    Source: Vehtari, Gelman, Simpson, Carpenter, Buerkner 2021, Bayesian Analysis 16:667-718.

    Args:
        chains: draws of Markov chains, `[chain, draw, d]`; with one chain, its halves are compared.

    Raises:
        ValueError: fewer than 4 draws a chain, or a value that is not finite.
    """
    values = finite("chains", chains, 3, "[chains, draws, parameters]")
    half = values.shape[1] // 2
    if half < 2:
        raise ValueError(f"chains hold {values.shape[1]} draws each: R-hat needs at least 4.")
    split = np.concatenate([values[:, :half], values[:, -half:]])
    folded = np.abs(split - np.median(split, axis=(0, 1)))
    return np.maximum(_rhat(_normal_scores(split)), _rhat(_normal_scores(folded)))


def effective_draws(chains: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Effective draws of the bulk, and of the worse one of the 5% and 95% quantiles, float64 `[d]` each.

    Source: Vehtari et al. 2021, as `split_rhat`; autocorrelations are summed by Geyer's initial monotone sequence.

    Args:
        chains: draws of Markov chains, `[chain, draw, d]`.

    Raises:
        ValueError: fewer than 8 draws a chain, or a value that is not finite.

    >>> bulk, tail = effective_draws(np.random.default_rng(0).normal(size=(4, 500, 1)))
    >>> bool(1500 < bulk[0] < 2500), bool(1500 < tail[0] < 2500)
    (True, True)
    """
    values = finite("chains", chains, 3, "[chains, draws, parameters]")
    half = values.shape[1] // 2
    if half < 4:
        raise ValueError(f"chains hold {values.shape[1]} draws each: effective draws need at least 8.")
    split = np.concatenate([values[:, :half], values[:, -half:]])
    low, high = np.quantile(values, [0.05, 0.95], axis=(0, 1))
    tails = np.minimum(_effective((split <= low).astype(float)), _effective((split <= high).astype(float)))
    return _effective(_normal_scores(split)), tails


def rhat_gate(chains: npt.ArrayLike, names: Sequence[str] | None = None) -> Gate:
    """Fails if R-hat of a parameter is above 1.05, warns above 1.01.

    Only for Markov chains: independent draws have an R-hat of 1 whatever they are drawn from. Takes and raises what
    `split_rhat` does.
    """
    rhat = split_rhat(chains)
    worst = int(rhat.argmax())
    label = names_of_parameters(names, rhat.size)[worst]
    sentence = f"R-hat is largest for {label}: {rhat[worst]:.3f}."
    step = "Run longer chains, or start them elsewhere and compare."
    return gate_of_measure("R-hat", float(rhat[worst]), RHAT, sentence, step)


def ess_gate(chains: npt.ArrayLike, names: Sequence[str] | None = None) -> Gate:
    """Fails where a parameter has fewer than 100 effective draws in its bulk or a tail, warns below 400.

    Takes and raises what `effective_draws` does.
    """
    bulk, tail = effective_draws(chains)
    least = np.minimum(bulk, tail)
    worst = int(least.argmin())
    label = names_of_parameters(names, least.size)[worst]
    part = "bulk" if bulk[worst] <= tail[worst] else "tails"
    sentence = f"Effective draws are fewest in the {part} of {label}: {least[worst]:.0f}."
    return gate_of_measure("effective draws", float(least[worst]), EFFECTIVE, sentence, "Ask for more draws.")


def divergence_gate(diverged: npt.ArrayLike, cut: npt.ArrayLike | None = None) -> Gate:
    """Fails if more than 1% of the trajectories of Hamiltonian chains diverged, warns if any did.

    Args:
        diverged: bool, of any shape, one a trajectory.
        cut: Trajectories that were longer than allowed, which the sentence counts.

    >>> divergence_gate([False] * 99 + [True]).verdict, divergence_gate([False]).verdict
    ('warn', 'pass')
    """
    lost = np.asarray(diverged, dtype=bool)
    share = float(lost.mean())
    sentence = f"{int(lost.sum())} of {lost.size} trajectories diverged"
    if cut is not None and (long := int(np.asarray(cut).sum())):
        sentence += f", and {long} were cut before they turned"
    step = (
        "Where they diverge the density has a narrow part that was not reached: write effects without their scale "
        "(effect = scale * standard normal), or give settings={'target': 0.95}."
    )
    return gate_of_measure("divergences", share, DIVERGED, f"{sentence}.", step)


def _normal_scores(chains: Floats) -> Floats:
    """Ranks over all chains `[chain, draw, d]`, ties averaged, as standard normal quantiles (Blom)."""
    from scipy.special import ndtri  # costly to import, and only needed here
    from scipy.stats import rankdata

    flat = chains.reshape(-1, chains.shape[-1])
    scores: Floats = ndtri((rankdata(flat, axis=0) - 0.375) / (len(flat) + 0.25))
    return scores.reshape(chains.shape)


def _rhat(chains: Floats) -> Floats:
    """Potential scale reduction of `[chain, draw, d]`; infinite if chains stand still at different places."""
    within = chains.var(1, ddof=1).mean(0)
    between = chains.mean(1).var(0, ddof=1)
    length = chains.shape[1]
    stuck = np.where(between > 0, np.inf, 1.0)
    ratio = np.divide(between, within, out=np.zeros_like(within), where=within > 0)
    return np.where(within > 0, np.sqrt((length - 1) / length + ratio), stuck)


def _effective(chains: Floats) -> Floats:
    """Effective draws of the mean of `[chain, draw, d]`; all of them where a parameter stands still."""
    count, length, _ = chains.shape
    centred = chains - chains.mean(1, keepdims=True)
    spectrum = np.fft.rfft(centred, 2 * length, axis=1)
    covariance = np.fft.irfft(np.abs(spectrum) ** 2, axis=1)[:, :length].mean(0) / length  # [lag, d]
    within = covariance[0] * length / (length - 1)
    total = covariance[0] + (chains.mean(1).var(0, ddof=1) if count > 1 else 0.0)
    moving = total > 0
    correlation = 1 - (within - covariance * length / (length - 1)) / np.where(moving, total, 1.0)
    correlation[0] = 1.0
    pairs = correlation[: length // 2 * 2].reshape(length // 2, 2, -1).sum(1)
    positive = np.cumprod(pairs > 0, axis=0).astype(bool)
    smooth = np.where(positive, np.minimum.accumulate(pairs, axis=0), 0.0)
    time = np.maximum(2 * smooth.sum(0) - 1, 1 / np.log10(count * length))
    draws: Floats = np.where(moving, count * length / time, float(count * length))
    return draws
