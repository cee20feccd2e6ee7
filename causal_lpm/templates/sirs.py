"""Susceptible, infectious, immune for a while: an SIRS epidemic with seasons, in whatever settings there are."""

import torch

from causal_lpm import Rollout, State, allocate, event, rollout, tally
from causal_lpm.agents import Importation, Waning, seasonal, start
from causal_lpm.templates.closures import closures, open_share
from causal_lpm.templates.needs import TemplatePopulation, by_place
from causal_lpm.templates.parameters import Parameter, leaving, parameter
from causal_lpm.templates.spread import Spread

__all__ = ["UNITS", "sirs"]

UNITS = {"infections": "new", "reinfections": "new", "cases": "new", "deaths": "new", "infectious": "stock"}
SUSCEPTIBLE, INFECTIOUS, IMMUNE = range(3)  # and 3, dead


def sirs(
    population: TemplatePopulation,
    days: int,
    *,
    r0: Parameter = 2.5,
    infectious_days: Parameter = 5.0,
    immune_days: Parameter = 180.0,
    seasonal_amplitude: Parameter = 0.1,
    peak_day: Parameter = 15.0,
    imported_per_day: Parameter = 1.0,
    reported: Parameter = 0.5,
    fatality: Parameter = 0.001,
    initial: Parameter = 20,
) -> Rollout:
    """An SIRS epidemic: immunity wanes, transmission follows the season, and infections come from outside.

    Args:
        population: With at least one network.
        days: Simulated.
        r0: Infections by one infectious agent with the average number of contacts, if all others were susceptible.
        infectious_days: Mean days of infectiousness, at least 1.
        immune_days: Mean days of immunity, exponentially distributed.
        seasonal_amplitude: By which share transmission is higher on the peak day, and lower half a year later.
        peak_day: Day of the highest transmission, counted from day 0.
        imported_per_day: Infections a day from outside, if all were susceptible.
        reported: Share of infections that become cases.
        fatality: Share of infections that ends in death.
        initial: Agents that are infectious when the simulation begins.

    Returns:
        Series by place: new `infections`, `reinfections`, `cases` and `deaths`, and the stock `infectious`.
    """
    spread, size, immunity = Spread(population), population.people.size, Waning()
    lasts, immune = parameter("infectious_days", infectious_days, 1), parameter("immune_days", immune_days, 1)
    height, peak = parameter("seasonal_amplitude", seasonal_amplitude, 0, 1), parameter("peak_day", peak_day, -366, 366)
    imported, borders = parameter("imported_per_day", imported_per_day), Importation(1.0, agents=size)
    per_contact = parameter("r0", r0) / (lasts * spread.contacts)
    noticed = -torch.log1p(-parameter("reported", reported, 0, 0.999))
    dies = -torch.log1p(-parameter("fatality", fatality, 0, 0.99))
    first = allocate("initial", torch.zeros(size, dtype=torch.uint8), parameter("initial", initial, 0, size).round())

    def day(s: State) -> State:
        stage, force = s["stage"], spread.force(s, s["stage"] == INFECTIOUS)
        outside = borders.hazard(s["t"], imported * open_share(s, "border"))
        hazard = per_contact * seasonal(s["t"], height, peak) * force + outside
        infected = event("infection", hazard, where=stage == SUSCEPTIBLE)
        ends = event("end", leaving(lasts), where=stage == INFECTIOUS)
        died = event("death", dies, where=ends, at_once=True)
        wanes = (stage == IMMUNE) & ~immunity.immune(s)
        stage = torch.where(wanes, SUSCEPTIBLE, stage + (infected | ends) + died)
        counted = {"infections": infected, "reinfections": infected & (s["immunities"] > 0), "deaths": died}
        counted |= {"cases": event("report", noticed, where=infected, at_once=True), "infectious": stage == INFECTIOUS}
        for name, who in counted.items():
            tally(name, who, **by_place(population), stock=UNITS[name] == "stock")
        return {**s, **immunity.gained(s, ends & ~died, immune), "stage": stage}

    begin = start(population.people, **closures([*spread.layers, "border"]), **immunity.start(size))
    return rollout(day, {**begin, "stage": first.to(torch.uint8)}, days)
