"""The ways to a posterior that answers for any data set, each labelled with what it is good for."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy.typing as npt
import torch

from causal_lpm.inference.calibration.optimised import variational
from causal_lpm.inference.calibration.point import point_calibration
from causal_lpm.inference.posteriors.abc import soft_conditioning
from causal_lpm.inference.posteriors.amortised import AmortisedPosterior, Posterior
from causal_lpm.inference.posteriors.features import Features, GuideFeatures, SeriesFeatures
from causal_lpm.inference.posteriors.focus import Focus, focus_on
from causal_lpm.inference.posteriors.guides import fit_guides
from causal_lpm.inference.posteriors.neural import Training, train_npe
from causal_lpm.inference.program.problem import Problem
from causal_lpm.validate import fits_in_time, known, whole_number

__all__ = ["METHODS", "Learner", "check_settings", "learner_of"]

Array = npt.NDArray[Any]
Progress = Callable[[str, int, int], None]

METHODS = {
    "svi+npe": "the default: SVI through a differentiable surrogate summarises, NPE on exact simulations calibrates",
    "npe": "no surrogate: NPE on the series themselves; needs about three times the simulations",
    "nle": "a likelihood learned by NLE and sampled by MCMC: for few data and other priors later",
    "abc": "ChiRho's soft conditioning of simulations: transparent, wide, for two or three parameters",
    "svi": "an optimiser and proposal through a differentiable program; never called a posterior",
    "gradient": "one point, for models in which a neural network generates parameters; no uncertainty at all",
}
"""Method -> what it is good for."""

SURROGATE = (
    "give surrogate= (an ODE with the same parameters and data sites, or the model under MeanField with few agents), "
    "or choose method='npe'."
)
OURS = ("problem", "model", "data", "simulations", "seed", "draws", "progress")  # arguments that are no settings
COUNTS = ("steps", "particles", "starts", "at_once")


@dataclass
class Learner:
    """Learns a posterior from simulations; features of earlier rounds are kept.

    Args:
        problem: What is asked.
        features: Data -> numbers.
        members: Of the ensemble.
        seed: Of the training.
        training: How members are trained.
        progress: Called with (stage, done, all).
    """

    problem: Problem
    features: Features
    members: int
    seed: int
    training: Training | None = None
    progress: Progress | None = None
    _z: list[torch.Tensor] = field(default_factory=list)
    _features: list[torch.Tensor] = field(default_factory=list)

    def learn(self, z: Array, data: Mapping[str, Array], focus: Focus | None = None) -> AmortisedPosterior:
        """Adds simulations of the prior, or of the focused prior, and trains on all, those of before thinned to it."""
        self._z.append(torch.as_tensor(z, dtype=torch.float32))
        self._features.append(self.features(data))
        everything, features = torch.cat(self._z), torch.cat(self._features)
        if focus is not None:
            kept = torch.cat([*(focus.kept(z, self.seed) for z in self._z[:-1]), torch.ones(len(z), dtype=torch.bool)])
            everything, features = everything[kept], features[kept]
        neural = train_npe(
            everything,
            features,
            frame=self.features.frame,
            members=self.members,
            seed=self.seed,
            training=self.training,
            embedding=self.features.embedding(),
            progress=None if self.progress is None else lambda done, n: self.progress("training", done, n),  # type: ignore[misc]
        )
        return AmortisedPosterior(self.features, neural, focus)

    def focus(self, posterior: Posterior, data: Mapping[str, Array]) -> Focus:
        """On the posterior of `data`, one data set."""
        assert isinstance(posterior, AmortisedPosterior)
        return focus_on(self.problem, posterior.neural, self.features(data), self.seed)


def learner_of(
    method: str,
    problem: Problem,
    *,
    members: int,
    seed: int,
    training: Training | None = None,
    svi: Mapping[str, Any] | None = None,
    progress: Progress | None = None,
) -> Learner:
    """The learner of "svi+npe" or "npe".

    Raises:
        ValueError: "svi+npe" for a model without a differentiable program.
    """
    features: Features = SeriesFeatures(problem)
    if method == "svi+npe":
        told = None if progress is None else lambda done, n: progress("summarising", done, n)
        features = GuideFeatures(problem, seed, svi, told)
        _check_differentiable(problem)
    return Learner(problem, features, members, seed, training, progress)


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
    if lost and problem.agents > 1:
        raise ValueError(f"no gradient reaches {lost[0]!r} through the agents, whose events have none: {SURROGATE}")


def check_settings(method: str, settings: Mapping[str, Any], problem: Problem) -> None:
    """Raises ValueError for a setting that the method does not have, or that is out of range.

    >>> check_settings("abc", {"acepted": 0.1}, problem=None)
    Traceback (most recent call last):
    ValueError: unknown setting of method 'abc' 'acepted': did you mean 'accepted'?
    """
    takers: dict[str, Callable[..., Any] | None] = {
        "svi+npe": fit_guides,
        "npe": None,
        "nle": fit_guides if problem is not None and problem.surrogate is not None else None,
        "abc": soft_conditioning,
        "svi": variational,
        "gradient": point_calibration,
    }
    taker = takers[method]
    allowed = [] if taker is None else [name for name in inspect.signature(taker).parameters if name not in OURS]
    for name, value in settings.items():
        known(f"setting of method {method!r}", name, allowed)
        if name in COUNTS:
            fits_in_time(f"{name}={whole_number(name, value)}", 50.0 * value)  # each runs the model
        if name == "learning_rate" and not value > 0:
            raise ValueError(f"the learning rate is {value}: give a positive number, such as 0.03.")
        if name == "accepted" and not 0 < value < 1:
            raise ValueError(f"accepted is {value}: give the share of simulations to weigh, in (0, 1).")
