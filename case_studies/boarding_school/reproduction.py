"""The posterior by particles for two lengths of a step, and what isolation would have averted in this epidemic."""

import functools
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from case_studies.boarding_school.inputs import counts
from case_studies.boarding_school.model import PRIORS, epidemic
from case_studies.boarding_school.question import WORLDS
from case_studies.boarding_school.report import tables
from case_studies.page import four_digits, titled
from causal_lpm.inference import Abduction, abduct, effects, summarise

__all__ = ["FULL", "QUICK", "Size", "posterior", "reproduce"]


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        filters: Draws of the parameters in each of up to eight rounds.
        particles: Of each of their filters.
        enough: Effective filters.
        paths: That are kept.
    """

    filters: int = 400
    particles: int = 128
    enough: float = 600.0
    paths: int = 1000


FULL = Size()
QUICK = Size(100, 32, 40.0, 100)


def posterior(steps_per_day: int, size: Size, seed: int, workers: int = 1) -> Abduction:
    """Which parameters and which luck led to the counts, looked for first where the prior is.

    Args:
        steps_per_day: Of the model.
        size: How much is simulated.
        seed: Of everything.
        workers: Processes.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        prior = {
            name: family(*map(torch.tensor, values)).sample((1000,)) for name, (family, values, _) in PRIORS.items()
        }
    return abduct(
        functools.partial(epidemic, steps_per_day),
        counts(),
        prior,
        blocks=1,
        rounds=8,
        sweeps=0,
        seed=seed,
        workers=workers,
        **asdict(size),
    )


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """Writes numbers.json and returns the tables."""
    torch.set_num_threads(1)  # the processes share the cores
    size = QUICK if quick else FULL
    numbers: dict[str, Any] = {"study": "boarding-school", "seed": seed, "size": asdict(size), "steps": {}}
    for steps_per_day in (4, 1):
        say(f"the posterior for {steps_per_day} step{'s' * (steps_per_day > 1)} a day")
        found = posterior(steps_per_day, size, seed, workers)
        numbers["steps"][str(steps_per_day)] = _told(found)
        found.save(out / f"abduction_{steps_per_day}.nc")
        if steps_per_day == 4:
            say("isolation, in the epidemic that happened")
            told = found.predict(WORLDS, outcomes=["infections"])
            numbers["isolation"] = {
                row.name: list(map(four_digits, (row.mean, *row.interval_90)))
                for row in summarise(effects(told, "as it was", ["infections"]))
                if row.quantity == "averted"
            }
            ill = told["infections"].sel(world="as it was").sum("day").values.ravel() + 1
            numbers["infected"] = [four_digits(float(x)) for x in (ill.mean(), *_ends(ill))]
            numbers["status"] = found.status
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return titled(tables(numbers))


def _told(found: Abduction) -> dict[str, Any]:
    beta, gamma, size = (torch.as_tensor(found.parameters[name]).double().flatten() for name in PRIORS)
    columns = {
        "beta": beta,
        "gamma": gamma,
        "beta/gamma": beta / gamma,
        "infectious days": 1 / gamma,
        "dispersion": size,
    }
    return {name: [four_digits(float(x)) for x in (column.mean(), column.std())] for name, column in columns.items()}


def _ends(x: Any) -> list[float]:
    return torch.as_tensor(x).double().quantile(torch.tensor([0.05, 0.95]).double()).tolist()
