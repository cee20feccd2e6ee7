import math

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference import (
    Options,
    died_out,
    effects,
    replicate_seed,
    run_experiment,
    sign_turn,
    totals,
)
from causal_lpm.inference.results.estimands import summarize
from tests.inference.fake_study import FakeStudy

VALUES = st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=30)


def result(study: FakeStudy | None = None, efficacies: tuple[float, ...] = (0.5, 0.9)) -> xr.DataTree:
    worlds = {f"{efficacy}": {"efficacy": efficacy} for efficacy in efficacies}
    references = dict.fromkeys(list(worlds)[1:], f"{efficacies[0]}")
    return run_experiment(study or FakeStudy(), worlds, references, 6, 3, Options(1000, 30), workers=1)


@given(VALUES)
def test_intervals_contain_what_they_are_about(values: list[float]) -> None:
    estimate = summarize(values, "paired", "a", "deaths")
    slack = 1e-6
    assert estimate.mean_low - slack <= estimate.mean <= estimate.mean_high + slack
    assert min(values) - slack <= estimate.q025 <= estimate.median <= estimate.q975 <= max(values) + slack
    assert estimate.replicates == len(values)


@given(VALUES, st.floats(-100, 100))
def test_a_shift_shifts_and_does_not_change_the_error(values: list[float], shift: float) -> None:
    one = summarize(values, "paired", "a", "deaths")
    two = summarize(np.add(values, shift), "paired", "a", "deaths")
    assert two.mean == pytest.approx(one.mean + shift, abs=1e-6)
    assert two.mcse == pytest.approx(one.mcse, abs=1e-6)


def test_one_replicate_has_no_interval() -> None:
    estimate = summarize([3.0], "paired", "a", "deaths")
    assert (estimate.mean, estimate.median) == (3.0, 3.0)
    assert math.isnan(estimate.mcse)
    assert math.isnan(estimate.mean_low)


def test_the_interval_of_the_mean_covers() -> None:
    # 2,000 samples of 8: coverage is binomial with sd 0.0049; 4 sd give a false alarm in 6 of 100,000 seeds.
    samples = np.random.default_rng(5).normal(1.0, 2.0, (2000, 8))
    estimates = [summarize(sample, "paired", "a", "deaths") for sample in samples]
    covered = np.mean([estimate.mean_low <= 1.0 <= estimate.mean_high for estimate in estimates])
    assert abs(covered - 0.95) < 4 * 0.0049


def epidemics(rng: np.random.Generator, count: int, share: float) -> tuple[np.ndarray, np.ndarray]:
    """Totals `[2000, count]` of which a share died out, and which did; the long-run mean is 1 - share."""
    dead = rng.random((2000, count)) < share
    return np.where(dead, 0.0, rng.normal(1.0, 0.05, dead.shape)), dead


# 2,000 experiments: 4 sd below 95% is 93.05%, a false alarm in 3 of 100,000 seeds if coverage is exactly 95%.
@pytest.mark.parametrize("share", [0.01, 0.08, 0.3])
@pytest.mark.parametrize("count", [10, 20, 50])
def test_the_interval_of_the_mean_covers_where_epidemics_die_out(share: float, count: int) -> None:
    values, dead = epidemics(np.random.default_rng(3), count, share)
    found = [
        summarize(x, "interventional", "a", "infections", dead=gone, may_die_out=True)
        for x, gone in zip(values, dead, strict=True)
    ]
    held = np.mean([not (one.mean_low > 1 - share or one.mean_high < 1 - share) for one in found])
    assert held > 0.9305
    held_shares = np.mean([one.died_out_low <= share <= one.died_out_high for one in found])
    assert held_shares > 0.9305


def test_an_epidemic_that_died_out_makes_the_interval_a_mixture_s() -> None:
    values, dead = np.array([0.1, 100.0, 101.0, 99.0, 100.0]), np.array([True, False, False, False, False])
    plain, mixed = (summarize(values, "paired", "a", "deaths", dead=flags) for flags in (None, dead))
    assert (plain.interval, mixed.interval) == ("Student t", "mixture")
    assert (plain.died_out, mixed.died_out) == (None, 1)
    assert mixed.mean == plain.mean
    # Of one in five that died out at most 72% do, and at least 0.5%.
    assert (round(mixed.died_out_low, 3), round(mixed.died_out_high, 3)) == (0.005, 0.716)
    assert mixed.mean_low < 0.35 * 100 < mixed.mean < mixed.mean_high < 101
    mirrored = summarize(-values, "paired", "a", "deaths", dead=dead)
    assert (mirrored.mean_low, mirrored.mean_high) == pytest.approx((-mixed.mean_high, -mixed.mean_low))


@given(VALUES)
def test_where_all_or_none_died_out_there_is_one_kind_of_epidemic(values: list[float]) -> None:
    plain = summarize(values, "paired", "a", "deaths")
    for flag in (False, True):
        alike = summarize(values, "paired", "a", "deaths", dead=np.full(len(values), flag))
        assert (alike.mean_low, alike.mean_high, alike.interval) == (plain.mean_low, plain.mean_high, "Student t")
    wider = summarize(values, "paired", "a", "deaths", dead=np.zeros(len(values), dtype=bool), may_die_out=True)
    assert wider.mean_low <= plain.mean_low + 1e-9
    assert wider.mean_high >= plain.mean_high - 1e-9


def test_one_epidemic_that_did_not_die_out_has_no_interval() -> None:
    assert math.isnan(summarize([0.0, 0.0, 9.0], "paired", "a", "deaths", dead=[True, True, False]).mean_low)
    with pytest.raises(ValueError, match="whether replicates died out is not known of outcome 'deaths'"):
        summarize([0.0, 9.0], "paired", "a", "deaths", may_die_out=True)


def test_statements_say_their_kind_and_units() -> None:
    tree = result()
    world = totals(tree, "deaths")[1]
    effect, (young, old) = effects(tree, "deaths")[0], effects(tree, "deaths", by_group=True)
    assert (world.kind, world.name, world.units) == ("interventional", "0.9", "per 100,000")
    assert (effect.kind, effect.group, effect.units) == ("paired", None, "per 100,000")
    assert (young.group, old.group, old.units) == ("young", "old", "per 100,000 of the group")
    assert young.mean * 0.75 + old.mean * 0.25 == pytest.approx(effect.mean)


def test_without_contrasts_there_are_no_effects() -> None:
    assert effects(result(efficacies=(0.5,)), "deaths") == []


def test_replicates_that_die_out_are_found_and_can_be_left_out() -> None:
    dead = replicate_seed(3, 4)
    tree = result(FakeStudy(dies_out_at=(dead,)))
    flags = died_out(tree).values
    assert flags.tolist() == [False] * 4 + [True, False]
    everything, apart = effects(tree, "infections")[0], effects(tree, "infections", keep=~flags)[0]
    assert (everything.replicates, apart.replicates) == (6, 5)
    assert abs(everything.mean) < abs(apart.mean)
    assert (everything.interval, everything.died_out) == ("mixture", 1)
    assert (apart.interval, apart.died_out) == ("Student t", 0)
    alive = result()
    assert effects(alive, "infections")[0].interval == "Student t"
    assert effects(alive, "infections", may_die_out=True)[0].interval == "mixture"
    assert totals(alive, "infections", may_die_out=True)[0].mean_low < totals(alive, "infections")[0].mean_low
    assert totals(result(FakeStudy(outcomes=("deaths",))), "deaths")[0].died_out is None
    assert not died_out(result(FakeStudy(outcomes=("deaths",)))).values.any()


def lines(slopes: np.ndarray, x: list[float], crossing: float) -> xr.DataTree:
    y = slopes[:, None] * (np.array(x) - crossing)
    names = [f"c{value}" for value in x]
    data = xr.Dataset({"deaths": (("replicate", "contrast"), y)}, {"contrast": names})
    return xr.DataTree.from_dict({"causal_effect": data})


@given(st.floats(0.55, 0.85))
def test_the_sign_turn_of_straight_lines_is_their_crossing(crossing: float) -> None:
    x = [0.9, 0.5, 0.7]
    tree = lines(np.array([-3.0, -1.0, -2.0]), x, crossing)
    turn = sign_turn(tree, "deaths", {f"c{value}": value for value in x}, draws=50)
    assert turn.value == pytest.approx(crossing)
    assert turn.low == pytest.approx(crossing)
    assert turn.high == pytest.approx(crossing)
    assert (turn.kind, turn.crossing_share, turn.replicates) == ("paired", 1.0, 3)


def test_no_crossing_is_nan_and_one_point_is_an_error() -> None:
    tree = lines(np.array([-3.0, -1.0]), [0.5, 0.7], 0.9)
    turn = sign_turn(tree, "deaths", {"c0.5": 0.5, "c0.7": 0.7}, draws=20)
    assert math.isnan(turn.value)
    assert turn.crossing_share == 0.0
    with pytest.raises(ValueError, match="at least two contrasts"):
        sign_turn(tree, "deaths", {"c0.5": 0.5})
