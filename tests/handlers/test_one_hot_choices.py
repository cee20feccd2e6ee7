"""`choose(one_hot=True)`: a column an option, through which handlers of gradients see."""

from typing import Any

import pyro
import pytest
import torch

from causal_lpm import KeyedNoise, MeanField, Relaxed, Rollout, Score, StraightThrough, choose, rollout, tally
from causal_lpm.typing import State
from tests.handlers.private.runs import Party, with_parties

AGENTS, OPTIONS = 4000, 3
EACH = pytest.mark.parametrize("handler", [StraightThrough, MeanField, Relaxed], ids=lambda h: h.__name__)
TABLE = torch.tensor([[0.3, -0.2, 0.0], [1.0, 0.5, -1.0]])
KIND = torch.arange(AGENTS) % 2


def model(weight: torch.Tensor, days: int = 3, **options: Any) -> Rollout:
    """What is chosen today makes it more attractive tomorrow, so a gradient flows from day to day."""

    def day(s: State) -> State:
        logits = weight[..., None] * TABLE[KIND] + 0.5 * torch.stack([s["first"], 0 * s["first"], 0 * s["first"]], -1)
        columns = choose("option", logits, one_hot=True, **options)
        for k in range(OPTIONS):
            tally(f"option{k}", columns[..., k])
        return {**s, "first": 0.5 * s["first"] + columns[..., 0]}

    return rollout(day, {"first": torch.zeros(AGENTS)}, days)


@pytest.mark.parametrize("coupling", ["gumbel", "inverse_cdf", "independent"])
@pytest.mark.parametrize("keyed", [True, False])
def test_columns_are_those_of_the_numbers(coupling: Any, keyed: bool) -> None:
    logits, chosen = torch.randn(2, 50, 4, generator=torch.Generator().manual_seed(1)), []
    for one_hot in (False, True):
        pyro.set_rng_seed(2)
        with KeyedNoise(1) if keyed else pyro.poutine.trace():
            chosen.append(choose("x", logits, coupling=coupling, one_hot=one_hot))
    assert chosen[1].dtype == torch.bool
    assert torch.equal(chosen[1], chosen[0][..., None] == torch.arange(4))


def test_straight_through_is_the_plain_run_with_the_slope_of_the_softmax() -> None:
    weight = torch.ones(1)
    with KeyedNoise(1):
        plain = model(weight)
    weight.requires_grad_()
    with KeyedNoise(1), StraightThrough():
        exact = model(weight)
    for k in range(OPTIONS):
        assert torch.equal(exact.tallies[f"option{k}"].detach(), plain.tallies[f"option{k}"].double())
    with KeyedNoise(1), StraightThrough():
        first_day = model(weight, days=1).tallies["option0"].sum()
    (slope,) = torch.autograd.grad(first_day, weight)
    (expected,) = torch.autograd.grad((weight[..., None] * TABLE[KIND]).softmax(-1)[..., 0].sum(), weight)
    assert float(slope) == pytest.approx(float(expected), rel=1e-5)


def test_mean_field_has_the_shares_and_no_noise() -> None:
    weight = torch.ones(1, requires_grad=True)
    with MeanField():
        shares = 1 * choose("x", weight[..., None] * TABLE[KIND], one_hot=True)
    assert torch.equal(shares, (weight[..., None] * TABLE[KIND]).softmax(-1))
    h = 1e-2
    with MeanField():
        total = model(weight).tallies["option0"].sum()
        up, down = (model(torch.ones(1) + d).tallies["option0"].sum() for d in (h, -h))
    assert float(torch.autograd.grad(total, weight)[0]) == pytest.approx(float(up - down) / (2 * h), rel=1e-3)


def test_relaxed_choices_are_greatest_where_the_plain_ones_are() -> None:
    logits = torch.randn(3, AGENTS, 4, generator=torch.Generator().manual_seed(1))
    for coupling in ("gumbel", "independent"):
        with KeyedNoise(1):
            plain = choose("x", logits, coupling=coupling)  # type: ignore[arg-type]
        with KeyedNoise(1), Relaxed(0.3):
            soft = 1 * choose("x", logits, coupling=coupling, one_hot=True)  # type: ignore[arg-type]
        assert torch.equal(soft.argmax(-1), plain)
        assert torch.allclose(soft.sum(-1), torch.ones(3, AGENTS))
    with KeyedNoise(1), Relaxed(), pytest.raises(ValueError, match="has no relaxed form: use 'gumbel', or Straight"):
        choose("x", logits, coupling="inverse_cdf", one_hot=True)


@EACH
def test_options_that_are_numbers_are_refused_and_lost_ones_too(handler: Any) -> None:
    weight = torch.ones(1, requires_grad=True)
    with KeyedNoise(1), handler(), pytest.raises(ValueError, match="ask for one_hot=True, write it as events, or give"):
        choose("x", weight[..., None] * TABLE[KIND])

    def day(s: State) -> State:
        choose("x", weight[..., None] * TABLE[KIND], one_hot=True)
        return s

    with KeyedNoise(1), handler(), pytest.raises(ValueError, match="no gradient flows from choice 'x' of step 0"):
        rollout(day, {"first": torch.zeros(AGENTS)}, days=1)
    with KeyedNoise(1), handler(), pytest.raises(ValueError, match="'lt' of an event under a gradient handler"):
        _ = choose("x", weight[..., None] * TABLE[KIND], one_hot=True) < 1
    with handler(), pytest.raises(ValueError, match="the logits of choice 'x' contain NaN"):
        choose("x", weight[..., None] * torch.tensor([[0.0, torch.nan]]), one_hot=True)


@EACH
def test_data_are_columns_and_pass_nothing_back(handler: Any) -> None:
    weight = torch.ones(1, requires_grad=True)
    seen = torch.arange(AGENTS) % OPTIONS
    with KeyedNoise(1), handler():
        columns = choose("x", weight[..., None] * TABLE[KIND], obs=seen.double(), one_hot=True)
    assert torch.equal(columns, (seen[:, None] == torch.arange(OPTIONS)).float())
    assert not columns.requires_grad


def test_score_gives_the_same_gradient_for_columns_as_for_numbers() -> None:
    slopes = []
    for one_hot in (True, False):
        weight = torch.ones(1, 1, requires_grad=True)

        def day(s: State, weight: torch.Tensor = weight, one_hot: bool = one_hot) -> State:
            chosen = choose("x", weight[..., None] * TABLE[KIND], one_hot=one_hot)
            tally("first", chosen[..., 0] if one_hot else chosen == 0)
            return s

        with KeyedNoise(torch.arange(20)[:, None]), Score() as score:
            series = rollout(day, {"x": torch.zeros(AGENTS)}, days=2).tallies["first"]
        slopes.append(torch.autograd.grad(score.surrogate(series).mean(), weight)[0])
    assert torch.equal(*slopes)


def test_secret_choices_have_columns_too() -> None:
    logits = torch.randn(60, OPTIONS, generator=torch.Generator().manual_seed(1))

    def run(party: Party) -> None:
        with KeyedNoise(1):
            plain = choose("x", logits, one_hot=True)
        with KeyedNoise(1), party.private(noise="dealt"):
            columns: Any = choose("x", logits, one_hot=True)
        opened = sum(party.layer.open(columns[..., k].share)[0] for k in range(OPTIONS))
        assert bool((opened == 1).all()), "an agent has other than one option"
        assert columns.shape == plain.shape

    with_parties(2, 60, run)


@pytest.mark.parametrize("handler", [StraightThrough, MeanField], ids=lambda h: h.__name__)
def test_slopes_near_those_of_finite_differences(handler: Any) -> None:
    """On the first day both are unbiased: within 5 standard errors of 400 pairs with equal luck, false alarm 1e-6."""
    seeds, h = torch.arange(400)[:, None], 0.2
    both = []
    for weight in (torch.tensor([1 + h]), torch.tensor([1 - h])):
        with KeyedNoise(seeds):
            both.append(model(weight, days=1).tallies["option0"].double().flatten())
    pairs = (both[0] - both[1]) / (2 * h)
    weight = torch.ones(1, requires_grad=True)
    with KeyedNoise(3), handler():
        slope = torch.autograd.grad(model(weight, days=1).tallies["option0"].sum(), weight)[0]
    assert abs(float(slope) - float(pairs.mean())) < 5 * float(pairs.std()) / 20 + 0.02 * abs(float(slope))
