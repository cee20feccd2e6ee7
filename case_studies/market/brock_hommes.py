"""The market of Brock and Hommes: agents choose among four predictors of the price by what these earned."""

import torch

from causal_lpm import Rollout, State, choose, exogenous, rollout, tally

__all__ = ["market"]

INTEREST = 1.01
EAGERNESS = 120.0  # how strongly a choice follows profits
NOISE = 0.04
TRENDS = (0.0, 0.9, 0.9, 1.01)
BIASES = (0.0, 0.2, -0.2, 0.0)


def market(trend: torch.Tensor, *, days: int, agents: int = 1000) -> Rollout:
    """Deviations of the price from its fundamental value; predictor k expects g_k x + b_k tomorrow, g is not clipped.

    Args:
        trend: g of the second predictor, `[*dims, 1]`.
        days: To simulate.
        agents: Who choose, each day anew.

    Returns:
        Tally `price`, `[*dims, 1, days]`.

    Source: Brock and Hommes (1998), J Econ Dyn Control 22:1235; parameters of Dyer et al. (2023).
    """
    zero = torch.zeros_like(trend)
    g = torch.stack([zero + TRENDS[0], trend, zero + TRENDS[2], zero + TRENDS[3]], -1)
    b = torch.tensor(BIASES)

    def day(s: State) -> State:
        x1, x2, x3 = s["x1"][..., None], s["x2"][..., None], s["x3"][..., None]
        earned = EAGERNESS * (x1 - INTEREST * x2) * (g * x3 + b - INTEREST * x2)  # [..., 1, 4]
        logits = earned.expand(*earned.shape[:-2], agents, len(TRENDS))
        kinds = choose("predictor", logits, one_hot=True)
        shares = torch.stack([tally(f"share{k}", kinds[..., k]) for k in range(len(TRENDS))], -1).float() / agents
        x = ((shares * (g * x1 + b)).sum(-1) + NOISE * exogenous("noise", 1, "normal")) / INTEREST
        tally("price", x)
        return {"x1": x, "x2": s["x1"], "x3": s["x2"], "agent": s["agent"]}

    start: State = {name: torch.zeros(1) for name in ("x1", "x2", "x3")}
    return rollout(day, {**start, "agent": torch.zeros(agents)}, days)
