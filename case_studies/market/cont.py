"""Cont's market: agents trade on news beyond a threshold of their own, and learn it from returns."""

import pyro
import pyro.distributions as dist
import torch

from case_studies.market.question import POLICIES
from causal_lpm import Rollout, State, above, event, exogenous, hazard_of, observed, policy, rollout, tally

__all__ = ["AGENTS", "DAYS", "PARAMETERS", "TRUTH", "calm_market", "market", "priors", "published", "returns_only"]

AGENTS, DAYS = 1000, 100
"""Of the published calibration."""
UPDATING = 0.1  # probability that an agent revises its threshold on a day
PARAMETERS = ("alpha", "beta", "sigma", "eta")
"""Thresholds are exp(alpha + beta z) in the beginning; sd of news; depth. All are powers of 10 with N(0, 1)."""
TRUTH = dict(zip(PARAMETERS, (0.1, 0.5, 0.5, 0.2), strict=True))
HIGHEST = 20.0  # log threshold beyond which an agent never trades anyway; exp of more overflows


def market(
    first: torch.Tensor, sigma: torch.Tensor, eta: torch.Tensor, *, days: int, width: float, updating: float = UPDATING
) -> Rollout:
    """The market from its first thresholds on.

    News e are public. An agent whose threshold is n buys if e > n, sells if e < -n; what a transaction costs is added
    to n. The return is the sum of orders / (agents x depth). Each agent then revises its threshold to the size of the
    return, with a probability.

    Args:
        first: Thresholds, `[*dims, agents]`.
        sigma: Standard deviation of news, `[*dims, 1]`.
        eta: Depth, `[*dims, 1]`.
        days: To simulate.
        width: Of the slope of a threshold, in standard deviations of the news; only handlers of gradients read it.
        updating: Probability of a revision a day.

    Returns:
        Tallies `returns` and `traders`, `[*dims, 1, days]`.

    Raises:
        ValueError: sigma or eta that is not positive, a width that is not, an updating that is no probability.

    Source: Cont (2007), Volatility clustering in financial markets, in Long Memory in Economics, Springer.
    """
    for what, values in {"sigma": sigma, "eta": eta}.items():
        if not bool((values.detach() > 0).all()):
            raise ValueError(f"{what} is {values.detach().min().item():g}: give positive numbers.")
    agents = first.shape[-1]
    acts = {name: policy(name, each.default) for name, each in POLICIES.items()}
    hazard = torch.tensor([hazard_of(updating)]).expand(agents)

    def day(s: State) -> State:
        news = sigma * exogenous("news", 1, "normal")
        wall = s["threshold"] + s["tax"]
        buys = 1.0 * above("buys", (news - wall) / sigma, width)
        sells = 1.0 * above("sells", (-news - wall) / sigma, width)
        size = tally("orders", buys - sells).float() / (agents * eta)
        tally("returns", size)
        traders = tally("traders", buys + sells)
        learned = torch.where(traders.detach() > 0, 1.0, s["silent"])  # 1 with the default, whatever happens
        revised = learned * event("revised", hazard)
        return {**s, "threshold": (1 - revised) * s["threshold"] + revised * size.abs()}

    return rollout(day, {"threshold": first, **acts}, days)


def priors() -> tuple[torch.Tensor, ...]:
    """Samples the four parameters, `[1]` each, or `[*draws, 1]` where draws are substituted."""
    one = torch.ones(())
    return tuple(
        torch.atleast_1d(10.0 ** pyro.sample(f"log10_{name}", dist.Normal(0 * one, one))) for name in PARAMETERS
    )


def published(width: float = 1.0, agents: int = AGENTS, days: int = DAYS) -> Rollout:
    """The market of the published calibration (Dyer et al., ICAIF 2023), with its priors.

    Args:
        width: Slope of a threshold, in standard deviations of the news.
        agents: As many as there.
        days: The same.
    """
    alpha, beta, sigma, eta = priors()
    first = torch.exp((alpha + beta * exogenous("character", agents, "normal")).clamp(max=HIGHEST))
    return market(first, sigma, eta, days=days, width=width)


def returns_only() -> Rollout:
    """The same, whose data are the returns, `[days]`."""
    run = published()
    observed("quoted", dist.Delta(run.tallies["returns"], event_dim=1))
    return run


def calm_market(days: int, agents: int = 1500, width: float = 1.0, louder: torch.Tensor | float = 1.0) -> Rollout:
    """The market in which Cont's stylised facts are looked for: news of .1% a day, depth 10, thresholds of some .2%.

    Args:
        days: To simulate.
        agents: Who trade.
        width: Slope of a threshold, in standard deviations of news of .1%.
        louder: What news are multiplied by, `[*dims, 1]`.
    """
    first = -0.002 * torch.log(exogenous("character", agents, "uniform").clamp(min=1e-12))
    return market(first, 0.001 * torch.as_tensor(louder), torch.tensor([10.0]), days=days, width=width)
