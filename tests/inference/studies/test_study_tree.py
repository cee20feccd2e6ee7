import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from causal_lpm.inference import Options, effects, load, references, run_experiment, save, to_json
from causal_lpm.inference.studies.json_file import check_json_file, write_json
from causal_lpm.inference.studies.study_tree import acts, policies
from tests.inference.fake_study import FakeStudy

WORLDS: dict[str, dict[str, float]] = {"standard": {}, "late": {"interval": 84}, "good": {"efficacy": 0.9}}
REFERENCES = {"good": "standard", "late": "standard"}


def result(study: FakeStudy | None = None, replicates: int = 4, seed: int = 1) -> xr.DataTree:
    return run_experiment(study or FakeStudy(), WORLDS, REFERENCES, replicates, seed, Options(800, 30), workers=1)


def test_the_tree_has_the_groups_and_dimensions_of_its_documentation() -> None:
    tree = result()
    predictions, effects = tree["predictions"].to_dataset(), tree["causal_effect"].to_dataset()
    assert predictions["deaths"].dims == ("world", "draw", "replicate", "group", "day")
    assert predictions.sizes["draw"] == 1
    assert predictions["world"].values.tolist() == ["standard", "late", "good"]
    assert str(predictions["date"].values[2])[:10] == "2021-02-01"
    assert effects["averted"].dims == ("outcome", "contrast", "draw", "replicate")
    assert effects["outcome"].values.tolist() == ["deaths", "infections"]
    assert references(tree) == REFERENCES
    assert predictions["group_size"].values.tolist() == [600, 200]
    assert {tree.attrs["kind"], predictions.attrs["kind"], effects.attrs["kind"]} == {"paired"}
    assert effects.attrs["convention"] == "averted = as it was (the reference) minus what if (the other world)"
    assert predictions.attrs["coupling"] == tree.attrs["coupling"] == FakeStudy().coupling
    assert {"study", "coupling", "seed", "provenance_torch", "provenance_seed", "experiment"} <= set(tree.attrs)


def test_averted_is_the_reference_minus_the_other_world_in_the_same_replicate() -> None:
    tree = result()
    counts = tree["predictions"]["deaths"].values
    per_group = counts[0, 0].sum(-1) - counts[2, 0].sum(-1)
    whole = tree["causal_effect"]["averted"].sel(outcome="deaths").values[0, 0]
    np.testing.assert_allclose(whole, per_group.sum(-1) * 1e5 / 800)
    by_group = effects(tree["predictions"].to_dataset(), REFERENCES, "deaths", by="group", per=1e5)
    np.testing.assert_allclose(by_group["averted"].values[0, 0], per_group * 1e5 / np.array([600, 200]))


def test_policies_keep_their_values_through_a_file(tmp_path: Path) -> None:
    tree = result()
    save(tree, tmp_path / "r.nc")
    assert policies(load(tmp_path / "r.nc")) == {
        "standard": {"efficacy": 0.5, "interval": 21, "sterilizing": 0},
        "late": {"efficacy": 0.5, "interval": 84, "sterilizing": 0},
        "good": {"efficacy": 0.9, "interval": 21, "sterilizing": 0},
    }
    assert acts(tree) == {"standard": {}, "late": {"interval": 84}, "good": {"efficacy": 0.9}}


def test_a_file_holds_the_same_tree_and_the_same_seed_the_same_values(tmp_path: Path) -> None:
    save(result(), tmp_path / "a.nc")
    save(result(), tmp_path / "b.nc")
    assert load(tmp_path / "a.nc").identical(result())
    assert load(tmp_path / "a.nc").identical(load(tmp_path / "b.nc"))
    assert not result(seed=2).equals(result())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.nc", "b.nc"]


def test_another_result_is_never_written_over(tmp_path: Path) -> None:
    file = tmp_path / "r.nc"
    save(result(), file)
    with pytest.raises(FileExistsError, match="another result"):
        save(result(seed=2), file)
    with pytest.raises(FileExistsError, match="already holds 4 replicates"):
        save(result(replicates=2), file)
    save(result(replicates=5), file)
    assert load(file)["predictions"].sizes["replicate"] == 5
    file.write_text("a letter")
    with pytest.raises(FileExistsError, match="not a result"):
        save(result(), file)
    assert file.read_text() == "a letter"


def test_without_dates_or_contrasts_there_are_none() -> None:
    study = FakeStudy(start_date=None)
    tree = run_experiment(study, {"standard": {}}, {}, 1, 0, Options(800, 30), workers=1)
    assert "date" not in tree["predictions"].coords
    assert list(tree.children) == ["predictions", "constant_data"]
    assert tree.attrs["kind"] == "interventional"
    assert to_json(tree)["contrasts"] == []


def test_the_json_has_the_documented_keys_and_the_settings_in_order(tmp_path: Path) -> None:
    tree = result()
    write_json(tree, tmp_path / "r.json")
    content = json.loads((tmp_path / "r.json").read_text())
    assert set(content) == {"study", "seed", "agents", "days", "options", "worlds", "convention", "contrasts"}
    assert (content["agents"], content["days"], content["options"]) == (800, 30, {})
    assert (content["study"], content["seed"]) == ("fake", 1)
    assert [world["name"] for world in content["worlds"]] == ["standard", "late", "good"]
    keys = {"name", "policy", "deaths_per_100k", "infections_per_100k"}
    assert all(set(world) == keys for world in content["worlds"])
    assert content["worlds"][1]["policy"] == {"efficacy": 0.5, "interval": 84, "sterilizing": 0}
    deaths = [world["deaths_per_100k"] for world in content["worlds"]]
    assert content["contrasts"][0] == {
        "name": "good against standard",
        "outcome": "deaths",
        "quantity": "averted per 100,000",
        "median": pytest.approx(np.median(np.subtract(deaths[0], deaths[2]))),
        "q025": pytest.approx(np.quantile(np.subtract(deaths[0], deaths[2]), 0.025)),
        "q975": pytest.approx(np.quantile(np.subtract(deaths[0], deaths[2]), 0.975)),
    }
    assert len(content["contrasts"]) == 4


@pytest.mark.parametrize(
    "name",
    [
        *("out/manifest.json", "out/results.nc", "out/replicates/x.json", "out/charts/x.json", "out", "."),
        *("doses.csv", "letter.json", "expected.json", "no/such/folder.json"),
    ],
)
def test_the_json_never_replaces_anything_else(tmp_path: Path, name: str) -> None:
    (tmp_path / "doses.csv").write_text('{"study": "a trap", "contrasts": []}')
    (tmp_path / "letter.json").write_text('["study"]')
    (tmp_path / "expected.json").write_text('{"study": "fake", "contrasts": {}}')
    extra: dict[str, str | float] = {"doses": str(tmp_path / "doses.csv"), "x": 1.5}
    with pytest.raises(ValueError, match="JSON"):
        check_json_file(tmp_path / name, tmp_path / "out", extra.values())


def test_the_json_may_replace_that_of_an_earlier_run_and_lie_in_the_new_folder(tmp_path: Path) -> None:
    file = tmp_path / "r.json"
    check_json_file(file, tmp_path / "out", ())
    write_json(result(), file)
    check_json_file(file, tmp_path / "out", ["described"])
    check_json_file(tmp_path / "a" / "out" / "r.json", tmp_path / "a" / "out", ())
