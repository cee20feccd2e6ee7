"""Outcomes as they are, with the derivatives of what made them likely: torch's own is 0 where something is decided."""

from typing import Any

import torch

from causal_lpm.ops.exposure import FIXED_POINT

__all__ = ["chosen", "occurrence", "rounded", "threshold"]


def rounded(infectiousness: torch.Tensor) -> torch.Tensor:
    """Messages in fixed point."""
    # The fixed-point messages of the plain simulation, whose float sum is then the same number.
    rounded: torch.Tensor = _FixedPoint.apply(infectiousness)  # type: ignore[no-untyped-call]
    return rounded


def occurrence(value: torch.Tensor, hazard: torch.Tensor, where: torch.Tensor | None) -> torch.Tensor:
    """Events that happened or not, or their probabilities."""
    happened: torch.Tensor = _Occurrence.apply(value, hazard, where)  # type: ignore[no-untyped-call]
    return happened


def chosen(columns: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
    """One-hot options as floats of the type of the logits."""
    found: torch.Tensor = _Chosen.apply(columns, logits)  # type: ignore[no-untyped-call]
    return found


def threshold(margin: torch.Tensor, width: float) -> torch.Tensor:
    """Whether a margin is above 0, as a float of its type."""
    height: torch.Tensor = _Threshold.apply(margin, width)  # type: ignore[no-untyped-call]
    return height


class _Occurrence(torch.autograd.Function):
    """The given outcome, with the derivative of 1 - exp(-hazard)."""

    @staticmethod
    def forward(ctx: Any, value: torch.Tensor, hazard: torch.Tensor, where: torch.Tensor | None) -> torch.Tensor:
        ctx.shape = hazard.shape
        if ctx.needs_input_grad[1]:
            ctx.save_for_backward(torch.exp(-hazard), where)  # once, however many backward passes there are
        return value

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        derivative, where = ctx.saved_tensors
        slope = gradient[0] * derivative
        return None, (slope if where is None else torch.where(where, slope, 0.0)).sum_to_size(ctx.shape), None


class _Chosen(torch.autograd.Function):
    """The given options, one-hot, with the derivative of the softmax of the logits."""

    @staticmethod
    def forward(ctx: Any, chosen: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(logits)
        return chosen.to(logits.dtype)

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        (logits,) = ctx.saved_tensors
        share = logits.softmax(-1)
        slope = share * (gradient[0] - (share * gradient[0]).sum(-1, keepdim=True))
        return None, slope.sum_to_size(logits.shape)


class _Threshold(torch.autograd.Function):
    """Whether a margin is above 0, with the derivative of a logistic function of some width."""

    @staticmethod
    def forward(ctx: Any, margin: torch.Tensor, width: float) -> torch.Tensor:
        ctx.save_for_backward(margin)
        ctx.width = width
        return (margin > 0).to(margin.dtype)

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        height = torch.sigmoid(ctx.saved_tensors[0] / ctx.width)
        return gradient[0] * height * (1 - height) / ctx.width, None


class _FixedPoint(torch.autograd.Function):
    """Rounded to multiples of 1 / FIXED_POINT, passing the gradient on as if it were not."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return (x * FIXED_POINT).round() / FIXED_POINT

    @staticmethod
    def backward(ctx: Any, *gradient: torch.Tensor) -> torch.Tensor:
        return gradient[0]
