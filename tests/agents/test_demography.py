"""Births fill places, deaths empty them, and nobody is lost in between."""

import contextlib
import importlib.util
import math
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from chirho.dynamical.ops import simulate
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from causal_lpm import DiscreteTime, KeyedNoise, Rollout, Worlds, comparing, kernels, policy, rollout, tally
from causal_lpm.agents import (
    CatchUp,
    Demography,
    Groups,
    Isolation,
    Masks,
    MaternalProtection,
    Population,
    Quarantine,
    RoutineVaccination,
    Testing,
    Tracing,
    Treatment,
    Vaccination,
    Vital,
    VitalRates,
    Waning,
    fill,
    renew,
    start,
    with_places,
)
from causal_lpm.typing import State

FAST = VitalRates(ages=(0, 15, 50), mortality=(2.0, 1.0, 4.0), fertility=(0.0, 20.0, 0.0))
"""A month of it shows what decades of real rates would."""

SEEDS = st.integers(0, 2**31)


def people(agents: int, capacity: int) -> Population:
    column = torch.arange(agents)
    return with_places(Population({"age": column * 7 % 80, "region": column * 5 % 3}), capacity)


def live(
    places: Population,
    demography: Demography,
    days: int = 25,
    fertility: float = 1.0,
    history: list[Vital] | None = None,
) -> Rollout:
    """Lives without a disease; tallies of births, deaths and the living by region."""
    factor = policy("fertility", fertility)
    region = places["region"]

    def day(s: State) -> State:
        changed, vital = demography.day(s, fertility=s["fertility"])
        if history is not None:
            history.append(vital)
        s = {**s, **changed}
        for name, who in {"births": vital.born, "mothers": vital.mothers, "deaths": vital.died}.items():
            tally(name, who, by=region, groups=3)
        tally("alive", s["alive"], by=region, groups=3)
        return {**s, **renew(s, vital.born, {"marked": 1})}

    marked = torch.zeros(places.size, dtype=torch.uint8)
    return rollout(day, start(places, fertility=factor, marked=marked, **demography.start(places)), days)


@settings(max_examples=4)
@given(seed=SEEDS, grouped=st.booleans())
def test_births_are_places_filled_and_counts_are_conserved(seed: int, grouped: bool) -> None:
    places, history = people(120, 300), list[Vital]()
    demography = Demography(FAST, by=places["region"], groups=3) if grouped else Demography(FAST)
    with KeyedNoise(seed):
        run = live(places, demography, history=history)
    births, mothers, deaths, alive = (run.tallies[name] for name in ("births", "mothers", "deaths", "alive"))
    assert int(births.sum()) > 20
    assert torch.equal(births.sum(0), mothers.sum(0))
    if grouped:
        assert torch.equal(births, mothers)
    before = torch.cat([torch.bincount(places["region"][:120], minlength=3)[:, None], alive[:, :-1]], -1)
    assert torch.equal(alive, before + births - deaths)
    present = places["alive"]
    for vital in history:
        assert not (vital.born & present).any()  # only empty places are filled, and only the living die or give birth
        assert not ((vital.died | vital.mothers) & ~present).any()
        present = (present & ~vital.died) | vital.born
    assert torch.equal(run.state["alive"], present)
    born = torch.stack([vital.born for vital in history]).any(0)
    assert torch.equal(run.state["marked"].bool(), born)  # whoever came has the columns of a newborn, nobody else


@settings(max_examples=3)
@given(seed=SEEDS, grouped=st.booleans())
def test_worlds_are_separate_runs_and_an_act_equal_to_the_fact_changes_nothing(seed: int, grouped: bool) -> None:
    places = people(120, 400)
    demography = Demography(FAST, by=places["region"], groups=3) if grouped else Demography(FAST)
    acts = {"as it is": {}, "the same": {"fertility": 1.0}, "fewer": {"fertility": 0.5}}
    with KeyedNoise(seed), comparing(acts) as worlds:
        together = live(places, demography)
    assert worlds.names == list(acts)
    for world, fertility in enumerate((1.0, 1.0, 0.5)):
        with KeyedNoise(seed):
            alone = live(places, demography, fertility=fertility)
        for name, series in alone.tallies.items():
            assert torch.equal(together.tallies[name].flatten(0, -3)[world], series)
        for entry in ("alive", "birth_day", "marked"):
            assert torch.equal(together.state[entry].flatten(0, -2)[world], alone.state[entry].flatten())


def test_threads_and_kernels_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small loops are made to look worth a thread."""
    if importlib.util.find_spec("numba") is not None:
        monkeypatch.setattr("causal_lpm.kernels.cpu_threads._WORTH_A_THREAD", 32)
    places = people(120, 300)
    demography = Demography(FAST, by=places["region"], groups=3)
    ends = []
    for threads, loops in ((1, "fastest"), (2, "fastest"), (1, "reference")):
        torch.set_num_threads(threads)
        try:
            with KeyedNoise(1), kernels.use("reference") if loops == "reference" else contextlib.nullcontext():
                ends.append(live(places, demography, days=15).state)
        finally:
            torch.set_num_threads(1)
    for end in ends[1:]:
        assert all(torch.equal(end[entry], ends[0][entry]) for entry in ("alive", "birth_day", "marked"))


def test_replicates_are_single_runs() -> None:
    places = people(120, 400)
    demography = Demography(FAST, by=places["region"], groups=3)
    with Worlds(replicates=2), KeyedNoise(torch.tensor([[3], [4]])):
        both = live(places, demography, days=20)
    for row, seed in enumerate((3, 4)):
        with KeyedNoise(seed):
            alone = live(places, demography, days=20)
        assert torch.equal(both.state["birth_day"].reshape(2, -1)[row], alone.state["birth_day"])
        assert torch.equal(both.tallies["births"].reshape(2, 3, -1)[row], alone.tallies["births"])


def test_people_grow_older_and_newborns_are_of_age_0() -> None:
    places, demography = people(200, 400), Demography(VitalRates((0,), (0.0,), (0.0,)))
    with KeyedNoise(1):
        first = {**demography.start(places), "t": torch.tensor(0.0)}
        alive = places["alive"]
        assert torch.equal(demography.age(first)[alive].long(), places["age"][alive])
        for years in (1, 2, 30):
            later = demography.age({**first, "t": torch.tensor(float(round(365.25 * years)))})
            # A day of rounding can hide a birthday.
            assert bool(((later.long() - places["age"] - years)[alive].abs() <= 1).all())
    with KeyedNoise(1):
        run = live(places, Demography(FAST), days=30)
        newborn = run.state["marked"].bool()
        days = Demography(FAST).age_in_days({**run.state, "t": torch.tensor(30.0)})
        assert bool((days[newborn] <= 30).all())
        assert bool((days[newborn] >= 1).all())


@pytest.mark.parametrize(("step", "steps"), [(1.0, 40), (30.0, 40), (365.25, 4)])
def test_rates_a_year_are_kept_by_steps_of_any_length(step: float, steps: int) -> None:
    """Everybody dies at 0.3 a year, and nobody is born."""
    places = with_places(Population({"age": torch.full((4_000,), 30)}), 4_000)
    demography = Demography(VitalRates((0,), (0.3,), (0.0,)))

    def dynamics(s: State) -> State:
        return {**s, **demography.day(s)[0]}

    with KeyedNoise(5), DiscreteTime(dt=step):
        end: Mapping[str, torch.Tensor] = simulate(
            dynamics, demography.start(places), torch.tensor(0.0), torch.tensor(steps * step)
        )
    # False alarm 1e-6 each, none at the fixed seed.
    alive = math.exp(-0.3 * steps * step / 365.25)
    assert stats.binomtest(int(end["alive"].sum()), 4_000, alive).pvalue > 1e-6


def test_rates_of_women_alone_and_of_everybody_at_half() -> None:
    rates = VitalRates((0,), (0.0,), (1.0,))
    places = with_places(Population({"age": torch.full((4_000,), 30), "region": torch.zeros(4_000).int()}), 8_000)
    female = torch.arange(8_000) % 2 == 0
    history: list[Vital] = []
    with KeyedNoise(2):
        half = live(places, Demography(rates), days=30)
    with KeyedNoise(2):
        women = live(places, Demography(rates, female=female), days=30, history=history)
    assert not any(bool((vital.mothers & ~female).any()) for vital in history)
    # 164 births are expected in each, with a growing population a little more: five standard deviations are 64.
    for run in (half, women):
        assert abs(int(run.tallies["births"].sum()) - 2_000 * (math.exp(0.5 * 30 / 365.25) - 1) * 2) < 70


def test_newborns_have_what_their_mothers_have() -> None:
    places, history = people(300, 900), list[Vital]()
    with KeyedNoise(1):
        live(places, Demography(FAST, by=places["region"], groups=3), history=history)
    region = places["region"]
    for vital in history:
        assert torch.equal(vital.of_mothers(region), region)  # a mother's region is that of the child
        kept = vital.of_mothers(torch.arange(900))
        assert torch.equal(kept[~vital.born], torch.arange(900)[~vital.born])
        assert sorted(kept[vital.born].tolist()) == vital.mothers.nonzero()[:, 0].tolist()


def test_a_full_population_is_refused_before_it_runs_or_on_the_day() -> None:
    places = people(200, 210)
    with (
        KeyedNoise(1),
        pytest.raises(ValueError, match=r"in 365 days \d+ more births than deaths .* and 10 of 210 pla"),
    ):
        Demography(VitalRates((0,), (0.0,), (2.0,))).start(places, days=365)
    with (
        KeyedNoise(1),
        pytest.raises(ValueError, match=r"on day \d+, \d+ newcomers find \d+ empty places, of 210 .* capacity=420"),
    ):
        live(places, Demography(VitalRates((0,), (0.0,), (2.0,))), days=365)
    with KeyedNoise(1), pytest.raises(ValueError, match=r"empty places of a group, of 210 places"):
        live(places, Demography(VitalRates((0,), (0.0,), (2.0,)), by=places["region"], groups=3), days=365)


def test_the_disease_takes_the_living_only() -> None:
    places = people(50, 80)
    everybody = torch.ones(80, dtype=torch.bool)
    with KeyedNoise(1):
        demography = Demography(VitalRates((0,), (0.0,), (0.0,)))
        state = {**demography.start(places), "t": torch.tensor(0.0)}
        changed, vital = demography.day(state, dying=everybody)
    assert int(vital.died.sum()) == 50
    assert not changed["alive"].any()


@pytest.mark.parametrize(
    ("ages", "mortality", "fertility", "sentence"),
    [
        ((1, 5), (0.1, 0.1), (0.0, 0.0), "give ascending whole years from 0"),
        ((0, 5, 5), (0.1,) * 3, (0.0,) * 3, "give ascending whole years from 0"),
        ((0, 5), (0.1,), (0.0, 0.0), "2 ages have 1 rates of mortality"),
        ((0,), (-0.1,), (0.0,), "the mortality at age 0 is -0.1"),
        ((0,), (0.1,), (math.nan,), "the fertility at age 0 is nan"),
        ((0, 130), (0.1, 0.1), (0.0, 0.0), "an age of the vital rates is 130"),
    ],
)
def test_bad_rates_are_refused(
    ages: tuple[int], mortality: tuple[float], fertility: tuple[float], sentence: str
) -> None:
    with pytest.raises(ValueError, match=sentence):
        VitalRates(ages, mortality, fertility)


def test_bad_input_is_refused() -> None:
    ages = Population({"age": torch.tensor([3, 4])})
    with pytest.raises(ValueError, match="unknown country 'NLZ': did you mean 'NZL'"):
        VitalRates.of("NLZ")
    with pytest.raises(ValueError, match="capacity is 1 for 2 agents"):
        with_places(ages, 1)
    with pytest.raises(ValueError, match="has an attribute 'alive' already"):
        with_places(with_places(ages, 3), 4)
    with pytest.raises(ValueError, match="no attribute 'alive'"):
        Demography(FAST).start(ages)
    with pytest.raises(ValueError, match="no attribute 'age'"):
        Demography(FAST).start(with_places(Population({"x": torch.zeros(2)}), 3))
    with pytest.raises(ValueError, match="need both by= and groups="):
        Demography(FAST, by=torch.zeros(3).int())
    with pytest.raises(ValueError, match=r"by has shape \(2,\) for 3 places"):
        Demography(FAST, by=torch.zeros(2).int(), groups=1).start(with_places(ages, 3))
    with pytest.raises(ValueError, match="unknown entry of the state 'stag': did you mean 'stage'"):
        renew({"stage": torch.zeros(2)}, torch.ones(2).bool(), {"stag": 0})
    s = {"stage": torch.zeros(2, dtype=torch.uint8), "until": torch.zeros(2)}
    for value in (-1, 256, 0.5):
        with pytest.raises(ValueError, match=r"'stage' is torch\.uint8, which does not hold"):
            renew(s, torch.ones(2).bool(), {"stage": value})
    assert renew(s, torch.tensor([True, False]), {"until": -0.5})["until"].tolist() == [-0.5, 0.0]
    with pytest.raises(ValueError, match=r"newcomers are torch\.float32"):
        fill("birth", torch.ones(3).bool(), torch.tensor([1.5]))
    with pytest.raises(ValueError, match="places need about"):
        with_places(ages, 10**13)
    with KeyedNoise(1):
        state = {**Demography(FAST).start(with_places(ages, 3)), "t": torch.tensor(0.0)}
        with pytest.raises(ValueError, match="the hazard of event 'death' contains -"):
            Demography(FAST).day(state, mortality=-1.0)


def test_the_page_names_all_that_parts_keep_of_an_agent() -> None:
    page = (Path(__file__).parents[2] / "docs" / "how_to" / "demography.md").read_text(encoding="utf-8")
    home = Groups(torch.zeros(4).int())
    parts = (Testing(), Quarantine(), Isolation(), Tracing(network=home), Treatment(), RoutineVaccination(), CatchUp())
    others = (Vaccination(), Waning(), MaternalProtection(), Masks())
    with KeyedNoise(1):
        begin = {name: entry for part in (*parts, *others) for name, entry in part.start(4).items()}
    # Numbers with a fraction are the luck of the place.
    kept = {name for name, entry in begin.items() if entry.shape == (4,) and not entry.is_floating_point()}
    assert len(kept) == 13
    assert {name for name in kept if f"`{name}`" not in page} == {"maternal_immunities"}
