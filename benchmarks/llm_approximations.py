"""Laplace's approximation and mean-field SVI of many data sets side by side: what a posterior is compared with.

Neither is a posterior. Laplace's is a normal density around the highest point, and SVI's one with independent elements.
"""

from collections.abc import Mapping

import torch

from causal_lpm.inference.program.problem import Problem

STEPS = 500
RATE = 0.05
DRAWS = 400
LEAST = 0.3  # curvature that is believed; the prior alone has 1

Tensor = torch.Tensor


def _climb(problem: Problem, data: Mapping[str, Tensor], spread: bool) -> tuple[Tensor, Tensor]:
    """Mean and deviation of a normal guide `[n, size]`, or the highest point and deviations of 0."""
    n = len(next(iter(data.values())))
    mean = torch.zeros(n, problem.size, dtype=torch.float64, requires_grad=True)
    log_deviation = torch.full_like(mean, 0.1).log().detach().requires_grad_()
    optimiser = torch.optim.Adam([mean, log_deviation], lr=RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS, RATE / 50)
    luck = torch.Generator().manual_seed(0)
    for _ in range(STEPS):
        noise = torch.randn(mean.shape, generator=luck, dtype=torch.float64)
        z = mean + log_deviation.exp() * noise if spread else mean
        loss = -problem.log_joint(z, data).sum() - (log_deviation.sum() if spread else 0.0)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return mean.detach(), log_deviation.detach().exp() if spread else torch.zeros_like(mean)


def svi(problem: Problem, data: Mapping[str, Tensor]) -> Tensor:
    """Draws of the guide, `[n, draws, size]`."""
    mean, deviation = _climb(problem, data, spread=True)
    noise = torch.randn(len(mean), DRAWS, problem.size, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return mean[:, None] + deviation[:, None] * noise


def laplace(problem: Problem, data: Mapping[str, Tensor]) -> Tensor:
    """Draws of the normal density with the curvature of the highest point, `[n, draws, size]`."""
    mode, _ = _climb(problem, data, spread=False)
    step = 1e-4 * torch.eye(problem.size, dtype=torch.float64)
    luck, draws = torch.Generator().manual_seed(2), []
    for row, point in enumerate(mode):
        beside = torch.cat([point + step, point - step]).requires_grad_()
        mine = {name: values[row].expand(len(beside), *values.shape[1:]) for name, values in data.items()}
        (slope,) = torch.autograd.grad(problem.log_joint(beside, mine).sum(), beside)
        half = (slope[problem.size :] - slope[: problem.size]) / 2e-4
        values, vectors = torch.linalg.eigh((half + half.T) / 2)
        noise = torch.randn(DRAWS, problem.size, generator=luck, dtype=torch.float64)
        draws.append(point + (noise / values.clamp(min=LEAST).sqrt()) @ vectors.T)
    return torch.stack(draws)
