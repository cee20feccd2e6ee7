"""An SEIR epidemic over years: people are born, grow older and die, and the infection comes back from outside."""

import torch

from causal_lpm import Rollout, State, allocate, event, rollout, tally
from causal_lpm.agents import Demography, Importation, VitalRates, renew, start
from causal_lpm.templates.closures import closures, open_share
from causal_lpm.templates.needs import TemplatePopulation, by_place
from causal_lpm.templates.parameters import Parameter, leaving, parameter
from causal_lpm.templates.roomy import roomy

__all__ = ["UNITS", "seir_demography"]

UNITS = dict.fromkeys(("infections", "cases", "deaths", "births", "all_deaths"), "new")
UNITS |= dict.fromkeys(("infectious", "alive"), "stock")
SUSCEPTIBLE, EXPOSED, INFECTIOUS, RECOVERED = range(4)


def seir_demography(
    population: TemplatePopulation,
    days: int,
    *,
    country: str = "NZL",
    r0: Parameter = 2.5,
    latent_days: Parameter = 3.0,
    infectious_days: Parameter = 5.0,
    fatality: Parameter = 0.005,
    imported_per_day: Parameter = 0.5,
    at_home: Parameter = 0.9,
    initial: Parameter = 20,
    room: float = 1.1,
) -> Rollout:
    """An SEIR epidemic with births, deaths and ageing by a country's rates, and importation.

    Args:
        population: With `age` in years; within a place, everybody meets everybody.
        days: Simulated.
        country: Whose births and deaths by age, ISO 3166 code of three letters.
        r0: Infections by one infectious agent, if all others were susceptible.
        latent_days: Mean days from infection to infectiousness, at least 1.
        infectious_days: Mean days of infectiousness, at least 1.
        fatality: Share of cases that dies of the disease.
        imported_per_day: Infections a day from outside, if all were susceptible.
        at_home: Share of contacts that are in one's own place, where there are several.
        initial: Agents that are exposed when the simulation begins.
        room: Places for each of the people: how far the population can grow.

    Returns:
        By place: new `infections`, `cases`, `deaths` of it, `births`, `all_deaths`; stocks `infectious`, `alive`.
    """
    here = roomy(population, room)
    places, demography = here.people, Demography(VitalRates.of(country), **by_place(here))
    home = parameter("at_home", at_home, 0, 1)
    latent, lasts = parameter("latent_days", latent_days, 1), parameter("infectious_days", infectious_days, 1)
    transmission, dies = parameter("r0", r0) / lasts, -torch.log1p(-parameter("fatality", fatality, 0, 0.99))
    imported, borders = parameter("imported_per_day", imported_per_day), Importation(1.0, agents=places.size)
    asks, begins = torch.where(places["alive"], 0, 256), parameter("initial", initial, 0, population.people.size)

    def day(s: State) -> State:
        alive, stage = s["alive"], s["stage"]
        met = here.share_met(alive & (stage == INFECTIOUS), alive, home) * open_share(s, "contact")
        outside = borders.hazard(s["t"], imported * open_share(s, "border"), present=alive)
        infected = event("infection", transmission * met + outside, where=alive & (stage == SUSCEPTIBLE))
        falls_ill = event("onset", leaving(latent), where=alive & (stage == EXPOSED))
        ends = event("end", leaving(lasts), where=alive & (stage == INFECTIOUS))
        died = event("fatal", dies, where=ends, at_once=True)
        changed, vital = demography.day(s, died)
        s = {**s, **changed, "stage": stage + (infected | falls_ill | ends)}
        s |= renew(s, vital.born, {"stage": SUSCEPTIBLE})
        ill = s["alive"] & (s["stage"] == INFECTIOUS)
        counted = (infected, falls_ill, died, vital.born, vital.died, ill, s["alive"])
        for name, who in zip(UNITS, counted, strict=True):
            tally(name, who, **by_place(here), stock=UNITS[name] == "stock")
        return s

    first = allocate("initial", asks, begins.round())
    begin = start(places, **closures(["contact", "border"]), **demography.start(places, days))
    return rollout(day, {**begin, "stage": first.to(torch.uint8) * EXPOSED}, days)
