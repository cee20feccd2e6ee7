"""What is counted goes from the model into predictions, effects and charts: a stock is never summed or called new."""

from functools import partial

import numpy as np
import pytest
import torch
import xarray as xr

from causal_lpm import event, policy, rollout, tally
from causal_lpm.inference.charts.world_charts import effect_ribbon
from causal_lpm.inference.policies.counted import NEW, STOCK, counted_by, is_stock
from causal_lpm.inference.policies.effects import effects, per_100k, totals
from causal_lpm.inference.policies.predictive import predict
from causal_lpm.inference.results.calibration_tree import About, build_tree, with_group

UNITS = {"infections": "new", "infectious": "stock"}
DAYS = 12


def ward(people: int) -> object:
    share = policy("share", 1.0)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        infected = event("infection", 0.1 * s["share"]) & (s["stage"] == 0)
        recovered = event("recovery", 0.2) & (s["stage"] == 1)
        stage = s["stage"] + infected + recovered
        tally("infections", infected)
        tally("infectious", stage == 1)
        tally("visits", stage == 1)
        tally("in_bed", stage == 1, stock=True)
        return {**s, "stage": stage}

    return rollout(day, {"stage": torch.zeros(people, dtype=torch.uint8), "share": share}, DAYS)


@pytest.fixture(scope="module")
def found() -> xr.Dataset:
    return predict(partial(ward, 40), {}, {"open": {}, "half": {"share": 0.5}}, replicates=5)


def test_predictions_say_what_the_module_of_the_model_says(found: xr.Dataset) -> None:
    assert found["infections"].attrs["units"] == NEW
    assert is_stock(found["infectious"])
    assert is_stock(found["in_bed"])  # tallied as a stock
    assert "units" not in found["visits"].attrs
    told = predict(partial(ward, 40), {}, replicates=5, counts={"visits": "stock"})
    assert is_stock(told["visits"])
    with pytest.raises(ValueError, match="unknown way to count 'stocks': did you mean 'stock'"):
        predict(partial(ward, 40), {}, counts={"visits": "stocks"})
    assert counted_by(torch.zeros) == {}


def test_a_stock_is_averaged_over_days_and_not_summed(found: xr.Dataset) -> None:
    stock, new = totals(found, "infectious"), totals(found, "infections")
    np.testing.assert_allclose(stock["total"], found["infectious"].mean("day").sum("group"))
    np.testing.assert_allclose(new["total"], found["infections"].sum(("day", "group")))
    assert stock.attrs["units"] == "a day on average"
    averted = effects(found, "open", "infectious")["averted"]
    day = found["infectious"].sum("group")
    gap = (day.sel(world="open") - day.sel(world="half")).mean("day")
    np.testing.assert_allclose(averted.squeeze("contrast"), gap)
    sized = found.assign_coords(group_size=("group", [40]))
    np.testing.assert_allclose(per_100k(sized, "infectious"), 2500 * day.mean("day"))


def test_charts_say_what_is_counted_and_add_up_only_what_is_new(found: xr.Dataset) -> None:
    pytest.importorskip("matplotlib")
    about = About("npe", "calibrated", seed=0, budget=1, simulations=1)
    tree = with_group(build_tree(about, {"b": np.ones(3)}), "predictions", found)
    words = {"infections": NEW, "infectious": STOCK, "visits": "a day, as the model counts"}
    for outcome, unit in words.items():
        upper, lower = effect_ribbon(tree, outcome, ("half", "open")).axes
        assert upper.get_ylabel() == f"{outcome}\n({unit})"
        assert lower.get_ylabel() == f"{outcome}\n({'fewer on the day' if unit == STOCK else 'averted so far'})"
    gap = (found["infectious"].sel(world="open") - found["infectious"].sel(world="half")).squeeze("group")
    lower = effect_ribbon(tree, "infectious", ("half", "open")).axes[1]
    np.testing.assert_allclose(lower.get_lines()[0].get_ydata(), gap.median(("draw", "replicate")))


@pytest.mark.parametrize(("replicates", "share"), [(2, 0.9), (200, 0.1)])
def test_the_ribbon_says_how_much_of_it_is_luck(replicates: int, share: float) -> None:
    """Luck of sd 3 and parameters of sd 1: of two replicates 82% of the variance is luck, of 200 it is 4%."""
    pytest.importorskip("matplotlib")
    rng = np.random.default_rng(0)
    runs = rng.normal(0, 1, (400, 1)) + rng.normal(0, 3, (400, replicates))
    counts = np.zeros((2, 400, replicates, 1, 1))
    counts[1, :, :, 0, 0] = runs
    dims = ("world", "draw", "replicate", "group", "day")
    seen = xr.Dataset({"deaths": (dims, counts)}, {"world": ["what if", "factual"]}, {"kind": "paired"})
    about = About("npe", "calibrated", seed=0, budget=1, simulations=1)
    figure = effect_ribbon(
        with_group(build_tree(about, {"b": np.ones(3)}), "predictions", seen), "deaths", ("what if", "factual")
    )
    texts = [text.get_text().replace("\n", " ") for text in figure.legends[0].get_texts()]
    (said,) = [text for text in texts if "of its variance is luck" in text]
    assert f"mean of {replicates} replicates a draw" in said
    found = int(said.split("%")[1].split()[-1]) / 100
    assert abs(found - 4.5 / 5.5 if replicates == 2 else found - 0.043) < 0.1
    assert found < share
