"""torch's own derivatives run over secrets: through `StraightThrough`, and back through what was released."""

from typing import Any

import pytest
import torch

from causal_lpm import Clear, KeyedNoise, Private, Secret, StraightThrough, event, exposure, rollout, tally
from causal_lpm.agents import random_graph
from causal_lpm.handlers.private.sharing import reveal
from tests.handlers.private.runs import Party, secret, with_parties


def loss_of(beta: torch.Tensor, sick: torch.Tensor, days: int, handlers: list[Any]) -> torch.Tensor:
    agents = sick.shape[-1]
    graph = random_graph(agents, mean_degree=8, seed=0)

    def day(s: Any) -> Any:
        new = s["S"] * event("infection", s["beta"] * exposure(graph, s["I"]))
        tally("cases", new)
        return {**s, "S": s["S"] - new, "I": s["I"] + new}

    first, second, third = handlers
    with first, second, third:
        run = rollout(day, {"S": 1 - sick, "I": sick, "beta": beta}, days)
    assert isinstance(sick, Secret) == isinstance(run.state["S"], Secret) == isinstance(run.state["I"], Secret)
    off = run.tallies["cases"][0] - torch.full((days,), 0.01 * agents)
    return (off * off).sum()


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("parties", [1, 2, 3])
def test_the_gradient_of_a_loss_of_released_counts(parties: int, order: int) -> None:
    agents, days = 1000, 5
    sick = (torch.arange(agents) % 20 == 0).float()
    beta = torch.tensor([0.05], requires_grad=True)
    clear = loss_of(beta, sick, days, [KeyedNoise(1), StraightThrough(), KeyedNoise(1)])
    (expected,) = torch.autograd.grad(clear, beta)

    def run(party: Party) -> Any:
        own = torch.tensor([0.05], requires_grad=True)
        handlers = [party.private(), KeyedNoise(1), StraightThrough()]
        loss = loss_of(own, party.share(sick, 0, 1), days, handlers if order == 0 else [*handlers[1:], handlers[0]])
        (gradient,) = torch.autograd.grad(loss, own)
        assert isinstance(gradient, Secret), "what a party adds to it stays hidden"
        return float(loss.detach()), float(reveal(gradient))

    for loss, gradient in with_parties(parties, agents, run):
        assert loss == float(clear.detach())
        assert abs(gradient / float(expected) - 1.0) < 1e-3
    assert abs(float(expected)) > 1000


@pytest.mark.parametrize("parties", [1, 2])
def test_calibration_on_released_totals(parties: int) -> None:
    """Ten steps down the gradient end where they end in the clear."""
    agents, days = 400, 4
    sick = (torch.arange(agents) % 20 == 0).float()

    def descend(sick: torch.Tensor, handlers: Any) -> float:
        beta = torch.tensor([0.02])
        for _ in range(10):
            beta = beta.detach().requires_grad_()
            (gradient,) = torch.autograd.grad(loss_of(beta, sick, days, handlers()), beta)
            slope = reveal(gradient).float() if isinstance(gradient, Secret) else gradient
            beta = beta - 2e-7 * slope
        return float(beta.detach())

    clear = descend(sick, lambda: [KeyedNoise(1), StraightThrough(), KeyedNoise(1)])

    def run(party: Party) -> float:
        return descend(party.share(sick, 0, 1), lambda: [party.private(), KeyedNoise(1), StraightThrough()])

    for beta in with_parties(parties, agents, run):
        assert abs(beta / clear - 1) < 0.01
    assert abs(clear / 0.02 - 1) > 0.05, "it has moved"


def test_a_hidden_event_stays_a_secret_under_a_gradient_handler() -> None:
    with KeyedNoise(1), Private(noise="public"), StraightThrough():
        hazard = secret(Clear(), torch.full((5,), 0.5), low=0, high=1 << 20).requires_grad_()
        happened = event("e", hazard)
    assert isinstance(happened, Secret)
    (slope,) = torch.autograd.grad(happened.sum(), hazard)
    torch.testing.assert_close(reveal(slope), torch.full((5,), -0.5).exp().double(), rtol=1e-4, atol=1e-5)
