"""One epidemic that happened: what was reported of it, what nobody could know, and what is said about it.

It is simulated, with the slow test, so that the answer to "what if the fast test had been used?" is known. The model,
its data and the worlds are what an abduction takes: `model`, `reported()`, `question.WORLDS`. What it predicts goes
through `statement`, like the paired ones here, and stands beside the truth.
"""

import functools

import torch
import xarray as xr

from case_studies.page import four_digits
from case_studies.test_choice.model import epidemic
from case_studies.test_choice.parameters import PRIORS
from case_studies.test_choice.people import town
from case_studies.test_choice.question import WORLDS
from causal_lpm.inference import Abduction, abduct, effects, predict, summarise

__all__ = ["AGENTS", "COMPARED", "DAYS", "TRUTH", "model", "paired", "reported", "statement", "truth"]

AGENTS = 5_000
DAYS = 100
TRUTH = {"R0": 2.0, "seeding": 0.0008, "asymptomatic": 0.35, "reporting": 0.75, "dispersion": 15.0}
"""The parameters that it had."""
LUCK = 16
"""The seed of its luck: of 29 epidemics that were looked at the one that took off last."""
COMPARED = ("infections", "deaths", "needless_days")


def model() -> dict[str, torch.Tensor]:
    """The town in which it happened."""
    return epidemic(town(AGENTS), DAYS)


@functools.lru_cache(maxsize=1)
def truth() -> xr.Dataset:
    """Every outcome in each of `WORLDS` with the luck of this epidemic; in "slow test" as it happened."""
    known = {name: torch.tensor([value]) for name, value in TRUTH.items()}
    return predict(model, known, WORLDS, seed=LUCK)


def reported() -> dict[str, xr.DataArray]:
    """The positive results reported each day, `reported` `[day]`."""
    return {"reported": truth()["reported"].sel(world="slow test").isel(draw=0, replicate=0, group=0, drop=True)}


def paired(runs: int, seed: int, known: bool) -> xr.Dataset:
    """Epidemics like this one, with luck of their own.

    Args:
        runs: How many.
        seed: Of everything.
        known: Whether they have the parameters that this one had, or draws of the prior.
    """
    same = {name: torch.full((runs,), value) for name, value in TRUTH.items()}
    return predict(model, same if known else _prior(runs, seed), WORLDS, seed=seed, outcomes=COMPARED)


def abducted(filters: int, particles: int, paths: int, seed: int, workers: int) -> Abduction:
    """The luck of the epidemic, inferred from its reports; its parameters are known.

    Args:
        filters: How many.
        particles: In each.
        paths: How many are kept.
        seed: Of everything.
        workers: Processes.
    """
    known = {name: [value] for name, value in TRUTH.items()}
    return abduct(
        model,
        reported(),
        known,
        filters=filters,
        particles=particles,
        paths=paths,
        sweeps=1,
        seed=seed,
        workers=workers,
    )


def _prior(draws: int, seed: int) -> dict[str, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return {
            name: family(*map(torch.tensor, arguments)).sample((draws,))
            for name, (family, arguments, _) in PRIORS.items()
        }


def statement(predictions: xr.Dataset) -> dict[str, list[float]]:
    """What the fast test would have averted, outcome -> mean, 5% and 95% over draws and replicates, in the town."""
    both = predictions.sel(world=["slow test", "fast test"])
    rows = summarise(effects(both, "slow test", COMPARED))
    return {
        row.outcome: list(map(four_digits, (row.mean, *row.interval_90))) for row in rows if row.quantity == "averted"
    }
