import torch

from causal_lpm import KeyedNoise, Rollout, comparing
from causal_lpm.templates import load_template
from tests.templates.town import town

MODEL = load_template("epidemic-economy")
DAYS = 90


def worlds(settings: dict[str, dict[str, float]], days: int = DAYS, **parameters: float) -> Rollout:
    with KeyedNoise(1), comparing(settings):
        found = MODEL.function(town(), days, **parameters)
    assert isinstance(found, Rollout)
    return found


def test_children_are_never_unemployed_and_series_are_by_place() -> None:
    found = worlds({"as it is": {}}, days=31)
    assert all(series.shape == (3, 31) for series in found.tallies.values())
    assert not bool((found.state["willing"] & (town().people["age"] < 18)).any())


def test_who_fears_isolates_and_that_slows_the_epidemic() -> None:
    brave, afraid = (worlds({"a": {}}, fear=fear, r0=4.0).tallies for fear in (0.0, 300.0))
    assert int(afraid["isolating"][:, -1].sum()) > int(brave["isolating"][:, -1].sum())
    assert int(afraid["infections"].sum()) < int(brave["infections"].sum())


def test_payments_change_who_wants_to_work_from_their_first_month_on() -> None:
    found = worlds({"none": {}, "paid": {"payment": 5_000, "payment_start": 30}}, fear=0.0)
    working = [torch.equal(*found.tallies["unemployed"][..., day]) for day in (29, 30)]
    assert working == [True, False]
    assert found.state["willing"][1].sum() < found.state["willing"][0].sum()
    assert torch.equal(found.tallies["infections"][0], found.tallies["infections"][1])
