"""Feedback that is cut: parameters of another posterior go through a calibration, and its data do not update them.

With phi of the other posterior, theta of this model and data y, the cut distribution is p(theta | y, phi) p(phi), the
latter as the other posterior has it (Plummer 2015). It is not p(theta, phi | y), and no prior of theta gives it. A
posterior that answers for any data gives it exactly: phi is a nuisance of the simulations, one data site more repeats
it, and p(theta | y, phi) is asked once for every draw of phi. The site has a little noise, 1/50 of the deviation of
phi, so that it has a density; the posterior of theta is that of phi known so well.

Source: Plummer (2015), Cuts in Bayesian graphical models, Statistics and Computing 25:37-43.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyro.distributions as dist
import torch
from pyro.poutine.messenger import Messenger

from causal_lpm.inference.calibration.joint_prior import CUT, whitened
from causal_lpm.inference.diagnostics.report import Gate
from causal_lpm.inference.posteriors.posterior import Draws, Posterior, PosteriorGiven
from causal_lpm.inference.program.data_sites import read_with_data
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.program import Model
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.ops.events import observed

__all__ = ["Cut", "CutGiven", "cut_of", "repeating"]

AT_ONCE = 100  # draws of what is cut that a posterior is asked about together
NOISE = 0.02  # of a copy, in deviations of what it repeats


class _Cut(Messenger):
    """Sees the sites that are cut."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, tuple[Any, torch.Tensor]] = {}

    def _pyro_post_sample(self, msg: Any) -> None:
        if msg["infer"].get(CUT):
            self.found[msg["name"]] = msg["fn"], msg["value"]


def copy_of(name: str) -> str:
    """The name of the data site that repeats a site."""
    return f"{name}_given"


@dataclass(frozen=True)
class Cut:
    """What is cut in a calibration.

    Attributes:
        problem: Of the model with copies.
        model: Without them.
        sites: That are cut -> their distributions.
    """

    problem: Problem
    model: Model
    sites: Mapping[str, Any]

    @property
    def copies(self) -> tuple[str, ...]:
        """Data sites that are no data."""
        return tuple(map(copy_of, self.sites))


def cut_of(problem: Problem) -> Cut | None:
    """The problem in which feedback is cut, where its model has sites for it; else None.

    Raises:
        ValueError: the model has a site of the name of a copy.
    """
    given, sites = {**problem.data, **problem.terms}, _Cut()

    def seen() -> Any:
        with sites:
            return problem.model()

    program = read_with_data(seen, given)
    if not sites.found:
        return None
    for name in map(copy_of, sites.found):
        if name in program.sites:
            raise ValueError(f"the model has a site {name!r}, a name that is needed where feedback is cut: rename it.")
    data = {name: series.values for name, series in given.items()}
    copies = {copy_of(name): torch.zeros(fn.loc.shape[-1]) for name, (fn, _) in sites.found.items()}
    surrogate = None if problem.surrogate is None else repeating(problem.surrogate)
    repeated = Problem(repeating(problem.model), {**data, **copies}, surrogate)
    for name, series in given.items():  # with their labels
        (repeated.terms if name in repeated.terms else repeated.data)[name] = series
    return Cut(repeated, problem.model, {name: fn for name, (fn, _) in sites.found.items()})


def repeating(model: Model) -> Model:
    """The model with a data site at its end for each site that is cut, which repeats it in its own deviations."""

    def repeats() -> Any:
        sites = _Cut()
        with sites:
            returned = model()
        for name, (fn, value) in sites.found.items():
            observed(copy_of(name), dist.Normal(_white(fn, value), NOISE).to_event(1))
        return returned

    return repeats


def _white(fn: Any, value: torch.Tensor) -> torch.Tensor:
    """Values `[..., size]` of a joint normal site as independent standard normal ones."""
    return whitened(value, fn.loc, fn.scale_tril.reshape(-1, *fn.scale_tril.shape[-2:])[0])


@dataclass(frozen=True)
class CutGiven:
    """The cut distribution given one data set.

    Attributes:
        cut: What is cut.
        posterior: Of any data, copies among them.
        data: Data site -> `[1, *shape]`.
    """

    cut: Cut
    posterior: Posterior
    data: Mapping[str, Any]

    def fixed(self, draws: int, seed: int) -> dict[str, torch.Tensor]:
        """Draws of the sites that are cut, as the other posterior has them, site -> `[draws, size]`."""
        generator = torch.Generator().manual_seed(seed)
        found = {}
        for name, fn in self.cut.sites.items():
            noise = torch.randn(draws, fn.loc.shape[-1], generator=generator)
            found[name] = fn.loc + noise @ fn.scale_tril.T
        return found

    def _given(self, draws: int, seed: int) -> list[PosteriorGiven]:
        """The posteriors given each draw of what is cut, some at a time."""
        rows = {name: np.repeat(np.asarray(values), draws, 0) for name, values in self.data.items()}
        for name, values in self.fixed(draws, seed).items():
            shape = rows[copy_of(name)].shape
            rows[copy_of(name)] = _white(self.cut.sites[name], values).reshape(shape).double().numpy()
        parts = [{name: values[at : at + AT_ONCE] for name, values in rows.items()} for at in range(0, draws, AT_ONCE)]
        return [self.posterior.given(part) for part in parts]

    def sample(self, draws: int, seed: int) -> torch.Tensor:
        """One draw of the parameters for each draw of what is cut, `[draws, 1, size]`."""
        found = []
        for number, given in enumerate(self._given(draws, seed)):
            # Each has draws with the same luck, of which it takes another one than those beside it.
            drawn = given.sample(AT_ONCE, replicate_seed(seed, number))
            own = torch.arange(drawn.shape[1])
            found.append(drawn[own, own])
        return torch.cat(found).unsqueeze(1)

    def log_prob(self, z: torch.Tensor) -> None:
        """None: the density of the cut distribution is a mean over what is cut."""
        return

    def gates(self, draws: int = 1000, seed: int = 0) -> tuple[Gate, ...]:
        """Those of the posterior, given the first draws of what is cut."""
        return self._given(draws, seed)[0].gates(AT_ONCE, replicate_seed(seed, 0))

    def completed(self, draws: int, seed: int) -> Draws:
        """Parameters with the draws of what is cut beside them."""
        whole = self.cut.problem.completed(self.sample(draws, seed)[:, 0], seed)
        own = {**self.cut.problem.constrain(whole), **self.fixed(draws, seed)}
        placed = self.cut.problem.unconstrain(own).to(whole)
        for p in self.cut.problem.nuisances:
            if p.name in self.cut.sites:
                whole[:, p.where] = placed[:, p.where]
        return Draws(whole)
