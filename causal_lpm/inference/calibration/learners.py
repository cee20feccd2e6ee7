"""How each simulating method learns a posterior from the simulations of a calibration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt
import torch

from causal_lpm.inference.calibration.plan import Plan
from causal_lpm.inference.calibration.stages import Stages, joined
from causal_lpm.inference.posteriors.abc import soft_conditioning
from causal_lpm.inference.posteriors.amortised import AmortisedPosterior
from causal_lpm.inference.posteriors.features import Features, GuideFeatures, SeriesFeatures
from causal_lpm.inference.posteriors.focus import Focus, focus_on
from causal_lpm.inference.posteriors.neural import train_npe
from causal_lpm.inference.posteriors.nle import learn_likelihood
from causal_lpm.inference.posteriors.nuts_draws import check_density
from causal_lpm.inference.posteriors.posterior import Posterior
from causal_lpm.inference.posteriors.sampled import CHAINS, SampledPosterior
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.runs.simulation_set import SimulationSet

__all__ = ["Learned", "learn_abc", "learn_nle", "learn_npe", "learn_nuts", "learn_svi_npe"]

NARROW = 0.1  # mean weight of the prior's draws under the focus, below which a second round pays
ROUND = 500  # simulations of a second round; with 300, networks of five parameters were too narrow
SURROGATE = (
    "give surrogate= (an ODE with the same parameters and data sites, or the model under MeanField with few agents), "
    "or choose method='npe'."
)

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Learned:
    """What a method leaves.

    Attributes:
        posterior: Of any data set of the problem.
        used: The simulations that it was learned from, in its last round.
        focus: What the prior of that round was multiplied by, or None.
    """

    posterior: Posterior
    used: SimulationSet
    focus: Focus | None = None


@dataclass
class _Learner:
    """Learns a posterior from simulations; summaries of earlier rounds are kept."""

    problem: Problem
    features: Features
    plan: Plan
    z: list[torch.Tensor] = field(default_factory=list)
    summaries: list[torch.Tensor] = field(default_factory=list)
    lost: list[torch.Tensor] = field(default_factory=list)

    def learn(self, z: Array, data: Mapping[str, Array], focus: Focus | None = None) -> AmortisedPosterior:
        """Adds simulations of the prior, or of the focused prior, and trains on all, those of before thinned to it."""
        summary = self.features(data)
        self.z.append(torch.as_tensor(z, dtype=torch.float32))
        self.summaries.append(summary.values)
        self.lost.append(summary.lost)
        everything, features = torch.cat(self.z), torch.cat(self.summaries)
        if focus is not None:
            thinned = [focus.kept(before, self.plan.seed) for before in self.z[:-1]]
            kept = torch.cat([*thinned, torch.ones(len(z), dtype=torch.bool)])
            everything, features = everything[kept], features[kept]
        neural = train_npe(
            everything,
            features,
            frame=self.features.frame,
            members=self.plan.ensemble,
            seed=self.plan.seed,
            training=self.plan.training,
            embedding=self.features.embedding(),
            progress=self.plan.told("training"),
        )
        return AmortisedPosterior(self.features, neural, focus, torch.cat(self.lost))


def learn_npe(stages: Stages) -> Learned:
    """NPE on the series themselves."""
    return _in_rounds(stages, SeriesFeatures(stages.problem))


def learn_svi_npe(stages: Stages) -> Learned:
    """NPE on summaries by SVI, in the coordinates of the guides.

    Raises:
        ValueError: there is no differentiable program.
    """
    problem, plan = stages.problem, stages.plan
    features = GuideFeatures(problem, plan.seed, plan.settings, plan.told("summarising"))
    _check_differentiable(problem)
    return _in_rounds(stages, features)


def _in_rounds(stages: Stages, features: Features) -> Learned:
    """Where the posterior covers a small part of the prior, half of the budget goes near it."""
    plan, learner = stages.plan, _Learner(stages.problem, features, stages.plan)
    half = plan.budget // 2 if plan.second_round and plan.budget >= 2 * ROUND else plan.budget
    first = stages.simulate("first", half)
    posterior = learner.learn(*first.successful())
    if half == plan.budget:
        return Learned(posterior, first)
    focus = focus_on(stages.problem, posterior.neural, features(stages.observed).values, plan.seed)
    if focus.share >= NARROW:
        # Not narrow: the other half is drawn from the prior as well.
        rest = stages.simulate("rest", plan.budget - half)
        return Learned(learner.learn(*rest.successful()), joined(first, rest))
    second = stages.simulate("second", plan.budget - half, focus)
    return Learned(learner.learn(*second.successful(), focus=focus), second, focus)


def learn_abc(stages: Stages) -> Learned:
    """Soft conditioning of simulations of the prior."""
    made = stages.simulate("first", stages.plan.budget)
    return Learned(soft_conditioning(stages.problem, made, **stages.plan.settings), made)


def learn_nle(stages: Stages) -> Learned:
    """A likelihood of features from simulations of the prior."""
    plan, made = stages.plan, stages.simulate("first", stages.plan.budget)
    posterior = learn_likelihood(stages.problem, made, plan.ensemble, plan.seed, plan.training, plan.settings)
    return Learned(posterior, made)


def learn_nuts(stages: Stages) -> Learned:
    """Nothing is learned: chains follow the density of the model. Simulations of the prior are for its checks.

    Raises:
        ValueError: the model has no density that chains could follow, or does not need the surrogate.
    """
    problem, plan = stages.problem, stages.plan
    check_density(problem)
    settings = dict(plan.settings)
    posterior = SampledPosterior(problem, settings.pop("chains", CHAINS), settings)
    return Learned(posterior, stages.simulate("first", plan.budget))


def _check_differentiable(problem: Problem) -> None:
    z = problem.draw(4, 0).requires_grad_()
    likelihood = problem.log_likelihood(z, problem.repeated(4))
    if not likelihood.requires_grad:
        raise ValueError(f"method 'svi+npe' needs a differentiable program: {SURROGATE}")
    if bool(likelihood.isnan().all()):
        raise ValueError(
            "the density of the data is no number at any of 4 draws of the prior: look for overflow and logarithms of "
            "zero in the surrogate, or keep the prior away from there."
        )
    if problem.surrogate is not None:
        return
    (slope,) = torch.autograd.grad(likelihood[likelihood.isfinite()].sum(), z)
    lost = [name for name, column in zip(problem.names, slope.T, strict=True) if not bool(column.any())]
    if lost and problem.agents > 1 and not problem.terms:  # of which terms may speak
        raise ValueError(f"no gradient reaches {lost[0]!r} through the agents, whose events have none: {SURROGATE}")


Learn = Callable[[Stages], Learned]
"""From the stages of a calibration to its posterior."""
