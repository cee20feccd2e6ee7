import sys
from pathlib import Path

import pytest
import xarray as xr

from causal_lpm.inference import Options, run_experiment
from causal_lpm.inference.charts.fan_charts import fan_chart, save_fan_charts
from causal_lpm.inference.charts.style import save_figure
from tests.inference.fake_study import FakeStudy


def result(start_date: str | None = "2021-01-30") -> xr.DataTree:
    study = FakeStudy(start_date=start_date)
    return run_experiment(study, *study.worlds("demo"), 4, 3, Options(1000, 30), workers=1)


def test_plotting_is_not_imported_with_the_package() -> None:
    code = "import sys, causal_lpm.inference; assert 'matplotlib.figure' not in sys.modules"
    import subprocess

    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[3])


def test_charts_of_every_contrast_are_written_as_png_and_svg(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    files = save_fan_charts(result(), tmp_path / "charts")
    assert [file.name for file in files] == [
        "deaths-01-delayed-against-standard.png",
        "deaths-01-delayed-against-standard.svg",
        "infections-01-delayed-against-standard.png",
        "infections-01-delayed-against-standard.svg",
    ]
    assert files[0].read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in files[1].read_text()
    assert sorted(path.name for path in (tmp_path / "charts").iterdir()) == [file.name for file in files]


def test_worlds_differ_in_colour_and_line_and_axes_have_units() -> None:
    pytest.importorskip("matplotlib")
    figure = fan_chart(result(None), "deaths", averted=("delayed", "standard"))
    fan, ribbon = figure.axes
    drawn = fan.get_lines()
    assert len({line.get_color() for line in drawn}) == len({line.get_linestyle() for line in drawn}) == 2
    assert "per 100,000" in fan.get_ylabel()
    assert "per 100,000" in ribbon.get_ylabel()
    assert ribbon.get_xlabel() == "time (days since the start)"


def test_the_end_of_the_ribbon_is_the_effect() -> None:
    pytest.importorskip("matplotlib")
    tree = result()
    ribbon = fan_chart(tree, "deaths", averted=("delayed", "standard")).axes[1]
    end = ribbon.get_lines()[0].get_ydata()[-1]  # type: ignore[index]
    assert end == pytest.approx(float(tree["causal_effect"]["averted"].sel(outcome="deaths").median()))


def test_a_figure_is_the_same_file_twice(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    one = save_figure(fan_chart(result(), "deaths"), tmp_path / "one")
    two = save_figure(fan_chart(result(), "deaths"), tmp_path / "two")
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


def test_more_worlds_than_colours_are_refused() -> None:
    pytest.importorskip("matplotlib")
    worlds: dict[str, dict[str, float]] = {f"{number}": {} for number in range(8)}
    tree = run_experiment(FakeStudy(), worlds, {}, 1, 3, Options(1000, 30), workers=1)
    with pytest.raises(ValueError, match="choose at most 7"):
        fan_chart(tree, "deaths")


def test_a_missing_matplotlib_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match="extra 'plots'"):
        fan_chart(result(), "deaths")


def test_names_are_drawn_as_they_are_below_the_axes() -> None:
    pytest.importorskip("matplotlib")
    names = ["_$x^2$", "long " * 60]
    options = Options(1000, 30, extra={"mechanism": "described"})
    tree = run_experiment(FakeStudy(), {name: {} for name in names}, {}, 2, 3, options, workers=1)
    figure = fan_chart(tree, "deaths", averted=(names[1], names[0]))
    figure.draw_without_rendering()
    (legend,) = figure.legends
    first, second = legend.get_texts()
    assert (first.get_text(), first.get_parse_math()) == ("_$x^2$", False)
    assert max(map(len, second.get_text().splitlines())) <= 80
    assert legend.get_window_extent().y1 <= min(axes.get_window_extent().y0 for axes in figure.axes)
    assert "options: mechanism=described" in figure.axes[0].get_title(loc="left")


@pytest.mark.parametrize(
    ("replicates", "spread", "bands"),
    [
        (1, "one replicate", 0),
        (3, "median, smallest to largest of 3 replicates", 1),
        (40, "median, 50% and 95% of 40 replicates", 2),
    ],
)
def test_percentiles_are_drawn_of_forty_replicates_and_more(replicates: int, spread: str, bands: int) -> None:
    pytest.importorskip("matplotlib")
    tree = run_experiment(FakeStudy(), {"only": {}}, {}, replicates, 3, Options(1000, 30), workers=1)
    figure = fan_chart(tree, "deaths")
    assert figure.legends[0].get_title().get_text() == spread
    assert len(figure.axes[0].collections) == bands


def test_of_many_contrasts_only_the_first_outcome_is_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("matplotlib")
    monkeypatch.setattr("causal_lpm.inference.charts.style.save_figure", lambda figure, path: [path])
    worlds: dict[str, dict[str, float]] = {f"{number}": {} for number in range(12)}
    for count, outcomes in ((10, {"deaths", "infections"}), (11, {"deaths"})):
        references = {f"{n}": "0" for n in range(1, count + 1)}
        tree = run_experiment(FakeStudy(), worlds, references, 1, 3, Options(1000, 30), workers=1)
        files = save_fan_charts(tree, tmp_path)
        assert {file.name.split("-")[0] for file in files} == outcomes
        assert len(files) == count * len(outcomes)
