"""Nine places where the archived program does something else than its paper and tables describe, one switch each."""

from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Literal, TypeAlias

from causal_lpm.inference import known

__all__ = ["HOW_TO_CHECK", "Choice", "Mechanism", "mechanism"]

Choice: TypeAlias = Literal["archived", "described"]


@dataclass(frozen=True)
class Mechanism:
    """Which version of each rule runs: `"archived"` (what was run) or `"described"` (what paper and tables say).

    Attributes:
        household_normaliser: Archived: a household contact is divided by the number of characters of the printed
            member list (about 7 x size). Described: by the size.
        random_chain: Archived: contact stubs are chained, so that the random degree is twice its normaliser.
            Described: stubs are paired.
        ring_degree: Archived: degree 2 * (round(mean) // 2) against the unrounded mean. Described: the mean.
        duration_scale: Archived: the scale of gamma times is passed as a rate. Described: mean and sd of the table.
        quarantine_days: Archived: the day of the result only. Described: 14 days.
        breakthrough: Archived: a protected, exposed agent stays asymptomatic for ever and never transmits.
            Described: it has an asymptomatic infection.
        second_dose: Archived: replaces protection by a new draw. Described: adds to it.
        under_65: Archived: the variant splits at 60. Described: at 65.
        eligibility: Archived: the recovered are never vaccinated, unnoticed and symptomatic cases are, at any age.
            Described (our reading): from 16 years, not while symptomatic or in hospital, whether or not recovered.
    """

    household_normaliser: Choice = "archived"
    random_chain: Choice = "archived"
    ring_degree: Choice = "archived"
    duration_scale: Choice = "archived"
    quarantine_days: Choice = "archived"
    breakthrough: Choice = "archived"
    second_dose: Choice = "archived"
    under_65: Choice = "archived"
    eligibility: Choice = "archived"

    def __post_init__(self) -> None:
        for quirk in fields(self):
            known(f"version of {quirk.name}", getattr(self, quirk.name), ("archived", "described"))

    def archived(self, quirk: str) -> bool:
        """Whether `quirk` runs as it was run."""
        return bool(getattr(self, quirk) == "archived")


HOW_TO_CHECK = MappingProxyType(
    {
        "household_normaliser": "where the households table is read (model.py), the member column arrives as text "
        "and its length is taken",
        "random_chain": "the shuffled stubs are joined consecutively; the mean random degree of a day is twice the "
        "tabulated mean",
        "ring_degree": "print the mean degree of an occupation network beside the table: 4 for a tabulated 4.69",
        "duration_scale": "the second parameter of torch's Gamma is a rate; the mean of drawn asymptomatic times "
        "is 5.4 days where the table says 15",
        "quarantine_days": "count agents in quarantine by day since their result: none after the first day",
        "breakthrough": "in the non-sterilizing runs, asymptomatic agents remain at the end and infect nobody",
        "second_dose": "the share of protected agents among the doubly vaccinated is 95% also for an efficacy of 1 "
        "after the first dose",
        "under_65": "the age index of the variant is 6 and above: 60 years and older",
        "eligibility": "vaccinated agents by stage at the dose: none recovered, some asymptomatic, some below 16",
    }
)
"""For each quirk, how to see it in the archive or in its output."""


def mechanism(name: str) -> Mechanism:
    """`"archived"`, `"described"`, or one of them with exceptions: `"archived+random_chain"` corrects that quirk.

    Raises:
        ValueError: unknown mechanism or quirk.

    >>> mechanism("archived+second_dose").second_dose
    'described'
    """
    base, *corrected = name.split("+")
    known("mechanism", base, ("archived", "described"))
    quirks = [quirk.name for quirk in fields(Mechanism)]
    other: Choice = "described" if base == "archived" else "archived"
    start: Choice = "archived" if base == "archived" else "described"
    for quirk in corrected:
        known("quirk", quirk, quirks)
    return replace(Mechanism(), **{quirk: other if quirk in corrected else start for quirk in quirks})
