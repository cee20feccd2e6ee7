"""Wild birds, farms, culling and eggs, week by week: a Pyro program whose priors are its sites."""

import pyro.distributions as dist
import torch

from case_studies.h5n1_eggs.inputs import WEEKS, calendar_quarter, index_quarter, week_dates
from case_studies.h5n1_eggs.market import BASE, DOZENS, LAG_WEEKS, eggs_price, season_of_weeks
from case_studies.h5n1_eggs.parameters import DETECTION_WEEKS, EFFICACY, PRIORS, PROTECTION
from case_studies.h5n1_eggs.premises import DAIRY, LAYER, PULLET, STORE, TURKEY, Country
from case_studies.h5n1_eggs.question import POLICIES
from case_studies.h5n1_eggs.reports import kinds_of, quarterly
from case_studies.priors import sampled
from causal_lpm import State, allocate, event, exogenous, exposure, observed, policy, rollout, tally
from causal_lpm.agents import start

__all__ = ["OUTCOMES", "epizootic"]

FREE, INFECTED, EMPTY = 0, 1, 2
"""Stages of premises."""
OUTCOMES = ("flocks", "turkey_flocks", "culled", "price", "cost", "spent", "empty_shelves", "exposed_workers")
HEN_LIFE_WEEKS = 80.0
"""Weeks that a hen lays: a share of 1 / 80 of all hens is replaced by pullets each week."""
DAIRY_WEEKS = 4.0
"""Weeks that a dairy herd infects others of its county, if one is infected."""
RING_FROM = 1e5
"""Birds of the layer farms that ring culling is about."""
RECENT = 8
"""Weeks after a flock of a county during which another one counts as a repeat."""
NOT_ASKING = 256
USD_PROTECTED, USD_DOSE = 1e5, 0.2
"""Costs a year of protecting a farm and of vaccinating a bird, USD: assumptions."""
WORKERS = (10, 25_000)
"""Persons exposed at premises that are culled: so many, and one more per so many birds: an assumption."""


def epizootic(us: Country, weeks: int = WEEKS, by_county: int = 0, market: bool = True) -> dict[str, torch.Tensor]:
    """H5N1 in the poultry of a country: parameters from their priors, policies, data sites by quarter.

    Args:
        us: Agents.
        weeks: Simulated from 1 January 2022.
        by_county: Number of counties for which `risk`, the layer flocks expected to be infected, is returned; 0: none.
        market: Whether eggs are sold: without, half of the series.

    Returns:
        Name -> `[*dims, 1, weeks]`: layer flocks and turkey flocks found; layers culled (birds); the price (USD a
        dozen); what consumers pay more than without H5N1, and what policies cost (both billion USD a week); the share
        of stores without eggs; persons exposed at culled premises.
    """
    p = sampled(PRIORS)
    acts = {name: policy(name, each.default) for name, each in POLICIES.items()}
    farms, kind, birds = us.agents, us.agents["kind"], us.agents["birds"]
    layer, pullet, dairy, store = (us.of(each) for each in (LAYER, PULLET, DAIRY, STORE))
    poultry = layer | pullet | us.of(TURKEY)
    dates = week_dates(weeks)
    quarter, column = calendar_quarter(dates), index_quarter(dates)
    surge = exogenous("surge", 1, "normal", slots=int(quarter[-1]) + 1)[..., 0, :]
    pressure = p["surge"] * surge - p["surge"] ** 2 / 2
    by_size = (birds.clamp(min=1.0) / 1e6).log().mul(layer | pullet)
    by_size = (p["size_power"] * by_size).exp()
    base = _wild_hazard(us, p, by_size)
    swept_if = exogenous("ring", farms.size, "uniform") < acts["ring"]
    vaccinated = (exogenous("vaccination", farms.size, "uniform") < acts["vaccinated"]) & layer
    unvaccinated = torch.where(vaccinated, 1 - EFFICACY, 1.0)
    shield, catching = torch.where(_protected(us, base, acts), PROTECTION, 1.0) * unvaccinated, by_size * unvaccinated
    spent = (
        acts["protected"] * USD_PROTECTED + torch.where(vaccinated, birds, 0.0).sum(-1, keepdim=True) * USD_DOSE
    ) / 52e9
    full, pullets = birds[layer].sum().double(), birds[pullet].sum().double()
    full_by_packer = torch.zeros(len(us.packers)).index_add_(0, us.agents["packer"][layer], birds[layer])
    seasonal, kinds = season_of_weeks(weeks), kinds_of(us)
    ring = bool((acts["ring"] > 0).any())

    def week(s: State) -> State:
        t = int(s["t"])
        free, infected = s["stage"] == FREE, s["stage"] == INFECTED
        wild = base[int(column[t])] * pressure[..., quarter[t], None].exp()
        caught_at = wild * shield + p["spread"] * exposure(us.near, infected) * catching
        caught_at = torch.where(dairy, caught_at * 0 + s["dairy_hazard"], caught_at)
        restock_at = s["pullets"] / s["restock_weeks"]
        leaves_at = torch.where(dairy, 1 / DAIRY_WEEKS, 1 / DETECTION_WEEKS)
        hazard = torch.where(free, caught_at, torch.where(infected, leaves_at, restock_at))
        changed = event("change", hazard, where=~store)
        found = changed & infected & poultry
        local = exposure(us.near, found)
        gone = found
        if ring:
            gone = gone | (free & ~changed & layer & swept_if & (birds > RING_FROM) & (local > 0))
        stage = torch.where(changed & free, INFECTED, torch.where(changed & ~free, FREE, s["stage"]))
        stage = torch.where(gone, EMPTY, stage)
        if by_county:
            tally("risk", torch.where(free & layer, -torch.expm1(-hazard), 0.0), farms["county"], groups=by_county)

        tally("flocks", found & layer)
        tally("turkey_flocks", found & (kind == TURKEY))
        tally("kinds", found, kinds, groups=6)
        tally("repeats", found & (s["last"] <= RECENT))
        tally("culled", torch.where(gone & layer, birds, 0.0))
        tally("exposed_workers", torch.where(gone, WORKERS[0] + birds / WORKERS[1], 0.0))
        last = torch.where(local > 0, 1, (s["last"] + 1).clamp(max=99)).to(torch.uint8)
        laying = torch.where(layer & (stage != EMPTY), birds, 0.0)
        share = laying.sum(-1, keepdim=True).double() / full
        sold = _sold(s, laying, share, t) if market else {}
        pullets = _pullets(s, pullet & (stage != EMPTY), share)
        return {**s, **sold, "pullets": pullets, "stage": stage.to(torch.uint8), "last": last}

    def _sold(s: State, laying: torch.Tensor, share: torch.Tensor, t: int) -> dict[str, torch.Tensor]:
        """Packers of each state sell to their stores, first come; the price moves."""
        hens = tally("packed", laying, us.agents["packer"], groups=len(us.packers))
        stock = (us.served * (hens / full_by_packer) + 1e-4).floor()
        supplied = allocate("stores", torch.where(store, 0, NOT_ASKING), stock, by=us.agents["packer"])
        tally("empty_shelves", (store & ~supplied).double() / store.sum())
        relative = s["price"] + (eggs_price(share, s["elasticity"]) - s["price"]) / LAG_WEEKS
        tally("price", relative * BASE * seasonal[t])
        tally("cost", (relative - 1) * BASE * seasonal[t] * full * share * DOZENS / 1e9)
        tally("spent", spent + 0 * share)
        return {"price": relative}

    def _pullets(s: State, ready: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
        """The share of the farms that want birds for which there are pullets."""
        ready = torch.where(ready, birds, 0.0).sum(-1, keepdim=True).double() / pullets
        supply = ((1 + s["spare_pullets"]) * ready - 1).clamp(min=0.0) * full / HEN_LIFE_WEEKS
        wanted = (full * (1 - share)).clamp(min=1.0) / s["restock_weeks"]
        return (supply / wanted).clamp(max=1.0).float()

    one = torch.ones(1)
    state = start(
        farms,
        stage=torch.zeros(farms.size, dtype=torch.uint8),
        last=torch.full((farms.size,), 99, dtype=torch.uint8),
        price=one.double(),
        pullets=one,
        **acts,
    )
    series = dict(rollout(week, state, weeks).tallies)
    for name, (mean, width) in quarterly(series, quarter).items():
        observed(name, dist.Normal(mean, width).to_event(1))
    return series


def _wild_hazard(us: Country, p: dict[str, torch.Tensor], by_size: torch.Tensor) -> list[torch.Tensor]:
    """Infections a week by wild birds in a usual quarter, by column of the index, `[*dims, agents]`."""
    level = torch.where(us.of(TURKEY), p["turkey_level"], p["layer_level"])
    level = torch.where(us.of(STORE) | us.of(DAIRY), -torch.inf, level)
    return [by_size * (level + p["season_power"] * us.season[q] + p["wild_power"] * us.wild[q]).exp() for q in range(4)]


def _protected(us: Country, base: list[torch.Tensor], acts: dict[str, torch.Tensor]) -> torch.Tensor:
    """The layer farms that keep wild birds away, bool `[*dims, agents]`."""
    layer, luck = us.of(LAYER), exogenous("protected_by_chance", us.agents.size, "uniform")
    order = [torch.stack(base).mean(0), us.agents["birds"], luck]
    chosen = torch.zeros((), dtype=torch.bool)
    for number, value in enumerate(order):
        rank = torch.where(layer, value, -1.0).argsort(-1, descending=True).argsort(-1)
        chosen = chosen | ((acts["protected_by"] == number) & (rank < acts["protected"]))
    return chosen & layer
