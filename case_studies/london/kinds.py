"""One household of each kind in place of all: under `MeanField` those that are alike stay alike."""

import dataclasses

import torch

from case_studies.london.people import London
from case_studies.london.question import AGES
from causal_lpm.agents import Groups, Mixing, Population

__all__ = ["one_of_each_kind"]


def one_of_each_kind(here: London) -> London:
    """The agents of one household of each kind, with how many households are of it.

    Two households are of a kind if they are in one borough and have as many members of each age. Without chance their
    members have the same probabilities every day, so that numbers and gradients under `MeanField` are those of all
    agents. Under chance they are not: then it is many households that share one fate.
    """
    group = here.home.group.long()
    households = int(group.max()) + 1
    members = torch.zeros(households, 1 + len(AGES), dtype=torch.int64)
    members.index_put_((group, 1 + here.people["age"]), torch.ones_like(group), accumulate=True)
    members[group, 0] = here.people["borough"]
    kinds, kind, count = torch.unique(members, dim=0, return_inverse=True, return_counts=True)
    first = torch.full((len(kinds),), households).scatter_reduce(0, kind, torch.arange(households), "amin")
    chosen = torch.zeros(households, dtype=torch.bool)
    chosen[first] = True
    kept = chosen[group]
    people = Population({name: here.people[name][kept] for name in ("age", "borough", "cell")}, here.people.labels)
    cell = people["cell"]
    # A Mixing divides by how many agents of a group it has, which here stand for more.
    groups = here.mixing.groups
    share = torch.bincount(cell, minlength=groups) / torch.bincount(here.people["cell"], minlength=groups).double()
    matrices = zip(here.mixing.settings, here.mixing.by_setting * here.mixing.sizes * share, strict=True)
    return dataclasses.replace(
        here,
        people=people,
        home=Groups(torch.unique(group[kept], return_inverse=True)[1]),
        mixing=Mixing(cell, dict(matrices)),
        count=count[kind[group[kept]]].float(),
    )
