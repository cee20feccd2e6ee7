from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from causal_lpm.inference.charts.calibration_charts import charts, regret_bars, save_calibration_plots
from causal_lpm.inference.charts.diagnostic_charts import GRID, coverage_chart, marginals, rank_chart, simultaneous_band
from causal_lpm.inference.charts.series_charts import fan_chart
from causal_lpm.inference.charts.style import banner_text
from causal_lpm.inference.charts.world_charts import effect_ribbon, reproduction_ribbon
from causal_lpm.inference.results.calibration_tree import About, TreeLabels, build_tree, with_group
from tests.inference.calibration.fake_result import DAYS, ORIGIN, fake_ranking, fake_result

pytest.importorskip("matplotlib")

CHARTS = {
    "fan": lambda tree: fan_chart(tree, "cases"),
    "marginals": marginals,
    "ranks": rank_chart,
    "coverage": coverage_chart,
    "effect": lambda tree: effect_ribbon(tree, "infections", ("one week earlier", "factual")),
    "reproduction": reproduction_ribbon,
    "regret": lambda tree: regret_bars(fake_ranking(), tree),
}


def about(status: str = "calibrated") -> About:
    return About("npe", status, seed=1, budget=10, simulations=10)


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize(
    ("status", "method", "words"),
    [
        ("calibrated", "svi+npe", ""),
        ("uncalibrated", "svi+npe", "UNCALIBRATED: sbc failed"),
        ("optimised", "svi", "OPTIMISED with svi: not a posterior"),
        ("optimised", "gradient", "OPTIMISED with gradient: not a posterior"),
    ],
)
def test_every_chart_says_what_is_no_posterior(name: str, status: str, method: str, words: str) -> None:
    figure = CHARTS[name](fake_result(status=status, method=method, draws=60))
    assert figure.get_suptitle().startswith(words)
    assert bool(figure.get_suptitle()) == bool(words)


@pytest.mark.parametrize("name", CHARTS)
@pytest.mark.parametrize("dates", [True, False])
def test_every_axis_is_labelled(name: str, dates: bool) -> None:
    figure = CHARTS[name](fake_result(dates=dates, draws=60))
    assert figure.axes[-1].get_xlabel()
    assert all(axes.get_ylabel() for axes in figure.axes) or name == "regret"
    if name in ("fan", "effect", "reproduction"):
        assert figure.axes[-1].get_xlabel() == ("date" if dates else "time (days since the start)")


def test_without_a_report_an_uncalibrated_result_has_a_banner_all_the_same() -> None:
    assert "UNCALIBRATED" in banner_text(build_tree(about("uncalibrated"), {"b": [1.0]}))
    assert banner_text(build_tree(about(), {"b": [1.0]})) == ""


def test_the_status_of_a_ranking_is_enough_for_its_banner() -> None:
    assert regret_bars(fake_ranking().assign_attrs(status="uncalibrated")).get_suptitle().startswith("UNCALIBRATED")
    assert regret_bars(fake_ranking().assign_attrs(status="optimised")).get_suptitle().startswith("OPTIMISED: not a")
    assert regret_bars(fake_ranking().assign_attrs(status="calibrated")).get_suptitle() == ""


def test_the_fan_s_median_and_bands_are_the_draws_quantiles() -> None:
    tree = fake_result()
    axes = fan_chart(tree, "cases").axes[1]
    samples = tree["posterior_predictive"]["cases"].values[0, :, 1]
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), np.median(samples, 0))
    for band, level in zip(axes.collections, (0.9, 0.5), strict=True):
        ends = band.get_paths()[0].vertices[:, 1]
        low, high = np.quantile(samples, [(1 - level) / 2, (1 + level) / 2], axis=0)
        np.testing.assert_allclose([ends.min(), ends.max()], [low.min(), high.max()])


@pytest.mark.parametrize(("origin", "drawn"), [(None, ORIGIN), (30, 30)])
def test_the_forecast_begins_after_the_data_or_where_it_is_told(origin: int | None, drawn: int) -> None:
    axes = fan_chart(fake_result(dates=False), "cases", origin).axes[0]
    assert [line.get_xdata()[0] for line in axes.get_lines() if len(line.get_xdata()) == 2] == [drawn]


def test_without_days_to_come_there_is_no_origin() -> None:
    data = np.ones(5)
    tree = build_tree(
        about(), {"b": np.ones(3)}, posterior_predictive={"c": np.ones((3, 5))}, observed_data={"c": data}
    )
    lines = fan_chart(tree, "c").axes[0].get_lines()
    assert all(len(np.asarray(line.get_xdata())) == 5 for line in lines)


def test_units_are_on_the_axes() -> None:
    series = {"c": np.ones((3, 5))}
    units = {"c": "new per week", "b": "days"}
    tree = build_tree(about(), {"b": np.ones(3)}, posterior_predictive=series, labels=TreeLabels(units=units))
    assert fan_chart(tree, "c").axes[0].get_ylabel() == "c\n(new per week)"
    assert marginals(tree).axes[0].get_xlabel() == "b (days)"


@pytest.mark.parametrize(("days", "unit"), [(1, "per day"), (7, "per week"), (3, "per step")])
def test_dates_say_what_a_number_counts(days: int, unit: str) -> None:
    dates = {"c": np.datetime64("2024-01-07") + days * np.arange(5)}
    series = {"c": np.ones((3, 2, 5))}
    tree = build_tree(about(), {"b": np.ones(3)}, posterior_predictive=series, labels=TreeLabels(dates=dates))
    upper, lower = fan_chart(tree, "c").axes
    assert upper.get_ylabel() == f"c\n({unit})"
    assert (upper.get_title("left"), lower.get_title("left")) == ("group 0", "group 1")


def test_outcomes_with_groups_and_days_of_their_own_are_drawn() -> None:
    """Infections by group, a cost without groups, and weekly deaths, as `predict` lays them out."""
    sizes = {"infections": (2, 14), "cost": (1, 14), "deaths": (1, 2)}
    dims = {"infections": ("group", "day"), "cost": ("cost_group", "day"), "deaths": ("deaths_group", "deaths_day")}
    runs = ("world", "draw", "replicate")
    predictions = xr.Dataset(
        {name: ((*runs, *dims[name]), np.ones((2, 3, 2, *size))) for name, size in sizes.items()},
        {"world": ["open", "closed"], "group": ["young", "old"], "day": np.arange(14), "deaths_day": np.arange(2)},
        {"kind": "paired"},
    )
    tree = with_group(build_tree(about(), {"b": np.ones(3)}), "predictions", predictions)
    labels = {}
    for outcome in sizes:
        upper, lower = effect_ribbon(tree, outcome, ("closed", "open")).axes
        labels[outcome] = upper.get_ylabel(), lower.get_xlabel()
    assert labels["cost"] == ("cost\n(a day, as the model counts)", "time (days since the start)")
    assert labels["deaths"] == ("deaths\n(a step, as the model counts)", "step")
    assert effect_ribbon(tree, "infections", ("closed", "open")).axes[0].get_lines()[0].get_ydata()[0] == 2.0
    with pytest.raises(ValueError, match="unknown group 'young'"):
        effect_ribbon(tree, "cost", ("closed", "open"), group="young")


def test_held_out_data_are_drawn_open_and_must_fit() -> None:
    tree = fake_result()
    held_out = np.full((2, DAYS), np.nan)
    held_out[:, ORIGIN:] = 5.0
    *_, data, later, _ = fan_chart(tree, "cases", held_out=held_out).axes[0].get_lines()
    assert (data.get_fillstyle(), later.get_fillstyle()) == ("full", "none")
    assert np.nanmax(later.get_ydata()) == 5.0
    with pytest.raises(ValueError, match="held_out has shape"):
        fan_chart(tree, "cases", held_out=np.ones(DAYS))


def many_groups(count: int) -> xr.DataTree:
    labels = [f"county {number}" for number in range(count)]
    values = np.ones((4, count, 6)) * np.arange(count)[:, None]
    names = TreeLabels(groups={"c": labels})
    return build_tree(about(), {"b": np.ones(4)}, posterior_predictive={"c": values}, labels=names)


def test_groups_are_chosen_by_name_and_no_more_than_a_page_holds() -> None:
    figure = fan_chart(many_groups(14), "c", groups=["county 13", "county 2"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["county 13", "county 2"]
    assert [float(np.asarray(axes.get_lines()[0].get_ydata())[0]) for axes in figure.axes] == [13.0, 2.0]
    with pytest.raises(ValueError, match="14 panels do not fit"):
        fan_chart(many_groups(14), "c")
    with pytest.raises(ValueError, match="did you mean 'county 1'"):
        fan_chart(many_groups(3), "c", groups=["county1"])


def test_the_end_of_the_ribbon_is_the_effect_and_its_kind_is_named() -> None:
    tree = fake_result()
    lower = effect_ribbon(tree, "infections", ("one week later", "factual")).axes[1]
    runs = tree["predictions"].to_dataset()["infections"].sum("day")
    effect = runs.sel(world="factual") - runs.sel(world="one week later")
    assert np.asarray(lower.get_lines()[0].get_ydata())[-1] == pytest.approx(float(effect.median()))
    assert "paired: the worlds share their luck" in lower.get_title(loc="left")
    total, parameters = (float(np.ptp(band.get_paths()[0].vertices[:, 1])) for band in lower.collections)
    assert parameters < total


def test_worlds_differ_in_colour_and_line() -> None:
    for axes in (
        effect_ribbon(fake_result(), "infections", ("one week later", "factual")).axes[0],
        reproduction_ribbon(fake_result()).axes[0],
    ):
        lines = [line for line in axes.get_lines() if len(np.asarray(line.get_xdata())) == DAYS]
        assert len({line.get_color() for line in lines}) == len({line.get_linestyle() for line in lines}) == len(lines)


def test_a_reproduction_number_may_be_a_parameter() -> None:
    tree = build_tree(about(), {"R_t": np.linspace(1, 2, 30).reshape(10, 3), "b": np.ones(10)})
    axes = reproduction_ribbon(tree).axes[0]
    np.testing.assert_allclose(axes.get_lines()[0].get_ydata(), np.median(np.linspace(1, 2, 30).reshape(10, 3), 0))
    assert axes.get_xlabel() == "step"
    with pytest.raises(ValueError, match="has no time"):
        reproduction_ribbon(tree, "b")


@pytest.mark.parametrize(
    ("draw", "words"),
    [
        (lambda tree: fan_chart(tree, "case"), "did you mean 'cases'"),
        (lambda tree: effect_ribbon(tree, "infection", ("factual", "factual")), "did you mean 'infections'"),
        (lambda tree: effect_ribbon(tree, "infections", ("one week sooner", "factual")), "unknown world"),
        (lambda tree: effect_ribbon(tree, "infections", ("factual", "factual"), "every"), "unknown group"),
        (lambda tree: reproduction_ribbon(tree, "Rt"), "unknown reproduction number 'Rt'"),
        (lambda tree: marginals(tree, page=1), "no page 1 of 3 parameters"),
        (lambda tree: rank_chart(tree, page=1), "no page 1 of 3 parameters"),
    ],
)
def test_unknown_names_are_refused(draw: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        draw(fake_result(draws=10))


def test_what_the_result_lacks_is_said() -> None:
    tree = build_tree(about(), {"b": np.ones(5)})
    for draw, words in (
        (lambda: rank_chart(tree), "no ranks in prior_sbc"),
        (lambda: coverage_chart(tree), "no highest_density_level or tarp_level"),
        (lambda: effect_ribbon(tree, "deaths", ("a", "b")), "no predictions"),
    ):
        with pytest.raises(ValueError, match=words):
            draw()


def test_both_areas_of_a_marginal_are_probabilities() -> None:
    axes = marginals(fake_result(draws=2000), {"R0": 2.6}).axes[0]
    for patch in axes.patches:
        heights, edges, _ = patch.get_data()  # type: ignore[attr-defined]
        assert float((heights * np.diff(edges)).sum()) == pytest.approx(0.99, abs=0.002)
    assert list(axes.get_lines()[0].get_xdata()) == [2.6, 2.6]


def test_a_constant_parameter_can_be_drawn() -> None:
    axes = marginals(build_tree(about(), {"b": np.full(9, 3.0)})).axes[0]
    heights, edges, _ = axes.patches[0].get_data()  # type: ignore[attr-defined]
    assert (heights.tolist(), edges.tolist()) == ([1.0], [2.5, 3.5])


@pytest.mark.parametrize("simulations", [50, 200])
def test_the_band_holds_95_percent_of_uniform_curves(simulations: int) -> None:
    # 2,000 fresh curves: with a true share of 0.95 the standard error is 0.005. The counts are whole, so the band may
    # hold a little more than asked; the share leaves 0.93 to 0.985 less than once in 10,000 times.
    low, high = simultaneous_band(simulations)
    drawn = np.random.default_rng(123).random((2000, simulations))
    curves = (
        (drawn[:, :, None] <= GRID).mean(1)
        if simulations < 100
        else np.stack([np.searchsorted(np.sort(row), GRID, side="right") / simulations for row in drawn])
    )
    inside = ((curves >= low - 1e-9) & (curves <= high + 1e-9)).all(1).mean()
    assert 0.93 < inside < 0.985


def test_ranks_that_are_too_extreme_leave_the_band_and_uniform_ones_do_not() -> None:
    def leaves(status: str) -> bool:
        axes = rank_chart(fake_result(status=status)).axes[0]
        low, high = simultaneous_band(200)
        curve = np.asarray(axes.get_lines()[0].get_ydata())
        return bool(((curve < low - GRID) | (curve > high - GRID)).any())

    assert not leaves("calibrated")
    assert leaves("uncalibrated")


def test_regret_is_drawn_best_first() -> None:
    axes = regret_bars(fake_ranking()).axes[0]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["one week later", "factual", "one week earlier"]  # from below
    assert [bar.get_width() for bar in axes.patches] == [1900.0, 410.0, 12.0]  # type: ignore[attr-defined]
    assert "paired" in axes.get_xlabel()


def test_all_charts_are_written_as_png_and_svg(tmp_path: Path) -> None:
    files = save_calibration_plots(fake_result(draws=40), tmp_path / "plots", truth={"R0": 2.6})
    assert [file.stem for file in files[::2]] == [
        "fan-cases",
        "fan-admissions",
        "parameters",
        "ranks",
        "coverage",
        "effect-infections-01-one-week-earlier",
        "effect-infections-02-one-week-later",
        "reproduction-r_t",
    ]
    assert {file.suffix for file in files} == {".png", ".svg"}
    assert sorted(tmp_path.glob("plots/*")) == sorted(files)


def test_many_groups_take_several_pages_and_what_is_missing_is_left_out() -> None:
    pages = dict(charts(many_groups(14)))
    assert list(pages) == ["fan-c-01", "fan-c-02", "parameters"]
    assert [len(pages[name]().axes) for name in ("fan-c-01", "fan-c-02")] == [12, 2]


def test_of_many_worlds_only_the_first_outcome_is_drawn() -> None:
    worlds = [f"world {number}" for number in range(12)]
    values = np.ones((12, 2, 1, 1, 3))
    dims = ("world", "draw", "replicate", "group", "day")
    predictions = xr.Dataset(
        {"infections": (dims, values), "deaths": (dims, values)}, {"world": worlds, "day": np.arange(3)}
    )
    tree = with_group(build_tree(about(), {"b": np.ones(2)}), "predictions", predictions)
    names = [name for name, _ in charts(tree)]
    assert sum(name.startswith("effect") for name in names) == 11
    assert not any("deaths" in name for name in names)


def test_predictions_are_no_tree_of_a_calibration() -> None:
    predictions = xr.Dataset({"cases": (("world", "day"), np.zeros((1, 3)))})
    with pytest.raises(TypeError, match=r"this is a Dataset without a posterior predictive: give result\.tree"):
        fan_chart(predictions, "cases")  # type: ignore[arg-type]
