import sys
from pathlib import Path

import pytest
import xarray as xr

from causal_lpm.inference import Options, Setting, run_experiment
from causal_lpm.inference.plots import fan_chart, save_fan_charts, save_figure
from tests.inference.fake_study import FakeStudy


def result(start_date: str | None = "2021-01-30") -> xr.DataTree:
    study = FakeStudy(start_date=start_date)
    return run_experiment(study, *study.settings("demo"), 4, 3, Options(1000, 30), workers=1)


def test_plotting_is_not_imported_with_the_package() -> None:
    code = "import sys, causal_lpm.inference; assert 'matplotlib.figure' not in sys.modules"
    import subprocess

    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parent.parent.parent)


def test_charts_of_every_contrast_are_written_as_png_and_svg(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    files = save_fan_charts(result(), tmp_path / "charts")
    assert [file.name for file in files] == [
        "deaths-01.png",
        "deaths-01.svg",
        "infections-01.png",
        "infections-01.svg",
    ]
    assert files[0].read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in files[1].read_text()
    assert sorted(path.name for path in (tmp_path / "charts").iterdir()) == [file.name for file in files]


def test_worlds_differ_in_colour_and_line_and_axes_have_units() -> None:
    pytest.importorskip("matplotlib")
    figure = fan_chart(result(None), "deaths", minus=("delayed", "standard"))
    fan, ribbon = figure.axes
    drawn = fan.get_lines()
    assert len({line.get_color() for line in drawn}) == len({line.get_linestyle() for line in drawn}) == 2
    assert "per 100,000" in fan.get_ylabel()
    assert "per 100,000" in ribbon.get_ylabel()
    assert ribbon.get_xlabel() == "time (days)"


def test_the_end_of_the_ribbon_is_the_effect() -> None:
    pytest.importorskip("matplotlib")
    tree = result()
    ribbon = fan_chart(tree, "deaths", minus=("delayed", "standard")).axes[1]
    end = ribbon.get_lines()[0].get_ydata()[-1]  # type: ignore[index]
    assert end == pytest.approx(float(tree["causal_effect"]["deaths"].median()))


def test_a_figure_is_the_same_file_twice(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    one = save_figure(fan_chart(result(), "deaths"), tmp_path / "one")
    two = save_figure(fan_chart(result(), "deaths"), tmp_path / "two")
    assert [file.read_bytes() for file in one] == [file.read_bytes() for file in two]


def test_more_worlds_than_colours_are_refused() -> None:
    pytest.importorskip("matplotlib")
    settings = [Setting(f"{number}") for number in range(8)]
    tree = run_experiment(FakeStudy(), settings, [], 1, 3, Options(1000, 30), workers=1)
    with pytest.raises(ValueError, match="choose at most 7"):
        fan_chart(tree, "deaths")


def test_a_missing_matplotlib_is_named_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ModuleNotFoundError, match="extra 'plots'"):
        fan_chart(result(), "deaths")
