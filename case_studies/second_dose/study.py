"""The study as the command line runs it: policies, settings, one replicate of every world."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any

from case_studies.second_dose import inputs
from case_studies.second_dose.age_groups import AgeGroupStudy, check_size
from case_studies.second_dose.mechanism import Choice, Mechanism, mechanism
from causal_lpm.inference import Options, Policy, References, Worlds, known

if TYPE_CHECKING:  # the model is imported when it runs: a list of studies needs none
    import numpy.typing as npt

    from case_studies.second_dose.model import Setup

__all__ = ["SecondDose", "study"]

EFFICACIES = (0.9, 0.8, 0.75, 0.7)
QUIRKS = tuple(quirk.name for quirk in fields(Mechanism))


@functools.cache
def _policies() -> dict[str, Policy]:
    from causal_lpm.agents import POLICIES

    def switch(name: str, description: str) -> Policy:
        return Policy(name, POLICIES[name], description, 0, 1, switch=True)

    def number(name: str, description: str, low: float, high: float, integer: bool = False) -> Policy:
        return Policy(name, POLICIES[name], description, low, high, integer=integer)

    listed = (
        switch("vaccination", "whether anybody is vaccinated"),
        switch("first_dose_priority", "first doses before second doses: the delayed schedule"),
        number("dose_interval", "days from first to second dose at least", 1, 365, integer=True),
        number("doses_per_day", "doses a day per 100,000 people", 0, 100_000),
        number("first_dose_efficacy", "share protected by one dose", 0, 1),
        number("second_dose_efficacy", "share protected by two doses", 0, 1),
        switch("sterilizing", "whether the protected cannot be infected at all"),
        switch("under_65_only", "delay only for the young: the elderly come first"),
        number("vaccination_start", "first day of the campaign", 0, 3650, integer=True),
        number("kick_in", "days until a first dose protects", 0, 365, integer=True),
        Policy("contact_scale", 1.0, "contacts relative to the published ones", 0, 10),
        *(
            Policy(f"correct_{quirk}", 0.0, f"{quirk} as described, not as archived", 0, 1, switch=True)
            for quirk in QUIRKS
        ),
    )
    return {policy.name: policy for policy in listed}


class SecondDose(AgeGroupStudy):
    """What if the second dose had been delayed? The BMJ 2021 study, in worlds that share every agent's luck."""

    name = "second-dose"
    title = "Delaying the second vaccine dose (King County agents)"
    source = inputs.SOURCE
    start_date: str | None = None

    @property
    def policies(self) -> Mapping[str, Policy]:
        """Those of the campaign, the level of contacts, and a correction of each quirk."""
        return _policies()

    def variant(self, extra: Mapping[str, str | float]) -> Any:
        """The study of another population: `population=nyc`, with doses of your own where `doses=FILE` is given."""
        population = str(extra.get("population", "king-county"))
        known("population", population, ("king-county", "nyc"))
        if population == "king-county":
            if "doses" in extra:
                raise ValueError("a file of doses belongs to --population nyc: add it, or leave --doses out.")
            return self
        from case_studies.second_dose import nyc

        return nyc.load(extra)

    def worlds(self, size: str) -> tuple[Worlds, References]:
        """`demo` and `main`: the seven published worlds. `full`: other rates, variants, efficacies; every quirk."""
        known("size of the study", size, ("demo", "main", "full"))
        chosen = {"no vaccine": {"vaccination": 0.0}}
        references = {}
        for label, acts, efficacies in _variants(size):
            for efficacy in efficacies:
                given = {**acts, "first_dose_efficacy": efficacy}
                standard, delayed = f"standard {efficacy:g}{label}", f"delayed {efficacy:g}{label}"
                if "under_65_only" in acts:  # the standard schedule has no such variant
                    standard = f"standard {efficacy:g}"
                else:
                    chosen[standard] = given
                chosen[delayed] = {**given, "first_dose_priority": 1.0}
                references[delayed] = standard
        return chosen, references

    def check(self, worlds: Worlds, options: Options) -> None:
        """Raises ValueError for an unknown mechanism or option, a correction of nothing, or an impossible size."""
        for key in options.extra:
            known("option", key, ("mechanism", "population", "doses"))
        base = mechanism(str(options.extra.get("mechanism", "archived")))
        for name, policies in worlds.items():
            for quirk in QUIRKS:
                if policies.get(f"correct_{quirk}", 0.0) > 0 and not base.archived(quirk):
                    raise ValueError(
                        f"world {name!r} corrects {quirk!r}, which the mechanism "
                        f"{options.extra['mechanism']!r} has as described already: leave it out."
                    )
        check_size(options, len(worlds))

    def group_sizes(self, options: Options) -> npt.NDArray[Any]:
        """Agents in each age group."""
        from case_studies.second_dose.people import king_county
        from case_studies.second_dose.replicate import people_by_age

        return people_by_age(king_county(options.agents))

    def simulate(self, worlds: Worlds, options: Options, seed: int) -> dict[str, npt.NDArray[Any]]:
        """One replicate: `[world, age group, day]` new counts.

        Worlds of one mechanism run together; the noise is keyed, so all worlds share it.
        """
        import numpy as np

        from case_studies.second_dose.replicate import one_replicate

        base = str(options.extra.get("mechanism", "archived"))
        rows: dict[str, dict[str, npt.NDArray[Any]]] = {}
        by_rules: dict[Mechanism, list[str]] = {}
        for name, policies in worlds.items():
            by_rules.setdefault(_rules(base, policies), []).append(name)
        for rules, members in by_rules.items():
            prepared = _prepared(options.agents, rules, options.device)
            counts = one_replicate(prepared, {n: _decisions(worlds[n]) for n in members}, options.days, seed)
            for row, name in enumerate(members):
                rows[name] = {outcome: series[row] for outcome, series in counts.items()}
        return {outcome: np.stack([rows[name][outcome] for name in worlds]) for outcome in self.outcomes}


def _variants(size: str) -> list[tuple[str, dict[str, float], tuple[float, ...]]]:
    """Label, policies and efficacies of every pair of schedules."""
    if size != "full":
        return [("", {}, EFFICACIES[:3])]
    sterilizing = {"sterilizing": 1.0}
    corrections = {f", {quirk} corrected": {f"correct_{quirk}": 1.0} for quirk in QUIRKS}
    corrections[", under_65 corrected"]["under_65_only"] = 1.0  # it is a rule of that variant only
    corrections[", all corrected"] = {f"correct_{quirk}": 1.0 for quirk in QUIRKS}
    return [
        ("", {}, EFFICACIES),
        (", 100 a day", {"doses_per_day": 100.0}, EFFICACIES),
        (", 1000 a day", {"doses_per_day": 1000.0}, EFFICACIES),
        (", sterilizing", sterilizing, EFFICACIES),
        (", sterilizing, 100 a day", {**sterilizing, "doses_per_day": 100.0}, (0.8,)),
        (", sterilizing, 1000 a day", {**sterilizing, "doses_per_day": 1000.0}, (0.8,)),
        (", under 65 only", {"under_65_only": 1.0}, EFFICACIES),
        *((label, acts, (0.9, 0.8)) for label, acts in corrections.items()),
    ]


def _rules(base: str, policies: Mapping[str, float]) -> Mechanism:
    """The mechanism of a world: the run's, with the quirks that the world corrects as described."""
    corrected: dict[str, Choice] = {quirk: "described" for quirk in QUIRKS if policies.get(f"correct_{quirk}", 0.0) > 0}
    return replace(mechanism(base), **corrected)


def _decisions(policies: Mapping[str, float]) -> dict[str, float]:
    """The policies without the corrections, which are rules of the simulation and no decisions in it."""
    return {name: value for name, value in policies.items() if not name.startswith("correct_")}


@functools.lru_cache(maxsize=16)
def _prepared(agents: int, rules: Mechanism, device: str) -> Setup:
    from case_studies.second_dose.model import setup
    from case_studies.second_dose.people import king_county

    return setup(king_county(agents), rules, device)


study = SecondDose()
