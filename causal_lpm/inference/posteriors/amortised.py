"""Posteriors that answer for any data set of a problem: neural, by weights of simulations, or a guide."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch

from causal_lpm.inference.diagnostics import Gate
from causal_lpm.inference.diagnostics.report import Verdict
from causal_lpm.inference.posteriors.features import Features, LastFeatures
from causal_lpm.inference.posteriors.focus import Focus
from causal_lpm.inference.posteriors.neural import NeuralPosterior
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["AmortisedPosterior", "Posterior", "as_trained"]

Data = Mapping[str, Any]

POOL = 8  # times as many draws of the networks, among which weights choose
EVEN = (0.3, 0.03)  # effective share of the pool, below which the gate warns and fails


class Posterior(Protocol):
    """Draws of the parameters given data sets of a problem's sites, `[n, *shape]` each."""

    def sample(self, draws: int, data: Data, seed: int) -> torch.Tensor:
        """Draws of z, `[draws, n, size]`."""
        ...

    def log_prob(self, z: torch.Tensor, data: Data) -> torch.Tensor | None:
        """Log density at z `[s, n, size]`, `[s, n]`; None where there is none."""
        ...

    def gates(self) -> tuple[Gate, ...]:
        """What else there is to say of how it was made."""
        ...


class AmortisedPosterior:
    """Features of a data set, and a neural posterior given them, without the focus that it was trained under.

    Args:
        features: Data -> `[n, f]`.
        neural: z given features.
        focus: What the prior was multiplied by in training, or None.
    """

    def __init__(self, features: Features, neural: NeuralPosterior, focus: Focus | None = None) -> None:
        self.features, self.neural, self.focus = features, neural, focus
        self._features = LastFeatures(features)
        self._effective = 1.0

    def sample(self, draws: int, data: Data, seed: int) -> torch.Tensor:
        features = self._features(data)
        if self.focus is None:
            return self.neural.sample(draws, features, seed)
        rows = enumerate(features.split(1))
        return torch.stack([self._unfocused(self.focus, draws, row, replicate_seed(seed, i)) for i, row in rows], 1)

    def _unfocused(self, focus: Focus, draws: int, features: torch.Tensor, seed: int) -> torch.Tensor:
        """Draws of a pool by weights that undo the focus, `[draws, size]`."""
        pool = self.neural.sample(POOL * draws, features, seed)[:, 0]
        inverse = focus.log_inverse(pool).double().nan_to_num(nan=-math.inf, neginf=-math.inf)
        if not bool(inverse.isfinite().any()):  # far from its focus, which the gate then says
            self._effective = 0.0
            return pool[:draws]
        weights = torch.softmax(inverse, 0)
        self._effective = float(1 / weights.square().sum()) / len(pool)
        generator = torch.Generator().manual_seed(seed)
        return pool[torch.multinomial(weights, draws, replacement=True, generator=generator)]

    def sample_members(self, each: int, data: Data, seed: int) -> torch.Tensor:
        """Draws of each member, under the focus, `[members, each, n, size]`."""
        return self.neural.sample_members(each, self._features(data), seed)

    def gates(self) -> tuple[Gate, ...]:
        """Those of the features, and how even the weights of the last data set are."""
        made = self.features.gates()
        if self.focus is None:
            return made
        verdict: Verdict = "fail" if not self._effective >= EVEN[1] else "warn" if self._effective < EVEN[0] else "pass"
        sentence = f"Weights that undo the focus of the second round leave {self._effective:.0%} of the draws."
        step = "" if verdict == "pass" else "Call fit with second_round=False, or a larger budget."
        return (*made, Gate("second round", verdict, self._effective, EVEN[1], sentence, step))

    def log_prob(self, z: torch.Tensor, data: Data) -> torch.Tensor:
        features = self._features(data)
        density = self.neural.log_prob(z, features)
        if self.focus is None:
            return density
        pool = self.focus.log_inverse(self.neural.sample(POOL * len(z), features, 0))
        return density + self.focus.log_inverse(z) - (pool.logsumexp(0) - math.log(len(pool)))


def as_trained(posterior: Posterior) -> Posterior:
    """The posterior under the prior that it was trained with, which known truths of that prior belong to."""
    if isinstance(posterior, AmortisedPosterior) and posterior.focus is not None:
        return AmortisedPosterior(posterior.features, posterior.neural)
    return posterior
