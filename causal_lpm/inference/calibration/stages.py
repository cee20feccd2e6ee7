"""The simulations of one call of `fit`: stages with seeds and folders of their own."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.calibration.plan import Plan
from causal_lpm.inference.calibration.simulator import GivenParameters, ProblemSimulator
from causal_lpm.inference.posteriors.focus import Focus, FocusedPrior
from causal_lpm.inference.program.problem import Problem
from causal_lpm.inference.program.series import numbers_of
from causal_lpm.inference.runs.blocks import Simulator
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.inference.runs.simulation_set import Failure, SimulationSet, simulate_set

__all__ = ["Stages", "joined"]

Array = npt.NDArray[Any]

FEWEST_FINITE = 20  # simulations that gave finite data, of a stage that a posterior is trained on

SEEDS = {"first": 0, "second": 1, "gate": 2, "second gate": 3, "rest": 4, "predictive": 8}
"""Stage -> number of its seed."""
TRAINING = ("first", "second", "rest")


@dataclass
class Stages:
    """Simulates the stages of a calibration, each with a seed and, in the plan's folder, a folder of its own.

    Attributes:
        batch: Simulations side by side.
        prior: The first simulations, of the whole prior; None before.
        made: Simulations so far, of which `failed` failed.
        observed: data site -> `[1, *shape]`, as one data set.
    """

    problem: Problem
    plan: Plan
    batch: int
    prior: SimulationSet | None = None
    made: int = 0
    failed: int = 0
    observed: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.observed = {name: values[None] for name, values in numbers_of(self.problem.data).items()}

    def simulate(self, stage: str, n: int, focus: Focus | None = None) -> SimulationSet:
        """`n` simulations of the prior, or of the focused prior.

        Raises:
            RuntimeError: hardly any of those that a posterior is trained on gave finite data.
        """
        proposal = FocusedPrior(self.problem, focus)
        made = self._set(stage, ProblemSimulator(self.problem, proposal), n, proposal.identity())
        if stage in TRAINING and made.failures and int(made.ok.sum()) < FEWEST_FINITE:
            first = made.failures[0]
            raise RuntimeError(
                f"only {int(made.ok.sum())} of {n} simulations ({stage}) gave finite data, and {FEWEST_FINITE} are "
                f"needed; the first failed (seed {first.seed}) with {first.message.rstrip('.')}. Mend the model there, "
                "or keep the prior away from where it fails."
            )
        return made

    def predict(self, z: Array) -> SimulationSet:
        """One simulation of each row of z, parameters and nuisances."""
        own = replicate_seed(self.plan.seed, SEEDS["predictive"])
        which = hashlib.sha256(np.ascontiguousarray(z).tobytes()).hexdigest()
        return self._set("predictive", GivenParameters(self.problem, z, own, self.batch), len(z), {"given": which})

    def _set(self, stage: str, simulator: Simulator, n: int, which: Mapping[str, Any]) -> SimulationSet:
        plan = self.plan
        made = simulate_set(
            simulator,
            n,
            replicate_seed(plan.seed, SEEDS[stage]),
            batch=self.batch,
            executor=plan.executor,
            workers=plan.workers,
            folder=None if plan.folder is None else plan.folder / _folder(stage, which),
            progress=plan.told(f"simulating, {stage}"),
        )
        self.prior = self.prior or made
        self.made += n
        self.failed += len(made.failures)
        return replace(made, z=made.z[:, : self.problem.size])  # nuisances are no targets


def _folder(stage: str, which: Mapping[str, Any]) -> str:
    """Its name tells one focus from another, so that a larger budget never meets the simulations of a smaller one."""
    name = stage.replace(" ", "_")
    return f"{name}-{hashlib.sha256(json.dumps(dict(which)).encode()).hexdigest()[:8]}" if which else name


def joined(first: SimulationSet, rest: SimulationSet) -> SimulationSet:
    """Two sets of one simulator as one."""
    more = (Failure(failure.number + len(first.z), failure.seed, failure.message) for failure in rest.failures)
    return SimulationSet(
        np.concatenate([first.z, rest.z]),
        {name: np.concatenate([values, rest.data[name]]) for name, values in first.data.items()},
        np.concatenate([first.ok, rest.ok]),
        (*first.failures, *more),
    )
