"""ChiRho's explainable SIR, an epidemic by a differential equation, against its values by quadrature.

Documentation of ChiRho, notebook explainable_sir (threshold 24): did the lockdown or the masks, which do less under a
lockdown, make the overshoot of the epidemic too high? The exact values are means over 20,000 draws of both rates of one
solution for each set of policies and each held witness.
"""

from typing import Any

import pyro
import pyro.distributions as dist
import pytest
import torch
from chirho.dynamical.handlers.interruption import StaticEvent
from chirho.dynamical.handlers.solver import TorchDiffEq
from chirho.dynamical.handlers.trajectory import LogTrajectory
from chirho.dynamical.ops import on, simulate
from chirho.interventional.ops import intervene

from causal_lpm.handlers import torchdiffeq_on_torch213
from causal_lpm.inference import Candidate, explain

TIMES = torch.arange(0.0, 12.0, 0.1)
EFFICIENCIES = ("lockdown_efficiency", "mask_efficiency")


def from_day(day: float, share: torch.Tensor) -> Any:
    """From this day on a share of the contacts is avoided."""

    @on(StaticEvent(torch.tensor(day)))
    def begins(dynamics: Any, state: Any) -> Any:
        with pyro.poutine.block():
            return dynamics, intervene(state, {"l": share})

    return begins


def sir() -> dict[str, torch.Tensor]:
    lockdown, mask = (pyro.sample(name, dist.Bernoulli(0.5)) for name in ("lockdown", "mask"))
    closed = pyro.deterministic(EFFICIENCIES[0], 0.6 * lockdown, event_dim=0)
    masked = pyro.deterministic(EFFICIENCIES[1], (0.1 * lockdown + 0.45 * (1 - lockdown)) * mask, event_dim=0)
    beta, gamma = pyro.sample("beta", dist.Beta(18.0, 600.0)), pyro.sample("gamma", dist.Beta(1600.0, 1600.0))

    def derivative(x: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        infected = beta * (1 - x["l"]) * x["S"] * x["I"]
        return {"S": -infected, "I": infected - gamma * x["I"], "l": torch.zeros_like(x["l"])}

    with (
        torchdiffeq_on_torch213(),
        LogTrajectory(TIMES) as log,
        TorchDiffEq(method="rk4", options={"step_size": 0.1}),
        from_day(1.0, closed),
        from_day(1.5, torch.clamp(closed + masked, 0, 0.95)),
    ):
        simulate(
            derivative, {"S": torch.tensor(99.0), "I": torch.tensor(1.0), "l": torch.tensor(0.0)}, TIMES[0], TIMES[-1]
        )
    s, i = torch.broadcast_tensors(log.trajectory["S"], log.trajectory["I"])
    peak = i.argmax(-1, keepdim=True)
    return {"overshoot": (s.gather(-1, peak) - s[..., -1:])[..., 0]}


@pytest.mark.slow
def test_the_lockdown_is_more_responsible_for_the_overshoot_than_the_masks() -> None:
    found = explain(
        sir,
        None,
        lambda run: run["overshoot"] > 24,
        {name: Candidate(alternative=0.0, cause=1.0) for name in ("lockdown", "mask")},
        witnesses=EFFICIENCIES,
        held=0.7,
        measures={"overshoot": lambda run: run["overshoot"]},
        traces=100_000,
    )
    assert found.status == "supported"
    for name, exact in (("lockdown", 0.2626), ("mask", 0.1073)):
        one = found.of(name, "responsibility")
        assert one.mean == pytest.approx(exact, abs=0.015)  # 3.8 standard errors and more
        assert one.standard_error < 0.004
    worlds = {
        (24.18, 0.596): found.factual,
        (21.14, 0.311): lambda what="outcome": found.without("lockdown", what, free=[EFFICIENCIES[0]]),
        (26.38, 0.825): lambda what="outcome": found.without("mask", what, free=[EFFICIENCIES[1]]),
    }
    for (mean, share), world in worlds.items():
        for one, exact, digit in ((world("overshoot"), mean, 0.01), (world(), share, 0.001)):
            assert one.supported
            # Six comparisons at 4.2 standard errors: a false alarm in 2e-4 of seeds.
            assert abs(one.mean - exact) < 4.2 * one.standard_error + digit
