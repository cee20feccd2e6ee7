"""The ways to calibrate, each an object that is labelled with what it is good for."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from causal_lpm.inference.calibration.learners import (
    Learn,
    learn_abc,
    learn_nle,
    learn_npe,
    learn_nuts,
    learn_svi_npe,
)
from causal_lpm.inference.calibration.optimised import optimise_by_gradient, optimise_by_svi, variational
from causal_lpm.inference.calibration.plan import Plan
from causal_lpm.inference.calibration.point import point_calibration
from causal_lpm.inference.calibration.result import CalibrationResult
from causal_lpm.inference.posteriors.abc import soft_conditioning
from causal_lpm.inference.posteriors.guides import fit_guides
from causal_lpm.inference.posteriors.nuts_draws import sample_nuts
from causal_lpm.inference.posteriors.sbi_tools import require_sbi
from causal_lpm.inference.program.problem import Problem
from causal_lpm.validate import fits_in_time, known, whole_number

__all__ = ["METHODS", "Method", "method_of"]

Optimise = Callable[[Problem, Plan], CalibrationResult]
Taker = Callable[..., Any]

OURS = ("problem", "model", "data", "simulations", "seed", "draws", "progress")  # arguments that are no settings
COUNTS = ("steps", "particles", "starts", "at_once", "chains", "warmup", "depth")
FEWEST = 40  # simulations that a posterior can be trained on


@dataclass(frozen=True)
class Method:
    """One way from a problem to a result: it simulates and learns a posterior, or it optimises.

    Attributes:
        name: As given to `fit`, and in results.
        label: What it is good for.
        learn: Makes the posterior of any data set; it asks `stages.simulate` for simulations.
        optimise: Makes a result that is no posterior, without simulations of its own.
        settings_of: The function whose keyword arguments are the settings of the method, for a problem.
        needs_sbi: Whether sbi must be installed.
        uses_density: Whether its numbers depend on the density of a differentiable program.
        needs_term_density: Whether it needs the density of terms given the parameters alone, without nuisances between.
        needs_parameters: Whether a model without sample sites of its own cannot be calibrated.
        takes_surrogate: Whether another program may stand for the model.
        trains: Whether it trains an ensemble of networks.

    Raises:
        ValueError: neither or both of `learn` and `optimise`.

    >>> METHODS["abc"].simulates, METHODS["svi"].simulates
    (True, False)
    """

    name: str
    label: str
    learn: Learn | None = None
    optimise: Optimise | None = None
    settings_of: Callable[[Problem], Taker | None] = lambda problem: None
    needs_sbi: bool = False
    uses_density: bool = False
    needs_term_density: bool = False
    needs_parameters: bool = True
    takes_surrogate: bool = True
    trains: bool = True

    def __post_init__(self) -> None:
        if (self.learn is None) == (self.optimise is None):
            raise ValueError(f"method {self.name!r} either learns a posterior or optimises: give one of the two.")

    @property
    def simulates(self) -> bool:
        """Whether it learns a posterior from simulations, which gates can check."""
        return self.learn is not None

    def check(self, plan: Plan) -> None:
        """Raises ValueError for a plan that it cannot follow, ModuleNotFoundError where sbi is missing."""
        if self.simulates:
            whole_number("draws", plan.draws, low=2)  # of one, no interval is made
            if plan.budget < FEWEST:
                raise ValueError(
                    f"a budget of {plan.budget} simulations cannot train a posterior: give at least {FEWEST}."
                )
        if self.needs_sbi:
            require_sbi(self.name)

    def check_settings(self, settings: Mapping[str, Any], problem: Problem) -> None:
        """Raises ValueError for a setting that the method does not have or that is out of range, and for its limits."""
        if self.needs_term_density and problem.terms and problem.nuisances:
            raise ValueError(
                f"method {self.name!r} needs the density of the terms given the parameters alone, and there are "
                "nuisances in between: choose 'svi+npe' or 'npe', or make the nuisances parameters, without their mark."
            )
        if problem.surrogate is not None and not self.takes_surrogate:
            raise ValueError(
                f"method {self.name!r} follows the density of the model itself: leave the surrogate out, or give it as "
                "the model."
            )
        taker = self.settings_of(problem)
        allowed = [] if taker is None else [name for name in inspect.signature(taker).parameters if name not in OURS]
        for name, value in settings.items():
            known(f"setting of method {self.name!r}", name, allowed)
            if name in COUNTS:
                fits_in_time(f"{name}={whole_number(name, value)}", 50.0 * value)  # each runs the model
            if name == "learning_rate" and not value > 0:
                raise ValueError(f"the learning rate is {value}: give a positive number, such as 0.03.")
            if name == "target" and not 0 < value < 1:
                raise ValueError(
                    f"target is {value}: give the mean acceptance of trajectories, in (0, 1), such as 0.8."
                )
            if name == "accepted" and not 0 < value < 1:
                raise ValueError(f"accepted is {value}: give the share of simulations to weigh, in (0, 1).")


METHODS = {
    method.name: method
    for method in (
        Method(
            "svi+npe",
            "the default: SVI through a differentiable surrogate summarises, NPE on exact simulations calibrates",
            learn_svi_npe,
            settings_of=lambda problem: fit_guides,
            needs_sbi=True,
            uses_density=True,
        ),
        Method(
            "npe",
            "no surrogate: NPE on the series themselves; needs about three times the simulations",
            learn_npe,
            needs_sbi=True,
        ),
        Method(
            "nle",
            "a likelihood learned by NLE and sampled by MCMC: for few data and other priors later",
            learn_nle,
            settings_of=lambda problem: fit_guides if problem.surrogate is not None else None,
            needs_sbi=True,
            needs_term_density=True,
        ),
        Method(
            "abc",
            "ChiRho's soft conditioning of simulations: transparent, wide, for two or three parameters",
            learn_abc,
            settings_of=lambda problem: soft_conditioning,
        ),
        Method(
            "nuts",
            "exact, by Markov chains: for programs without simulated agents, whose density is known",
            learn_nuts,
            settings_of=lambda problem: sample_nuts,
            uses_density=True,
            takes_surrogate=False,
            trains=False,
        ),
        Method(
            "svi",
            "an optimiser and proposal through a differentiable program; never called a posterior",
            optimise=optimise_by_svi,
            settings_of=lambda problem: variational,
        ),
        Method(
            "gradient",
            "one point, for models in which a neural network generates parameters; no uncertainty at all",
            optimise=optimise_by_gradient,
            settings_of=lambda problem: point_calibration,
            needs_parameters=False,
        ),
    )
}
"""Name -> method."""


def method_of(method: str | Method) -> Method:
    """The method itself, or the one of this name.

    Raises:
        ValueError: there is no such method.
    """
    if isinstance(method, Method):
        return method
    known("method", method, METHODS)
    return METHODS[method]
