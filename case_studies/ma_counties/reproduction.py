"""All methods at all forecast weeks, in worker processes; the same numbers for any number of them."""

import functools
import itertools
import json
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import pandas as pd
import torch

from case_studies.ma_counties import gradient, posterior
from case_studies.ma_counties.counties import Counties, load
from case_studies.ma_counties.inputs import HORIZON, ORIGINS
from case_studies.ma_counties.report import expected, tables
from case_studies.page import titled

__all__ = ["FULL", "QUICK", "Size", "reproduce", "run"]


@dataclass(frozen=True)
class Size:
    """How much is computed.

    Attributes:
        origins: Epidemiological weeks, the last week of data of each forecast.
        steps: Of the optimiser of the networks.
        simulations: Of the agent model, for each prior of svi+npe; in chunks of 50.
        agents: In each of those simulations.
        svi_steps: Of SVI.
        members: Of the ensemble of neural posteriors.
    """

    origins: Sequence[int] = ORIGINS
    steps: int = gradient.STEPS
    simulations: int = 400
    agents: int = 50_000
    svi_steps: int = 300
    members: int = 4


FULL = Size()
QUICK = Size(ORIGINS[:1], steps=30, simulations=100, agents=5_000, svi_steps=100, members=1)
CHUNK = 50


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """Writes forecasts.csv, checks.csv and numbers.json, and returns the tables."""
    size = QUICK if quick else FULL
    say(f"forecasting from {len(size.origins)} weeks, {size.simulations} simulations for each of two priors")
    forecasts, checks = run(size, seed, workers)
    about = {"study": "ma-counties", "quick": quick, "seed": seed, "simulations": size.simulations}
    numbers = expected(forecasts, checks, about)
    forecasts.to_csv(out / "forecasts.csv", index=False)
    checks.to_csv(out / "checks.csv", index=False)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return titled(tables(numbers))


def run(size: Size = FULL, seed: int = 0, workers: int = 1) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Forecasts of all methods, and the checks of svi+npe.

    Args:
        size: How much is computed.
        seed: Of everything random.
        workers: Processes.

    Returns:
        One row a method, origin, county and week ahead: `forecast` and what `came`, deaths, for svi+npe with the ends
        of its intervals. One row a method and origin: the coverage over held-out simulations and the effective number
        of draws.
    """
    counties = load()
    with ProcessPoolExecutor(workers, get_context("spawn"), _one_thread) as pool:
        neural = {}
        for method in posterior.METHODS:
            drawn, deaths = _simulated(pool, counties, method, size, seed)
            for origin in size.origins:
                job = pool.submit(_posterior, counties, method, origin, drawn, deaths, size, seed)
                neural[method, origin] = job
        points = {
            (method, origin): pool.submit(gradient.forecast, counties.known(origin), method, seed, size.steps)
            for method, origin in itertools.product(gradient.METHODS, size.origins)
        }
        tables, checks = [], []
        for (method, origin), running in neural.items():
            found = running.result()
            tables.append(_table(counties, method, origin, found.median, found))
            checks.append({"method": method, "origin": origin, **_checks(found)})
        for origin in size.origins:
            again = counties.known(origin).deaths[:, -1:].expand(-1, HORIZON)
            tables.append(_table(counties, "last week again", origin, again))
        tables += [_table(counties, method, origin, job.result()) for (method, origin), job in points.items()]
    return pd.concat(tables, ignore_index=True), pd.DataFrame(checks)


def _one_thread() -> None:
    torch.set_num_threads(1)


def _simulated(
    pool: Executor, counties: Counties, method: str, size: Size, seed: int
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """All simulations of one prior, until the end of the last forecast."""
    chunks = range(size.simulations // CHUNK)
    weeks = counties.weeks_until(max(size.origins)) + HORIZON
    parts = list(pool.map(functools.partial(_simulate, counties, method, weeks, size, seed), chunks))
    drawn = {name: torch.cat([values[name] for values, _ in parts]) for name in parts[0][0]}
    return drawn, torch.cat([series for _, series in parts])


def _simulate(
    counties: Counties, method: str, weeks: int, size: Size, seed: int, chunk: int
) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    standard = posterior.Standard.of(counties, size.agents, posterior.METHODS[method])
    return posterior.simulate(standard, weeks, CHUNK, seed=1000 * seed + chunk)


def _posterior(
    counties: Counties,
    method: str,
    origin: int,
    drawn: dict[str, torch.Tensor],
    deaths: torch.Tensor,
    size: Size,
    seed: int,
) -> posterior.Forecast:
    standard = posterior.Standard.of(counties, 1_000, posterior.METHODS[method])  # its agents are not simulated here
    return posterior.forecast(
        standard,
        counties.known(origin),
        drawn,
        deaths,
        seed,
        steps=size.svi_steps,
        members=size.members,
        held_out=size.simulations // 4,
    )


def _checks(found: posterior.Forecast) -> dict[str, float]:
    shares = {f"{what}_{p:g}": share for what, own in found.coverage.items() for p, share in own.items()}
    effective = found.effective
    return shares | {"effective": float(effective.median()), "least_effective": float(effective.min())}


def _table(
    counties: Counties, method: str, origin: int, forecast: torch.Tensor, found: posterior.Forecast | None = None
) -> pd.DataFrame:
    """One row a county and week ahead."""
    columns: dict[str, torch.Tensor] = {"forecast": forecast, "came": counties.ahead(origin, HORIZON)}
    if found is not None:
        columns |= {f"{end}_{p:g}": value for end, ends in found.ends().items() for p, value in ends.items()}
    index = pd.MultiIndex.from_product(
        [[method], [origin], counties.names, range(1, HORIZON + 1)], names=["method", "origin", "county", "ahead"]
    )
    return pd.DataFrame({name: value.flatten().numpy() for name, value in columns.items()}, index).reset_index()
