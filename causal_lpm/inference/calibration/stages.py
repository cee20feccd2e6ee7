"""The simulations of one call of `fit`: stages with seeds and folders of their own."""

import hashlib
import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.calibration.simulator import GivenParameters, ProblemSimulator
from causal_lpm.inference.posteriors.focus import Focus, FocusedPrior
from causal_lpm.inference.program.problem import Problem
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
    """Simulates the stages of a calibration.

    Attributes:
        problem: What is asked.
        seed: Of the calibration.
        batch: Simulations side by side.
        workers: Processes.
        executor: In place of processes, or None.
        folder: Keeps all stages, each in a folder of its own; or None.
        progress: Called with (stage, done, all).
        prior: The first simulations, of the whole prior; None before.
        made: Simulations so far.
        failed: How many of them failed.
        observed: data site -> `[1, *shape]`, as one data set.
    """

    problem: Problem
    seed: int
    batch: int
    workers: int = 1
    executor: Executor | None = None
    folder: Path | None = None
    progress: Callable[[str, int, int], None] | None = None
    prior: SimulationSet | None = None
    made: int = 0
    failed: int = 0
    observed: dict[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.observed = {name: series.values.numpy()[None] for name, series in self.problem.data.items()}

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
        """One simulation of each row of z."""
        own = replicate_seed(self.seed, SEEDS["predictive"])
        which = hashlib.sha256(np.ascontiguousarray(z).tobytes()).hexdigest()
        return self._set("predictive", GivenParameters(self.problem, z, own, self.batch), len(z), {"given": which})

    def _set(self, stage: str, simulator: Simulator, n: int, which: Mapping[str, Any]) -> SimulationSet:
        told = self.progress
        made = simulate_set(
            simulator,
            n,
            replicate_seed(self.seed, SEEDS[stage]),
            batch=self.batch,
            executor=self.executor,
            workers=self.workers,
            folder=None if self.folder is None else self.folder / _folder(stage, which),
            progress=None if told is None else lambda done, all_: told(f"simulating, {stage}", done, all_),
        )
        self.prior = self.prior or made
        self.made += n
        self.failed += len(made.failures)
        return made


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
