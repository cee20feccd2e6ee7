"""The second-dose model in small: 5,000 agents, 60 days, more doses a day so that both doses are given."""

import functools
from collections.abc import Mapping
from dataclasses import fields

import pytest
import torch
from chirho.dynamical.handlers import LogTrajectory
from hypothesis import given
from hypothesis import strategies as st

from case_studies.second_dose import inputs
from case_studies.second_dose import people as people_of_king_county
from case_studies.second_dose.mechanism import HOW_TO_CHECK, Mechanism, mechanism
from case_studies.second_dose.model import NEVER, Setup, first_cases_of_archive, second_dose, setup
from case_studies.second_dose.people import king_county
from case_studies.second_dose.study import study
from causal_lpm import KeyedNoise, Rollout, comparing
from causal_lpm.agents import synthesise
from causal_lpm.inference import Options

AGENTS, DAYS, SEED = 5000, 60, 3
QUIRKS = [quirk.name for quirk in fields(Mechanism)]
BUSY = {"doses_per_day": 3000.0, "dose_interval": 7.0}  # 150 doses a day for 5,000 agents
NO_SECOND = {"doses_per_day": 3000.0, "dose_interval": 365.0, "first_dose_priority": 1.0}
SETTINGS = {
    "none": {"vaccination": 0.0},
    "standard": BUSY,
    "delayed": {**BUSY, "first_dose_priority": 1.0},
    "sterilizing": {**BUSY, "sterilizing": 1.0},
    "young wait": {**BUSY, "first_dose_priority": 1.0, "under_65_only": 1.0},
}


@functools.cache
def prepared(version: str = "archived") -> Setup:
    return setup(king_county(AGENTS), mechanism(version))


def run(settings: Mapping[str, Mapping[str, float]], version: str = "archived", seed: int = SEED) -> Rollout:
    with KeyedNoise(seed), comparing(settings):
        return second_dose(prepared(version), DAYS)


@pytest.fixture(scope="module")
def worlds() -> Rollout:
    return run(SETTINGS)


@pytest.fixture(scope="module")
def stages() -> torch.Tensor:
    """Stage of every agent at the start of each day, `[worlds, agents, days]`."""
    times = torch.arange(1, DAYS - 1, dtype=torch.float32)
    with KeyedNoise(SEED), comparing(SETTINGS), LogTrajectory(times) as log:
        second_dose(prepared(), DAYS)
    return log.trajectory["stage"].long()


# Conservation


def test_every_agent_is_in_one_stage(worlds: Rollout) -> None:
    last = worlds.state["stage"]
    assert last.shape == (len(SETTINGS), AGENTS)
    assert int(last.max()) < len(inputs.STAGES)
    for world in last:
        assert int(torch.bincount(world.long(), minlength=len(inputs.STAGES)).sum()) == AGENTS


def test_tallies_agree_with_the_last_state(worlds: Rollout) -> None:
    stage, total = worlds.state["stage"], {name: series.sum((-1, -2)) for name, series in worlds.tallies.items()}
    first_cases = len(inputs.FIRST_CASES)
    assert (total["infections"] + first_cases).tolist() == (stage != inputs.SUSCEPTIBLE).sum(-1).tolist()
    assert total["deaths"].tolist() == (stage == inputs.DEATH).sum(-1).tolist()
    doses = worlds.state["doses"].long()
    assert (total["first_doses"] + total["second_doses"]).tolist() == doses.sum(-1).tolist()
    assert total["second_doses"].tolist() == (doses == 2).sum(-1).tolist()
    assert int(doses.max()) == 2


def test_infections_never_exceed_agents_and_nothing_is_negative(worlds: Rollout) -> None:
    group_sizes = torch.bincount(prepared().people["age_group"].long(), minlength=9)
    for name in ("infections", "hospitalisations", "deaths"):
        series = worlds.tallies[name]
        assert series.shape == (len(SETTINGS), len(inputs.AGES), DAYS - 1)
        assert int(series.min()) >= 0  # so that cumulative deaths never decrease
        assert bool((series.sum(-1) <= group_sizes).all())
    deaths, ill = (worlds.tallies[name].sum(-1) for name in ("deaths", "infections"))
    assert int(deaths.sum()) > 0
    first = torch.zeros(9, dtype=torch.long).index_add_(
        0, torch.tensor([age for _, age in inputs.FIRST_CASES]), torch.ones(5).long()
    )
    assert bool((deaths <= ill + first).all())


def test_stages_change_only_along_the_arrows(stages: torch.Tensor) -> None:
    number = {name: code for code, name in enumerate(inputs.STAGES)}
    allowed = torch.eye(len(inputs.STAGES), dtype=torch.bool)
    for source, target, _ in inputs.BRANCHES:
        allowed[number[source], number[target]] = True
    assert bool(allowed[stages[..., :-1], stages[..., 1:]].all())
    dead = (stages == inputs.DEATH).sum(1)
    assert bool((dead.diff(dim=-1) >= 0).all())


def test_doses_keep_to_the_supply_and_the_rules(worlds: Rollout) -> None:
    given_doses = (worlds.tallies["first_doses"] + worlds.tallies["second_doses"])[:, 0]
    assert bool((given_doses[:, :10] == 0).all())
    delivered = 150 * torch.arange(1, DAYS - 10)
    assert bool((given_doses[1:, 10:].cumsum(-1) <= delivered).all())
    assert int(worlds.tallies["second_doses"][1, 0, : 10 + 7].sum()) == 0
    assert int(worlds.tallies["second_doses"][1].sum()) > 0


def test_no_vaccine_means_no_doses_and_more_deaths(worlds: Rollout) -> None:
    assert int(worlds.state["doses"][0].sum()) == 0
    assert int(worlds.tallies["first_doses"][0].sum()) == 0
    infections, deaths = (worlds.tallies[name].sum((-1, -2)) for name in ("infections", "deaths"))
    assert int(infections[0]) > int(infections[3])
    assert int(deaths[0]) > int(deaths[3])


# Worlds


def test_worlds_are_their_separate_runs(worlds: Rollout) -> None:
    for number, (name, policy) in enumerate(SETTINGS.items()):
        alone = run({name: policy})
        assert torch.equal(worlds.state["stage"][number], alone.state["stage"]), name
        for series, values in alone.tallies.items():
            assert torch.equal(worlds.tallies[series][number], values), (name, series)


def test_days_before_the_campaign_are_the_same_in_every_world(worlds: Rollout) -> None:
    early = worlds.tallies["infections"][..., :10]
    assert bool((early == early[:1]).all())


def test_another_seed_is_another_epidemic() -> None:
    none = {"none": SETTINGS["none"]}
    same, other = run(none), run(none, seed=SEED + 1)
    assert torch.equal(run(none).state["stage"], same.state["stage"])
    assert not torch.equal(same.state["stage"], other.state["stage"])


def test_without_second_doses_deaths_are_those_of_the_sterilizing_vaccine() -> None:
    # As archived, a breakthrough neither transmits nor falls ill, so it changes nothing but the count of infections.
    pair = run({"not sterilizing": NO_SECOND, "sterilizing": {**NO_SECOND, "sterilizing": 1.0}})
    assert int(pair.tallies["second_doses"].sum()) == 0
    assert int(pair.tallies["first_doses"][0].sum()) > 1000
    deaths, infections = pair.tallies["deaths"], pair.tallies["infections"].sum((-1, -2))
    assert int(deaths[0].sum()) > 0
    assert torch.equal(deaths[0], deaths[1])
    assert torch.equal(pair.tallies["hospitalisations"][0], pair.tallies["hospitalisations"][1])
    assert int(infections[0]) > int(infections[1])
    # Those who differ are exactly the breakthroughs: stuck as asymptomatic, and never flagged as infected.
    differ = pair.state["stage"][0] != pair.state["stage"][1]
    assert bool((pair.state["stage"][0][differ] == inputs.ASYMPTOMATIC).all())
    assert bool((pair.state["stage"][1][differ] == inputs.SUSCEPTIBLE).all())
    assert torch.equal(pair.state["infected_on"][0], pair.state["infected_on"][1])


def test_a_described_breakthrough_transmits() -> None:
    pair = run(
        {"not sterilizing": NO_SECOND, "sterilizing": {**NO_SECOND, "sterilizing": 1.0}}, "archived+breakthrough"
    )
    assert not torch.equal(pair.tallies["deaths"][0], pair.tallies["deaths"][1])
    ill = pair.state["stage"][0] != inputs.SUSCEPTIBLE
    assert torch.equal(ill, pair.state["infected_on"][0] >= 0)  # nobody is shown as infected without being so


# Mechanism


def test_names_of_mechanisms() -> None:
    assert mechanism("archived") == Mechanism()
    assert {getattr(mechanism("described"), quirk) for quirk in QUIRKS} == {"described"}
    assert set(HOW_TO_CHECK) == set(QUIRKS)


@given(st.sampled_from(["archived", "described"]), st.sets(st.sampled_from(QUIRKS)))
def test_exceptions_are_the_other_version(base: str, changed: set[str]) -> None:
    version = mechanism("+".join([base, *sorted(changed)]))
    for quirk in QUIRKS:
        assert version.archived(quirk) == ((base == "archived") != (quirk in changed))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("archive", "unknown mechanism 'archive': did you mean 'archived'"),
        ("archived+random_chains", "unknown quirk 'random_chains': did you mean 'random_chain'"),
        ("archived+", "unknown quirk ''"),
    ],
)
def test_unknown_mechanisms_are_refused(name: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        mechanism(name)


def test_unknown_versions_of_a_quirk_are_refused() -> None:
    with pytest.raises(ValueError, match="unknown version of ring_degree 'archivd': did you mean 'archived'"):
        Mechanism(ring_degree="archivd")  # type: ignore[arg-type]


@pytest.mark.parametrize("quirk", QUIRKS)
def test_every_switch_changes_the_run(quirk: str, worlds: Rollout) -> None:
    chosen = {"young wait": SETTINGS["young wait"]} if quirk == "under_65" else {"standard": SETTINGS["standard"]}
    archived = worlds.state["stage"][list(SETTINGS).index(next(iter(chosen)))]
    assert not torch.equal(run(chosen, f"archived+{quirk}").state["stage"], archived)


# Tables, as the fact sheet gives them


def test_household_normaliser_is_the_length_of_the_printed_list() -> None:
    people, size = king_county(AGENTS), inputs.NETWORK_WEIGHT["household"] * inputs.R
    susceptibility = torch.tensor(inputs.SUSCEPTIBILITY)[people["age_group"].long()]
    archived, described = (
        size * susceptibility / prepared(version).susceptibility["household"]
        for version in ("archived", "archived+household_normaliser")
    )
    for home in (0, 1, 7, 500, int(people["household"][-1])):
        members = (people["household"] == home).nonzero()[:, 0].tolist()
        printed = str([i * 100_000 // AGENTS for i in members])  # ids as the archive counts them
        assert archived[members].round().tolist() == [len(printed)] * len(members)
        assert described[members].round().tolist() == [len(members)] * len(members)


def test_degrees_of_the_rings() -> None:
    sectors = [*inputs.OCCUPATIONS, "child", "elderly"]
    wanted = {"agriculture": 14, "healthcare": 20, "child": 10, "transportation": 8, "wholesale": 2, "information": 2}
    wanted |= dict.fromkeys(("mining", "utilities", "construction", "manufacturing", "waste"), 6)
    wanted |= {"education": 2, "elderly": 2}
    people = prepared().people
    degree = prepared().contacts["occupation"].degree()  # type: ignore[attr-defined]
    for code, sector in enumerate(sectors):
        members = people["occupation"] == code
        if int(members.sum()) > wanted.get(sector, 4):
            assert degree[members].unique().tolist() == [wanted.get(sector, 4)], sector


def test_random_contacts_are_twice_their_normaliser_as_archived() -> None:
    stubs = king_county(AGENTS)["stubs"].float()
    for version, factor in (("archived", 2.0), ("archived+random_chain", 1.0)):
        degree = prepared(version).contacts["random"].degree()  # type: ignore[attr-defined]
        assert abs(float(degree.mean() / stubs.mean()) - factor) < 0.01


def test_times_in_stages() -> None:
    # Mean days as the fact sheet gives them: archived m^3 / s^4, described m, before rounding.
    expected = {("asymptomatic", "recovered"): (5.4, 15.0), ("presymptomatic_mild", "mild"): (3.0, 5.42)}
    expected |= {("mild", "recovered"): (2.8, 12.0), ("severe", "hospitalised"): (5.14, 5.14)}
    for version, column in (("archived", 0), ("archived+duration_scale", 1)):
        with KeyedNoise(1):
            course = prepared(version).stages.course(king_county(AGENTS)["age_group"])
        for (source, target), means in expected.items():
            stage, to = inputs.STAGES.index(source), inputs.STAGES.index(target)
            takes = course.following[:, stage] == to
            days = course.days[takes, stage].double()
            # Five standard errors, false alarm 1e-6 a mean, none at the fixed seed; 0.05 for rounding to days.
            error = 5 * float(days.std()) / len(days) ** 0.5
            assert abs(float(days.mean()) - means[column]) < error + 0.05, (version, source)


def test_infectiousness_is_the_generation_interval() -> None:
    table = prepared().infectiousness.reshape(len(inputs.STAGES), -1).double()
    assert bool((table[:, 0] == 0).all())  # nobody transmits on the day of infection
    severe = table[inputs.SEVERE]
    days = torch.arange(len(severe)).double()
    assert abs(float(severe.sum()) - 1) < 1e-6
    assert abs(float((severe * days).sum()) - (inputs.GENERATION_MEAN + 0.5)) < 1e-3  # whole days round up
    for stage, factor in enumerate(inputs.INFECTIOUSNESS):
        assert torch.allclose(table[stage], factor * severe, atol=1e-7)


def test_first_cases_are_those_of_the_archive() -> None:
    people = king_county(AGENTS)
    with KeyedNoise(SEED):
        course = prepared().stages.course(people["age_group"])
        first = first_cases_of_archive(people, course)
    ill = first["stage"].nonzero()[:, 0]
    cases = [(inputs.STAGES[first["stage"][agent]], int(people["age_group"][agent])) for agent in ill]
    assert sorted(cases) == sorted(inputs.FIRST_CASES)
    assert torch.equal((first["infected_on"] == 0).nonzero()[:, 0], ill)
    assert bool((first["infected_on"][first["stage"] == 0] == NEVER).all())
    # The first change is booked for day 1 + g.
    for agent in ill:
        assert int(first["due"][agent]) == 1 + int(course.days[agent, first["stage"][agent].long()])


def test_the_study_reports_the_first_cases_on_day_0() -> None:
    series = study.simulate({"none": SETTINGS["none"]}, Options(agents=AGENTS, days=10), SEED)
    assert series["infections"].shape == (1, len(inputs.AGES), 10)
    ages = [age for _, age in inputs.FIRST_CASES]
    assert series["infections"][0, :, 0].tolist() == [ages.count(age) for age in range(len(inputs.AGES))]
    assert int(series["deaths"][0, :, 0].sum()) == 0


def test_people_that_are_drawn_in_blocks_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    ages = synthesise(1_000, {"age_group": dict.fromkeys(inputs.AGES, 1 / 9)})
    whole = people_of_king_county.with_contacts(ages, seed=8)
    monkeypatch.setattr(people_of_king_county, "BLOCK", 97)
    blocks = people_of_king_county.with_contacts(ages, seed=8)
    for name in whole:
        assert torch.equal(whole[name], blocks[name]), name
