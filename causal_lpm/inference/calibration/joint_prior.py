"""A posterior as the prior of another model: one joint normal site of several parameters, without constraints."""

import logging
import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
import pyro
import pyro.distributions as dist
import torch

from causal_lpm.inference.diagnostics.report import Gate, gate_of_measure
from causal_lpm.inference.program.parameters import Parameter
from causal_lpm.inference.results.sample_arrays import check_name
from causal_lpm.validate import known

__all__ = ["CUT", "Feedback", "JointPrior", "joint_prior", "whitened"]

_LOG = logging.getLogger("causal_lpm")

Feedback: TypeAlias = Literal["joint", "cut"]
"""Whether new data update what was handed on."""
MEANS: Mapping[Feedback, str] = {
    "joint": "data of the model that calls it update what is handed on",
    "cut": "data of the model that calls it do not update what is handed on",
}
CUT = "cut"
"""Mark of a site that new data must not update, `infer={"nuisance": True, "cut": True}`."""

FAR = (0.08, 0.2)  # largest difference of probabilities between draws and their normal: warns, refuses
RIDGE = 1e-9  # of a covariance, in units of the variances


class JointNormal(dist.MultivariateNormal):
    """A normal distribution that has the precision of the values it is asked for."""

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        """Log density, `[*batch]`."""
        tril = self._unbroadcasted_scale_tril.to(value)
        size = math.log(2 * math.pi) / 2 * value.shape[-1]
        apart = whitened(value, self.loc, tril)
        density: torch.Tensor = -(apart**2).sum(-1) / 2 - tril.diagonal(dim1=-2, dim2=-1).log().sum(-1) - size
        return density


def whitened(value: torch.Tensor, loc: torch.Tensor, tril: torch.Tensor) -> torch.Tensor:
    """Values `[..., size]` of a joint normal distribution as independent standard normal ones."""
    away = (value - loc.to(value)).unsqueeze(-1)
    scale = tril.to(value).expand(*away.shape[:-2], *tril.shape[-2:])
    white: torch.Tensor = torch.linalg.solve_triangular(scale, away, upper=False).squeeze(-1)
    return white


class JointPrior:
    """What a posterior says of some parameters, as a prior: call it inside of a model.

    Args:
        name: Of its sample site.
        parameters: Whose values it gives, in the order of the site's elements.
        draws: Of the posterior without constraints, float64 `[draws, size]`.
        feedback: "joint", and the data of the other model update them; "cut", and these must not.

    Attributes:
        mean: `[size]`, float32.
        scale_tril: Of the covariance, `[size, size]`, float32.
        check: How far the draws are from this normal distribution.

    Raises:
        ValueError: a normal distribution does not describe the draws.
    """

    def __init__(
        self, name: str, parameters: Sequence[Parameter], draws: torch.Tensor, feedback: Feedback = "joint"
    ) -> None:
        check_name("site", name)
        known("feedback", feedback, ("joint", "cut"))
        self.name, self.feedback = name, feedback
        ends = np.cumsum([_width(p) for p in parameters]).tolist()
        self._parameters = [(p, slice(end - _width(p), end)) for p, end in zip(parameters, ends, strict=True)]
        names = [each for p in parameters for each in p.names]
        mean, covariance = draws.mean(0), torch.atleast_2d(torch.cov(draws.T))
        tril = torch.linalg.cholesky(covariance + RIDGE * torch.diag(covariance.diagonal()))
        self.check = _normality(draws, mean, tril, names)
        if self.check.verdict == "fail":
            raise ValueError(f"{self.check.sentence} {self.check.next_step}")
        if self.check.verdict == "warn":
            _LOG.warning("%s %s", self.check.sentence, self.check.next_step)
        self.mean, self.scale_tril = mean.float(), tril.float()

    def __call__(self) -> dict[str, torch.Tensor]:
        """Samples the site, and gives each parameter as a model's own site would: `[]` or `[*draws, 1]` a number."""
        infer: Any = {"nuisance": True, CUT: True} if self.feedback == "cut" else {}
        joint = JointNormal(self.mean, scale_tril=self.scale_tril)
        whole: torch.Tensor = pyro.sample(self.name, joint, infer=infer)
        return {p.name: _valued(p, whole[..., where]) for p, where in self._parameters}

    def __repr__(self) -> str:
        names = ", ".join(p.name for p, _ in self._parameters)
        return f"JointPrior({self.name!r}, {names}, feedback={self.feedback!r}: {MEANS[self.feedback]})"


def joint_prior(
    name: str,
    parameters: Sequence[Parameter],
    values: Mapping[str, torch.Tensor],
    names: Sequence[str],
    feedback: Feedback,
) -> JointPrior:
    """The prior of some of the parameters, from draws of their values, name -> `[draws, *shape]`."""
    if isinstance(names, str) or not names:
        raise ValueError(f"names is {names!r}: give a list of the parameters that are handed on.")
    there = {p.name: p for p in parameters}
    for each in names:
        known("parameter", each, there)
    chosen = [there[each] for each in dict.fromkeys(names)]
    draws = [p.transform.inv(values[p.name].double()).reshape(len(values[p.name]), -1) for p in chosen]
    return JointPrior(name, chosen, torch.cat(draws, -1), feedback)


def _width(parameter: Parameter) -> int:
    return len(parameter.names)


def _valued(parameter: Parameter, raw: torch.Tensor) -> torch.Tensor:
    """Elements `[size]` or `[*draws, 1, size]` of the site as the value of a parameter, in the model's units."""
    shape = parameter.unconstrained
    entries = raw.reshape((*raw.shape[:-1], *shape))
    if parameter.batch and raw.dim() > 1:  # a plate is in the place of the agents
        entries = entries.squeeze(-1 - len(shape))
    value: torch.Tensor = parameter.transform(entries)
    return value


def _normality(draws: torch.Tensor, mean: torch.Tensor, tril: torch.Tensor, names: Sequence[str]) -> Gate:
    """The largest difference of probabilities between draws and normal, of an element or the distance from the mean."""
    from scipy.stats import chi2, norm  # costly to import, and only needed here

    away = whitened(draws, mean, tril).square().sum(1).numpy()
    scores = ((draws - mean) / draws.std(0)).numpy()
    each = [_difference(norm.cdf(column)) for column in scores.T]
    found = dict(zip(names, each, strict=True))
    if len(names) > 1:
        found["the joint distance from the mean"] = _difference(chi2(len(names)).cdf(away))
    worst = max(found, key=lambda name: found[name])
    sentence = (
        f"A normal distribution describes the draws worst for {worst}: probabilities differ by up to "
        f"{found[worst]:.2f}."
    )
    step = "Hand on fewer parameters, or write both models as one program."
    return gate_of_measure("normality", found[worst], FAR, sentence, step)


def _difference(probabilities: Any) -> float:
    """Kolmogorov's distance of probabilities from uniform ones."""
    ordered, n = np.sort(probabilities), len(probabilities)
    steps = np.arange(n + 1) / n
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))
