import math
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm.inference import (
    Options,
    Summary,
    died_out,
    effects,
    replicate_seed,
    run_experiment,
    summarise,
    totals,
)
from tests.inference.fake_study import FakeStudy

DIMS = ("contrast", "draw", "replicate")
VALUES = st.lists(st.floats(-1e4, 1e4), min_size=2, max_size=30)


def summary(values: Any, dead: Any = None, **options: Any) -> Summary:
    """Of one draw; what is averted in each replicate."""
    array = np.asarray(values, dtype=float)[None, None]
    coords: dict[str, Any] = {"contrast": ["a against b"], "outcome": "deaths"}
    if dead is not None:
        coords["died_out"] = (("draw", "replicate"), np.asarray(dead)[None])
    averted = xr.Dataset({"averted": (DIMS, array)}, coords, {"kind": "paired"})
    return summarise(averted, **options)[0]


def averted(tree: xr.DataTree, outcome: str = "infections", **options: Any) -> list[Summary]:
    predictions = tree["predictions"].to_dataset()
    first = str(predictions["world"].values[0])
    return summarise(effects(predictions, first, outcome, per=1e5, **options)[["averted"]])


def result(study: FakeStudy | None = None, efficacies: tuple[float, ...] = (0.5, 0.9)) -> xr.DataTree:
    worlds = {f"{efficacy}": {"efficacy": efficacy} for efficacy in efficacies}
    references = dict.fromkeys(list(worlds)[1:], f"{efficacies[0]}")
    return run_experiment(study or FakeStudy(), worlds, references, 6, 3, Options(1000, 30), workers=1)


@given(VALUES)
def test_intervals_contain_what_they_are_about(values: list[float]) -> None:
    estimate = summary(values)
    slack = 1e-6
    assert estimate.mean_interval[0] - slack <= estimate.mean <= estimate.mean_interval[1] + slack
    assert (
        min(values) - slack
        <= estimate.interval_95[0]
        <= estimate.median
        <= estimate.interval_95[1]
        <= max(values) + slack
    )
    assert estimate.replicates == len(values)


@given(VALUES, st.floats(-100, 100))
def test_a_shift_shifts_and_does_not_change_the_error(values: list[float], shift: float) -> None:
    one = summary(values)
    two = summary(np.add(values, shift))
    assert two.mean == pytest.approx(one.mean + shift, abs=1e-6)
    assert two.mcse == pytest.approx(one.mcse, abs=1e-6)


def test_one_replicate_has_no_interval() -> None:
    estimate = summary([3.0])
    assert (estimate.mean, estimate.median) == (3.0, 3.0)
    assert math.isnan(estimate.mcse)
    assert math.isnan(estimate.mean_interval[0])


def test_the_interval_of_the_mean_covers() -> None:
    # 2,000 samples of 8: coverage is binomial with sd 0.0049; 4 sd give a false alarm in 6 of 100,000 seeds.
    samples = np.random.default_rng(5).normal(1.0, 2.0, (2000, 8))
    estimates = [summary(sample) for sample in samples]
    covered = np.mean([estimate.mean_interval[0] <= 1.0 <= estimate.mean_interval[1] for estimate in estimates])
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
    found = [summary(x, dead=gone, may_die_out=True) for x, gone in zip(values, dead, strict=True)]
    held = np.mean([not (one.mean_interval[0] > 1 - share or one.mean_interval[1] < 1 - share) for one in found])
    assert held > 0.9305
    held_shares = np.mean([one.died_out_interval[0] <= share <= one.died_out_interval[1] for one in found])
    assert held_shares > 0.9305


def test_an_epidemic_that_died_out_makes_the_interval_a_mixture_s() -> None:
    values, dead = np.array([0.1, 100.0, 101.0, 99.0, 100.0]), np.array([True, False, False, False, False])
    plain, mixed = (summary(values, dead=flags) for flags in (None, dead))
    assert (plain.mean_method, mixed.mean_method) == ("Student t", "mixture")
    assert (plain.died_out, mixed.died_out) == (None, 1)
    assert mixed.mean == plain.mean
    # Of one in five that died out at most 72% do, and at least 0.5%.
    assert (round(mixed.died_out_interval[0], 3), round(mixed.died_out_interval[1], 3)) == (0.005, 0.716)
    assert mixed.mean_interval[0] < 0.35 * 100 < mixed.mean < mixed.mean_interval[1] < 101
    mirrored = summary(-values, dead=dead)
    assert (mirrored.mean_interval[0], mirrored.mean_interval[1]) == pytest.approx(
        (-mixed.mean_interval[1], -mixed.mean_interval[0])
    )


@given(VALUES)
def test_where_all_or_none_died_out_there_is_one_kind_of_epidemic(values: list[float]) -> None:
    plain = summary(values)
    for flag in (False, True):
        alike = summary(values, dead=np.full(len(values), flag))
        assert (alike.mean_interval[0], alike.mean_interval[1], alike.mean_method) == (
            plain.mean_interval[0],
            plain.mean_interval[1],
            "Student t",
        )
    wider = summary(values, dead=np.zeros(len(values), dtype=bool), may_die_out=True)
    assert wider.mean_interval[0] <= plain.mean_interval[0] + 1e-9
    assert wider.mean_interval[1] >= plain.mean_interval[1] - 1e-9


def test_one_epidemic_that_did_not_die_out_has_no_interval() -> None:
    assert math.isnan(summary([0.0, 0.0, 9.0], dead=[True, True, False]).mean_interval[0])
    with pytest.raises(ValueError, match="whether epidemics died out is not known of outcome 'deaths'"):
        summary([0.0, 9.0], may_die_out=True)


def test_statements_say_their_kind_and_units() -> None:
    tree = result()
    world = summarise(totals(tree["predictions"].to_dataset(), "deaths", per=1e5))[1]
    (effect,), (young, old) = averted(tree, "deaths"), averted(tree, "deaths", by="group")
    assert (world.kind, world.name, world.units) == ("interventional", "0.9", "per 100,000")
    assert (effect.kind, effect.name, effect.group, effect.units) == ("paired", "0.9 against 0.5", None, "per 100,000")
    assert (young.group, old.group, old.units) == ("young", "old", "per 100,000 of the group")
    assert young.mean * 0.75 + old.mean * 0.25 == pytest.approx(effect.mean)


def test_epidemics_that_die_out_are_found_and_can_be_left_out() -> None:
    dead = replicate_seed(3, 4)
    tree = result(FakeStudy(dies_out_at=(dead,)))
    predictions = tree["predictions"].to_dataset()
    flags = died_out(predictions)
    assert flags.values.tolist() == [[False] * 4 + [True, False]]
    (everything,) = averted(tree)
    (apart,) = summarise(
        effects(predictions, "0.5", "infections", per=1e5)[["averted"]].isel(replicate=~flags.values[0])
    )
    assert (everything.replicates, apart.replicates) == (6, 5)
    assert abs(everything.mean) < abs(apart.mean)
    assert (everything.mean_method, everything.died_out) == ("mixture", 1)
    assert (apart.mean_method, apart.died_out) == ("Student t", 0)
    seen = result()["predictions"].to_dataset()
    alive, careful = (summarise(totals(seen, "infections", per=1e5), may_die_out=may)[0] for may in (False, True))
    assert (alive.mean_method, careful.mean_method) == ("Student t", "mixture")
    assert careful.mean_interval[0] < alive.mean_interval[0]
    unknown = result(FakeStudy(outcomes=("deaths",)))["predictions"].to_dataset()
    assert summarise(totals(unknown, "deaths"))[0].died_out is None
    assert not died_out(unknown).any()


def test_a_study_and_a_calibration_answer_alike() -> None:
    """One draw of four replicates, and four draws of one, are the same four epidemics."""
    values = [[1.0, 4.0, 2.0, 9.0]]
    one, other = (
        summarise(xr.Dataset({"averted": (DIMS, array[None])}, {"contrast": ["a against b"]}, {"kind": "paired"}))[0]
        for array in (np.array(values), np.array(values).T)
    )
    same = ("mean", "mcse", "mean_interval", "median", "interval_95", "smallest", "largest")
    assert [getattr(one, name) for name in same] == [getattr(other, name) for name in same]
