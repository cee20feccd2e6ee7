"""Those who may be susceptible to measles, and whom they meet: everybody else is left out, which changes nothing.

Nine in ten people are immune, and an immune person neither infects nor is infected. So an agent is made only of who
could be susceptible: each person is one with the highest probability that the priors allow. A draw of the parameters
then makes each agent susceptible with the probability that is left (`Candidates.threshold`), so that every person is
susceptible as often as if all were simulated. Contacts are those of the whole population: the number of people in a
classroom, or of an age in a district, counts the immune.
"""

from dataclasses import dataclass

import torch

from case_studies.new_zealand.measles_immunity import immunity
from case_studies.new_zealand.measles_inputs import BORN, CONTACT_AGES, EFFECTIVENESS, OLDEST_ASKED, YEAR
from case_studies.new_zealand.measles_parameters import DISTRICT_GAP, GAP
from causal_lpm.agents import Groups, Mixing, Population, contact_matrices, radiation, shared
from causal_lpm.agents import by_place as in_places

__all__ = ["Candidates", "candidates"]

Tensor = torch.Tensor
AWAY = 0.05
"""Share of their time outside of home that people spend in other districts, by radiation; an assumption."""
MOST = GAP[1] * DISTRICT_GAP[1]
PUPILS = (5, 17)


@dataclass(frozen=True, eq=False)
class Candidates:
    """Agents who may be susceptible, of a population of `whole` people.

    Attributes:
        people: The agents, with `district`.
        whole: People in all, the immune too.
        susceptible: Share of all people who are susceptible at the centre of the prior.
        share: Probability of each agent's person to be susceptible there, float64 `[agents]`.
        bound: The highest probability that the priors allow, with which the person has become an agent.
        of_age: bool `[agents]`, of an age to be offered a dose.
        in_cohort: bool `[agents]`, born 1982-2005.
        offered: People, not agents, of an age to be offered a dose in each district, int64 `[districts]`.
        cohort: People, not agents, born 1982-2005.
        home: Everybody in the household.
        classroom: Everybody in the classroom.
        per_classmate: Contacts a day with each classmate, float32 `[agents]`; 0 for those in none.
        outside: All others met in a day, by age and district.
        housemates: Of a person on average.
        contacts: A day of a person on average, outside of the home.
    """

    people: Population
    whole: int
    susceptible: float
    share: Tensor
    bound: Tensor
    of_age: Tensor
    in_cohort: Tensor
    offered: Tensor
    cohort: int
    home: Groups
    classroom: Groups
    per_classmate: Tensor
    outside: Mixing
    housemates: float
    contacts: float

    @property
    def size(self) -> int:
        """The number of agents."""
        return self.people.size

    @property
    def districts(self) -> tuple[str, ...]:
        """Their names."""
        return self.people.labels["district"]

    def threshold(
        self, gap: Tensor, district_gap: Tensor, asked: Tensor, district_points: Tensor, cohort_points: Tensor
    ) -> Tensor:
        """Below which uniform number an agent is susceptible, `[*dims, agents]`.

        Args:
            gap: `[*dims, 1]`.
            district_gap: `[*dims, districts]`.
            asked: The number of the district that is asked about, `[*dims, 1]`.
            district_points: Coverage that it has more, of those of an age to be offered a dose, `[*dims, 1]`.
            cohort_points: The same of those born 1982-2005, everywhere.
        """
        here = self.people["district"].long()
        in_district = self.of_age & (here == asked)
        more = EFFECTIVENESS * (district_points * in_district + cohort_points * self.in_cohort)
        share = (self.share.float() * gap * district_gap[..., here]).clamp(max=1.0)
        return (share - more).clamp(min=0.0) / self.bound.float()


def candidates(people: Population, apart: Tensor, seed: int = 0) -> Candidates:
    """The agents of a population.

    Args:
        people: Everybody, with `age`, `district`, `ethnicity`, `household` and `classroom` (-1: in none).
        apart: Kilometres between districts, `[districts, districts]`.
        seed: Of who becomes an agent.

    Raises:
        ValueError: as of `immunity`.
    """
    age, place = people["age"].long(), people["district"].long()
    share = 1 - immunity(people)
    bound = (share * MOST).clamp(max=1.0)
    uniform = torch.rand(people.size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    kept = (uniform < bound).nonzero()[:, 0]
    of_age = (age >= 1) & (age <= OLDEST_ASKED)
    born = YEAR - age
    cohort = (born >= BORN[0]) & (born <= BORN[1])

    classroom, pupil = people["classroom"].long(), (age >= PUPILS[0]) & (age <= PUPILS[1])
    matrices = contact_matrices("NZL", "prem16")
    of_pupils = matrices.group_of(torch.arange(PUPILS[0], PUPILS[1] + 1))
    at_school = float(matrices.settings["school"].sum(1)[of_pupils].mean())
    in_room = torch.bincount(classroom[classroom >= 0], minlength=int(classroom.max()) + 1)
    mates = torch.where(classroom >= 0, in_room[classroom.clamp(min=0)] - 1, 0)
    outside, met = _outside(people, apart, kept)
    household = people["household"].long()
    _, own, at_home = household.unique(return_inverse=True, return_counts=True)
    return Candidates(
        people=Population(
            {name: people[name][kept].clone() for name in ("age", "district", "ethnicity")}, people.labels
        ),
        whole=people.size,
        susceptible=float(share.mean()),
        share=share[kept],
        bound=bound[kept],
        of_age=of_age[kept],
        in_cohort=cohort[kept],
        offered=torch.bincount(place[of_age], minlength=len(people.labels["district"])),
        cohort=int(cohort.sum()),
        home=Groups(_renumbered(household[kept])),
        classroom=Groups(_renumbered(classroom[kept])),
        per_classmate=torch.where(mates > 0, at_school / mates.clamp(min=1), 0.0)[kept].float(),
        outside=outside,
        housemates=float((at_home[own] - 1).double().mean()),
        contacts=met + at_school * float(pupil.double().mean()),
    )


def _outside(people: Population, apart: Tensor, kept: Tensor) -> tuple[Mixing, float]:
    """Contacts at work and elsewhere by age and district, and how many a person has on average."""
    age, place = people["age"].long(), people["district"].long()
    places = len(people.labels["district"])
    matrices = contact_matrices("NZL", "prem16").regrouped(CONTACT_AGES, age).reciprocal(age)
    between = matrices.settings["work"] + matrices.settings["other"]
    residents = torch.bincount(place, minlength=places).double()
    there = shared(radiation(apart, residents, leave=AWAY), residents)
    matrix = in_places({"outside": between}, there)["outside"]
    group = matrices.group_of(age) * places + place
    people_in, agents_in = (torch.bincount(g, minlength=len(matrix)).double() for g in (group, group[kept]))
    # A Mixing divides what a group sends by the agents in it; contacts are with all of its people.
    thinned = torch.where(people_in > 0, agents_in / people_in.clamp(min=1), 0.0)
    return Mixing(group[kept], matrix * thinned), float((between.sum(1)[matrices.group_of(age)]).mean())


def _renumbered(group: Tensor) -> Tensor:
    """Groups from 0 without gaps, -1 for none."""
    found, number = group.unique(return_inverse=True)
    numbered: Tensor = number - int(found[0] < 0)
    return numbered
