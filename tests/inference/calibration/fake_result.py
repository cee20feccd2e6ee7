"""A result that looks like one of a calibration: two boroughs, three parameters, cases and admissions, a forecast."""

import numpy as np
import numpy.typing as npt
import xarray as xr

from causal_lpm.inference import Gate, Report
from causal_lpm.inference.results.calibration_tree import About, TreeLabels, build_tree

Values = npt.NDArray[np.float64]

DRAWS, DAYS, ORIGIN, SIMULATIONS = 200, 80, 55, 200
GROUPS = ("Queens", "Bronx")
PERSONS = 2e6


def epidemic(r0: Values, cut: float, from_day: float) -> tuple[Values, Values]:
    """New infections and R_t `[..., 1, day]` of an SIR model with seven days of infectiousness."""
    susceptible, infectious = np.full(r0.shape, PERSONS), np.full(r0.shape, 200.0)
    infections, r_t = np.empty((*r0.shape, 1, DAYS)), np.empty((*r0.shape, 1, DAYS))
    for day in range(DAYS):
        now = r0 * np.where(day >= from_day, 1 - cut, 1.0) * susceptible / PERSONS
        new = now * infectious / 7
        susceptible, infectious = susceptible - new, infectious * 6 / 7 + new
        infections[..., 0, day], r_t[..., 0, day] = new, now
    return infections, r_t


def series(rng: np.random.Generator, r0: Values, reporting: Values) -> dict[str, Values]:
    infections, _ = epidemic(r0, 0.7, 25)
    mean = infections * np.array([[0.6], [0.4]]) * reporting[..., None, None]
    return {
        site: rng.poisson(rng.gamma(20, share * mean / 20)) + 0.0 for site, share in (("cases", 1), ("admissions", 0.2))
    }


def gates(failed: bool) -> Report:
    passed = Gate("coverage", "pass", 0.6, 0.008, "Intervals hold the truth as often as they say.")
    sbc = (
        ("fail", 1e-4, "Ranks of R0 are U-shaped.", "Raise the budget.")
        if failed
        else ("pass", 0.4, "Ranks are uniform.", "")
    )
    return Report([Gate("sbc", sbc[0], sbc[1], 0.008, sbc[2], sbc[3]), passed])  # type: ignore[arg-type]


def fake_result(
    status: str = "calibrated", method: str = "svi+npe", dates: bool = True, draws: int = DRAWS, same_sites: bool = True
) -> xr.DataTree:
    rng = np.random.default_rng(0)
    prior = {
        "R0": rng.lognormal(1.0, 0.3, 1000),
        "reporting": rng.beta(4, 6, 1000),
        "ifr": rng.lognormal(-5, 0.7, 1000),
    }
    spread = 0.05 if status != "uncalibrated" else 0.02
    posterior = {
        "R0": rng.normal(2.6, spread, draws),
        "reporting": rng.beta(120, 200, draws),
        "ifr": rng.lognormal(-4.8, 0.6, draws),
    }
    truth = np.array(2.6), np.array(0.38)
    data = series(rng, *truth)
    for values in data.values():
        values[:, ORIGIN:] = np.nan
    data["cases"][0, 20] = np.nan
    if not same_sites:
        data["admissions"] = data["admissions"].sum(0)
    predicted = series(rng, posterior["R0"], posterior["reporting"])
    if not same_sites:
        predicted["admissions"] = predicted["admissions"].sum(1)
    ranks = rng.integers(0, 100, (SIMULATIONS, 3))
    if status == "uncalibrated":
        ranks[:, 0] = (99 * rng.beta(0.5, 0.5, SIMULATIONS)).round()
    days = np.datetime64("2020-03-01") + np.arange(DAYS)
    sites = ("cases", "admissions")
    return build_tree(
        About(method, status, seed=7, budget=300, simulations=500, failures=2),
        posterior,
        log_prior={name: rng.normal(size=draws) for name in posterior},
        sample_stats={"member": rng.integers(0, 4, draws), "in_support": np.arange(draws) % 7 > 0},
        prior=prior,
        posterior_predictive=predicted,
        observed_data=data,
        prior_sbc={
            "ranks": ranks,
            "truth": rng.normal(size=(SIMULATIONS, 3)),
            "highest_density_level": rng.beta(1, 0.6, SIMULATIONS)
            if status == "uncalibrated"
            else rng.random(SIMULATIONS),
            "tarp_level": rng.random(SIMULATIONS),
        },
        sbc_draws=99,
        labels=TreeLabels(
            groups={site: GROUPS for site in sites if same_sites or site == "cases"},
            dates=dict.fromkeys(sites, days) if dates else {},
        ),
        diagnostics=gates(status == "uncalibrated").to_dataset(),
        predictions=fake_predictions(rng, posterior["R0"][:60], days if dates else None),
    )


def fake_predictions(rng: np.random.Generator, r0: Values, dates: npt.NDArray[np.datetime64] | None) -> xr.Dataset:
    luck = rng.normal(1, 0.02, (1, r0.size, 3))
    worlds = {"factual": (0.7, 25.0), "one week earlier": (0.7, 18.0), "one week later": (0.7, 32.0)}
    runs = [epidemic(luck[0] * r0[:, None], cut, day) for cut, day in worlds.values()]
    dims = ("world", "draw", "replicate", "group", "day")
    coords = {
        "world": list(worlds),
        "draw": np.arange(r0.size),
        "replicate": np.arange(3),
        "group": ["all"],
        "day": np.arange(DAYS),
    }
    dataset = xr.Dataset(
        {name: (dims, np.stack([run[number] for run in runs])) for number, name in enumerate(("infections", "R_t"))},
        coords,
        {"kind": "paired", "seed": 7, "coupling": "worlds of a draw and replicate share the noise of every agent"},
    )
    if dates is not None:
        dataset = dataset.assign_coords(date=("day", dates.astype("datetime64[ns]")))
    return dataset


def fake_ranking() -> xr.Dataset:
    """As `rank_policies` gives it."""
    worlds = ["one week earlier", "factual", "one week later"]
    return xr.Dataset(
        {"expected_regret": ("world", [12.0, 410.0, 1900.0]), "probability_best": ("world", [0.97, 0.03, 0.0])},
        {"world": worlds},
        {"kind": "paired"},
    )
