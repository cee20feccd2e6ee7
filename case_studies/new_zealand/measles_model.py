"""An outbreak of measles in New Zealand, day by day: a Pyro program with priors and policies."""

import torch

from case_studies.new_zealand.inputs import PEOPLE
from case_studies.new_zealand.measles_inputs import AT_HOME, INFECTIOUS, LATENT, REPORT_DELAY, TERMS
from case_studies.new_zealand.measles_parameters import parameters
from case_studies.new_zealand.measles_people import Candidates
from case_studies.new_zealand.measles_question import POLICIES
from causal_lpm import State, allocate, event, exogenous, exposure, policy, rollout, tally
from causal_lpm.agents import in_term, start, whole_day

__all__ = ["LEAD", "outbreak"]

NEVER = 20_000
LEAD = 14
"""Days from the first infection to the first day of the first reported week: its own report comes in that week, or
nearly so."""

Tensor = torch.Tensor


def outbreak(country: Candidates, weeks: int, day_of_year: int = 1) -> dict[str, Tensor]:
    """An outbreak that begins with one infection from abroad; others follow at random.

    The luck of an agent is drawn on the day on which it matters, or once (whether one is immune, how long one is
    latent), so that worlds share it. Whoever is infected first is infected abroad in every world.

    Args:
        country: The agents and their contacts.
        weeks: That are reported; they begin on day `LEAD`.
        day_of_year: Which day of the year day 0 is, for school terms.

    Returns:
        Name -> people a day by district, `[*dims, districts, days]`: new `infections`, and `reported` cases.
    """
    p = parameters(country.offered)
    points = {name: policy(name, 0.0) for name in POLICIES}
    size, district, places = country.size, country.people["district"].long(), len(country.districts)

    threshold = country.threshold(p["gap"], p["district_gap"], p["asked"], **points)
    susceptible = exogenous("immunity", size, "uniform") < threshold
    latent = LATENT.draw(exogenous("latent", size, "uniform")).to(torch.int16)
    first = allocate("first", torch.zeros(size, dtype=torch.uint8), 1)

    at_home = -torch.log1p(torch.tensor(-AT_HOME)) / INFECTIOUS
    per_contact = (1 - p["quarantined"]) * _per_contact(country, p["R0"])
    reports, stays = (-torch.log1p(-p[name]) for name in ("reporting", "isolation"))
    from_abroad = p["introductions"] / (7 * PEOPLE * country.susceptible)

    def day(s: State) -> State:
        today = whole_day(s["t"])
        since = today - s["infectious_on"]
        infectious = (since >= 0) & (since < INFECTIOUS)
        reported = event("report", reports, where=since == REPORT_DELAY, at_once=True)
        isolated = s["isolated"] | event("isolation", stays, where=reported, at_once=True)
        met = exposure({"outside": country.outside, "classroom": country.classroom}, infectious & ~isolated)
        at_school = met["classroom"] * country.per_classmate * in_term(s["t"], TERMS, day_of_year)
        away = per_contact * (met["outside"] + at_school)
        hazard = at_home * exposure(country.home, infectious) + away + from_abroad
        infected = event("infection", hazard, where=s["susceptible"])
        infected = infected | (s["first"] if int(today) == 0 else False)
        tally("infections", infected, district, groups=places)
        tally("reported", reported, district, groups=places)
        return {
            **s,
            "susceptible": s["susceptible"] & ~infected,
            "infectious_on": torch.where(infected, today + 1 + s["latent"], s["infectious_on"]),
            "isolated": isolated,
        }

    state = start(
        country.people,
        susceptible=susceptible & ~first,
        first=first,
        latent=latent,
        infectious_on=torch.full((size,), NEVER, dtype=torch.int16),
        isolated=torch.zeros(size, dtype=torch.bool),
        **points,
    )
    return dict(rollout(day, state, LEAD + 7 * weeks).tallies)


def _per_contact(country: Candidates, r0: Tensor) -> Tensor:
    """Hazard a day from an infectious contact outside the home.

    One case infects R0 people if all are susceptible and it meets as many as people do on average, with schools open.
    """
    return (r0 - AT_HOME * country.housemates).clamp(min=0.0) / (INFECTIOUS * country.contacts)
