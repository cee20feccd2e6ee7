"""Maps: each place has its number's colour, what is missing is said, and what cannot be a map is refused."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from causal_lpm.inference import animate_map, plot_map
from causal_lpm.inference.charts.map_values import mapped
from causal_lpm.inference.charts.outlines import PACKAGED, outlines_of, read_outlines
from causal_lpm.inference.policies.predictions import predictions_dataset

pytest.importorskip("matplotlib")

BOROUGHS = ("Bronx", "Brooklyn", "Manhattan", "Queens", "Staten Island")


def predictions(worlds: int = 2, days: int = 6) -> xr.Dataset:
    counts = np.random.default_rng(1).poisson(20.0, (worlds, 2, 3, 5, days)).astype(float)
    found = predictions_dataset(
        {"cases": counts, "infectious": 4 * counts},
        [f"world {number}" for number in range(worlds)],
        seed=1,
        coupling="",
        group_labels=BOROUGHS,
        group_size=[10, 20, 30, 40, 50],
        start_date="2020-03-01",
    )
    found["cases"].attrs["units"] = "new per day"
    found["infectious"].attrs["units"] = "number at the end of the day"
    return found


def square(west: float = 0.0, south: float = 0.0, **properties: object) -> dict[str, Any]:
    corners = [[west, south], [west + 1, south], [west + 1, south + 1], [west, south + 1], [west, south]]
    return {"type": "Feature", "properties": properties, "geometry": {"type": "Polygon", "coordinates": [corners]}}


def geojson(folder: Path, *features: dict[str, Any]) -> Path:
    file = folder / "own.geojson"
    file.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return file


def coloured(figure: Any, panel: int = 0) -> list[float]:
    (places,) = figure.axes[panel].collections
    return np.ma.filled(places.get_array().astype(float), np.nan).tolist()  # type: ignore[no-any-return]


def texts(figure: Any) -> str:
    parts = [*figure.texts, figure._suptitle, figure._supxlabel]
    return " ".join(part.get_text() for part in parts if part is not None).replace("\n", " ")


def test_places_have_the_colours_of_a_day_or_of_the_total_in_every_world() -> None:
    seen = predictions()
    mean = seen["cases"].mean(("draw", "replicate")).transpose("world", "group", "day").values
    for day, wanted in ((None, mean.sum(-1)), (2, mean[..., 2]), (-1, mean[..., -1])):
        figure = plot_map(seen, "cases", day=day)
        for world in (0, 1):
            assert coloured(figure, world) == pytest.approx(wanted[world].tolist())
        limits = [axes.collections[0].get_clim() for axes in figure.axes[:2]]
        assert limits == [(0, pytest.approx(wanted.max()))] * 2
    assert "total of 2020-03-01 to 2020-03-06, mean of 6 runs" in texts(plot_map(seen, "cases"))
    assert "all new ones" in plot_map(seen, "cases").axes[-1].get_ylabel()
    for total in (seen, seen.assign(cases=seen["cases"].drop_attrs())):
        assert plot_map(total, "cases", per_100k=True).axes[-1].get_ylabel() == "cases\n(all new ones per 100,000)"
    one = plot_map(seen, "cases", day=0, worlds="world 1", per_100k=True)
    assert coloured(one) == pytest.approx((mean[1, :, 0] / [10, 20, 30, 40, 50] * 1e5).tolist())
    assert one.axes[-1].get_ylabel() == "cases\n(new per day per 100,000)"


def test_labels_match_names_and_ids_whatever_their_case_accents_and_order() -> None:
    boroughs = read_outlines("outlines_nyc_boroughs.geojson")
    assert boroughs.matched(["QUEENS", "36005", " staten  island"]) == {"QUEENS": 3, "36005": 0, " staten  island": 4}
    districts = read_outlines("outlines_nz_dhb.geojson")
    with_accents, without = (
        districts.matched(["Waitematā", "Tairāwhiti"]),
        districts.matched(["Waitemata", "Tairawhiti"]),
    )
    assert list(with_accents.values()) == list(without.values())
    with pytest.raises(ValueError, match="'36005', 'Bronx' are one place"):
        boroughs.matched(["Bronx", "36005"])


def test_what_is_missing_is_grey_and_said() -> None:
    figure = plot_map(
        pd.Series({"Queens": 2.0, "Bronx": 1.0, "Overseas": 7.0}), "deaths", outlines=outlines_of(BOROUGHS)
    )
    assert coloured(figure) == pytest.approx([1.0, np.nan, np.nan, 2.0, np.nan], nan_ok=True)
    assert "no outline, and not drawn: Overseas" in texts(figure)
    assert "no value, in grey: Brooklyn, Manhattan, Staten Island" in texts(figure)


def test_a_result_that_was_refused_says_so_on_its_map() -> None:
    seen = predictions().assign_attrs(status="interventional only", reason="The reason.")
    assert "INTERVENTIONAL ONLY" in texts(plot_map(seen, "cases"))
    assert "total of" in texts(plot_map(seen, "cases"))


def test_outlines_of_ones_own_have_a_key_and_holes(tmp_path: Path) -> None:
    lake = [[0.4, 0.4], [0.6, 0.4], [0.6, 0.6], [0.4, 0.6], [0.4, 0.4]]
    north = square(0, 0, title="North")
    north["geometry"]["coordinates"].append(lake)
    own = geojson(tmp_path, north, square(0, -1, title="South"))
    figure = plot_map({"North": 1, "South": 2}, outlines=own, key="title", points={"here": (0.1, 0.1)})
    assert coloured(figure) == [1.0, 2.0]
    with pytest.raises(ValueError, match=r"'lake' at \(0.5, 0.5\) lies in no place"):
        plot_map({"North": 1}, outlines=own, key="title", points={"lake": (0.5, 0.5)})


@pytest.mark.parametrize("name", PACKAGED)
def test_packaged_outlines_lie_where_they_are_and_fill_the_map(name: str) -> None:
    outlines = read_outlines(name)
    west, south, east, north = outlines.box
    every = np.concatenate([ring for place in outlines.places for ring in place.rings])
    assert (south, north) == (every[:, 1].min(), every[:, 1].max())
    if name != "outlines_us_states.geojson":  # which goes on beyond 180 degrees
        assert (west, east) == pytest.approx((every[:, 0].min(), every[:, 0].max()))
    figure = plot_map({place.names[0]: 1.0 for place in outlines.places}, outlines=name)
    axes = figure.axes[0]
    assert axes.get_xlim()[0] < west < east < axes.get_xlim()[1] < west + 1.2 * (east - west)
    centre = outlines.flat(np.array([[(west + east) / 2, (south + north) / 2]]))[0]
    assert west < centre[0] < east
    assert south < centre[1] < north


def test_a_map_across_the_date_line_is_not_cut(tmp_path: Path) -> None:
    own = geojson(tmp_path, square(179, 0, name="west of it"), square(-180, 0, name="east of it"))
    west, south, east, north = read_outlines(own).box
    assert (round(east - west), round(north - south)) == (2, 1)
    states = read_outlines("outlines_us_states.geojson").box
    assert states[2] - states[0] < 130


@pytest.mark.parametrize(
    ("features", "sentence"),
    [
        ([square(1_000_000, 5_000_000, name="a")], "no degrees: give longitude and latitude in WGS84"),
        ([square(0, 0, title="a")], "has no 'name': its properties are title; give key="),
        ([], "has no features"),
        (
            [{**square(name="a"), "geometry": {"type": "Point", "coordinates": [0, 0]}}],
            "is a Point: a map has polygons",
        ),
        ([{**square(name="a"), "geometry": {"type": "Polygon", "coordinates": [[[0, 0]]]}}], "is broken"),
        ([square(0, 0, name="b")], "none of the 1 labels is a place of own.geojson"),
    ],
)
def test_outlines_that_are_none_are_refused(tmp_path: Path, features: list[dict[str, Any]], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        plot_map({"a": 1.0}, outlines=geojson(tmp_path, *features))


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"outcome": "infectious"}, "which days do not add up: give the number of a day, from 0 to 5"),
        ({}, "name the outcome to be drawn"),
        ({"outcome": "case"}, "did you mean 'cases'"),
        ({"outcome": "cases", "day": 6}, "day is 6: give a whole number from -6 to 5"),
        ({"outcome": "cases", "worlds": "word 1"}, "did you mean 'world 1'"),
        ({"outcome": "cases", "outlines": "outlines_nz_dhb.geojson"}, "none of the 5 labels is a place"),
        ({"outcome": "cases", "points": {"p": (40.7, -74.0)}}, r"lies in no place .* give \(east, north\)"),
        ({"outcome": "cases", "points": {"p": (-74.0, 140.7)}}, "no degrees"),
    ],
)
def test_a_question_without_an_answer_is_refused(asked: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        plot_map(predictions(), **asked)


def test_values_that_are_no_places_are_refused() -> None:
    with pytest.raises(TypeError, match="a map of a int cannot be drawn"):
        plot_map(3)
    with pytest.raises(ValueError, match="no numbers"):
        plot_map({"Bronx": "many"})
    with pytest.raises(ValueError, match="a map needs one with the labels of places"):
        plot_map(xr.DataArray(np.zeros((2, 2)), dims=["a", "b"]))
    with pytest.raises(ValueError, match="has no days: leave day out"):
        plot_map({"Bronx": 1.0}, day=3)
    with pytest.raises(ValueError, match="how many persons"):
        plot_map({"Bronx": 1.0}, per_100k=True)
    with pytest.raises(ValueError, match="no packaged outlines have all of the places 'Bronx', 'Otago'"):
        plot_map({"Bronx": 1.0, "Otago": 2.0})
    with pytest.raises(FileNotFoundError, match="there are no outlines 'nz'"):
        plot_map({"Bronx": 1.0}, outlines="nz")


def test_the_mean_is_over_samples_only() -> None:
    found = mapped(predictions(), "cases")
    assert found.values.shape == (2, 5, 6)
    assert (found.runs, found.days[:2]) == (6, ("2020-03-01", "2020-03-02"))


def test_a_film_has_a_frame_a_day(tmp_path: Path) -> None:
    from PIL import Image

    file = animate_map(predictions(worlds=1), tmp_path / "film.gif", "cases", every=2)
    with Image.open(file) as film:
        assert film.n_frames == 3  # type: ignore[attr-defined]
    assert [each.name for each in tmp_path.iterdir()] == ["film.gif"]


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the program ffmpeg is not installed")
def test_a_film_may_be_an_mp4(tmp_path: Path) -> None:
    file = animate_map(predictions(), tmp_path / "film.mp4", "cases")
    assert file.read_bytes()[4:8] == b"ftyp"
    assert [each.name for each in tmp_path.iterdir()] == ["film.mp4"]


def test_a_film_that_cannot_be_written_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from matplotlib.animation import FFMpegWriter

    monkeypatch.setattr(FFMpegWriter, "isAvailable", lambda: False)
    for name, sentence in (("film.mp4", "needs the program ffmpeg"), ("film.avi", "neither .gif nor .mp4")):
        with pytest.raises(ValueError, match=sentence):
            animate_map(predictions(), tmp_path / name, "cases")
        with pytest.raises(ValueError, match=sentence):  # before the values are looked at
            animate_map("no values", tmp_path / name, "cases")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="has no days, of which a film is made"):
        animate_map({"Bronx": 1.0}, tmp_path / "film.gif")
    assert list(tmp_path.iterdir()) == []
