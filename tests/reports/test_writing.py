"""A report is one file: written once, whole, with every text as text, and with no address that it would open."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from causal_lpm.inference import Options, run_experiment, save
from causal_lpm.reports import Contents, Table, contents_of, write_report
from tests.inference.fake_study import FakeStudy

NASTY = "</script><script>alert('&\"')</script>\u2028<!-- $x$ [b]"


@pytest.fixture(scope="module")
def tree() -> xr.DataTree:
    study = FakeStudy(title=NASTY)
    worlds, references = study.worlds("main")
    return run_experiment(study, worlds, references, 3, 0, Options(1000, 30), workers=1)


def charts_in(text: str) -> list[dict[str, object]]:
    found = re.search(r'<script type="application/json" id="charts">(.*?)</script>', text, re.DOTALL)
    assert found is not None
    charts: list[dict[str, object]] = json.loads(found[1])
    return charts


def test_a_result_becomes_one_file_with_every_section(text: str) -> None:
    for words in ("delayed (efficacy=0.8, interval=84)", "one wave for all worlds", "paired", "Tables", "experiment"):
        assert words in text
    assert [chart["name"] for chart in charts_in(text)] == [
        "series-deaths", "averted-deaths", "series-infections", "averted-infections"
    ]  # fmt: skip
    assert text.count('<img class="still"') == 4, "each chart has a picture for paper"


@pytest.fixture(scope="module")
def text(tree: xr.DataTree, tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_report(tree, tmp_path_factory.mktemp("report") / "out.html").read_text(encoding="utf-8")


def test_no_text_becomes_markup(text: str) -> None:
    assert "<script>alert" not in text
    assert text.count("<script>") == 2, "the libraries and the page's own script"
    assert "&lt;/script&gt;" in text


def test_the_numbers_of_a_chart_are_those_of_the_result(tree: xr.DataTree, text: str) -> None:
    series = next(chart for chart in charts_in(text) if chart["name"] == "averted-infections")["data"]["series"]  # type: ignore[index]
    counts = tree["predictions"]["infections"].sum(("group", "day")).isel(draw=0)
    averted = (counts.sel(world="standard") - counts.sel(world="delayed")).values * 1e5 / 1000
    assert series["median"][-1] == pytest.approx(np.median(averted), rel=1e-4)
    assert (series["low"][-1], series["high"][-1]) == pytest.approx((averted.min(), averted.max()), rel=1e-4)


def test_a_file_that_is_there_stays(tmp_path: Path) -> None:
    there = tmp_path / "out.html"
    there.write_text("mine")
    contents = Contents("a title", "a question", "paired", "everything")
    with pytest.raises(FileExistsError, match="there already"):
        write_report(contents, there)
    assert there.read_text() == "mine"
    write_report(contents, there, overwrite=True)
    assert "a question" in there.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("thing", "name", "error", "words"),
    [
        (Contents("t", "q", "paired", "all"), "out.pdf", ValueError, "ends in '.pdf'"),
        (Contents("t", "q", "paired", "all"), "nowhere/out.html", FileNotFoundError, "is not there"),
        ("missing.nc", "out.html", FileNotFoundError, "no result at"),
        (xr.DataTree(xr.Dataset({"x": 1})), "out.html", ValueError, "no result of a study or a calibration"),
    ],
)
def test_bad_input_is_refused_in_one_sentence(
    tmp_path: Path, thing: object, name: str, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        write_report(tmp_path / thing if isinstance(thing, str) else thing, tmp_path / name)  # type: ignore[arg-type]
    assert not list(tmp_path.rglob("*.html"))


def test_a_result_is_found_in_its_folder(tree: xr.DataTree, tmp_path: Path) -> None:
    save(tree, tmp_path / "results.nc")
    assert contents_of(tmp_path).provenance["experiment"] == tree.attrs["experiment"]


def test_a_folder_with_two_results_is_not_guessed(tree: xr.DataTree, tmp_path: Path) -> None:
    save(tree, tmp_path / "results.nc")
    (tmp_path / "predictions.nc").touch()
    with pytest.raises(ValueError, match="give one of the files"):
        contents_of(tmp_path)


def test_a_table_with_a_row_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="1 cells for 2 columns"):
        Table("t", ("a", "b"), [("x",)])
