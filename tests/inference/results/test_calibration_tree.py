from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm.inference.results import tree_files
from causal_lpm.inference.results.calibration_tree import About, TreeLabels, build_tree, load, save, with_group
from causal_lpm.inference import Report
from tests.inference.calibration.fake_result import DAYS, DRAWS, GROUPS, ORIGIN, fake_result

ABOUT = About("svi+npe", "calibrated", seed=1, budget=100, simulations=150)

SUFFIXES = pytest.mark.parametrize("suffix", [".nc", ".zarr"])


@pytest.fixture(autouse=True)
def _zarr(request: pytest.FixtureRequest) -> None:
    if ".zarr" in request.node.name:
        pytest.importorskip("zarr")


def test_groups_are_arviz_s_and_dimensions_are_in_order() -> None:
    tree = fake_result()
    assert set(tree.children) == {
        "posterior",
        "prior",
        "posterior_predictive",
        "observed_data",
        "sample_stats",
        "log_prior",
        "prior_sbc",
        "diagnostics",
        "predictions",
    }
    assert tree["posterior"]["R0"].dims == ("chain", "draw")
    assert tree["posterior_predictive"]["cases"].dims == ("chain", "draw", "group", "day")
    assert tree["posterior_predictive"]["cases"].shape == (1, DRAWS, 2, DAYS)
    assert tree["observed_data"]["cases"].dims == ("group", "day")
    assert tree["observed_data"]["group"].values.tolist() == list(GROUPS)
    assert tree["prior_sbc"]["ranks"].dims == ("simulation", "parameter")
    assert tree["prior_sbc"]["parameter"].values.tolist() == ["R0", "reporting", "ifr"]
    assert tree["observed_data"]["date"].values[0] == np.datetime64("2020-03-01")


def test_root_attributes_say_how_and_whence() -> None:
    attrs = fake_result().attrs
    expected = {
        "method": "svi+npe",
        "status": "calibrated",
        "seed": 7,
        "budget": 300,
        "simulations": 500,
        "failures": 2,
    }
    assert {key: attrs[key] for key in expected} == expected
    assert attrs["kind"] == "interventional"
    assert attrs["provenance_seed"] == "7"
    assert len(attrs["provenance_sha256:cases"]) == 64


def test_the_hash_of_the_data_changes_with_them() -> None:
    def digest(day: float) -> str:
        return str(
            build_tree(ABOUT, {"b": [1.0]}, observed_data={"cases": [1.0, day]}).attrs["provenance_sha256:cases"]
        )

    assert digest(2) == digest(2) != digest(3)


def test_sites_share_dimensions_only_if_they_agree() -> None:
    def dims(data: dict[str, Any], **more: Any) -> set[str]:
        return set(map(str, build_tree(ABOUT, {"b": [1.0]}, observed_data=data, labels=TreeLabels(**more))["observed_data"].dims))

    own = {"a_group", "a_day", "b_group", "b_day"}
    same = {"a": np.ones((2, 5)), "b": np.zeros((2, 5))}
    assert dims(same) == {"group", "day"}
    assert dims({"a": np.ones(5), "b": np.ones((1, 5))}) == {"group", "day"}
    assert dims({"a": np.ones((2, 5)), "b": np.ones(5)}) == own
    assert dims(same, groups={"a": ["x", "y"]}) == own
    days = np.datetime64("2020-01-01") + np.arange(5)
    assert dims(same, dates={"a": days, "b": days}) == {"group", "day"}
    assert dims(same, dates={"a": days, "b": days + 1}) == own


@settings(max_examples=25)
@given(
    chains=st.integers(1, 3),
    draws=st.integers(1, 4),
    shape=st.lists(st.integers(1, 3), max_size=2).map(tuple),
    kind=st.sampled_from(["<f8", "<f4", "<i8", "?"]),
)
def test_draws_are_cut_into_chains_without_change(chains: int, draws: int, shape: tuple[int, ...], kind: str) -> None:
    values = np.arange(chains * draws * int(np.prod(shape)), dtype=np.int64).reshape(-1, *shape).astype(kind)
    found = build_tree(ABOUT, {"b": values}, chains=chains)["posterior"]["b"]
    assert found.dtype == values.dtype
    assert found.shape == (chains, draws, *shape)
    np.testing.assert_array_equal(found.values.reshape(values.shape), values)


def test_parameters_with_named_dimensions_and_labels() -> None:
    tree = build_tree(
        ABOUT,
        {"beta": np.ones((4, 2)), "gamma": np.ones((4, 2)), "walk": np.ones((4, 3))},
        labels=TreeLabels(
            dims={"beta": ["borough"], "gamma": ["borough"]}, coords={"borough": GROUPS, "unused": ["x"]}
        ),
        prior_sbc={"truth": np.ones((5, 7))},
    )
    assert tree["posterior"]["beta"].dims == ("chain", "draw", "borough")
    assert tree["posterior"]["walk"].dims == ("chain", "draw", "walk_dim_0")
    assert tree["posterior"]["borough"].values.tolist() == list(GROUPS)
    assert tree["prior_sbc"]["parameter"].values.tolist()[:3] == ["beta[0]", "beta[1]", "gamma[0]"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"posterior": {}}, "no variables"),
        ({"posterior": {"b": 1.0}}, "first dimension must be draws"),
        ({"posterior": {"b": np.ones(3)}, "chains": 2}, "equally many for each of 2 chains"),
        ({"posterior": {"b": np.ones(3), "c": np.ones(4)}}, "'c' in 'posterior' has 4 of 'draw', 3 are elsewhere"),
        ({"posterior": {"b/c": np.ones(3)}}, "'b/c' cannot be stored"),
        ({"posterior": {"draw": np.ones(3)}}, "'draw' cannot be stored"),
        ({"labels": TreeLabels(dims={"b": ["borough"]})}, "name as many as it has"),
        (
            {"posterior": {"b": np.ones((4, 3))}, "labels": TreeLabels(dims={"b": ["x"]}, coords={"x": [1]})},
            "1 labels are given",
        ),
        ({"posterior_prediction": {"c": np.ones((4, 9))}}, "unknown group .*did you mean 'posterior_predictive'"),
        ({"log_prior": {"b": np.ones(3)}}, "'log_prior' has 3 draws a chain and the posterior 4"),
        ({"posterior_predictive": {"cases": np.ones((5, 9))}}, "5 draws a chain and the posterior 4"),
        ({"posterior_predictive": {"c": np.ones((4, 9)), "d": np.ones((3, 9))}}, r"have \[3, 4\] draws"),
        ({"posterior_predictive": {"c": np.ones((4, 9))}, "observed_data": {"c": np.ones(8)}}, "make them equal"),
        ({"observed_data": {"day": np.ones(8)}}, "cannot be named 'day'"),
        ({"observed_data": {"c": np.ones((1, 1, 8))}}, r"give \[day\] or \[group, day\]"),
        ({"observed_data": {"c": np.ones(8)}, "labels": TreeLabels(groups={"c": GROUPS})}, "1 groups and 2 labels"),
        ({"observed_data": {"c": np.ones((2, 8))}, "labels": TreeLabels(groups={"c": ["x", "x"]})}, "'x' appears twice"),
        ({"observed_data": {"c": np.ones((2, 8))}, "labels": TreeLabels(groups={"c": "xy"})}, "are the text 'xy': give a list"),
        ({"observed_data": {"c": np.ones(2)}, "labels": TreeLabels(dates={"c": ["2020-01-01"]})}, "2 days and 1 dates"),
        ({"prior_sbc": {"ranks": np.ones((5, 1))}}, "give sbc_draws"),
        ({"prior_sbc": {"truth": np.ones((5, 2))}}, "a column for each of b"),
        ({"prior_sbc": {"truth": np.ones((5, 1)), "tarp_level": np.ones(4)}}, r"arrays of \[4, 5\] simulations"),
    ],
)
def test_what_does_not_fit_is_refused_in_clear_words(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build_tree(ABOUT, **{"posterior": {"b": np.ones(4)}, **more})


def test_an_unknown_status_or_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="did you mean 'calibrated'"):
        About("npe", "calibratd", 0, 1, 1)
    with pytest.raises(ValueError, match="did you mean 'paired'"):
        About("npe", "calibrated", 0, 1, 1, kind="pair")


def test_a_single_number_is_a_series_of_one_day() -> None:
    tree = build_tree(
        ABOUT, {"b": [1.0, 2.0]}, posterior_predictive={"total": np.ones(2)}, observed_data={"total": np.array(3.0)}
    )
    assert tree["posterior_predictive"]["total"].shape == (1, 2, 1, 1)
    assert tree["observed_data"]["total"].values.tolist() == [[3.0]]


def test_units_go_with_their_variables_and_through_files(tmp_path: Path) -> None:
    units = {"b": "days", "cases": "new per week"}
    more = {"posterior_predictive": {"cases": np.ones((2, 9))}, "prior": {"b": [3.0]}, "labels": TreeLabels(units=units)}
    tree = build_tree(ABOUT, {"b": [1.0, 2.0]}, observed_data={"cases": np.ones(9)}, **more)
    save(tree, tmp_path / "result.nc")
    back = load(tmp_path / "result.nc")
    assert back.identical(tree)
    for group, name in (
        ("posterior", "b"),
        ("prior", "b"),
        ("posterior_predictive", "cases"),
        ("observed_data", "cases"),
    ):
        assert back[group][name].attrs["units"] == units[name]
    with pytest.raises(ValueError, match="unknown parameter or data site 'case': did you mean 'cases'"):
        build_tree(ABOUT, {"b": [1.0]}, observed_data={"cases": np.ones(9)}, labels=TreeLabels(units={"case": "new per week"}))


def test_fewer_predictive_draws_are_the_first_ones() -> None:
    tree = build_tree(ABOUT, {"b": np.arange(4.0)}, posterior_predictive={"cases": np.ones((3, 9))})
    assert tree["posterior_predictive"]["draw"].values.tolist() == [0, 1, 2]


@SUFFIXES
@pytest.mark.parametrize("like", [{}, {"dates": False, "same_sites": False, "status": "uncalibrated"}])
def test_files_give_back_exactly_what_was_saved(tmp_path: Path, suffix: str, like: dict[str, Any]) -> None:
    tree = fake_result(**like)
    save(tree, tmp_path / "new" / f"result{suffix}")
    back = load(tmp_path / "new" / f"result{suffix}")
    assert back.identical(tree)
    for node in tree.subtree:
        for name, variable in node.variables.items():
            assert back[node.path].variables[name].dtype == variable.dtype, name
    assert np.isnan(back["observed_data"]["cases"].values[:, ORIGIN:]).all()
    report = Report.from_dataset(back["diagnostics"].to_dataset())
    assert report == Report.from_dataset(tree["diagnostics"].to_dataset())
    assert [path.name for path in (tmp_path / "new").iterdir()] == [f"result{suffix}"]


@SUFFIXES
def test_awkward_values_survive(tmp_path: Path, suffix: str) -> None:
    odd = np.array([np.nan, np.inf, -np.inf, -0.0, 5e-324, 1e308])
    data = xr.Dataset(
        {"odd": ("x", odd), "word": ("x", ["", "ü", "a b", "[b]", "%s", "x" * 300]), "yes": ("x", odd > 0)},
        {"when": ("x", np.datetime64("1918-11-11", "ns") + np.arange(6).astype("timedelta64[D]"))},
        {"note": "ü", "count": 3, "share": 0.1},
    )
    tree = build_tree(ABOUT, {"b": [1.0]}, constant_data=data, diagnostics=Report().to_dataset())
    save(tree, path := tmp_path / f"result{suffix}")
    back = load(path)
    assert back.identical(tree)
    np.testing.assert_array_equal(np.signbit(back["constant_data"]["odd"].values), np.signbit(odd))
    assert back["constant_data"]["yes"].dtype == bool


@SUFFIXES
def test_a_saved_result_grows_but_loses_nothing(tmp_path: Path, suffix: str) -> None:
    tree = build_tree(ABOUT, {"b": [1.0, 2.0]})
    more = with_group(tree, "predictions", xr.Dataset({"infections": ("draw", [3, 4])}, attrs={"kind": "paired"}))
    path = tmp_path / f"result{suffix}"
    save(tree, path)
    save(more, path)
    assert load(path).identical(more)
    with pytest.raises(FileExistsError, match="a group 'predictions' that is not this result's"):
        save(tree, path)
    with pytest.raises(FileExistsError, match="another result"):
        save(build_tree(About("npe", "calibrated", 1, 100, 150), {"b": [1.0, 2.0]}), path)
    other = build_tree(ABOUT, {"b": [1.0, 2.5]})
    with pytest.raises(FileExistsError, match="a group 'posterior'"):
        save(other, path)
    assert load(path).identical(more)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@SUFFIXES
def test_something_else_at_the_path_is_left_alone(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"result{suffix}"
    path.write_text("my notes")
    with pytest.raises(FileExistsError, match="not a result that can be read"):
        save(build_tree(ABOUT, {"b": [1.0]}), path)
    assert path.read_text() == "my notes"


@SUFFIXES
def test_a_failed_write_leaves_what_was_there(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = build_tree(ABOUT, {"b": [1.0]})
    save(tree, path := tmp_path / f"result{suffix}")

    def fail(self: object, file: Path, **options: Any) -> None:
        file.mkdir()
        raise OSError("no space left")

    def full(self: Path, content: bytes) -> int:
        with self.open("wb") as file:
            file.write(content[:100])
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_bytes", full)
    monkeypatch.setattr(xr.DataTree, "to_zarr", fail)
    more = with_group(tree, "predictions", xr.Dataset({"infections": 1}))
    with pytest.raises(OSError, match="no space"):
        save(more, path)
    assert load(path).identical(tree)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_put_in_place_leaves_the_old_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("zarr")
    tree = build_tree(ABOUT, {"b": [1.0]})
    save(tree, path := tmp_path / "result.zarr")
    rename = Path.rename

    def fail(self: Path, target: Path) -> Path:
        if ".new." in self.name:
            raise OSError("the disk is gone")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OSError, match="the disk is gone"):
        save(with_group(tree, "predictions", xr.Dataset({"infections": 1})), path)
    assert load(path).identical(tree)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_paths_are_checked_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = build_tree(ABOUT, {"b": [1.0]})
    with pytest.raises(ValueError, match=r"neither \.nc"):
        save(tree, tmp_path / "result.csv")
    with pytest.raises(FileNotFoundError, match="there is no result"):
        load(tmp_path / "result.nc")
    monkeypatch.setattr(tree_files, "find_spec", lambda name: None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install .*\[inference\]'"):
        save(tree, tmp_path / "deep" / "result.zarr")
    assert list(tmp_path.iterdir()) == []


def test_with_group_replaces_and_leaves_the_given_tree() -> None:
    tree = build_tree(ABOUT, {"b": [1.0]}, predictions=xr.Dataset({"infections": 1}))
    more = with_group(tree, "predictions", xr.Dataset({"infections": 2}))
    assert (int(tree["predictions"]["infections"]), int(more["predictions"]["infections"])) == (1, 2)
    assert more.attrs == tree.attrs
    with pytest.raises(ValueError, match="group 'a/b' cannot be stored"):
        with_group(tree, "a/b", xr.Dataset())
