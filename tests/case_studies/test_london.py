"""London: what is read, who the agents are, laws of the model and of its gradients, and the page."""

import json
import math
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyro
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from case_studies.london import closures, dependence, report
from case_studies.london.inputs import SEEN_DAYS, ages_of_london, fatality, persons
from case_studies.london.kinds import one_of_each_kind
from case_studies.london.model import first_wave, infections_of
from case_studies.london.parameters import ASKED, EPIDEMIC, PRIORS, SEEDING
from case_studies.london.people import contacts_elsewhere, household_shares, london
from case_studies.london.question import AGES, BOROUGHS, CELLS, CLOSURE_DAY, NEVER, POLICIES, WORLDS
from case_studies.london.reports import DIED, deaths_of
from case_studies.london.study import study
from case_studies.page import fill
from causal_lpm import KeyedNoise, MeanField, StraightThrough
from causal_lpm.inference import Worlds, predict

HERE = Path(report.__file__).parent
SMALL = london(9000)
KNOWN = {
    name: float(family(*arguments).mean) * (8.0 if name == "seeding" else 1.0)  # enough to begin among 1,000 agents
    for name, (family, arguments, _) in PRIORS.items()
}


def draws(count: int = 1) -> dict[str, torch.Tensor]:
    return {name: torch.full((count,), value) for name, value in KNOWN.items()}


def infections(*handlers: object, days: int = 60, at: dict[str, float] | None = None) -> torch.Tensor:
    """Of the small London by cell and day."""
    known = {name: torch.tensor([value]) for name, value in {**KNOWN, **(at or {})}.items()}
    model = pyro.condition(partial(infections_of, SMALL, days), data=known)
    for handler in handlers:
        model = handler(model)  # type: ignore[operator]
    return model().tallies["infections"]  # type: ignore[no-any-return]


# --- what is read ----------------------------------------------------------------------------------------------------


def test_the_old_die_and_the_young_do_not() -> None:
    assert fatality().tolist() == sorted(fatality().tolist())
    people = ages_of_london()
    over_75 = people[people.index >= 75]
    expected = (0.0428 * over_75[75] + 0.078 * over_75[over_75.index >= 80].sum()) / over_75.sum()
    assert float(fatality()[-1]) == pytest.approx(expected)
    assert DIED.mean() == pytest.approx(18, abs=0.1)


# --- who the agents are ----------------------------------------------------------------------------------------------


def test_agents_are_london_in_small() -> None:
    here = london(900)
    ages = torch.bincount(here.people["age"]).double() / here.people.size
    people = ages_of_london()
    for first, last, share in zip((0, 20, 45, 65, 75), (20, 45, 65, 75, 999), ages.tolist(), strict=True):
        inside = people[(people.index >= first) & (people.index < last)].sum() / people.sum()
        assert share == pytest.approx(inside, abs=0.004)  # whole agents in each of 32 boroughs
    assert (torch.bincount(here.people["borough"]) * here.weight).sum() == pytest.approx(float(persons().sum()))
    assert torch.equal(here.people["cell"], 32 * here.people["age"] + here.people["borough"])


def test_households_are_in_one_borough_and_the_old_live_among_themselves() -> None:
    here = london(900)
    table = pd.DataFrame({"home": here.home.group, "borough": here.people["borough"], "age": here.people["age"]})
    homes = table.groupby("home")
    assert (homes["borough"].nunique() == 1).all()
    old = homes["age"].min() >= 3
    assert (old == (homes["age"].max() >= 3)).all()
    assert (homes["age"].max() > 0).all()  # an adult in each
    sizes = homes.size().value_counts(normalize=True)
    for size, share in household_shares().items():
        # 4,200 households, of whose shares a standard deviation is .0075 at most: false alarm below 1e-5 each.
        assert sizes[size] == pytest.approx(share, abs=0.035)


def test_contacts_are_mutual() -> None:
    people = ages_of_london()
    group = np.searchsorted((0, 20, 45, 65, 75), people.index, side="right") - 1
    share = np.bincount(group, people) / people.sum()
    sizes = torch.outer(torch.from_numpy(share), persons()).flatten()
    for setting, matrix in contacts_elsewhere().items():
        met = sizes[:, None] * matrix
        torch.testing.assert_close(met, met.T, msg=setting)


def test_too_few_agents_are_refused() -> None:
    with pytest.raises(ValueError, match=r"nobody of Barking and Dagenham is 75\+: give fewer persons an agent"):
        london(40_000)
    with pytest.raises(ValueError, match="persons_per_agent"):
        london(0)


# --- laws of the model -----------------------------------------------------------------------------------------------


@settings(max_examples=3, deadline=None)
@given(st.integers(0, 1000))
def test_an_act_equal_to_the_fact_changes_nothing_and_open_settings_infect(seed: int) -> None:
    facts = {f"{setting}_closure_day": day for setting, day in CLOSURE_DAY.items()}
    worlds: Worlds = {"as it was": {}, "the same": facts, **{name: WORLDS[name] for name in ("work open", "all open")}}
    model = partial(first_wave, SMALL, SEEN_DAYS)
    found = predict(model, draws(), worlds, outcomes=["infections", "deaths"], seed=seed)
    for outcome in ("infections", "deaths"):
        was, same = (found[outcome].sel(world=world).values for world in ("as it was", "the same"))
        assert np.array_equal(was, same)
    before = found["infections"].values[..., :5]  # weeks until the advice of 17 March
    assert np.array_equal(before[0], before[-1])
    totals = found["infections"].sum(("group", "day")).values.ravel()
    assert totals[0] < totals[2] < totals[3] or totals[0] == 0


def test_a_closure_takes_its_advice_along() -> None:
    worlds: Worlds = {"as it was": {}, "a week later": {"leisure_closure_day": CLOSURE_DAY["leisure"] + 7}}
    found = predict(partial(infections_of, SMALL, 60), draws(), worlds)["infections"].sum("group").values[:, 0, 0]
    first = int(CLOSURE_DAY["leisure"]) - 7
    assert np.array_equal(found[0, :first], found[1, :first])
    assert not np.array_equal(found[0, first : first + 7], found[1, first : first + 7])


def test_gradients_do_not_change_the_run_and_the_mean_field_is_near_it() -> None:
    plain = infections(KeyedNoise(1))
    assert torch.equal(infections(KeyedNoise(1), StraightThrough()).detach(), plain)
    runs = torch.stack([infections(KeyedNoise(seed)).sum() for seed in range(8)])
    field = float(infections(MeanField()).sum())
    assert float(runs.min()) < field < 2 * float(runs.max())


def test_one_household_of_each_kind_has_the_gradient_of_all() -> None:
    here = london(1800)
    kinds = one_of_each_kind(here)
    assert kinds.people.size < 0.6 * here.people.size
    assert isinstance(kinds.count, torch.Tensor)
    counted = torch.bincount(kinds.people["cell"], kinds.count, minlength=160)
    assert torch.equal(counted, torch.bincount(here.people["cell"], minlength=160).float())
    ages = [pd.DataFrame({"home": x.home.group, "age": x.people["age"]}).groupby("home")["age"] for x in (here, kinds)]
    assert {tuple(sorted(home)) for _, home in ages[0]} == {tuple(sorted(home)) for _, home in ages[1]}
    every, one = (dependence.total_slopes(x, KNOWN, 1, days=45)["MeanField()"] for x in (here, kinds))
    np.testing.assert_allclose(one["value"], every["value"], rtol=1e-5)
    np.testing.assert_allclose(one["gradient"], every["gradient"], rtol=1e-4)
    assert dependence.apart(one, every) < 1e-4


def test_all_boroughs_together_are_the_level_of_seeding() -> None:
    """One per cent more in every borough is one per cent more in London: the gradients add up."""
    for found in dependence.total_slopes(SMALL, KNOWN, 2, days=40).values():
        change = (found["gradient"] * found["at"]).sum("group")
        boroughs = float(change.sel(parameter=list(SEEDING)).sum())
        assert boroughs == pytest.approx(float(change.sel(parameter="seeding")), rel=1e-4)


@pytest.mark.slow
def test_what_a_borough_or_an_age_depends_on_most_is_its_own() -> None:
    found, seconds = dependence.gradient(SMALL, KNOWN, days=50)
    assert found["gradient"].shape == (160, len(EPIDEMIC))
    assert seconds > 0
    told = dependence.by_age(found)
    assert set(told) == set(EPIDEMIC) - set(SEEDING)
    assert told["rate_work"][0] > 0 > told["closed_work"][0]
    assert told["susceptibility_young"][1] == max(told["susceptibility_young"])  # of those under 20
    assert all(own > elsewhere > 0 for own, elsewhere, _ in dependence.of_seeding(found).values())
    truth = dependence.reference(SMALL, KNOWN, 2, 0, days=50)
    rows = dependence.checked(found, {}, truth)
    assert set(rows) == {*dependence.TEN, "all"}


def test_deaths_follow_infections_and_are_all_of_them_in_the_end() -> None:
    one = torch.zeros(160, 120, dtype=torch.float64)
    one[CELLS.index("75+, Camden"), 0] = 3.0
    weight = torch.full((32,), 10.0, dtype=torch.float64)
    dying = deaths_of(one, weight, torch.tensor([2.0]))
    assert float(dying.sum()) == pytest.approx(2 * 30 * float(fatality()[-1]), rel=1e-3)
    assert float((dying.sum(0) * torch.arange(120)).sum() / dying.sum()) == pytest.approx(DIED.mean(), rel=0.01)


# --- how gradients are held against others ----------------------------------------------------------------------------


def test_agreement_knows_equal_from_opposite() -> None:
    slope = np.linspace(-1.0, 1.0, 50)
    error = np.full(50, 0.05)
    same, opposite = (dependence._agreement(sign * slope, slope, error) for sign in (1, -1))
    assert same["rank"] == 1
    assert opposite["rank"] == -1
    assert same["signs"][0] == same["signs"][1] == opposite["signs"][0] == 46
    assert opposite["signs"][1] == 0
    assert 0.99 < same["possible"] < 1
    assert math.isclose(dependence._agreement(slope, slope, 100 * error)["possible"], 0.0)


# --- what is refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policies", "said"),
    [
        ({"pub_closure_day": 3.0}, "unknown policy 'pub_closure_day'"),
        ({"work_closure_day": -1.0}, "work_closure_day is -1 in world 'other': give a day from 0 to 999."),
    ],
)
def test_a_policy_out_of_range_is_refused(policies: dict[str, float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        closures.asked(SMALL, draws(), 1, 0, worlds={"as it was": {}, "other": policies})


# --- the page --------------------------------------------------------------------------------------------------------


def test_the_page_is_filled_from_the_expected_numbers() -> None:
    numbers = json.loads((HERE / "expected.json").read_text())
    page = (HERE / "README.md").read_text()
    assert fill(page, report.tables(numbers)) == page


def test_the_expected_gradient_agrees_with_finite_differences() -> None:
    numbers = json.loads((HERE / "expected.json").read_text())
    checked = numbers["dependence"]["checked"]
    assert set(checked) == {*dependence.TEN, "all"}
    assert all(row["rank"] >= 0.9 for row in checked.values())
    assert all(clear == right for clear, right in (row["signs"] for row in checked.values()))
    assert numbers["dependence"]["shape"] == [len(CELLS), len(EPIDEMIC)]
    assert set(numbers["posterior"]) == set(ASKED)
    assert {numbers["gates"][name][0] for name in ("sbc", "interval coverage", "tarp")} == {"pass"}


def test_the_study_is_known() -> None:
    assert study.name == "london"
    assert len(BOROUGHS) == 32
    assert len(CELLS) == len(AGES) * len(BOROUGHS) == 160
    assert len(EPIDEMIC) >= 40
    assert set(dependence.TEN) <= set(EPIDEMIC)
    assert all(set(policies) <= set(POLICIES) for policies in WORLDS.values())
    assert POLICIES["school_closure_day"].high == NEVER
