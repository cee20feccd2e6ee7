"""Neural likelihood estimation: sbi learns the density of a data set's features, MCMC samples the posterior.

The learned likelihood serves another prior too, and repeated data. It needs few features, so series are condensed to
their principal components, or to guides where there is a surrogate.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from causal_lpm.inference.diagnostics.convergence import rhat_gate
from causal_lpm.inference.diagnostics.report import Gate
from causal_lpm.inference.posteriors.features import GuideFeatures, SeriesFeatures, Summary, surrogate_gate
from causal_lpm.inference.posteriors.neural import Training
from causal_lpm.inference.posteriors.posterior import Data
from causal_lpm.inference.posteriors.sbi_tools import NoTracker, quiet, unchecked
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.simulation_set import SimulationSet

__all__ = ["LearnedGiven", "LearnedLikelihood", "learn_likelihood"]

COMPONENTS = 12
SCALE = 0.015  # of the scatter around the chains' beginnings, in standard deviations of the prior
STARTS = 200  # draws of the prior among which chains begin


@dataclass(frozen=True)
class Chains:
    """How long chains are.

    Attributes:
        count: Of chains, even.
        warm_up: Steps that are dropped.
        thin: Steps from one draw to the next.
    """

    count: int
    warm_up: int
    thin: int


OBSERVED = Chains(count=32, warm_up=500, thin=50)  # R-hat must see no difference between them
MANY = Chains(count=16, warm_up=150, thin=10)  # of simulated data sets, hundreds side by side


@dataclass(frozen=True)
class LearnedLikelihood:
    """A posterior through a likelihood of features, sampled by an ensemble of chains.

    Attributes:
        problem: With the prior.
        features: Data -> their summary.
        estimators: sbi's density estimators of features given z.
        seed: Of the draws of the prior among which chains begin.
        lost: Share of the guides' draws without a density in training, `[simulations]`.
    """

    problem: Problem
    features: Callable[[Data], Summary]
    estimators: Sequence[Any]
    seed: int
    lost: torch.Tensor = field(default_factory=lambda: torch.zeros(0))

    def given(self, data: Data) -> "LearnedGiven":
        """The posterior of n data sets, which are summarised here, once."""
        return LearnedGiven(self, self.features(data))


class LearnedGiven:
    """A learned likelihood at n data sets.

    The sampler is the affine-invariant stretch move, all data sets and chains in one batch. One data set alone, the
    observed one, gets longer chains.

    Args:
        posterior: Of any data.
        summary: Of these.

    Source: Goodman and Weare (2010), Ensemble samplers with affine invariance, CAMCoS 5:65-80.
    """

    def __init__(self, posterior: LearnedLikelihood, summary: Summary) -> None:
        self.posterior, self.summary = posterior, summary
        self._runs: dict[tuple[int, int], tuple[torch.Tensor, torch.Tensor]] = {}

    def log_prob(self, z: torch.Tensor) -> torch.Tensor:
        """The log density up to a constant of each data set, `[s, n, size]` -> `[s, n]`; -infinity where it is none.

        That is enough for regions of highest density.
        """
        x, estimators = self.summary.values, self.posterior.estimators
        flat = z.reshape(-1, z.shape[-1])
        data = x.expand(len(z), *x.shape).reshape(-1, x.shape[-1])
        with torch.no_grad(), unchecked():
            density = torch.stack([e.log_prob(data.unsqueeze(0), condition=flat)[0] for e in estimators])
            likelihood = torch.logsumexp(density, 0) - math.log(len(estimators))
            joint = likelihood + self.posterior.problem.log_prior(flat)
            if self.posterior.problem.terms:
                joint = joint + self.posterior.problem.prior.log_terms(flat)[1]
        return joint.reshape(z.shape[:-1]).nan_to_num(nan=-math.inf, posinf=-math.inf)

    def sample(self, draws: int, seed: int) -> torch.Tensor:
        """Draws of z, `[draws, n, size]`, in random order."""
        return self._run(draws, seed)[1]

    def gates(self, draws: int = 1000, seed: int = 0) -> tuple[Gate, ...]:
        """R-hat of the chains of one data set, and the share of lost draws of guides."""
        lost = surrogate_gate(self.posterior.lost, self.summary.lost)
        if len(self.summary.values) > 1:
            return lost
        chains = self._run(draws, seed)[0][:, :, 0].double().numpy()
        return (rhat_gate(chains, self.posterior.problem.names), *lost)

    def _run(self, draws: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Chains `[chain, draw, n, size]`, and draws of all of them; made once for the same question."""
        if (draws, seed) not in self._runs:
            how = OBSERVED if len(self.summary.values) == 1 else MANY
            generator = torch.Generator().manual_seed(seed)
            chains = self._chains(how, max(-(-draws // how.count), 4), generator)
            mixed = chains.flatten(0, 1)
            order = torch.randperm(len(mixed), generator=generator)[:draws]
            self._runs[draws, seed] = chains, mixed[order]
        return self._runs[draws, seed]

    def _chains(self, how: Chains, each: int, generator: torch.Generator) -> torch.Tensor:
        n, size, half = len(self.summary.values), self.posterior.problem.size, how.count // 2
        z = self._beginnings(how.count, generator)
        now = self.log_prob(z)
        kept = []
        for step in range(how.warm_up + each * how.thin):
            for mine, other in ((slice(None, half), slice(half, None)), (slice(half, None), slice(None, half))):
                partner = z[other][torch.randint(0, half, (half, n), generator=generator), torch.arange(n)]
                stretch = (1 + torch.rand(half, n, generator=generator)) ** 2 / 2
                proposal = partner + stretch.unsqueeze(-1) * (z[mine] - partner)
                there = self.log_prob(proposal)
                accept = (size - 1) * stretch.log() + there - now[mine]
                taken = torch.rand(half, n, generator=generator).log() < accept
                z[mine] = torch.where(taken.unsqueeze(-1), proposal, z[mine])
                now[mine] = torch.where(taken, there, now[mine])
            if step >= how.warm_up and (step - how.warm_up) % how.thin == how.thin - 1:
                kept.append(z.clone())
        return torch.stack(kept, 1)

    def _beginnings(self, count: int, generator: torch.Generator) -> torch.Tensor:
        """The most probable draws of the prior, scattered a little, `[count, n, size]`."""
        problem = self.posterior.problem
        draws = problem.propose(STARTS, self.posterior.seed)[:, : problem.size]
        start = draws.unsqueeze(1).expand(-1, len(self.summary.values), -1)
        best = self.log_prob(start).topk(count, 0).indices
        z = torch.gather(start, 0, best.unsqueeze(-1).expand(-1, -1, start.shape[-1]))
        return z + SCALE * torch.randn(z.shape, generator=generator)


class _Components:
    """The first principal components of a problem's series."""

    def __init__(self, problem: Problem, data: Mapping[str, Any]) -> None:
        self._features = SeriesFeatures(problem)
        cloud = self._features(data).values
        spread = cloud.std(0)
        self._centre, self._scale = cloud.mean(0), torch.where(spread > 0, spread, torch.ones_like(spread))
        rows = (cloud - self._centre) / self._scale
        self._directions = torch.linalg.svd(rows, full_matrices=False).Vh[:COMPONENTS].T

    def __call__(self, data: Mapping[str, Any]) -> Summary:
        rows = self._features(data).values
        return Summary(((rows - self._centre) / self._scale) @ self._directions)


def learn_likelihood(
    problem: Problem,
    simulations: SimulationSet,
    members: int,
    seed: int,
    training: Training | None = None,
    settings: Mapping[str, Any] | None = None,
) -> LearnedLikelihood:
    """Trains sbi's NLE on simulations of the prior.

    Args:
        problem: With a surrogate, data are summarised by guides; without one, by principal components.
        simulations: Of the prior.
        members: Of the ensemble, whose densities are averaged.
        seed: Of the training.
        training: How.
        settings: Given to `fit_guides`, where there is a surrogate.

    Source: Papamakarios, Sterratt and Murray (2019), Sequential neural likelihood, arXiv:1805.07226.
    """
    with quiet():
        from sbi.inference import NLE
        from sbi.neural_nets import likelihood_nn
    z, data = simulations.successful()
    features: Callable[[Data], Summary] = _Components(problem, data)
    if problem.surrogate is not None:
        features = GuideFeatures(problem, seed, settings)
    summary = features(data)
    parameters, x = torch.as_tensor(z, dtype=torch.float32), summary.values
    # With one feature an autoregressive flow would be a normal density.
    how = training or Training(flow="nsf" if x.shape[-1] == 1 else "maf")
    estimators = []
    for member in range(members):
        with torch.random.fork_rng(devices=[]), quiet():
            torch.manual_seed((seed * 1000 + member) % 2**63)
            builder = likelihood_nn(how.flow, hidden_features=how.hidden, num_transforms=how.transforms)
            nle = NLE(density_estimator=builder, show_progress_bars=False, tracker=NoTracker())
            nle.append_simulations(parameters, x)
            estimators.append(how.train(nle, len(x)))
    return LearnedLikelihood(problem, features, estimators, seed, summary.lost)
