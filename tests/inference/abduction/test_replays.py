"""Replays: a world that changes nothing shows the data and the path; k worlds, batches and workers change nothing."""

from pathlib import Path
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from causal_lpm import KeyedNoise, Seeds, event, observed, policy, rollout, tally
from causal_lpm.inference.abduction.abduct import abduct
from causal_lpm.inference.abduction.replays import replays
from causal_lpm.inference.individuals.line_list import LineList
from tests.inference.abduction.tiny import epidemic
from tests.inference.calibration.sir import DAYS, posterior, sir

WORLDS = {"factual": {}, "closed": {"closure_day": 4.0}, "both": {"closure_day": 8.0, "masks": 0.5}}
FIRST, PATHS = (0, 5, 12), 4
ALL = ["infections", "by_half", "cases"]


def _seeds(blocks: int = 3, paths: int = PATHS) -> torch.Tensor:
    return torch.randint(0, 2**62, (paths, len(FIRST), blocks), generator=torch.Generator().manual_seed(2))


def _data() -> dict[str, Any]:
    cases = np.random.default_rng(0).poisson(4.0, DAYS).astype(float)
    cases[[3, 17]] = np.nan
    return {"cases": cases}


def _replayed(worlds: dict[str, Any] | None = None, **options: Any) -> xr.Dataset:
    given = {"outcomes": ALL, "data": _data(), "seed": 3, "seeds": _seeds()} | options
    return replays(sir, posterior(PATHS), given.pop("seeds"), FIRST, worlds or WORLDS, **given)


@pytest.fixture(scope="module")
def replayed() -> xr.Dataset:
    return _replayed()


def test_schema_and_what_the_numbers_are(replayed: xr.Dataset) -> None:
    assert replayed["by_half"].dims == ("world", "draw", "replicate", "group", "day")
    assert replayed["by_half"].shape == (3, PATHS, 1, 2, DAYS)
    assert replayed.attrs["kind"] == "counterfactual"
    assert "quantile of its datum" in replayed.attrs["coupling"]
    assert replayed.attrs["seed"] == 3


def test_the_factual_world_is_the_path_to_the_last_bit(replayed: xr.Dataset) -> None:
    seeds = _seeds()
    for path in range(PATHS):
        values = {name: value[path] for name, value in posterior(PATHS).items()}
        own = {f"noise_{w}": seeds[path, w] for w in range(len(FIRST))}
        with pyro.condition(data={**values, **own}), Seeds("noise", FIRST, blocks=3):
            alone = sir()
        one = replayed.sel(world="factual", draw=path, replicate=0)
        assert np.array_equal(one["by_half"].values, alone.tallies["by_half"].numpy())


def test_the_factual_world_shows_the_data_and_others_do_not(replayed: xr.Dataset) -> None:
    cases, data = replayed["cases"].squeeze(), _data()["cases"]
    there = ~np.isnan(data)
    assert (cases.sel(world="factual").values[:, there] == data[there]).all()
    assert not np.isnan(cases.values).any()
    assert len(np.unique(cases.sel(world="factual").values[:, ~there])) > 1
    assert (cases.sel(world="closed").values[:, there] != data[there]).any()
    # Days before the closure are what they were.
    assert (cases.sel(world="closed").values[:, :4] == cases.sel(world="factual").values[:, :4]).all()


@given(closure=st.floats(0.0, 30.0), masks=st.floats(0.0, 1.0))
@settings(max_examples=5, deadline=None)
def test_higher_means_never_give_fewer_reports(closure: float, masks: float) -> None:
    """Reporting is a share of infections, so that their counts order the means, day by day."""
    found = _replayed({"factual": {}, "other": {"closure_day": closure, "masks": masks}})
    infections, cases = (found[name].squeeze() for name in ("infections", "cases"))
    change = {
        name: (x.sel(world="other") - x.sel(world="factual")).values
        for name, x in (("infections", infections), ("cases", cases))
    }
    assert (change["cases"][change["infections"] >= 0] >= 0).all()
    assert (change["cases"][change["infections"] <= 0] <= 0).all()


@pytest.mark.parametrize("acts", [{"closure_day": 999.0}, {"masks": 0.0}, {"masks": 0.0, "closure_day": 999.0}])
def test_an_act_that_is_the_fact_changes_nothing(replayed: xr.Dataset, acts: dict[str, float]) -> None:
    for worlds in ({"same": acts}, {"both": WORLDS["both"], "same": acts}):
        found = _replayed(worlds)
        for name in ALL:
            assert np.array_equal(found[name].sel(world="same"), replayed[name].sel(world="factual")), name


def test_worlds_side_by_side_are_worlds_alone(replayed: xr.Dataset) -> None:
    for world, acts in WORLDS.items():
        assert _replayed({world: acts}).equals(replayed.sel(world=[world]))
    turned = dict(reversed(WORLDS.items()))
    assert _replayed(turned).equals(replayed.sel(world=list(turned)))


@pytest.mark.parametrize("batch", [1, 3])
def test_batches_do_not_change_the_numbers(replayed: xr.Dataset, batch: int) -> None:
    assert _replayed(batch=batch).identical(replayed)


@pytest.mark.slow
def test_workers_and_folders_do_not_change_the_numbers(replayed: xr.Dataset, tmp_path: Path) -> None:
    assert _replayed(workers=2, batch=2, folder=tmp_path / "kept").identical(replayed)
    assert _replayed(batch=2, folder=tmp_path / "kept").identical(replayed)
    with pytest.raises(FileExistsError):
        _replayed(batch=2, folder=tmp_path / "kept", seeds=_seeds() + 1)


def test_fewer_paths_are_the_first_of_more(replayed: xr.Dataset) -> None:
    two = {name: value[:2] for name, value in posterior(PATHS).items()}
    fewer = replays(sir, two, _seeds()[:2], FIRST, WORLDS, outcomes=ALL, data=_data(), seed=3)
    assert fewer.equals(replayed.isel(draw=slice(2)))


def test_equal_seeds_of_blocks_are_one_block() -> None:
    one = _seeds(blocks=1)
    assert _replayed(seeds=one.expand(-1, -1, 5).contiguous()).identical(_replayed(seeds=one))
    assert not _replayed(seeds=_seeds(blocks=5)).equals(_replayed(seeds=one))


def test_one_window_of_one_block_is_keyed_noise() -> None:
    found = replays(sir, posterior(PATHS), _seeds()[:, :1, :1], [0], WORLDS)
    with KeyedNoise(_seeds()[:, 0, :1]), pyro.condition(data={k: v[:, None] for k, v in posterior(PATHS).items()}):
        run = sir()
    assert np.array_equal(found["by_half"].sel(world="factual").squeeze(), run.tallies["by_half"].squeeze())


def test_series_are_the_default_and_reports_without_data_are_drawn() -> None:
    assert set(_replayed(outcomes=None).data_vars) == {"infections", "by_half"}
    worlds = {**WORLDS, "same": {"masks": 0.0}}
    drawn = _replayed(worlds, data=None)["cases"].squeeze()
    assert (drawn.sel(world="same") == drawn.sel(world="factual")).all()
    assert (drawn.sel(world="closed") != drawn.sel(world="factual")).any()
    assert (drawn.isel(draw=0) != drawn.isel(draw=1)).any()


def test_one_world_is_a_counterfactual_too() -> None:
    found = _replayed({"closed": {"closure_day": 4.0}})
    assert found.attrs["kind"] == "counterfactual"
    assert found["world"].values.tolist() == ["closed"]


def test_a_model_without_parameters_has_as_many_draws_as_paths() -> None:
    found = replays(epidemic, {}, _seeds()[:, :1], [0], outcomes=["infections"])
    assert found.sizes["draw"] == PATHS
    assert len(np.unique(found["infections"].values.reshape(PATHS, -1), axis=0)) > 1


def test_what_was_known_of_agents_holds_in_the_factual_world_alone() -> None:
    """Agents 1 and 4 are next to the first; 2 and 3 are infected later, and nobody else is."""
    seen = LineList({"agent": [1, 4, 3], "day": [0, 1, 2], "event": "infection"}, epidemic, complete=["infection"])
    seeds = _seeds(blocks=1, paths=60)
    other = {"measures": {"measures_day": 1.0}}
    found = replays(epidemic, {}, seeds, FIRST, other | {"fact": {}}, line_list=seen)["infections"].squeeze()
    ever = found.sum("day")
    assert (ever.sel(world="fact").sum("draw").values == np.where(np.isin(np.arange(8), [1, 4, 3]), 60, 0)).all()
    assert 0 < ever.sel(world="measures").isel(group=3).sum() < 60
    # Also where nobody asks for it.
    alone = replays(epidemic, {}, seeds, FIRST, other, line_list=seen)["infections"].squeeze()
    assert np.array_equal(alone, found.sel(world="measures"))


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"seeds": _seeds()[:, :, 0]}, r"the seeds are torch.int64 of shape \(4, 3\): give int64 \[path, windows, bl"),
        ({"seeds": _seeds().double()}, "the seeds are torch.float64"),
        ({"seeds": _seeds()[:3]}, "parameter 'beta' has 4 draws and the seeds 3 paths"),
        ({"seeds": _seeds()[:, :2]}, "the seeds have 2 windows and 3 first days are given"),
        ({"seeds": _seeds(blocks=500)}, "the seeds have 500 blocks and there are 400 agents"),
        ({"data": {"case": [1.0]}}, "the model has no|unknown|'case'"),
        ({"data": {"cases": [1.0, 2.0]}}, "the data of site 'cases' have shape"),
        ({"data": {"cases": np.full(DAYS, -1.0)}}, "the data of site 'cases' contain -1, a negative count"),
        ({"worlds": {"a": {"mask": 1.0}}}, "'mask'"),
        ({"outcomes": ["deaths"]}, "deaths"),
        ({"group_labels": ["a", "b", "c"]}, "there are 3 labels for 2 groups"),
        ({"batch": 0}, "batch is 0"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        _replayed(**changes)


def test_a_site_whose_quantiles_are_not_known_is_refused_only_where_it_is_asked_for() -> None:
    def model() -> Any:
        run = sir()
        observed("waste", dist.Gamma(1.0 + run.tallies["infections"], 1.0).to_event(1))
        return run

    data = {"waste": np.ones(DAYS)}
    found = replays(model, posterior(PATHS), _seeds(), FIRST, WORLDS, data=data)
    assert set(found.data_vars) == {"infections", "by_half"}
    with pytest.raises(ValueError, match="of site 'waste' would stand in another world is not known of a Gamma"):
        replays(model, posterior(PATHS), _seeds(), FIRST, WORLDS, data=data, outcomes=["waste"])


def test_data_from_before_the_simulation_are_what_they_were() -> None:
    """What a survey said may enter the simulation; it is given, whatever the row."""

    def model() -> Any:
        beta = pyro.sample("beta", dist.LogNormal(-3.0, 0.5))
        said = pyro.sample("said", dist.Normal(beta.log(), 0.5))
        masks = policy("masks", 0.0)

        def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            tally("infections", event("infection", said.exp() * (1 - s["masks"]), where=s["well"]))
            return s

        return rollout(day, {"well": torch.ones(50, dtype=torch.bool), "masks": masks}, 4)

    beta = {"beta": posterior(PATHS)["beta"]}
    found = [replays(model, beta, _seeds()[:, :1], [0], data={"said": said}) for said in (-50.0, 5.0)]
    assert [int(each["infections"].sum()) for each in found] == [0, PATHS * 50 * 4]


def _halves() -> Any:
    run = sir()
    observed("tests", dist.Binomial(300, probs=0.01 + run.tallies["by_half"] / 300).to_event(1))
    observed("means", dist.Normal(run.tallies["by_half"].float(), 1.0).mask(torch.tensor(True)).to_event(1))
    return run


@pytest.mark.parametrize("paths", [1, PATHS])
def test_groups_and_other_distributions_have_their_own_data(paths: int) -> None:
    data = {name: np.random.default_rng(1).integers(0, 9, (2, DAYS)).astype(float) for name in ("tests", "means")}
    data["tests"][1, 4:9] = np.nan
    given = {name: value[:paths] for name, value in posterior(PATHS).items()}
    found = replays(_halves, given, _seeds()[:paths], FIRST, WORLDS, outcomes=["tests", "means", "by_half"], data=data)
    fact, closed = (found.sel(world=world).isel(replicate=0) for world in ("factual", "closed"))
    for name, told in data.items():
        there = ~np.isnan(told)
        assert (fact[name].values[:, there] == told[there]).all()
        assert (closed[name].values[:, there] != told[there]).any()
    # A shift of a normal mean shifts its datum.
    shift = (closed["by_half"] - fact["by_half"]).values
    assert np.allclose((closed["means"] - fact["means"]).values, shift)


def test_what_was_abducted_is_replayed_to_the_last_bit() -> None:
    def model() -> Any:
        rate, share = pyro.sample("rate", dist.LogNormal(-2.0, 0.5)), policy("share", 1.0)

        def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            new = event("infection", rate * s["share"], where=s["well"])
            tally("cases", new)
            return {**s, "well": s["well"] & ~new}

        run = rollout(day, {"well": torch.ones(50, dtype=torch.bool), "share": share}, 4)
        observed("reports", dist.Poisson(run.tallies["cases"] + 0.1).to_event(1))
        return run

    reports = [4.0, 9.0, np.nan, 2.0]
    abduction = abduct(model, {"reports": reports}, {"rate": [0.1, 0.11, 0.12]}, blocks=2, filters=20, paths=30)
    with abduction.replay():
        run = model()
    found = abduction.predict({"half": {"share": 0.5}, "fact": {}}, outcomes=["cases", "reports"])
    fact = found.sel(world="fact").squeeze()
    assert np.array_equal(fact["cases"], run.tallies["cases"].squeeze())
    assert (fact["reports"].values[:, [0, 1, 3]] == np.array(reports)[[0, 1, 3]]).all()
    assert (found["cases"].sel(world="half").sum() < found["cases"].sel(world="fact").sum()).all()
    assert found.attrs["kind"] == "counterfactual"
    assert {"status", "reason"} <= set(found.attrs)


def test_a_single_number_at_the_end_is_a_report_too() -> None:
    def model() -> Any:
        run = sir()
        policy("other", 0.0)
        observed("size", dist.Poisson(1.0 + run.tallies["infections"].sum(-1)))
        return run

    found = replays(model, posterior(PATHS), _seeds(), FIRST, WORLDS, data={"size": [90.0]}, outcomes=["size"])
    assert found["size"].shape == (3, PATHS, 1, 1, 1)
    assert (found["size"].sel(world="factual") == 90.0).all()
    assert (found["size"].sel(world="both") < 90.0).any()
