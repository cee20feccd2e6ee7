"""The posterior of method "nuts": Markov chains of any data set, by `sample_nuts`."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from causal_lpm.inference.diagnostics.convergence import divergence_gate, ess_gate, rhat_gate
from causal_lpm.inference.diagnostics.report import Gate
from causal_lpm.inference.posteriors.features import tensors
from causal_lpm.inference.posteriors.nuts_draws import NutsDraws, chain_statistics, sample_nuts
from causal_lpm.inference.posteriors.posterior import Data, Draws
from causal_lpm.inference.program.prior import repeated
from causal_lpm.inference.program.problem import Problem

__all__ = ["SampledGiven", "SampledPosterior"]

CHAINS = 4
SHORT = (2, 200, 400)  # chains, warm-up and draws of each, where many data sets are asked


@dataclass(frozen=True)
class SampledPosterior:
    """Draws of the exact posterior of any data set.

    Attributes:
        problem: Of a program without simulated agents.
        chains: Of one data set; many data sets have two shorter ones each.
        settings: Of `sample_nuts`: `warmup`, `target`, `depth`.
    """

    problem: Problem
    chains: int = CHAINS
    settings: Mapping[str, Any] = field(default_factory=dict)

    def given(self, data: Data) -> "SampledGiven":
        """The posterior of n data sets; nothing is drawn yet."""
        sites = tensors(data)
        n = len(next(iter(sites.values())))
        return SampledGiven(self, {**sites, **repeated(self.problem.terms, n)})


@dataclass(frozen=True)
class SampledGiven:
    """Chains of n data sets.

    Attributes:
        posterior: Of any data.
        data: Of these, with those of sites before the simulation.
    """

    posterior: SampledPosterior
    data: Mapping[str, torch.Tensor]
    _kept: dict[tuple[int, int], NutsDraws] = field(default_factory=dict, repr=False)

    def drawn(self, draws: int, seed: int) -> NutsDraws:
        """The chains, of `draws` in all or a little more: chains of one data set are of equal length."""
        posterior, settings = self.posterior, self.posterior.settings
        if len(next(iter(self.data.values()))) == 1:
            chains, each = posterior.chains, math.ceil(draws / posterior.chains)
        else:
            chains, warmup, short = SHORT
            each, settings = max(short, draws // chains + 1), {"warmup": warmup, **settings}
        if (each, seed) not in self._kept:
            data = {name: torch.nan_to_num(values) for name, values in self.data.items()}
            self._kept[each, seed] = sample_nuts(
                posterior.problem, data, chains=chains, draws=each, seed=seed, **settings
            )
        return self._kept[each, seed]

    def completed(self, draws: int, seed: int) -> Draws:
        """All draws of the chains of the first data set."""
        found = self.drawn(draws, seed)
        return Draws(found.z[0].flatten(0, 1), found.z.shape[1], chain_statistics(found), exact=True)

    def sample(self, draws: int, seed: int) -> torch.Tensor:
        """`[draws, n, size]`; longer chains are thinned evenly."""
        z = self.drawn(draws, seed).z.flatten(1, 2)[..., : self.posterior.problem.size]
        return z[:, torch.linspace(0, z.shape[1] - 1, draws).round().long()].transpose(0, 1)

    def log_prob(self, z: torch.Tensor) -> None:
        """None: its density is known up to a constant only."""
        return

    def gates(self, draws: int = 1000, seed: int = 0) -> tuple[Gate, ...]:
        """R-hat, effective draws and divergences of the data set where they are worst."""
        found, names = self.drawn(draws, seed), self.posterior.problem.coordinates.names
        worst = int(found.rhat.max(1).argmax())
        few = int(np.minimum(found.ess_bulk, found.ess_tail).min(1).argmin())
        wild = int(found.diverged.double().mean((1, 2)).argmax())
        return (
            rhat_gate(found.z[worst].numpy(), names),
            ess_gate(found.z[few].numpy(), names),
            divergence_gate(found.diverged[wild].numpy(), found.deepest[wild].numpy()),
        )
