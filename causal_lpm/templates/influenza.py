"""Seasonal influenza: symptoms in two of three, immunity from earlier seasons, and what is done about it."""

import torch

from causal_lpm import Rollout, State, allocate, event, exogenous, hazard_of, rollout, tally
from causal_lpm.agents import NEVER, CatchUp, Isolation, Masks, Treatment, start
from causal_lpm.templates.closures import closures
from causal_lpm.templates.needs import TemplatePopulation, by_place
from causal_lpm.templates.parameters import Parameter, leaving, parameter
from causal_lpm.templates.spread import Spread

__all__ = ["UNITS", "influenza"]

UNITS = {**dict.fromkeys(("infections", "cases", "deaths", "vaccination_doses"), "new"), "infectious": "stock"}
SUSCEPTIBLE, EXPOSED, SILENT, ILL, RECOVERED, DEAD = range(6)
SYMPTOMATIC = 0.67  # Carrat et al. 2008, doi:10.1093/aje/kwm375
SILENT_SENDS = 0.5  # without symptoms; Longini et al. 2004, doi:10.1093/aje/kwh092, as the times below


def influenza(
    population: TemplatePopulation,
    days: int,
    *,
    r0: Parameter = 1.8,
    immune: Parameter = 0.2,
    latent_days: Parameter = 1.9,
    infectious_days: Parameter = 4.1,
    fatality: Parameter = 0.0005,
    initial: Parameter = 20,
) -> Rollout:
    """Influenza of one season, in which vaccination, masks, antivirals, staying at home and closures are policies.

    Args:
        population: With at least one network.
        days: Simulated.
        r0: Infections by one case with the average number of contacts, if all others were susceptible.
        immune: Share of the agents whom earlier seasons protect.
        latent_days: Mean days from infection to infectiousness, at least 1.
        infectious_days: Mean days of infectiousness, at least 1.
        fatality: Share of those with symptoms that dies.
        initial: Agents that are exposed when the simulation begins.

    Returns:
        By place, new `infections`, `cases` (onsets) and `deaths`, the stock `infectious`; all new `vaccination_doses`.
    """
    spread, size = Spread(population), population.people.size
    latent, infectious = parameter("latent_days", latent_days, 1), parameter("infectious_days", infectious_days, 1)
    per_contact = parameter("r0", r0) / (
        infectious * spread.contacts * (SYMPTOMATIC + SILENT_SENDS * (1 - SYMPTOMATIC))
    )
    dies = -torch.log1p(-parameter("fatality", fatality, 0, 0.99))
    protected = exogenous("earlier_seasons", size, "uniform") < parameter("immune", immune, 0, 1)
    first = allocate("initial", protected.to(torch.uint8), parameter("initial", initial, 0, size).round())
    doses, masks = CatchUp("vaccination", strength=0.5, efficacy=0.4, end_day=60), Masks()
    antivirals = Treatment("antivirals", strength=0.3, reduction=0.6)
    at_home = Isolation("at_home", strength=0.5, start_day=NEVER, days=5)

    def day(s: State) -> State:
        stage, (staying, inside) = s["stage"], at_home.day(s, s["onset"])
        treating, given = antivirals.day(s, s["onset"], stage == ILL), doses.day(s, stage == SUSCEPTIBLE)
        sent = (stage == ILL) * antivirals.sending({**s, **treating}) + SILENT_SENDS * (stage == SILENT)
        force = spread.force(s, sent * masks.sending(s) * at_home.contacts_left(s, inside))
        open_to_it = (stage == SUSCEPTIBLE) & ~doses.protected({**s, **given})
        infected = event("infection", per_contact * masks.receiving(s) * force, where=open_to_it)
        begins = event("infectious", leaving(latent), where=stage == EXPOSED)
        onset = event("symptoms", hazard_of(SYMPTOMATIC), where=begins, at_once=True)
        ends = event("end", leaving(infectious), where=(stage == SILENT) | (stage == ILL))
        died = event("death", dies, where=ends & (stage == ILL), at_once=True)
        after = torch.where(ends, RECOVERED + died.int(), stage + (infected | begins) + onset.int()).to(torch.uint8)
        ill = (after == SILENT) | (after == ILL)
        for name, who in {"infections": infected, "cases": onset, "deaths": died, "infectious": ill}.items():
            tally(name, who, **by_place(population), stock=UNITS[name] == "stock")
        return {**s, **treating, **given, **staying, "stage": after, "onset": onset}

    entries = {name: value for part in (doses, masks, antivirals, at_home) for name, value in part.start(size).items()}
    stage = torch.where(first, EXPOSED, torch.where(protected, RECOVERED, SUSCEPTIBLE)).to(torch.uint8)
    own = {"stage": stage, "onset": torch.zeros(size, dtype=torch.bool)}
    return rollout(day, {**start(population.people, **closures(spread.layers)), **entries, **own}, days)
