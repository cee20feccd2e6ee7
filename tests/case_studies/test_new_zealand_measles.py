"""Measles in New Zealand: laws of immunity, of those who are left out, and of the outbreak; known truths."""

import math
from functools import cache, partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from case_studies.new_zealand import measles_people
from case_studies.new_zealand.districts import DISTRICTS, ETHNICITIES, apart
from case_studies.new_zealand.measles_immunity import immunity
from case_studies.new_zealand.measles_inputs import COHORTS, LATENT, WHOLE, YEAR
from case_studies.new_zealand.measles_known_truths import intervals
from case_studies.new_zealand.measles_model import LEAD, outbreak
from case_studies.new_zealand.measles_outbreaks import Outbreaks, Setting, known_outbreaks, simulated
from case_studies.new_zealand.measles_parameters import DISTRICT_GAP, GAP, PRIORS, prior_draws
from case_studies.new_zealand.measles_people import MOST, Candidates, candidates
from case_studies.new_zealand.measles_question import EFFECTS, WORLDS
from case_studies.new_zealand.measles_summary import FEATURES, summary
from causal_lpm.agents import Mixing, Population
from causal_lpm.inference import predict
from causal_lpm.populations import population

WEEKS = 8


@cache
def people(agents: int = 4_000) -> Population:
    """New Zealanders with ethnicities at random."""
    made = population("new-zealand", agents).people
    generator = torch.Generator().manual_seed(1)
    ethnicity = torch.randint(0, len(ETHNICITIES), (made.size,), generator=generator, dtype=torch.uint8)
    kept = {name: made[name] for name in ("age", "district", "household", "classroom")}
    return Population({**kept, "ethnicity": ethnicity}, {"district": DISTRICTS, "ethnicity": ETHNICITIES})


@cache
def country() -> Candidates:
    return candidates(people(), apart())


def run(worlds: dict[str, dict[str, float]], draws: int = 3, seed: int = 0) -> dict[str, dict[str, np.ndarray]]:
    """World -> series -> `[draws, districts, days]`, of outbreaks that spread."""
    drawn = prior_draws(draws, country().offered, seed)
    drawn |= {
        "R0": torch.full((draws,), 18.0),
        "gap": torch.full((draws,), 1.3),
        "quarantined": torch.full((draws,), 0.1),
    }
    found = predict(partial(outbreak, country(), WEEKS, 60), drawn, worlds, seed=seed)
    return {world: {str(n): s.sel(world=world).values[:, 0] for n, s in found.items()} for world in worlds}


# --- immunity --------------------------------------------------------------------------------------------------------


def test_every_cohort_and_the_country_are_as_immune_as_the_sources_say() -> None:
    immune, born = immunity(people()), YEAR - people()["age"].long()
    for first, last, share in COHORTS:
        if share is not None:
            mean = float(immune[(born >= first) & (born <= last)].mean())
            assert math.isclose(mean, share, abs_tol=1e-6)
    assert math.isclose(float(immune.mean()), WHOLE, abs_tol=1e-6)


def test_ethnicities_and_districts_differ_in_the_direction_of_the_table() -> None:
    immune, young = immunity(people()), people()["age"].long() <= 50
    by = {name: float(immune[young & (people()["ethnicity"] == i)].mean()) for i, name in enumerate(ETHNICITIES)}
    assert by["Maori"] < by["Pacific Peoples"] < by["European or Other"] < by["Asian"]
    here = {name: float(immune[young & (people()["district"] == DISTRICTS.index(name))].mean()) for name in DISTRICTS}
    assert here["Northland"] < here["Waikato"] < here["MidCentral"]


def test_an_ethnicity_without_a_figure_is_refused() -> None:
    odd = Population(
        dict(people().attributes), {**people().labels, "ethnicity": ("Maori", "Asian", "Martian", "Other")}
    )
    with pytest.raises(ValueError, match="ethnicity 'Martian'"):
        immunity(odd)


# --- who is left out -------------------------------------------------------------------------------------------------


def test_as_many_are_susceptible_as_if_nobody_had_been_left_out() -> None:
    """Each person is an agent with the probability `bound`; within 5 standard deviations, fails once in two million."""
    share = 1 - immunity(people())
    kept = country().share / country().bound
    variance = float((share * (share / (share * MOST).clamp(max=1.0)).nan_to_num() - share**2).sum())
    assert abs(float(kept.sum()) - float(share.sum())) < 5 * variance**0.5
    assert country().susceptible == pytest.approx(1 - WHOLE)


def test_those_left_out_change_no_contact(monkeypatch: pytest.MonkeyPatch) -> None:
    fewer = country().size  # it is kept: made before the bound is taken away
    monkeypatch.setattr(measles_people, "MOST", 1e9)  # whoever can be susceptible at all is an agent
    more = candidates(people(), apart())
    everybody = people()
    assert more.size > fewer
    age, place = everybody["age"].long(), everybody["district"].long()
    groups = torch.bucketize(age, torch.tensor([5, 14, 38, 51]), right=True) * len(DISTRICTS) + place
    kept = ((1 - immunity(everybody)) > 0).nonzero()[:, 0]
    sizes, there = (torch.bincount(g, minlength=more.outside.groups).double() for g in (groups, groups[kept]))
    matrix = more.outside.rates * torch.where(there > 0, sizes / there.clamp(min=1) * there, 0.0)
    whole = Mixing(groups, matrix)
    sends = torch.rand(more.size, generator=torch.Generator().manual_seed(2)) < 0.3
    of_all = torch.zeros(everybody.size, dtype=torch.bool)
    of_all[kept] = sends
    assert torch.allclose(whole.total(of_all)[kept], more.outside.total(sends), rtol=1e-4)


@settings(max_examples=20, deadline=None)
@given(
    st.floats(*GAP), st.floats(*DISTRICT_GAP), st.integers(0, 19), st.floats(0, 1), st.floats(0, 1), st.floats(0, 0.5)
)
def test_more_coverage_makes_nobody_susceptible(
    gap: float, own: float, asked: int, district: float, cohort: float, more: float
) -> None:
    def threshold(first: float, second: float) -> torch.Tensor:
        points = torch.tensor([[first]]), torch.tensor([[second]])
        return country().threshold(torch.tensor([[gap]]), torch.full((1, 20), own), torch.tensor([[asked]]), *points)

    fewer = threshold(district, cohort)
    assert (fewer <= 1 + 1e-6).all(), "the bound holds for all parameters"
    assert (threshold(district + more, cohort) <= fewer).all()
    assert (threshold(district, cohort + more) <= fewer).all()
    elsewhere = country().people["district"].long() != asked
    assert torch.equal(threshold(district + more, cohort)[..., elsewhere], fewer[..., elsewhere])


# --- the outbreak ----------------------------------------------------------------------------------------------------


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1000))
def test_coverage_as_it_was_changes_nothing_and_worlds_are_runs(seed: int) -> None:
    together = run({**WORLDS, "no more": {"district_points": 0.0, "cohort_points": 0.0}}, seed=seed)
    alone = run({"cohort": WORLDS[EFFECTS[1]]}, seed=seed)["cohort"]
    for name in ("infections", "reported"):
        assert np.array_equal(together["no more"][name], together["as it was"][name])
        assert np.array_equal(alone[name], together[EFFECTS[1]][name])


def test_everybody_is_reported_after_being_infected_and_once() -> None:
    found = run({"as it was": {}}, draws=6)["as it was"]
    infections, reported = found["infections"].sum(1), found["reported"].sum(1)
    assert (infections[:, 0] >= 1).all()
    assert reported[:, : LEAD - 7].sum() == 0
    soonest = min(k for k, p in enumerate(LATENT.probabilities) if p > 0) + 1 + 6
    assert (reported.cumsum(1)[:, soonest:] <= infections.cumsum(1)[:, :-soonest]).all()
    assert reported.sum() > 0


def test_everybody_immune_but_the_first() -> None:
    found = run({"all": {"district_points": 1.0, "cohort_points": 1.0}, "as it was": {}}, draws=6)
    assert found["all"]["infections"].sum() < found["as it was"]["infections"].sum()
    assert (found["all"]["infections"].sum((1, 2)) >= 1).all()


def test_the_priors_and_their_draws_are_the_same_parameters() -> None:
    drawn = prior_draws(5, country().offered, 0)
    assert set(drawn) == {*PRIORS, "district_gap", "asked"}
    assert drawn["district_gap"].shape == (5, 20)


# --- what is told, and answered --------------------------------------------------------------------------------------


def some_outbreaks(number: int = 6) -> Outbreaks:
    generator = torch.Generator().manual_seed(3)
    reported = torch.randint(0, 4, (number, 20, WEEKS), generator=generator)
    return Outbreaks(reported, torch.full((number, 3), 50), torch.randint(0, 20, (number,), generator=generator))


def test_a_summary_of_the_country_does_not_depend_on_the_district_asked_about() -> None:
    some = some_outbreaks()
    one, other = (summary(some.reported, asked, country()) for asked in (some.asked, (some.asked + 1) % 20))
    assert one.shape == (6, len(FEATURES))
    assert one.isfinite().all()
    whole = [name.endswith("country") for name in FEATURES]
    assert torch.equal(one[:, whole], other[:, whole])
    assert not torch.equal(one, other)


def test_a_summary_of_nothing_reported_is_finite() -> None:
    assert summary(torch.zeros(2, 20, WEEKS), torch.tensor([0, 1]), country()).isfinite().all()


def test_intervals_are_whole_draws() -> None:
    draws = torch.arange(101.0).double().reshape(101, 1, 1)
    assert intervals(draws).flatten().tolist() == [5.0, 95.0]


def test_the_truth_of_a_known_outbreak_is_of_the_same_luck(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("case_studies.new_zealand.measles_outbreaks.LEAST", 1)
    setting, folder = Setting(country(), WEEKS, 60), tmp_path_factory.mktemp("known")
    known = known_outbreaks(setting, 2, 5, tried=12, folder=folder, workers=1)
    assert (known.reported.sum((1, 2)) >= 1).all()
    assert torch.equal(known.asked, known.reported.sum(2).argmax(1))
    with pytest.raises(ValueError, match="try more to find 50"):
        known_outbreaks(setting, 50, 5, tried=12, folder=folder, workers=1)


def test_parts_that_are_there_are_used(tmp_path_factory: pytest.TempPathFactory) -> None:
    setting, folder = Setting(country(), WEEKS, 60), tmp_path_factory.mktemp("parts")
    said: list[str] = []
    first, again = (simulated(setting, 4, 1, folder=folder, workers=1, say=said.append) for _ in range(2))
    for one, other in zip(first, again, strict=True):
        assert torch.equal(one.reported, other.reported)
        assert torch.equal(one.averted, other.averted)
    at_random, most_hit = first
    assert torch.equal(at_random.reported, most_hit.reported)
    assert torch.equal(at_random.infections[:, [0, 2]], most_hit.infections[:, [0, 2]])
    same = at_random.asked == most_hit.asked
    assert torch.equal(at_random.infections[same], most_hit.infections[same])
    assert len(said) == 2
