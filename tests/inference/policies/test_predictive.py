"""`predict`: what is shared by worlds, what batches may not change, and what is refused."""

from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import pytest
import torch
import xarray as xr
from chirho.interventional.handlers import do

from causal_lpm import KeyedNoise, event, observed, policy, rollout, tally
from causal_lpm.inference.policies.predicted_rows import PredictedRows, row_seed
from causal_lpm.inference.policies.predictive import predict
from causal_lpm.inference.runs.runner import RunError
from tests.inference.calibration.sir import AGENTS, DAYS, posterior, sir

WORLDS = {"factual": {}, "closed": {"closure_day": 4.0}, "both": {"closure_day": 8.0, "masks": 0.5}}


@pytest.fixture(scope="module")
def paired() -> xr.Dataset:
    return predict(sir, posterior(), WORLDS, replicates=3, seed=5)


def test_dimensions_and_what_the_numbers_are(paired: xr.Dataset) -> None:
    assert paired["infections"].dims == ("world", "draw", "replicate", "infections_group", "day")
    assert paired["by_half"].dims == ("world", "draw", "replicate", "group", "day")
    assert paired["by_half"].shape == (3, 4, 3, 2, DAYS)
    assert paired["infections"].dtype == np.int64
    assert paired["world"].values.tolist() == list(WORLDS)
    assert paired["group"].values.tolist() == ["0", "1"]
    assert (paired["by_half"].sum("group") == paired["infections"].squeeze("infections_group")).all()
    assert {name: paired.attrs[name] for name in ("kind", "seed")} == {"kind": "paired", "seed": 5}
    assert "share the noise" in paired.attrs["coupling"]


def test_each_cell_is_one_plain_run_of_the_model(paired: xr.Dataset) -> None:
    seeds = np.reshape([row_seed(5, row, 3) for row in range(12)], (4, 3))
    for draw, replicate, world in [(0, 0, "factual"), (3, 2, "closed"), (2, 1, "both")]:
        values = {name: value[draw] for name, value in posterior().items()}
        acts = {name: torch.tensor(value) for name, value in WORLDS[world].items()}
        with KeyedNoise(int(seeds[draw, replicate])), do(actions=acts), pyro.poutine.condition(data=values):
            alone = sir()
        one = paired.sel(world=world, draw=draw, replicate=replicate)
        assert np.array_equal(one["by_half"].values, alone.tallies["by_half"].numpy())


def test_worlds_side_by_side_are_worlds_alone_to_the_last_bit(paired: xr.Dataset) -> None:
    for world, acts in WORLDS.items():
        alone = predict(sir, posterior(), {world: acts}, replicates=3, seed=5)
        assert alone.equals(paired.sel(world=[world]))


@pytest.mark.parametrize("batch", [1, 5])
def test_batches_do_not_change_the_numbers(paired: xr.Dataset, batch: int) -> None:
    assert predict(sir, posterior(), WORLDS, replicates=3, seed=5, batch=batch).identical(paired)


def test_fewer_draws_and_replicates_are_the_first_of_more(paired: xr.Dataset) -> None:
    two = {name: value[:2] for name, value in posterior().items()}
    fewer = predict(sir, two, WORLDS, replicates=2, seed=5)
    assert fewer.equals(paired.isel(draw=slice(2), replicate=slice(2)))


@pytest.mark.parametrize("draws", [1, 4])
def test_a_world_that_equals_the_factual_differs_by_exactly_zero(draws: int) -> None:
    """Reports too: they share the noise of their site, also where another world has split the dimension."""
    worlds = {"factual": {}, "closed": {"closure_day": 4.0}, "same": {"closure_day": 999.0}}
    found = predict(sir, posterior(draws), worlds, replicates=2)
    for name in ("infections", "by_half", "cases"):
        assert (found[name].sel(world="same") == found[name].sel(world="factual")).all(), name
        assert (found[name].sel(world="closed") != found[name].sel(world="factual")).any(), name


def test_rows_have_luck_of_their_own(paired: xr.Dataset) -> None:
    same = {name: value[:1].expand(4) for name, value in posterior().items()}
    runs = predict(sir, same, replicates=3)["infections"].values.reshape(12, DAYS)
    assert len({tuple(run) for run in runs.tolist()}) == 12


def test_interventional_worlds_share_nothing_but_parameters() -> None:
    worlds = {"a": {}, "same": {}}
    apart = predict(sir, posterior(), worlds, kind="interventional", replicates=3)
    assert apart.attrs["kind"] == "interventional"
    assert apart.attrs["coupling"].startswith("none")
    differ = (apart["infections"].sel(world="a") != apart["infections"].sel(world="same")).any("day")
    assert differ.all()
    alone = predict(sir, posterior(), {"a": {}}, kind="interventional", replicates=3)
    assert alone.equals(apart.sel(world=["a"]))


def test_both_kinds_have_one_mean_and_pairs_have_the_smaller_variance() -> None:
    """40 runs a world. Means: beyond 4.5 standard errors by chance in 1 of 100,000 seeds; the seed is fixed."""
    worlds = {"factual": {}, "masks": {"masks": 0.2}}
    one = {name: value[:1] for name, value in posterior().items()}
    averted = {}
    for kind in ("paired", "interventional"):
        total = predict(sir, one, worlds, kind=kind, replicates=40, outcomes=["infections"])["infections"].sum("day")
        averted[kind] = (total.sel(world="factual") - total.sel(world="masks")).values.flatten()
    pairs, apart = averted["paired"], averted["interventional"]
    error = ((pairs.var(ddof=1) + apart.var(ddof=1)) / 40) ** 0.5
    assert abs(pairs.mean() - apart.mean()) < 4.5 * error
    assert pairs.var() < apart.var()


def test_one_world_is_an_interventional_statement() -> None:
    found = predict(sir, posterior(1), outcomes=["cases"])
    assert found.attrs["kind"] == "interventional"
    assert list(found.data_vars) == ["cases"]
    assert found["group"].values.tolist() == ["all"]


def test_dates_and_labels() -> None:
    found = predict(sir, posterior(1), start_date="2020-03-01", group_labels=["even", "odd"])
    assert str(found["date"].values[-1])[:10] == "2020-03-20"
    assert found["group"].values.tolist() == ["even", "odd"]
    with pytest.raises(ValueError, match="there are 3 labels for 2 groups"):
        predict(sir, posterior(1), group_labels=["a", "b", "c"])


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"start_date": "01/02/2020"}, "the date of the first day: '01/02/2020' is not a date like 2020-03-09"),
        ({"start_date": "2261-12-30"}, "20 days from 2261-12-30 on end after 2261"),
        ({"worlds": {"a": {"masks": "x"}}}, "world 'a' sets policy 'masks' to 'x': give a number"),
        ({"worlds": {"a": {"masks": None}}}, "world 'a' sets policy 'masks' to None"),
        ({"worlds": {"a": {"masks": [1.0, 2.0]}}}, r"world 'a' sets policy 'masks' to \[1.0, 2.0\]"),
        ({"worlds": {"a": {"masks": "1_0"}}}, "world 'a' sets policy 'masks' to '1_0'"),
        (
            {"worlds": {"a": {"masks": 1e39}}},
            r"world 'a' sets policy 'masks' to 1e\+39: give a number that float32 holds",
        ),
        ({"worlds": {"a": {"masks": float("nan")}}}, "sets policy 'masks' to NaN"),
        ({"replicates": 10**12}, r"the predictions \(1 worlds, 1 draws, 1000000000000 replicates\) need about"),
        ({"replicates": 2.5}, r"replicates is 2\.5"),
        ({"batch": True}, "batch is True"),
        ({"seed": 1.5}, r"seed is 1\.5"),
        ({"seed": -1}, "seed is -1"),
    ],
)
def test_what_is_no_date_number_or_possible_count_is_refused(changes: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        predict(sir, posterior(1), **changes)


def test_the_random_state_is_left_as_found() -> None:
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    predict(sir, posterior(2), WORLDS)
    assert torch.equal(before, torch.random.get_rng_state())


def test_parameters_with_groups_events_and_other_types() -> None:
    """Plates stay where the groups are, events come after the place of the agents, float64 becomes float32."""
    shapes = {}

    def model() -> Any:
        with pyro.plate("regions", 3):
            rate = pyro.sample("rate", dist.LogNormal(0.0, 1.0))
        shares = pyro.sample("shares", dist.Dirichlet(torch.ones(2)))
        shapes.update(rate=rate.shape, shares=shares.shape, type=rate.dtype)
        mean = (rate * shares[..., :1].squeeze(-1))[..., None].expand(*rate.shape, 5)
        observed("weekly", dist.Poisson(mean).to_event(1))
        return {"mean": mean[..., :2]}

    draws = {"rate": np.full((7, 3), 50.0), "shares": np.full((7, 2), 0.5)}
    found = predict(model, draws)
    assert shapes == {"rate": (7, 3), "shares": (7, 1, 2), "type": torch.float32}
    assert found["weekly"].dims[-2:] == ("group", "day")
    assert found["mean"].dims[-2:] == ("group", "mean_day")
    assert found["weekly"].shape == (1, 7, 1, 3, 5)
    assert (found["mean"] == 25.0).all()
    with pytest.raises(ValueError, match=r"parameter 'rate' has shape \(2,\) where the model's site has \(3,\)"):
        predict(model, {**draws, "rate": np.ones((7, 2))})


def test_a_data_site_of_one_number() -> None:
    def model() -> Any:
        rate = pyro.sample("rate", dist.LogNormal(0.0, 1.0))

        def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
            tally("cases", event("infection", rate * s["x"]))
            return s

        run = rollout(day, {"x": torch.full((50,), 0.1)}, 3)
        observed("survey", dist.Binomial(100, run.tallies["cases"].sum(-1) / 150.0))
        return run

    found = predict(model, {"rate": torch.ones(2)}, replicates=2)
    assert found["survey"].dims[-2:] == ("group", "survey_day")
    assert found["survey"].shape == (1, 2, 2, 1, 1)


def refused(match: str, **given: Any) -> None:
    arguments = {"model": sir, "parameters": posterior(1), **given}
    with pytest.raises(ValueError, match=match):
        predict(**arguments)


def test_bad_questions() -> None:
    refused("unknown policy 'closure': did you mean 'closure_day'", worlds={"a": {"closure": 3.0}})
    refused("unknown kind of prediction 'pairs': did you mean 'paired'", kind="pairs")
    refused("needs the luck of the observed epidemic", kind="counterfactual")
    refused("there is no world", worlds={})
    for worlds in ([{"closure_day": 3.0}], {"closure_day": 3.0}):
        with pytest.raises(TypeError, match="name each and what it sets"):
            predict(sir, posterior(1), worlds)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"as result.parameters\(\)"):
        predict(sir, xr.Dataset({"beta": (("chain", "draw"), np.ones((1, 3)))}))
    refused("sets policy 'masks' to NaN", worlds={"a": {"masks": float("nan")}})
    refused("unknown outcome 'infection': did you mean 'infections'", outcomes=["infection"])
    refused("outcomes is empty", outcomes=[])
    refused("replicates is 0", replicates=0)
    refused("batch is 0", batch=0)


def test_bad_parameters() -> None:
    one = posterior(1)
    refused("a parameter 'beta' of which there are no draws", parameters={})
    refused("give at least one draw", parameters={name: value[:0] for name, value in one.items()})
    refused("'reporting' has 2 draws where 'beta' has 1", parameters={**one, "reporting": torch.tensor([0.4, 0.5])})
    refused("of parameter 'beta' contain NaN", parameters={**one, "beta": torch.tensor([float("nan")])})
    refused("unknown parameter 'betas': did you mean 'beta'", parameters={**one, "betas": one["beta"]})
    refused("has a parameter 'reporting' of which there are no draws", parameters={"beta": one["beta"]})


def test_nothing_is_simulated_for_an_unknown_policy() -> None:
    days = []

    def model() -> Any:
        pyro.sample("beta", dist.LogNormal(0.0, 1.0))
        policy("masks", 0.0)
        return rollout(lambda s: days.append(1) or s, {"x": torch.ones(3)}, 3)  # type: ignore[func-returns-value]

    with pytest.raises(ValueError, match="did you mean 'masks'"):
        predict(model, {"beta": torch.ones(1)}, {"a": {"mask": 1.0}})
    assert days == []


def test_bad_models() -> None:
    def model(series: Any, site: bool = False) -> Any:
        rate = pyro.sample("rate", dist.LogNormal(0.0, 1.0))
        if site:
            observed("cases", dist.Poisson(rate.expand(1, 4)).to_event(1), torch.ones(1, 4))
        return series(rate)

    def check(match: str, series: Any, error: type[Exception] = ValueError, site: bool = False) -> None:
        with pytest.raises(error, match=match):
            predict(lambda: model(series, site), {"rate": torch.ones(2)})

    check("returned a Tensor: return its Rollout", lambda rate: rate, TypeError)
    check("keep the dimension of the groups", lambda rate: {"x": torch.ones(5)})
    check("returns no series and has no data sites", lambda rate: {})
    check("write the model elementwise", lambda rate: {"x": torch.ones(3, 1, 5) * rate.mean()}, RunError)
    check(r"write parameter\[..., None\]", lambda rate: {"x": rate * torch.ones(*rate.shape, 5)}, RunError)
    check("site 'cases' has data inside the model", lambda rate: {}, site=True)


def test_a_series_and_a_site_of_one_name_are_refused_unless_they_are_one() -> None:
    def model(own: bool) -> Any:
        rate = pyro.sample("rate", dist.LogNormal(0.0, 1.0))
        mean = rate[..., None].expand(*rate.shape, 4) * 9.0
        drawn = observed("cases", dist.Poisson(mean).to_event(1))
        return {"cases": drawn if own else mean}

    assert predict(lambda: model(True), {"rate": torch.ones(3)})["cases"].shape == (1, 3, 1, 1, 4)
    with pytest.raises(ValueError, match="'cases' is the name of a series and of a data site"):
        predict(lambda: model(False), {"rate": torch.ones(3)})


def test_the_agents_decide_how_many_rows_run_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    from causal_lpm.inference.policies import row_blocks

    sizes = []
    together = PredictedRows._together
    monkeypatch.setattr(PredictedRows, "_together", lambda *a: sizes.append(len(a[1])) or together(*a))  # type: ignore[func-returns-value]
    monkeypatch.setattr(row_blocks, "CELLS", AGENTS * 2 * 3)
    predict(sir, posterior(4), {"a": {}, "b": {"masks": 1.0}}, replicates=2)
    assert sizes == [3, 3, 2]
