"""The epidemic and its tests, day by day: a Pyro program whose priors are its sites and whose tests are policies."""

import torch

from case_studies.priors import sampled
from case_studies.test_choice.inputs import (
    ASYMPTOMATIC_INFECTIOUSNESS,
    AT_HOME,
    EARLY,
    FATALITY,
    ILL,
    LATENT,
    PRESYMPTOMATIC,
    SYMPTOMATIC,
)
from case_studies.test_choice.parameters import PRIORS
from case_studies.test_choice.people import Town
from case_studies.test_choice.question import POLICIES
from causal_lpm import State, event, exogenous, exposure, observed, policy, rollout, tally
from causal_lpm.agents import negative_binomial, start, whole_day

__all__ = ["DAYS", "OUTCOMES", "epidemic"]

DAYS = 150
NEVER = 20_000
CERTAIN = 1e6
OUTCOMES = ("infections", "deaths", "needless_days", "quarantine_days", "tests", "positives")


def epidemic(town: Town, days: int = DAYS) -> dict[str, torch.Tensor]:
    """An epidemic in a town that tests: parameters from their priors, policies, reports.

    All luck is drawn on the day on which it matters and named after it, so that the test of an agent on a day has the
    same luck whatever test is used. A quarantine is needless if the agent is not infected on its first day; all of its
    days count.

    Args:
        town: Agents and contacts.
        days: Simulated.

    Returns:
        Name -> persons, days or tests a day, `[*dims, 1, days]`: `infections`; `deaths`, those expected of the day's
        infections by age; `quarantine_days`, and `needless_days` among them; `tests`; `positives`, the results of the
        day. The data site `reported` draws the positive results that are reported.
    """
    p = sampled(PRIORS)
    policies = {name: policy(name, each.default) for name, each in POLICIES.items()}
    per_contact = _per_contact(town, p["R0"], p["asymptomatic"])
    size, age = town.people.size, town.people["age_group"]

    def day(s: State) -> State:
        today = whole_day(s["t"])
        susceptible = s["infectious_on"] == NEVER
        over = s["recovered_on"] <= today
        infectious = (s["infectious_on"] <= today) & ~over
        tests = _tests(s, today, infectious, (s["symptoms_on"] <= today) & ~over)
        positive, enters = tests["positive_on"] == today, tests["quarantine_on"] == today
        end = torch.where(enters, _after(today, s["quarantine_days"]), s["quarantine_end"])
        needless = torch.where(enters, susceptible | over, s["needless"])
        isolated = end > today

        sent = torch.where(infectious, torch.where(s["symptoms_on"] == NEVER, ASYMPTOMATIC_INFECTIOUSNESS, 1.0), 0.0)
        met = exposure(town.outside, torch.where(isolated, 0.0, sent))
        outside = torch.where(isolated, 0.0, per_contact * (met["work"] + met["random"]))
        hazard = _hazard(p["seeding"]) if int(today) == 0 else AT_HOME * exposure(town.home, sent) + outside
        infected = event("infection", hazard, where=susceptible)

        tally("infections", infected, age, groups=len(FATALITY))
        tally("quarantine_days", isolated)
        tally("needless_days", isolated & needless)
        tally("positives", positive)
        course = _course(s, today, infected, p["asymptomatic"], size)
        traced = exposure(town.home, positive) > 0
        return {**s, **tests, **course, "quarantine_end": end, "needless": needless, "traced": traced}

    none, no = torch.full((size,), NEVER, dtype=torch.int16), torch.zeros(size, dtype=torch.bool)
    state = start(
        town.people,
        **dict.fromkeys(("infectious_on", "symptoms_on", "recovered_on"), none),
        **dict.fromkeys(("next_test_on", "positive_on", "quarantine_on", "quarantine_end"), none - NEVER - 1),
        needless=no,
        traced=no,
        **policies,
    )
    series = dict(rollout(day, state, days).tallies)
    by_age = series["infections"].double()
    series["infections"] = series["infections"].sum(-2, keepdim=True)
    series["deaths"] = (by_age * torch.tensor(FATALITY, dtype=torch.float64)[:, None]).sum(-2, keepdim=True)
    mean = p["reporting"].unsqueeze(-1) * series["positives"]
    observed("reported", negative_binomial(mean, p["dispersion"].unsqueeze(-1)).to_event(1))
    return series


def _tests(s: State, today: torch.Tensor, infectious: torch.Tensor, symptoms: torch.Tensor) -> dict[str, torch.Tensor]:
    """Today's swabs: on which day the agent may be tested again, is told to be positive, and enters quarantine.

    What a test shows, and whether its result is obeyed, is decided by the luck of the day of the swab.
    """
    free = (s["next_test_on"] <= today) & (s["quarantine_end"] <= today)
    swabbed = event("test_at_random", _hazard(s["testing_rate"]), where=free)
    swabbed = swabbed | event("test_of_symptoms", _hazard(s["symptomatic_testing"]), where=free & symptoms)
    swabbed = swabbed | event("test_of_contact", _hazard(s["contact_testing"]), where=free & s["traced"])
    positive = event("true_positive", _hazard(s["sensitivity"]), where=swabbed & infectious)
    positive = positive | event("false_positive", _hazard(s["false_positive_rate"]), where=swabbed & ~infectious)
    obeys = event("adherence", _hazard(s["adherence"]), where=positive)
    tally("tests", swabbed)
    told = _after(today, s["delay"])
    # A second swab would put its result in the place of the one that is awaited.
    again = _after(today, torch.maximum(s["days_between_tests"], s["delay"] + 1))
    return {
        "next_test_on": torch.where(swabbed, again, s["next_test_on"]),
        "positive_on": torch.where(positive, told, s["positive_on"]),
        "quarantine_on": torch.where(obeys, told, s["quarantine_on"]),
    }


def _course(
    s: State, today: torch.Tensor, infected: torch.Tensor, asymptomatic: torch.Tensor, size: int
) -> dict[str, torch.Tensor]:
    """The days on which those infected today become infectious, have symptoms (or never), and recover."""

    def days(name: str) -> torch.Tensor:
        return exogenous(name, size, "uniform")

    infectious_on = today + 1 + LATENT.draw(days("latent")).to(torch.int16)
    symptoms_on = infectious_on + PRESYMPTOMATIC.draw(days("presymptomatic")).to(torch.int16)
    recovered_on = symptoms_on + 1 + SYMPTOMATIC.draw(days("symptomatic")).to(torch.int16)
    silent = days("asymptomatic") < asymptomatic
    new = {
        "infectious_on": infectious_on,
        "symptoms_on": torch.where(silent, NEVER, symptoms_on).to(torch.int16),
        "recovered_on": recovered_on,
    }
    return {name: torch.where(infected, value, s[name]) for name, value in new.items()}


def _per_contact(town: Town, reproduction: torch.Tensor, asymptomatic: torch.Tensor) -> torch.Tensor:
    """Hazard a day from an infectious contact outside the household, so that one case infects R0 among all who meet."""
    weight = (EARLY + ILL) * (1 - asymptomatic * (1 - ASYMPTOMATIC_INFECTIOUSNESS))
    at_home = weight * AT_HOME * town.housemates
    return torch.clamp(reproduction - at_home, min=0.0) / (weight * town.met)


def _after(today: torch.Tensor, days: torch.Tensor) -> torch.Tensor:
    return (today + days.round()).to(torch.int16)


def _hazard(probability: torch.Tensor) -> torch.Tensor:
    """The hazard of a probability; of a certain event so large that no luck withstands it."""
    return -torch.log1p(-probability).clamp(min=-CERTAIN)
