"""A smooth threshold: events are fractions, forward and backward."""

from typing import Any

import torch

from causal_lpm import validate
from causal_lpm.handlers.gradients import Differentiable, has_data
from causal_lpm.ops.events import checked_logits
from causal_lpm.ops.exogenous import exogenous
from causal_lpm.ops.responses import Choice, Coupling

__all__ = ["Relaxed"]


class Relaxed(Differentiable):
    """Every event as a number between 0 and 1, a smooth function of its hazard and the agent's own noise. Biased.

    The relaxed Bernoulli (binary concrete) distribution: sigmoid((logit p + logistic noise) / temperature) with p = 1 -
    exp(-hazard). The noise is that by which the event is decided without the handler, so it comes out above 1/2 for
    exactly those to whom it happens, and near 0 and 1 at low temperatures; there the gradient is that of few agents
    and its variance large. What is asked of a model, and what data do, is as for `StraightThrough`.

    It is biased forward and backward, because fractions of agents infect: at temperature 0.5, on an SIR of 1000 agents
    over 40 days at attack rates of 14%, 33% and 82%, E[infected] came out 251%, 119% and 11% too large and d
    E[infected] / d beta off by +118%, -36% and -64%; on 5000 agents by +90%, -41% and -61% (12,000 pairs with common
    random numbers; docs/explanation/gradients.md).

    Args:
        temperature: Above 0; the smaller, the nearer to the exact simulation.

    Raises:
        ValueError: a temperature that is not positive; else as in `StraightThrough`.

    Source: Maddison, Mnih and Teh (2017), The concrete distribution, arXiv:1611.00712; Jang, Gu and Poole (2017),
    Categorical reparameterization with Gumbel-softmax, arXiv:1611.01144.

    >>> import torch
    >>> from causal_lpm import KeyedNoise, event
    >>> hazard = torch.full((4,), 0.7)
    >>> with KeyedNoise(1):
    ...     event("infection", hazard)
    tensor([ True, False,  True, False])
    >>> with KeyedNoise(1), Relaxed(0.5):
    ...     (1 * event("infection", hazard)).round(decimals=2)
    tensor([0.7200, 0.0400, 0.8700, 0.0400])
    """

    def __init__(self, temperature: float = 0.5) -> None:
        if not 0 < temperature < float("inf"):
            raise ValueError(f"the temperature of Relaxed is {temperature}: give a positive number.")
        super().__init__()
        self.temperature = temperature

    def __repr__(self) -> str:
        return f"Relaxed({self.temperature:g})"

    # `fn` and not the value is set: the noise is asked for once every handler has seen the event.
    def _pyro_event(self, msg: Any) -> None:
        name, _, obs, _ = msg["args"]
        if not has_data(name, obs):
            msg["fn"] = self._event

    def _event(
        self, name: str, hazard: torch.Tensor, obs: torch.Tensor | None, where: torch.Tensor | None = None
    ) -> torch.Tensor:
        validate.hazard(name, hazard.detach())
        noise = exogenous(name, hazard.shape[-1])
        part: torch.Tensor = _Concrete.apply(hazard, noise, where, self.temperature)  # type: ignore[no-untyped-call]
        return self._outcome(name, part)

    def _pyro_choose(self, msg: Any) -> None:
        super()._pyro_choose(msg)
        name, _, obs, coupling, one_hot = msg["args"]
        if not one_hot or has_data(name, obs):
            return
        if coupling == "inverse_cdf":
            raise ValueError(
                f"choice {name!r} has the coupling 'inverse_cdf', whose one uniform an agent has no relaxed form: use "
                "'gumbel', or StraightThrough."
            )
        msg["fn"] = self._choice

    def _choice(
        self, name: str, logits: torch.Tensor, obs: torch.Tensor | None, coupling: Coupling, one_hot: bool
    ) -> torch.Tensor:
        choice = Choice(name, checked_logits(name, logits), 1)
        choice.coupling = coupling
        race = choice.parameter - choice.noise().clamp(min=1e-30).log()
        return self._outcome(name, (race / self.temperature).softmax(-1), "choice")


class _Concrete(torch.autograd.Function):
    """sigmoid((logit p - logit u) / temperature), where u < p decides the event, and its derivative by the hazard."""

    @staticmethod
    def forward(
        ctx: Any, hazard: torch.Tensor, noise: torch.Tensor, where: torch.Tensor | None, temperature: float
    ) -> torch.Tensor:
        # The event is noise < hazard, which is u < p with u = 1 - exp(-noise): logit p is log(p) + hazard.
        p, noise = -torch.expm1(-hazard), noise.clamp(min=1e-30)
        logits = (p.log() + hazard) - (torch.log(-torch.expm1(-noise)) + noise)
        part = torch.sigmoid(logits / temperature)
        part = part if where is None else torch.where(where, part, 0.0)
        ctx.save_for_backward(part, p)
        ctx.temperature, ctx.shape = temperature, hazard.shape
        return part

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        part, p = ctx.saved_tensors
        # d logit p / d hazard is 1 / p; where p is 0, so is the outcome.
        slope = torch.where(p > 0, part * (1 - part) / (ctx.temperature * p), 0.0)
        return (gradient[0] * slope).sum_to_size(ctx.shape), None, None, None
