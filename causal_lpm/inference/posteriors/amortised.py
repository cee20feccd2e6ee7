"""A neural posterior of what summarises a data set, without the focus that it was trained under."""

import math
from dataclasses import dataclass, field

import torch

from causal_lpm.inference.diagnostics.report import Gate, gate_of_measure
from causal_lpm.inference.posteriors.features import Features, Summary, surrogate_gate
from causal_lpm.inference.posteriors.focus import Focus
from causal_lpm.inference.posteriors.neural import NeuralPosterior
from causal_lpm.inference.posteriors.posterior import Data
from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["AmortisedGiven", "AmortisedPosterior"]

POOL = 8  # times as many draws of the networks, among which weights choose
EVEN = (0.3, 0.03)  # effective share of the pool, below which the gate warns and fails


@dataclass(frozen=True)
class AmortisedPosterior:
    """Draws, densities and gates for any data set.

    Attributes:
        features: Data -> their summary.
        neural: z given features.
        focus: What the prior was multiplied by in training, or None.
        lost: Share of the guides' draws without a density in training, `[simulations]`.
    """

    features: Features
    neural: NeuralPosterior
    focus: Focus | None = None
    lost: torch.Tensor = field(default_factory=lambda: torch.zeros(0))

    @property
    def trained(self) -> "AmortisedPosterior":
        """Under the focused prior."""
        return self if self.focus is None else AmortisedPosterior(self.features, self.neural, lost=self.lost)

    def given(self, data: Data) -> "AmortisedGiven":
        """The posterior of n data sets, which are summarised here, once."""
        return AmortisedGiven(self, self.features(data))


@dataclass(frozen=True)
class AmortisedGiven:
    """An amortised posterior of n data sets.

    Attributes:
        posterior: Of any data.
        summary: Of these.
    """

    posterior: AmortisedPosterior
    summary: Summary

    def sample(self, draws: int, seed: int) -> torch.Tensor:
        """`[draws, n, size]`."""
        if self.posterior.focus is None:
            return self.posterior.neural.sample(draws, self.summary.values, seed)
        return torch.stack([drawn for drawn, _ in self._unfocused(self.posterior.focus, draws, seed)], 1)

    def _unfocused(self, focus: Focus, draws: int, seed: int) -> list[tuple[torch.Tensor, float]]:
        """For each data set draws of a pool by weights that undo the focus, and the effective share of the pool."""
        found = []
        for row, features in enumerate(self.summary.values.split(1)):
            own = replicate_seed(seed, row)
            pool = self.posterior.neural.sample(POOL * draws, features, own)[:, 0]
            inverse = focus.log_inverse(pool).double().nan_to_num(nan=-math.inf, neginf=-math.inf)
            if not bool(inverse.isfinite().any()):  # far from its focus, which the gate then says
                found.append((pool[:draws], 0.0))
                continue
            weights = torch.softmax(inverse, 0)
            generator = torch.Generator().manual_seed(own)
            drawn = pool[torch.multinomial(weights, draws, replacement=True, generator=generator)]
            found.append((drawn, float(1 / weights.square().sum()) / len(pool)))
        return found

    def sample_members(self, each: int, seed: int) -> torch.Tensor:
        """Draws of each member, under the focus, `[members, each, n, size]`."""
        return self.posterior.neural.sample_members(each, self.summary.values, seed)

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """`[s, n]`."""
        focus, neural = self.posterior.focus, self.posterior.neural
        density = neural.log_prob(z, self.summary.values)
        if focus is None:
            return density
        # A pool of each by itself, so that its density is the same whatever stands beside it.
        pools = [neural.sample(POOL * len(z), features, 0) for features in self.summary.values.split(1)]
        inverse = focus.log_inverse(torch.cat(pools, 1))
        return density + focus.log_inverse(z) - (inverse.logsumexp(0) - math.log(len(inverse)))

    def gates(self, draws: int = 1000, seed: int = 0) -> tuple[Gate, ...]:
        """How many draws of guides were lost, and how even the weights are that undo the focus, where least so."""
        made = surrogate_gate(self.posterior.lost, self.summary.lost)
        if self.posterior.focus is None:
            return made
        share = min(share for _, share in self._unfocused(self.posterior.focus, draws, seed))
        sentence = f"Weights that undo the focus of the second round leave {share:.0%} of the draws."
        step = "Call fit with second_round=False, or a larger budget."
        return (*made, gate_of_measure("second round", share, EVEN, sentence, step))
