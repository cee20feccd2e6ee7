"""Derivatives of two markets of agents: through thresholds, through choices, and through days that are chaotic.

    python benchmarks/market_gradients.py [thresholds] [choices]      (half a minute and a minute of one core)

Cont's market, in which agents trade on news beyond a threshold of their own, and Brock and Hommes', in which they
choose among four predictors of the price; the numbers stand in docs/explanation/gradients.md.

Source: Cont (2007), Volatility clustering in financial markets, in Long Memory in Economics; Brock and Hommes (1998),
Heterogeneous beliefs and routes to chaos in a simple asset pricing model, J Econ Dyn Control 22.
"""

import sys
import time
from contextlib import ExitStack
from typing import Any

import torch

from causal_lpm import (
    KeyedNoise,
    MeanField,
    Rollout,
    StraightThrough,
    Truncated,
    above,
    choose,
    event,
    exogenous,
    hazard_of,
    rollout,
    tally,
)
from causal_lpm.typing import State


def cont(sigma: torch.Tensor, width: float, agents: int = 500, days: int = 20) -> Rollout:
    """Buys and sells of news beyond a threshold, which becomes the return of yesterday for a tenth of agents a day."""
    first = -0.001 * torch.log(exogenous("bears", agents, "uniform"))

    def day(s: State) -> State:
        news = sigma * exogenous("news", 1, "normal")
        buys, sells = above("buys", news - s["bears"], width), above("sells", -news - s["bears"], width)
        orders = 1.0 * buys - 1.0 * sells
        trade = tally("orders", orders).float() / (10.0 * agents)
        revised = event("revised", torch.tensor([hazard_of(0.1)]).expand(agents))
        return {"bears": s["bears"] + revised * (trade.abs() - s["bears"])}

    return rollout(day, {"bears": first}, days)


def brock_hommes(trend: torch.Tensor, days: int, agents: int = 1000) -> Rollout:
    """Four predictors g x + b of the price, chosen by what they earned yesterday; `trend` is the second's g."""
    zero = torch.zeros_like(trend)
    g = torch.stack([zero, trend, zero + 0.9, zero + 1.01], -1)
    b = torch.tensor([0.0, 0.2, -0.2, 0.0])

    def day(s: State) -> State:
        x1, x2, x3 = s["x1"][..., None], s["x2"][..., None], s["x3"][..., None]
        earned = 120.0 * (x1 - 1.01 * x2) * (g * x3 + b - 1.01 * x2)  # [..., 1, 4]
        kinds = choose("predictor", earned.expand(*earned.shape[:-2], agents, 4), one_hot=True)
        shares = torch.stack([tally(f"share{k}", kinds[..., k]) for k in range(4)], -1).float() / agents
        x = ((shares * (g * x1 + b)).sum(-1) + 0.04 * exogenous("noise", 1, "normal")) / 1.01
        tally("x", x)
        return {"x1": x, "x2": s["x1"], "x3": s["x2"], "agent": s["agent"]}

    prices: State = {name: torch.zeros(1) for name in ("x1", "x2", "x3")}
    return rollout(day, {**prices, "agent": torch.zeros(agents)}, days)


def slopes(loss: Any, at: float, seeds: torch.Tensor, *handlers: Any) -> tuple[float, float, float]:
    """Mean of the loss, mean of the derivative of each replicate, and its standard error."""
    theta = torch.full((len(seeds), 1), at, requires_grad=True)
    with ExitStack() as stack:
        for handler in (KeyedNoise(seeds), *handlers):
            stack.enter_context(handler)
        value = loss(theta)
    each = torch.autograd.grad(value.sum(), theta)[0].double().flatten()
    return float(value.detach().mean()), float(each.mean()), float(each.std() / len(each) ** 0.5)


def pairs(loss: Any, at: float, step: float, seeds: torch.Tensor) -> tuple[float, float]:
    """Central differences with the same luck: mean and standard error."""
    ends = []
    for theta in (at + step, at - step):
        with KeyedNoise(seeds), torch.no_grad():
            ends.append(loss(torch.full((len(seeds), 1), theta)).double().flatten())
    each = (ends[0] - ends[1]) / (2 * step)
    return float(each.mean()), float(each.std() / len(each) ** 0.5)


def thresholds(seeds: torch.Tensor) -> None:
    """d E[sum of squared returns] / d log sigma of Cont's market, by the width of the slope."""

    def loss(width: float) -> Any:
        return lambda log_sigma: ((cont(log_sigma.exp(), width).tallies["orders"] * 2.0) ** 2).sum(-1).flatten()

    at = float(torch.tensor(0.001).log())
    truth, error = pairs(loss(1.0), at, 0.1, seeds)
    print(f"Cont, 20 days: differences {truth:,.0f} +- {error:,.0f}")
    for width in (5e-3, 1e-3, 2e-4, 5e-5):
        for handler in (StraightThrough(), MeanField()):
            value, slope, error = slopes(loss(width), at, seeds, handler)
            print(f"  width {width:g}, {handler!r}: {slope:,.0f} +- {error:,.0f} (value {value:,.0f})")


def choices(seeds: torch.Tensor) -> None:
    """d E[sum of squared prices] / d trend of Brock and Hommes' market, by days, estimator and window."""
    for days in (5, 20, 60):

        def loss(trend: torch.Tensor, days: int = days) -> torch.Tensor:
            return (brock_hommes(trend, days).tallies["x"] ** 2).sum(-1).flatten()

        began = time.process_time()
        truth, error = pairs(loss, 0.9, 0.02, seeds)
        line = f"Brock-Hommes, {days} days: differences {truth:.3g} +- {error:.2g}"
        for handlers in (
            (StraightThrough(),),
            (MeanField(),),
            (StraightThrough(), Truncated(10)),
            (StraightThrough(), Truncated(5)),
            (StraightThrough(), Truncated(2)),
            (StraightThrough(), Truncated(1)),
        ):
            _, slope, error = slopes(loss, 0.9, seeds, *handlers)
            line += f"; {', '.join(map(repr, handlers))} {slope:.3g} +- {error:.2g}"
        print(f"{line} ({time.process_time() - began:.0f} s)")


if __name__ == "__main__":
    torch.set_num_threads(1)
    for part in sys.argv[1:] or ("thresholds", "choices"):
        {"thresholds": thresholds, "choices": choices}[part](torch.arange(200)[:, None])
