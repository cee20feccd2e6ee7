"""The people: district, age and ethnicity, in households and classrooms; some districts in finer grain if wanted."""

import functools
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from case_studies.new_zealand.districts import DISTRICTS, ETHNICITIES
from case_studies.new_zealand.inputs import PEOPLE, persons
from causal_lpm.agents import Groups, Population
from causal_lpm.inference import positive_count
from causal_lpm.populations import population

__all__ = ["Country", "Finer", "country", "ethnicities", "sized"]

Columns: TypeAlias = dict[str, torch.Tensor]
Finer: TypeAlias = tuple[tuple[int, tuple[int, ...]], ...]
Floats: TypeAlias = npt.NDArray[np.float64]
Whole: TypeAlias = npt.NDArray[np.int64]
GROUPS = ("household", "classroom")


@dataclass(frozen=True, eq=False)
class Country:
    """Agents, and whom they meet at home and at school.

    Attributes:
        people: attributes `district` and `ethnicity` (uint8, as `DISTRICTS` and `ETHNICITIES`), `age` in years (uint8),
            `household` and `classroom` (int32, -1 for none). Districts follow each other, as do members of a household.
        home: everybody in the household.
        school: everybody in the classroom, the teacher too.
        weight: float32 `[20]`, persons of the table that an agent of each district stands for.
    """

    people: Population
    home: Groups
    school: Groups
    weight: torch.Tensor

    def per_person(self, values: torch.Tensor) -> torch.Tensor:
        """Mean of `values` `[agents]` over persons, float32: an agent counts as many times as it stands for some."""
        share = self.weight[self.people["district"].long()].double()
        return ((values * share).sum() / share.sum()).float()


@functools.lru_cache(maxsize=2)
def country(agents: int | None = None, seed: int = 0, finer: Finer = ()) -> Country:
    """New Zealand with households and schools, in which everybody has a district, an age and an ethnicity.

    Districts, ages, households and classrooms are those of the package's population `new-zealand`. In each district the
    ethnicities have their shares of every five years of age as in the table, to rounding; see `ethnicities`.

    Args:
        agents: In all, about; one a person (5,172,834) if not given.
        seed: The same seed gives the same people.
        finer: How many times as many agents a person as others have, and the numbers of the districts that have them;
            fewer times where there would be more agents than people.

    Raises:
        ValueError: agents or times below 1, more agents than memory holds, or so few that a district lacks adults.

    >>> country(agents=2_000).people
    <Population of 2,000 agents with district, age, household, classroom, ethnicity>
    """
    for times, _ in finer:
        positive_count("times as many agents", times)
    grain = [next((times for times, own in finer if number in own), 1) for number in range(len(DISTRICTS))]
    made = {times: _columns(number, seed) for times, number in sized(agents, np.array(grain)).items()}
    columns = _chosen([made[times] for times in grain]) if len(made) > 1 else made.popitem()[1]
    district, age, home = (columns[name].numpy() for name in ("district", "age", "household"))
    ends = np.searchsorted(district, np.arange(len(DISTRICTS) + 1))
    told = np.empty(len(district), dtype=np.uint8)
    for number, (begin, end) in enumerate(itertools.pairwise(ends)):
        own, rng = slice(begin, end), np.random.default_rng([seed % 2**64, number])
        told[own] = ethnicities(rng, age[own], home[own], persons()[number])
    columns["ethnicity"] = torch.from_numpy(told)
    people = Population(columns, {"district": DISTRICTS, "ethnicity": ETHNICITIES})
    weight = torch.tensor(persons().sum((1, 2)) / np.diff(ends), dtype=torch.float32)
    return Country(people, Groups(people["household"]), Groups(people["classroom"]), weight)


def ethnicities(rng: np.random.Generator, age: Whole, household: Whole, table: Floats) -> npt.NDArray[np.uint8]:
    """The ethnicity of everybody in a district: that of the oldest at home, unless the table says otherwise.

    First everybody has the ethnicity of the oldest member of the household, drawn from those of that age. Then, in
    each five years of age, as few people as can be, drawn at random, change theirs so that each has its share.

    Args:
        rng: Of the draw.
        age: Years, `[agents]`.
        household: Numbers `[agents]`, members following each other.
        table: Persons by five years of age, the last open, and ethnicity, `[ages, ethnicities]`; an age without any
            has the shares of all.

    >>> people = np.array([[1.0, 1.0], [4.0, 0.0]])
    >>> told = ethnicities(np.random.default_rng(0), np.array([30, 2, 31, 3]), np.array([0, 0, 1, 1]), people)
    >>> told[[0, 2]].tolist(), sorted(told[[1, 3]].tolist())
    ([0, 0], [0, 1])
    """
    band = np.minimum(age // 5, len(table) - 1)
    shares = np.where(table.sum(1, keepdims=True) > 0, table, table.sum(0))
    shares = shares / shares.sum(1, keepdims=True)
    _, first, home = np.unique(household, return_index=True, return_inverse=True)
    oldest = np.zeros(len(first), dtype=age.dtype)
    np.maximum.at(oldest, home, age)
    drawn = rng.random(len(first))[:, None] > shares.cumsum(1)[np.minimum(oldest // 5, len(table) - 1), :-1]
    told: npt.NDArray[np.uint8] = drawn.sum(1).astype(np.uint8)[home]
    for number, share in enumerate(shares):
        own = rng.permutation(np.flatnonzero(band == number))
        spare = np.bincount(told[own], minlength=len(share)) - _apportioned(share, len(own))
        leave = np.concatenate([own[told[own] == each][: max(0, many)] for each, many in enumerate(spare)])
        told[rng.permutation(leave)] = np.repeat(np.arange(len(share)), np.maximum(0, -spare))
    return told


def _apportioned(shares: Floats, whole: int) -> Whole:
    """Whole numbers in proportion that add up, by largest remainders."""
    exact = shares * whole
    found: Whole = np.floor(exact).astype(np.int64)
    found[np.argsort(found - exact, kind="stable")[: whole - int(found.sum())]] += 1
    return found


def sized(agents: int | None, grain: Whole) -> dict[int, int | None]:
    """Times as many agents -> agents of a country that all has this grain; None: one a person, and nowhere more.

    What districts that are full cannot take, the others have: in all there are about `agents`.

    Args:
        agents: In all; one a person if not given.
        grain: How many times as many agents a person each district has, `[20]`.

    >>> grain = np.array([1, 16, 16, 16, *[1] * 16])
    >>> sized(250_000, grain), sized(4_000_000, grain)
    ({1: 40497, 16: 647944}, {1: 3382544, 16: None})
    """
    if agents is None or (grain == 1).all():
        return dict.fromkeys(sorted(set(grain.tolist())), agents)
    share = persons().sum((1, 2)) / persons().sum()
    full = np.zeros(len(grain), dtype=bool)
    whole = float(agents)
    while not full.all():
        whole = (agents - PEOPLE * share[full].sum()) / (share * grain)[~full].sum()
        if not (over := ~full & (whole * grain > PEOPLE)).any():
            break
        full |= over
    return {
        times: None if full[grain == times].any() else round(whole * times) for times in sorted(set(grain.tolist()))
    }


def _columns(agents: int | None, seed: int) -> Columns:
    made = population("new-zealand", agents, seed)
    if made.places["district"] != DISTRICTS:
        raise RuntimeError(f"the package numbers districts as {made.places['district']}: bring `DISTRICTS` to it.")
    return {name: made.people[name] for name in ("district", "age", *GROUPS)}


def _chosen(sources: Sequence[Columns]) -> Columns:
    """Each district from its own source, groups numbered on."""
    parts: dict[str, list[torch.Tensor]] = {name: [] for name in sources[0]}
    seen = dict.fromkeys(GROUPS, 0)
    for number, source in enumerate(sources):
        begin, end = torch.searchsorted(source["district"], torch.tensor([number, number + 1], dtype=torch.uint8))
        for name, values in source.items():
            own = values[begin:end]
            if name in seen and bool((inside := own >= 0).any()):
                own = torch.where(inside, own - own[inside].min() + seen[name], own)
                seen[name] = int(own.max()) + 1
            parts[name].append(own)
    return {name: torch.cat(values) for name, values in parts.items()}
