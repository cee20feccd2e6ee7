"""Both tests at every rate and adherence, in worlds that share all luck; the front; other assumptions."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
import xarray as xr

from case_studies.page import titled
from case_studies.test_choice import happened
from case_studies.test_choice.measured import COUNTED, differences, front, grid_numbers, means, not_followed
from case_studies.test_choice.model import DAYS, epidemic
from case_studies.test_choice.parameters import MEDIANS
from case_studies.test_choice.people import AGENTS, town
from case_studies.test_choice.pictures import draw
from case_studies.test_choice.question import MIXED, NOBODY, RATES, VARIANTS, WORLDS, few, grid
from case_studies.test_choice.report import tables
from causal_lpm.inference import Worlds, predict

__all__ = ["FULL", "QUICK", "Size", "reproduce"]

SIDE_BY_SIDE = 24
"""Runs that are simulated together: as many as the cache of a core holds."""

Note = Callable[[str], None]
Model = Callable[[], dict[str, torch.Tensor]]


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        agents: Of the average epidemic.
        days: Likewise.
        replicates: Of its luck, in the grid.
        fewer: The same under other assumptions.
        rates: Testing rates of the grid.
        variants: Other assumptions, names of `VARIANTS`.
        others: Epidemics like the one that happened.
        filters: Of its abduction.
        particles: Of each filter.
        paths: That are kept of it.
    """

    agents: int = AGENTS
    days: int = DAYS
    replicates: int = 20
    fewer: int = 10
    rates: tuple[float, ...] = RATES
    variants: tuple[str, ...] = tuple(VARIANTS)
    others: int = 200
    filters: int = 24
    particles: int = 64
    paths: int = 100


FULL = Size()
QUICK = Size(5_000, 80, 4, 4, (0.0, 0.02, 0.2), ("5 days of quarantine",), 10, 4, 16, 10)


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Note) -> str:
    """Writes worlds.nc, numbers.json and pictures, and returns the tables; parts that are there are used."""
    torch.set_num_threads(1)  # the processes share the cores
    size = QUICK if quick else FULL
    ask = partial(_asked, program=partial(epidemic, town(size.agents), size.days), seed=seed, workers=workers)
    folder = out / "simulations"
    parts = []
    for rate in size.rates:
        say(f"both tests and every adherence at a testing rate of {100 * rate:g}%")
        both = {"nobody tests": NOBODY, **grid(rate)}
        parts.append(ask({}, both, replicates=size.replicates, folder=folder / f"rate {rate:g}"))
    worlds = xr.concat([parts[0], *(part.isel(world=slice(1, None)) for part in parts[1:])], "world", join="exact")
    say("one property of the tests after the other")
    mixed = ask({}, MIXED, replicates=size.fewer, folder=folder / "mixed")
    numbers: dict[str, Any] = {
        "study": "test-choice",
        "kind": worlds.attrs["kind"],
        "seed": seed,
        "size": asdict(size),
        "parameters": MEDIANS,
        "grid": grid_numbers(worlds, size.agents),
        "not_followed": not_followed(worlds, size.rates),
        "fast_against_slow": differences(worlds, size.rates, size.agents),
        "front": front(worlds, size.agents),
        "mixed": {name: means(mixed.sel(world=name), size.agents) for name in MIXED},
        "variants": {},
    }
    for variant in size.variants:
        say(f"another assumption: {variant}")
        parameters, acts = VARIANTS[variant]
        found = ask(parameters, few(acts), replicates=size.fewer, folder=folder / variant)
        numbers["variants"][variant] = {
            "worlds": grid_numbers(found, size.agents),
            "front": front(found, size.agents),
        }
    say("the epidemic that happened, and others like it")
    numbers["happened"] = {
        "truth": happened.statement(happened.truth()),
        "paired, its parameters": happened.statement(happened.paired(size.others, seed, known=True)),
        "paired, prior": happened.statement(happened.paired(size.others, seed, known=False)),
    }
    say("its luck, inferred from what was reported")
    numbers["happened"] |= abducted(size, seed, workers)
    worlds.to_netcdf(out / "worlds.nc", engine="h5netcdf")
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    draw(numbers, out / "pictures")
    return titled(tables(numbers))


def abducted(size: Size, seed: int, workers: int) -> dict[str, dict[str, list[float]]]:
    """What is said of the epidemic that happened, under the verdict of the gates."""
    found = happened.abducted(size.filters, size.particles, size.paths, seed, workers)
    told = found.predict(WORLDS, outcomes=happened.COMPARED)
    return {f"counterfactual, its parameters: {found.status}": happened.statement(told)}


def _asked(parameters: dict[str, float], worlds: Worlds, *, program: Model, **asked: Any) -> xr.Dataset:
    """Totals of all days of the average epidemic in some worlds, (world, draw, replicate, group, day)."""
    known = {site: torch.tensor([value]) for site, value in {**MEDIANS, **parameters}.items()}
    found = predict(program, known, worlds, outcomes=COUNTED, batch=max(1, SIDE_BY_SIDE // len(worlds)), **asked)
    return found.sum("day", keep_attrs=True).expand_dims("day", -1)
