"""Two strains of one disease: a new one arrives, spreads faster, and escapes some of the immunity against the old."""

import torch

from causal_lpm import Rollout, State, allocate, event, rollout, tally
from causal_lpm.agents import Importation, Strains, start
from causal_lpm.templates.closures import closures, open_share
from causal_lpm.templates.needs import TemplatePopulation, by_place
from causal_lpm.templates.parameters import Parameter, leaving, parameter
from causal_lpm.templates.spread import Spread

__all__ = ["UNITS", "two_strain"]

UNITS = dict.fromkeys(("infections", "infections_old", "infections_new", "cases", "deaths"), "new")
UNITS |= dict.fromkeys(("infectious", "infectious_new"), "stock")
SUSCEPTIBLE, INFECTIOUS, DEAD = range(3)


def two_strain(
    population: TemplatePopulation,
    days: int,
    *,
    r0: Parameter = 2.0,
    advantage: Parameter = 1.5,
    cross_immunity: Parameter = 0.5,
    infectious_days: Parameter = 5.0,
    arrival_day: Parameter = 60.0,
    imported_per_day: Parameter = 2.0,
    reported: Parameter = 0.5,
    fatality: Parameter = 0.001,
    initial: Parameter = 50,
) -> Rollout:
    """An epidemic of one strain, into which another is brought that partly escapes immunity.

    Args:
        population: With at least one network.
        days: Simulated.
        r0: Infections by one agent with the old strain and the average number of contacts, if all were susceptible.
        advantage: Times `r0` for the new strain.
        cross_immunity: Protection by either strain against the other, 0 to 1; against itself it is complete.
        infectious_days: Mean days of infectiousness, at least 1.
        arrival_day: First day on which the new strain can come from outside.
        imported_per_day: Infections a day with the new strain from outside, from then on, if all were susceptible.
        reported: Share of infections that become cases.
        fatality: Share of infections that ends in death.
        initial: Agents that are infectious with the old strain when the simulation begins.

    Returns:
        Series by place: new `infections`, also by strain, `cases` and `deaths`; stocks `infectious`, `infectious_new`.
    """
    spread, size = Spread(population), population.people.size
    cross = parameter("cross_immunity", cross_immunity, 0, 1)[..., None]
    strains = Strains(("old", "new"), torch.where(torch.eye(2).bool(), 1.0, cross))
    lasts, arrives = parameter("infectious_days", infectious_days, 1), parameter("arrival_day", arrival_day)
    imported, borders = parameter("imported_per_day", imported_per_day), Importation(1.0, agents=size)
    old = parameter("r0", r0) / (lasts * spread.contacts)
    rates = {"old": old, "new": old * parameter("advantage", advantage)}
    noticed = -torch.log1p(-parameter("reported", reported, 0, 0.999))
    dies = -torch.log1p(-parameter("fatality", fatality, 0, 0.99))
    first = allocate("initial", torch.zeros(size, dtype=torch.uint8), parameter("initial", initial, 0, size).round())

    def day(s: State) -> State:
        ill = s["stage"] == INFECTIOUS
        hazards = {strain: rates[strain] * spread.force(s, who) for strain, who in strains.carriers(s, ill).items()}
        brought = torch.where(s["t"] >= arrives, imported, 0.0) * open_share(s, "border")
        hazards["new"] = hazards["new"] + borders.hazard(s["t"], brought)
        changed, caught = strains.catch(s, hazards, s["stage"] == SUSCEPTIBLE)
        ends, infected = event("end", leaving(lasts), where=ill), caught["old"] | caught["new"]
        died = event("death", dies, where=ends, at_once=True)
        stage = torch.where(died, DEAD, torch.where(ends, SUSCEPTIBLE, s["stage"] + infected))
        s = {**s, **changed, "stage": stage}
        ill, seen = stage == INFECTIOUS, event("report", noticed, where=infected, at_once=True)
        counted = (infected, *caught.values(), seen, died, ill, strains.carriers(s, ill)["new"])
        for name, who in zip(UNITS, counted, strict=True):
            tally(name, who, **by_place(population), stock=UNITS[name] == "stock")
        return s

    begin = start(population.people, **closures([*spread.layers, "border"]), **strains.start(size))
    return rollout(day, {**begin, **strains.infect(begin, "old", first), "stage": first.to(torch.uint8)}, days)
