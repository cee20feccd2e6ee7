"""The tasks as the command line knows them; everything heavy is imported when it is called."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

from causal_lpm.inference import ModelStudy, ReproducedStudy

__all__ = ["TRUTH", "benchmark_tasks", "toy_epidemic"]

TRUTH = {
    "transmission": math.log(0.06),
    "latent": math.log(2.5),
    "infectious": math.log(4.5),
    "initial": math.log(1.5e-3),
    "reported": math.log(0.3 / 0.7),
}
"""What the data were simulated with, on the scales of the priors: 6% a contact and day, 30% reported."""
SEED = 2020


def simulated_reports() -> dict[str, Any]:
    """Daily reports of one epidemic with the true parameters, `[days]`."""
    import numpy as np
    import torch

    from case_studies.benchmark_tasks.toy_epidemic import DAYS, agents
    from causal_lpm.inference import Problem

    problem = Problem(agents, {"reports": np.zeros(DAYS)})
    z = problem.unconstrain({name: torch.tensor([value]) for name, value in TRUTH.items()})
    return {"reports": problem.simulate(z, torch.tensor([SEED])).data["reports"].reshape(DAYS)}


def agents() -> Any:
    """The exact model, imported when it is called: a list of what can be calibrated needs none."""
    from case_studies.benchmark_tasks import toy_epidemic

    return toy_epidemic.agents()


def difference_equations() -> Any:
    """The surrogate."""
    from case_studies.benchmark_tasks import toy_epidemic

    return toy_epidemic.difference_equations()


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """Scores on known truths, and distances from reference posteriors."""
    from case_studies.benchmark_tasks import reproduction

    return reproduction.reproduce(out, quick=quick, seed=seed, workers=workers, say=say)


toy_epidemic = ModelStudy(
    "toy-epidemic",
    "Five unknowns of a small epidemic, seen through scattered reports",
    "10,000 agents simulated with known parameters",
    agents,
    simulated_reports,
    difference_equations,
    budget=300,
    outcomes=("onsets",),
)
"""Transmission, latent and infectious times, initial share and reporting of an epidemic whose truth is known."""

benchmark_tasks = ReproducedStudy(
    "benchmark-tasks",
    "Is a posterior right? Calibrations whose answers are known",
    "sbibm: Lueckmann et al., AISTATS 2021; the toy epidemic",
    ("c2st", "nll"),
    reproduce,
)
