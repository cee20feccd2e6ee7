"""Pareto fronts over predictions: dominance written out, ties, and what no weighting may contradict."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from causal_lpm.inference import pareto, plot_pareto, rank_policies
from causal_lpm.inference.policies.counted import STOCK

DIMS = ("world", "draw", "replicate", "group", "day")
NAMES = ("culled", "price", "sick")
VALUES = arrays.arrays(np.int64, (3, 4, 5, 2), elements=st.integers(0, 3))  # outcome, world, draw, replicate
WANTED = st.lists(st.sampled_from(["min", "max"]), min_size=3, max_size=3)


def predictions(values: Any, kind: str = "paired") -> xr.Dataset:
    """Outcomes `[outcome, world, draw, replicate]` on one day in one group."""
    series = {name: (DIMS, np.asarray(one)[..., None, None]) for name, one in zip(NAMES, values, strict=False)}
    return xr.Dataset(series, {"world": list("abcd"[: len(values[0])])}, {"kind": kind})


def better(one: Any, other: Any) -> bool:
    """Whether one is as small as the other everywhere, and smaller somewhere."""
    return all(a <= b for a, b in zip(one, other, strict=True)) and any(a < b for a, b in zip(one, other, strict=True))


@given(VALUES, WANTED)
def test_it_is_dominance_written_out(values: Any, words: list[str]) -> None:
    front = pareto(predictions(values), dict(zip(NAMES, words, strict=True)))
    signs = [1 if word == "min" else -1 for word in words]
    losses = np.array([sign * one for sign, one in zip(signs, values.mean(3), strict=True)])  # outcome, world, draw
    for w in range(4):
        beaten = [any(better(losses[:, o, d], losses[:, w, d]) for o in range(4)) for d in range(5)]
        assert float(front["undominated"][w]) == pytest.approx(1 - np.mean(beaten))
        for o in range(4):
            by = np.mean([better(losses[:, o, d], losses[:, w, d]) for d in range(5)])
            assert float(front["dominated_by"][w, o]) == pytest.approx(by)
        expected = losses.mean(2)
        assert bool(front["on_front"][w]) == (not any(better(expected[:, o], expected[:, w]) for o in range(4)))
    assert float(front["undominated"].sum()) >= 1 - 1e-12, "in each draw one world at least is undominated"
    assert bool(front["on_front"].any())


@given(VALUES, st.lists(st.floats(0.1, 5), min_size=3, max_size=3))
def test_whoever_is_best_by_any_weights_is_on_the_front(values: Any, weights: list[float]) -> None:
    seen = predictions(values)
    ranked = rank_policies(seen, dict(zip(NAMES, weights, strict=True)))
    front = pareto(seen, dict.fromkeys(NAMES, "min"))
    # In exact ties of sums, rounding may prefer a world that is equal to, and not better than, an undominated one.
    alone = (np.abs(ranked["expected_loss"] - ranked["expected_loss"].min()) < 1e-9).sum() == 1
    if bool(alone):
        assert bool(front["on_front"].sel(world=ranked["best"].item()))


@given(VALUES, st.permutations(range(4)))
def test_units_orders_and_signs_play_no_part(values: Any, order: list[int]) -> None:
    wanted = dict.fromkeys(NAMES, "min")
    front = pareto(predictions(values), wanted)
    other = pareto(predictions(7 * values[:, order] + 2), wanted)
    negative = pareto(predictions(-values), dict.fromkeys(NAMES, "max"))
    for name in ("undominated", "on_front"):
        assert np.array_equal(other[name].values, front[name].values[order])
        assert np.array_equal(negative[name].values, front[name].values)


def test_equal_worlds_do_not_dominate_each_other() -> None:
    """The first two are equal; the third is as good as they are in one outcome, and worse in the other."""
    values = np.array([[2, 2, 2], [5, 5, 6]])[:, :, None, None]
    front = pareto(predictions(values), {"culled": "min", "price": "min"})
    assert front["undominated"].values.tolist() == [1.0, 1.0, 0.0]
    assert front["on_front"].values.tolist() == [True, True, False]
    assert front["dominated_by"].values.tolist() == [[0, 0, 0], [0, 0, 0], [1, 1, 0]]


def test_luck_is_averaged_within_draws_and_stocks_over_days() -> None:
    seen = predictions(np.array([[[[1, 9]], [[4, 4]]], [[[3, 3]], [[2, 4]]]]))
    seen = xr.concat([seen, 3 * seen], "day", data_vars="minimal", coords="minimal", compat="override", join="override")
    seen["price"].attrs["units"] = STOCK
    seen = seen.assign_attrs(kind="paired", status="uncalibrated", reason="too few draws")
    front = pareto(seen, {"culled": "min", "price": "min"})
    assert front["value"].values[..., 0].tolist() == [[20.0, 16.0], [6.0, 6.0]]
    assert front["undominated"].values.tolist() == [0.0, 1.0]
    assert front["units"].values.tolist()[1] == "a day on average"
    assert front.attrs["status"] == "uncalibrated"
    assert front.attrs["luck"] == "averaged within each draw over 2 replicates"


SEEN = predictions(np.arange(24).reshape(3, 2, 2, 2))


@pytest.mark.parametrize(
    ("seen", "wanted", "message"),
    [
        (SEEN, {"culled": "min", "prise": "min"}, "unknown outcome 'prise'.*did you mean 'price'"),
        (SEEN, {"culled": "min", "price": "least"}, "unknown word for what is wanted of 'price' 'least'"),
        (SEEN, {"culled": "min"}, "a front needs two outcomes and has 'culled': give at least two"),
        (SEEN, {}, "a front needs two outcomes and has none: give at least two"),
        (SEEN.isel(world=[0]), {"culled": "min", "price": "min"}, "there is one world, 'a': predict at least two"),
        (SEEN.where(SEEN["culled"] > 3), {"culled": "min", "price": "min"}, "'culled' is NaN or infinite in some run"),
        (SEEN.drop_attrs(), {"culled": "min", "price": "min"}, "kind"),
        (SEEN, "culled", 'say of each outcome whether much or little of it, as {"culled": "min", "price": "min"}'),
        (SEEN, ["culled", "price"], "what is wanted is .'culled', 'price'.: say of each outcome"),
        (SEEN.assign_coords(world=["a", "a"]), {"culled": "min", "price": "min"}, "the world 'a' appears twice"),
    ],
)
def test_bad_input_is_refused_in_a_sentence(seen: xr.Dataset, wanted: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pareto(seen, wanted)


def test_the_plot_has_a_panel_a_pair_and_a_mark_a_world(tmp_path: Any) -> None:
    pytest.importorskip("matplotlib")
    from causal_lpm.inference.charts.style import save_figure

    values = np.random.default_rng(1).integers(0, 50, (3, 4, 30, 2)) + np.arange(4)[None, :, None, None] * 20
    for names, panels in (({"culled": "min", "price": "max"}, 1), (dict.fromkeys(NAMES, "min"), 3)):
        front = pareto(predictions(values), names)
        figure = plot_pareto(front, title="Which?")
        assert len(figure.axes) == panels
        points = [line for line in figure.axes[0].get_lines() if line.get_linestyle() == "None"]
        assert [float(point.get_xdata()[0]) for point in points] == pytest.approx(front["expected"].values[0].tolist())
        full = [point.get_markerfacecolor() != "white" for point in points]
        assert full == front["on_front"].values.tolist()
        legend = [text.get_text() for text in figure.legends[0].get_texts()]
        assert legend[0] == f"a: undominated in {100 * float(front['undominated'][0]):.0f}% of draws"
        assert figure.axes[0].get_xlabel().endswith("less is better")
        assert all(file.stat().st_size > 5000 for file in save_figure(figure, tmp_path / "front"))
    assert figure.axes[0].get_ylabel().endswith("less is better")


@given(arrays.arrays(np.int64, (2, 4, 1, 1), elements=st.integers(0, 9)), WANTED)
def test_the_line_goes_through_the_worlds_on_the_front(values: Any, words: list[str]) -> None:
    from causal_lpm.inference.charts.pareto_charts import _front

    front = pareto(predictions(values), dict(zip(NAMES[:2], words, strict=False)))
    corners = {tuple(corner) for corner in _front(values.mean((2, 3)), words[:2]).T.tolist()}
    on = {tuple(point) for point in front["expected"].values[:, front["on_front"].values].T.tolist()}
    assert on <= corners
    assert len(corners) <= 2 * len(on)


def test_charts_refuse_what_they_cannot_show() -> None:
    with pytest.raises(ValueError, match=r"give what pareto\(...\) returns"):
        plot_pareto(SEEN)
    many = xr.concat([SEEN] * 4, "world", data_vars="all", coords="minimal", compat="override", join="override")
    many = many.assign_coords(world=[str(n) for n in range(8)]).assign_attrs(kind="paired")
    with pytest.raises(ValueError, match="8 worlds cannot be told apart"):
        plot_pareto(pareto(many, {"culled": "min", "price": "min"}))


def test_shares_of_no_draws_are_refused() -> None:
    for seen in (SEEN.isel(draw=slice(0)), SEEN.isel(draw=0)):
        with pytest.raises(ValueError, match="the predictions have no draws"):
            pareto(seen, {"culled": "min", "price": "min"})
