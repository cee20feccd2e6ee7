"""Posteriors that answer for any data set of a problem: neural, by weights of simulations, or a guide."""

import math
from collections.abc import Mapping
from typing import Any, Protocol

import torch

from causal_lpm.inference.calibration.posteriors.features import Features
from causal_lpm.inference.calibration.posteriors.neural import NeuralPosterior
from causal_lpm.inference.calibration.posteriors.truncation import Region
from causal_lpm.inference.diagnostics import Gate
from causal_lpm.inference.diagnostics.report import Verdict
from causal_lpm.inference.seeds import replicate_seed

__all__ = ["AmortisedPosterior", "Posterior"]

Data = Mapping[str, Any]

TRIES = 30  # rounds of rejection before draws outside of the region count
LEAKING = (0.3, 0.03)  # share of draws inside, below which the gate warns and fails


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
    """Features of a data set, and a neural posterior given them, cut to the region that it was trained on.

    Args:
        features: Data -> `[n, f]`.
        neural: z given features.
        region: Where the prior was cut to, or None.
    """

    def __init__(self, features: Features, neural: NeuralPosterior, region: Region | None = None) -> None:
        self.features, self.neural, self.region = features, neural, region
        self._known: tuple[Any, torch.Tensor] | None = None
        self._share = 1.0

    def _features(self, data: Data) -> torch.Tensor:
        # The same data set is asked for its draws, its density and its members: one optimisation serves all.
        if self._known is None or self._known[0] is not data:
            self._known = (data, self.features(data))
        return self._known[1]

    def sample(self, draws: int, data: Data, seed: int) -> torch.Tensor:
        features = self._features(data)
        if self.region is None:
            return self.neural.sample(draws, features, seed)
        return torch.cat(
            [self._inside(draws, features[i : i + 1], replicate_seed(seed, i)) for i in range(len(features))], 1
        )

    def _inside(self, draws: int, features: torch.Tensor, seed: int) -> torch.Tensor:
        """Draws inside the region; where hardly any are, the others count too, which the gates then see."""
        assert self.region is not None
        kept: list[torch.Tensor] = []
        left: list[torch.Tensor] = []
        while sum(map(len, kept)) < draws and len(left) < TRIES:
            drawn = self.neural.sample(2 * draws, features, replicate_seed(seed, len(left)))[:, 0]
            inside = self.region.contains(drawn)
            kept.append(drawn[inside])
            left.append(drawn[~inside])
        found = sum(map(len, kept))
        self._share = found / (found + sum(map(len, left)))
        return torch.cat([*kept, *left])[:draws, None]

    def sample_members(self, each: int, data: Data, seed: int) -> torch.Tensor:
        """Draws of each member, without cutting, `[members, each, n, size]`."""
        return self.neural.sample_members(each, self._features(data), seed)

    def gates(self) -> tuple[Gate, ...]:
        """How much of the posterior of the last data set lies where the second round was trained."""
        if self.region is None:
            return ()
        verdict: Verdict = "fail" if self._share < LEAKING[1] else "warn" if self._share < LEAKING[0] else "pass"
        sentence = f"{self._share:.0%} of the networks' draws lie in the region that the second round was cut to."
        step = "" if verdict == "pass" else "Call fit with truncate=False, or a larger budget."
        return (Gate("truncation", verdict, self._share, LEAKING[1], sentence, step),)

    def log_prob(self, z: torch.Tensor, data: Data) -> torch.Tensor:
        density = self.neural.log_prob(z, self._features(data))
        if self.region is None:
            return density
        inside = self.region.contains(z.reshape(-1, z.shape[-1])).reshape(z.shape[:-1])
        return torch.where(inside, density, torch.full_like(density, -math.inf))
