"""Ranking of policies: identities of decision theory, ties, and the two bounds on the value of information."""

from typing import Any

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from causal_lpm.inference.policies.predictive import predict
from causal_lpm.inference.policies.ranking import rank_policies
from tests.inference.calibration.sir import posterior, sir

DIMS = ("world", "draw", "replicate", "group", "day")
EVPI = "expected_value_of_perfect_information"
LOSSES = arrays.arrays(np.int64, (3, 4, 2), elements=st.integers(0, 6))


def predictions(losses: Any, kind: str = "paired") -> xr.Dataset:
    """Deaths `[world, draw, replicate]` on one day in one group."""
    values = np.asarray(losses)[..., None, None]
    return xr.Dataset({"deaths": (DIMS, values)}, {"world": list("abcd"[: len(values)])}, {"kind": kind})


@given(LOSSES)
def test_laws(losses: Any) -> None:
    ranked = rank_policies(predictions(losses), {"deaths": 1.0})
    by_draw = losses.mean(2)
    assert np.allclose(ranked["loss"], by_draw)
    assert np.allclose(ranked["expected_loss"], by_draw.mean(1))
    assert float(ranked["probability_best"].sum()) == pytest.approx(1)
    assert (ranked["expected_regret"] >= 0).all()
    # Who chooses by expected loss regrets what perfect information is worth.
    best = ranked.sel(world=ranked["best"].item())
    assert best["rank"] == 1
    assert float(best["expected_regret"]) == pytest.approx(float(ranked[EVPI]))
    assert float(ranked[EVPI]) == pytest.approx(by_draw.mean(1).min() - by_draw.min(0).mean())
    assert float(ranked[f"{EVPI}_low"]) <= float(ranked[EVPI]) + 1e-9


@given(LOSSES, st.integers(-5, 5), st.floats(0.1, 10))
def test_a_constant_and_a_unit_change_no_choice(losses: Any, constant: int, unit: float) -> None:
    before = rank_policies(predictions(losses), {"deaths": 1.0})
    after = rank_policies(
        predictions(losses), lambda world: unit * (world["deaths"].sum(("group", "day")) + constant).astype(float)
    )
    assert np.allclose(after["expected_regret"], unit * before["expected_regret"], atol=1e-9)
    assert np.allclose(after[EVPI], unit * before[EVPI], atol=1e-9)


def test_policies_that_are_equally_good_share_the_draw() -> None:
    ranked = rank_policies(predictions([[[1], [5]], [[1], [5]], [[9], [4]]]), {"deaths": 1.0})
    assert ranked["probability_best"].values.tolist() == [0.25, 0.25, 0.5]
    assert ranked["rank"].values.tolist() == [1, 1, 3]
    assert ranked["best"].item() == "a"


def test_one_policy_best_everywhere_leaves_nothing_to_know() -> None:
    ranked = rank_policies(predictions([[[1, 2], [3, 4]], [[5, 6], [7, 8]]]), {"deaths": 1.0})
    assert float(ranked[EVPI]) == float(ranked[f"{EVPI}_low"]) == 0
    assert ranked["probability_best"].values.tolist() == [1.0, 0.0]


def test_luck_within_a_draw_is_not_worth_knowing() -> None:
    """Two policies equal but for luck: the truth is 0. The plain value is about .56 sd of luck / sqrt(R), the low one
    about 0 or less. Bounds at 5 standard errors over 2,000 draws; the seed is fixed."""
    luck = np.random.default_rng(0).standard_normal((2, 2000, 4))
    ranked = rank_policies(predictions(luck), {"deaths": 1.0})
    assert float(ranked[EVPI]) == pytest.approx(0.56 / 2, abs=0.06)
    assert -0.1 < float(ranked[f"{EVPI}_low"]) < 0.06


def test_what_there_is_to_know_lies_between_the_bounds() -> None:
    """Losses N(0, 1) and N(0, 1) in each draw: E min is -.564; luck of sd 1 over 8 replicates blurs it."""
    rng = np.random.default_rng(0)
    losses = rng.standard_normal((2, 4000, 1)) + rng.standard_normal((2, 4000, 8))
    ranked = rank_policies(predictions(losses), {"deaths": 1.0})
    assert float(ranked[f"{EVPI}_low"]) < 0.564 < float(ranked[EVPI])
    assert float(ranked[f"{EVPI}_low"]) == pytest.approx(0.564, abs=0.1)


def test_one_replicate_says_so() -> None:
    one = rank_policies(predictions([[[1], [5]], [[2], [3]]], kind="interventional"), {"deaths": 1.0})
    assert np.isnan(one[f"{EVPI}_low"])
    assert "cannot be told apart" in one.attrs["luck"]
    assert one.attrs["kind"] == "interventional"
    several = rank_policies(predictions(np.zeros((2, 1, 3))), {"deaths": 1.0})
    assert "over 3 replicates" in several.attrs["luck"]
    assert np.isnan(several["expected_loss_mcse"]).all()


def test_a_model_ranked_by_costs_and_by_a_function() -> None:
    worlds = {"open": {}, "same": {"masks": 0.0}, "closed": {"closure_day": 3.0}}
    seen = predict(sir, posterior(4), worlds, replicates=4)
    by_cost = rank_policies(seen, {"infections": 2.0, "cases": 0.5})
    assert by_cost["best"].item() == "closed"
    assert by_cost["probability_best"].sel(world="open") == by_cost["probability_best"].sel(world="same")
    assert by_cost["rank"].values.tolist() == [2, 2, 1]

    def loss(world: xr.Dataset) -> xr.DataArray:
        closing = {"open": 0.0, "same": 0.0, "closed": 1e6}[world["world"].item()]
        return world["infections"].sum(("infections_group", "day")) + closing

    assert rank_policies(seen, loss)["best"].item() == "open"
    assert rank_policies(seen, lambda world: loss(world).values)["best"].item() == "open"
    assert rank_policies(seen, lambda world: loss(world).T)["best"].item() == "open"


def test_bad_questions() -> None:
    seen = predictions([[[1], [5]], [[2], [3]]])
    for match, loss in [
        ("unknown outcome 'death': did you mean 'deaths'", {"death": 1.0}),
        ("names no outcome", {}),
        ("sum over groups and days", lambda world: world["deaths"]),
        (r"has shape \(2,\): give \[draw, replicate\]", lambda world: np.zeros(2)),
        ("is NaN or infinite somewhere", lambda world: np.full((2, 1), np.nan)),
    ]:
        with pytest.raises(ValueError, match=match):
            rank_policies(seen, loss)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="there is one world, 'a'"):
        rank_policies(seen.isel(world=[0]), {"deaths": 1.0})
    with pytest.raises(ValueError, match="do not say their kind"):
        rank_policies(seen.drop_attrs(), {"deaths": 1.0})
    with pytest.raises(ValueError, match="the loss of world 'b' is NaN or infinite somewhere"):
        rank_policies(seen.where(seen["deaths"] != 3), {"deaths": 1.0})  # sums of xarray take NaN for 0
