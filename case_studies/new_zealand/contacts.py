"""Contacts outside of home and school: by age, between districts by travel, and more often in one's own ethnicity."""

from collections.abc import Sequence

import torch

from case_studies.new_zealand.districts import AUCKLAND, DISTRICTS, ETHNICITIES, apart
from case_studies.new_zealand.inputs import persons
from case_studies.new_zealand.people import Country
from causal_lpm.agents import Mixing, by_place, contact_matrices, radiation, shared

__all__ = ["ANYWHERE", "AWAY", "OWN", "between_districts", "random_contacts"]

AWAY = 0.1
"""Share of people's time outside of home that they spend in another district: an assumption; radiation says where."""
ANYWHERE = 0.3
"""Share of Aucklanders' contacts that are with anybody in Auckland: its three districts are one city. An assumption."""
OWN = 0.5
"""Share of contacts inside the district that are sought in one's own ethnicity, the others being with anybody there: an
assumption."""


def between_districts(away: float = AWAY) -> torch.Tensor:
    """Contacts of one person between districts, float64 `[20, 20]`; rows add up to 1, and it is reciprocal."""
    people = torch.tensor(persons().sum((1, 2)))
    travel = shared(radiation(apart(), people, leave=away), people)
    city = torch.zeros(len(DISTRICTS), dtype=torch.float64)
    city[list(AUCKLAND)] = people[list(AUCKLAND)]
    inside = torch.diag((city > 0).double())
    return travel + ANYWHERE * (inside @ city.expand_as(travel) / city.sum() - inside)


def random_contacts(country: Country, ages: Sequence[int], own: float = OWN, away: float = AWAY) -> Mixing:
    """Contacts a day at work and elsewhere, in the settings `near` and `across`, the boundary of Auckland.

    Args:
        country: The agents.
        ages: The first age of each group that is told apart, rising from 0.
        own: Share of the contacts inside the district that are sought in one's own ethnicity.
        away: Share of time in other districts.

    Returns:
        A network of groups (age * 20 + district) * 4 + ethnicity.

    Source of contacts by age: Prem et al. (2021), PLOS Comput Biol 17(7):e1009098, made reciprocal with these people.
    """
    people = country.people
    table = contact_matrices("NZL", "prem16").reciprocal(people["age"]).regrouped(ages, people["age"])
    outside = {"outside": table.settings["work"] + table.settings["other"]}
    number, kinds = len(DISTRICTS), len(ETHNICITIES)
    of_them = torch.tensor(persons().sum(1))
    of_them = of_them / of_them.sum(1, keepdim=True)
    travel = between_districts(away)
    places = travel[:, None, :, None] * of_them[None, None]  # with whom of a district, whoever one is
    sought = own * (torch.eye(kinds, dtype=torch.float64) - of_them[:, None])
    inside = torch.arange(number)
    places = places.expand(number, kinds, number, kinds).clone()
    places[inside, :, inside, :] += travel.diagonal()[:, None, None] * sought
    here = torch.zeros(number, dtype=torch.bool)
    here[list(AUCKLAND)] = True
    crossing = (here[:, None] != here)[:, None, :, None].double().expand_as(places)
    size = number * kinds
    near, across = (
        by_place(outside, part.reshape(size, size)) for part in (places * (1 - crossing), places * crossing)
    )
    band = table.group_of(people["age"])
    group = (band * number + people["district"].long()) * kinds + people["ethnicity"].long()
    return Mixing(group.int(), {"near": near["outside"], "across": across["outside"]})
