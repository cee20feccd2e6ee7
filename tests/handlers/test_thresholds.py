"""`above`: a comparison, and a slope for handlers of gradients; and what these say where there is no gradient."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from causal_lpm import (
    KeyedNoise,
    MeanField,
    Relaxed,
    Rollout,
    Score,
    StraightThrough,
    above,
    event,
    exogenous,
    rollout,
    tally,
)
from causal_lpm.handlers.private.clear import Clear
from causal_lpm.handlers.private.messenger import Private
from causal_lpm.handlers.private.sharing import reveal, share

SLOPES = [StraightThrough, MeanField, Relaxed]
EACH = pytest.mark.parametrize("handler", SLOPES, ids=lambda h: h.__name__)


@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), st.floats(1e-3, 1e3))
def test_it_is_the_comparison_with_a_slope(numbers: list[float], width: float) -> None:
    margin = torch.tensor(numbers, dtype=torch.float64, requires_grad=True)
    plain = above("x", margin, width)
    assert plain.dtype == torch.bool
    assert torch.equal(plain, margin > 0)
    smooth = torch.sigmoid(margin.detach() / width)
    for handler in SLOPES:
        with handler():
            height = 1 * above("x", margin, width)
        assert height.dtype == torch.float64
        exact = plain.double() if handler is StraightThrough else smooth
        assert torch.equal(height.detach(), exact)
        (slope,) = torch.autograd.grad(height.sum(), margin)
        assert torch.allclose(slope, smooth * (1 - smooth) / width, rtol=1e-6)


@EACH
@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.float16, torch.float32])
def test_margins_of_all_types_become_floats(handler: Any, dtype: torch.dtype) -> None:
    margin = torch.tensor([0, 1, 1]).to(dtype)
    with handler():
        height = 1 * above("x", margin, 0.01)
    assert height.dtype == (dtype if dtype.is_floating_point else torch.float32)
    assert (height > 0.9).tolist() == above("x", margin, 0.01).tolist() == [False, True, True]


@EACH
@pytest.mark.parametrize("width", [0, -1.0, math.nan, math.inf, 1e-46, 1e39, "wide", None, torch.tensor([1.0, 2.0])])
def test_a_width_is_a_positive_number(handler: Any, width: Any) -> None:
    with pytest.raises(ValueError, match=r"the width of threshold 'x' is .*: give a positive number, in the unit of"):
        above("x", torch.tensor([1.0]), width)
    with handler(), pytest.raises(ValueError, match="the width of threshold 'x' is"):
        above("x", torch.tensor([1.0]), width)


def test_secret_margins_are_compared_and_not_looked_at() -> None:
    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {**s, "high": above("x", s["value"] - 2.5, 1.0)}

    state = {"value": share(Clear(), torch.arange(6.0), [(0, 6)]), "high": share(Clear(), torch.zeros(6) > 0, [(0, 6)])}
    with KeyedNoise(1), Private(noise="public"):
        run = rollout(day, state, days=1)
    assert reveal(run.state["high"]).tolist() == [False, False, False, True, True, True]


AGENTS = 200_000
LEAST = 0.002


def market(sigma: torch.Tensor, width: float | None, days: int = 1) -> Rollout:
    """Who buys on news beyond its own threshold; without a width by a comparison of plain tensors."""
    bears = -LEAST * torch.log1p(-exogenous("bears", AGENTS, "uniform").clamp(max=1 - 1e-7))

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        news = sigma * exogenous("news", 1, "normal").abs()
        margin = news - bears
        tally("buys", margin > 0 if width is None else above("buys", margin, width))
        return s

    return rollout(day, {"held": torch.zeros(AGENTS)}, days)


@EACH
def test_the_slope_is_that_of_the_expected_number(handler: Any) -> None:
    """P(bears < news) has the derivative z exp(-sigma z / LEAST) / LEAST; 5 standard errors, false alarm 1e-6.

    Of a kernel of width w the mean square of its height is 1 / (6 w) times the density; its bias goes by w**2.
    """
    width = 1e-4
    for seed in range(3):
        sigma = torch.tensor([0.001], requires_grad=True)
        with KeyedNoise(seed), handler():
            total = market(sigma, width).tallies["buys"].sum()
        (slope,) = torch.autograd.grad(total, sigma)
        with KeyedNoise(seed):
            exact = market(sigma.detach(), None).tallies["buys"].sum()
        with KeyedNoise(seed):
            drawn = rollout(lambda s: {"z": s["z"] + exogenous("news", 1, "normal").abs()}, {"z": torch.zeros(1)}, 1)
        z = float(drawn.state["z"])
        expected = AGENTS * z * math.exp(-0.001 * z / LEAST) / LEAST
        assert abs(float(slope) - expected) < 5 * z * (AGENTS / LEAST / (6 * width)) ** 0.5 + 0.01 * expected
        if handler is StraightThrough:
            assert float(total.detach()) == float(exact)


@EACH
@pytest.mark.parametrize("where", ["inside", "outside"])
def test_a_comparison_of_plain_tensors_is_called_by_its_name(handler: Any, where: str) -> None:
    """What torch says there is 'element 0 of tensors does not require grad'."""
    sigma = torch.tensor([0.001], requires_grad=True)
    handlers = (KeyedNoise(1), handler()) if where == "inside" else (handler(), KeyedNoise(1))
    with handlers[0], handlers[1]:
        series = market(sigma, None, days=2).tallies["buys"]
    said = r"no gradient reaches this outcome under a gradient handler: .* above\(name, margin, width\)"
    for loss in (
        series.sum(),
        ((series / 10.0) ** 2).sum(-1).mean(),
        torch.stack([series[0, 0], series[0, 1]]).double(),
    ):
        with pytest.raises(ValueError, match=said):
            torch.autograd.grad(loss, sigma, torch.ones_like(loss))
        with pytest.raises(ValueError, match=said):
            torch.autograd.grad([loss], [sigma], [torch.ones_like(loss)])
        with pytest.raises(ValueError, match=said):
            loss.backward(torch.ones_like(loss))
    # The numbers are those of the plain run, and what has a gradient beside them keeps it.
    with KeyedNoise(1):
        assert torch.equal(series, market(sigma, None, days=2).tallies["buys"])
    both = series.sum() * sigma.sum()
    assert float(torch.autograd.grad(both, sigma)[0]) == float(series.sum())
    assert type(series.numpy().sum().item()) is int


@EACH
def test_without_gradients_series_are_plain(handler: Any) -> None:
    with torch.no_grad(), KeyedNoise(1), handler():
        assert type(market(torch.tensor([0.001]), None).tallies["buys"]) is torch.Tensor


@EACH
def test_a_threshold_whose_gradient_is_lost_is_refused(handler: Any) -> None:
    rate = torch.tensor([0.5], requires_grad=True)

    def day(s: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        rich = above("rich", s["money"] - rate, 1.0)
        tally("poor", 1.0 * event("x", rate.expand(3)))
        return {**s, "lucky": (1.0 * rich) > 0.5}

    with KeyedNoise(1), handler(), pytest.raises(ValueError, match="no gradient flows from threshold 'rich' of step 0"):
        rollout(day, {"money": torch.ones(3), "lucky": torch.zeros(3) > 0}, days=1)
    with handler(), pytest.raises(ValueError, match="'and' of an event under a gradient handler"):
        above("rich", torch.ones(3), 1.0) & True


def test_score_says_that_it_cannot_see_a_threshold() -> None:
    sigma = torch.tensor([0.001], requires_grad=True)
    with KeyedNoise(1), Score(), pytest.raises(ValueError, match="no probability, so Score cannot see it: write it as"):
        market(sigma, 1e-4)
    with KeyedNoise(1), Score():
        series = market(sigma.detach(), 1e-4).tallies["buys"]
    assert series.dtype == torch.int64


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
@pytest.mark.parametrize("of_numpy", [False, True])
def test_a_margin_that_is_never_below_zero_is_refused(bits: int, of_numpy: bool) -> None:
    wrapped: Any = np.array([1], dtype=f"uint{bits}") - np.array([2], dtype=f"uint{bits}")
    said = f"^the margin of threshold 'x' is uint{bits}, of which 1 - 2 is {int(wrapped[0])}: subtract floats or int64"
    for margin in (wrapped, wrapped[0]) if of_numpy else (torch.from_numpy(wrapped),):
        with pytest.raises(ValueError, match=said):
            above("x", margin, 1.0)
    signed = wrapped.astype(np.float64) - 2.0**bits  # what was meant
    assert not bool(above("x", signed, 1.0).any())
