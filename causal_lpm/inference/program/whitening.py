"""Coordinates in which densities are round, for samplers: one affine map for each of several densities side by side."""

from dataclasses import dataclass
from typing import TypeAlias

import torch

from causal_lpm.inference.program.nuts import Density

__all__ = ["Whitening", "rounder", "settled", "whitening_of"]

Tensor: TypeAlias = torch.Tensor

STEPS = 250  # of Adam
RATE = 0.1  # its learning rate at the beginning, in units of the prior's deviation
NARROW = 0.1  # standard deviations of guides at the beginning
LEAST = 0.5  # curvature that is believed; the prior alone has about 1
DIFFERENCE = 1e-4  # of the points between which a gradient's slope is measured
ENOUGH = 4  # chains whose curvatures are averaged


@dataclass(frozen=True)
class Whitening:
    """Points z as centre + factor @ q, for n densities with the same number of rows each.

    Attributes:
        centre: `[n, size]`.
        factor: `[n, size, size]`.
    """

    centre: Tensor
    factor: Tensor

    def points(self, q: Tensor) -> Tensor:
        """Z of q `[n * chains, draws, size]`."""
        n, size = self.centre.shape
        z: Tensor = self.centre[:, None] + (self.factor @ q.reshape(n, -1, size).mT).mT
        return z.reshape(q.shape)

    def inverse(self, z: Tensor) -> Tensor:
        """Q of z `[n * chains, size]`."""
        n, size = self.centre.shape
        q: Tensor = torch.linalg.solve(self.factor, (z.reshape(n, -1, size) - self.centre[:, None]).mT).mT
        return q.reshape(z.shape)

    def seen(self, density: Density, rows: int) -> Density:
        """A density of z as one of q, up to a constant."""
        n, size = self.centre.shape

        def of(q: Tensor, which: Tensor) -> tuple[Tensor, Tensor]:
            whole = q.new_zeros(rows, size)  # all rows, so that no number depends on which ones are left
            whole[which] = q
            value, slope = density(self.points(whole[:, None])[which, 0], which)
            whole[which] = slope
            return value, (self.factor.mT @ whole.reshape(n, -1, size).mT).mT.reshape(rows, size)[which]

        return of


def rounder(white: Whitening, points: Tensor, gradients: Tensor) -> Whitening:
    """The map under which draws and gradients of chains are alike in size, pooled over the chains of each density.

    For a normal density the covariance of the gradients is the inverse of that of the draws. The map takes the
    geometric mean of the one and the inverse of the other, which minimises Fisher's divergence from a normal density
    and is drawn to narrow parts less than a mean of curvatures. Both are shrunk to what was before, as few draws tell
    little of many directions.

    Source: Seyboldt, Carlson and Carpenter (2026), Preconditioning Hamiltonian Monte Carlo by minimizing Fisher
    divergence.

    Args:
        white: Before.
        points: Draws in its coordinates, `[n * chains, draws, size]`.
        gradients: At these.
    """
    n, size = white.centre.shape
    q, slopes = points.reshape(n, -1, size), gradients.reshape(n, -1, size)
    share = q.shape[1] / (q.shape[1] + size)
    factors = []
    for some, along in zip(q, slopes, strict=True):
        narrow = share * torch.atleast_2d(torch.cov(along.T)) + (1 - share) * torch.eye(size, dtype=torch.float64)
        wide = share * torch.atleast_2d(torch.cov(some.T)) + (1 - share) * torch.eye(size, dtype=torch.float64)
        root = _power(narrow, 0.5)
        inverse = _power(narrow, -0.5)
        factors.append(torch.linalg.cholesky(inverse @ _power(root @ wide @ root, 0.5) @ inverse))
    moved = (white.factor @ q.mean(1)[..., None]).squeeze(-1)
    return Whitening(white.centre + moved, white.factor @ torch.stack(factors))


def _power(matrix: Tensor, power: float) -> Tensor:
    values, vectors = torch.linalg.eigh((matrix + matrix.T) / 2)
    raised: Tensor = (vectors * values.clamp(min=1e-12) ** power) @ vectors.T
    return raised


def settled(density: Density, starts: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
    """Normal guides with independent elements, by Adam on the ELBO of each row.

    A mode will not do: where effects have a scale of their own, the density is highest with all effects and their scale
    near 0, far from nearly all of its mass.

    Args:
        density: Of rows.
        starts: `[rows, size]`.
        noise: Standard normal, `[steps, rows, size]`.

    Returns:
        Means and standard deviations, `[rows, size]` each.
    """
    rows = torch.arange(len(starts))
    mean, log_scale = starts.clone().requires_grad_(), torch.full_like(starts, NARROW).log().requires_grad_()
    optimiser = torch.optim.Adam([mean, log_scale], lr=RATE, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, len(noise), RATE / 20)
    for each in noise:
        away = log_scale.detach().exp() * each
        slope = density(mean.detach() + away, rows)[1]
        mean.grad, log_scale.grad = -slope, -(slope * away + 1)
        optimiser.step()
        schedule.step()
    return mean.detach(), log_scale.detach().exp()


def whitening_of(density: Density, points: Tensor, n: int) -> Whitening:
    """The map that makes the mean curvature at some points `[n * chains, size]` the identity, for each of n densities.

    The curvature is the difference of gradients, all of them rows of one evaluation.
    """
    rows, size = points.shape
    chains = rows // n
    step = DIFFERENCE * torch.eye(size, dtype=torch.float64)
    curvature = torch.zeros(n, size, size, dtype=torch.float64)
    for number in range(n):
        for row in range(number * chains, number * chains + min(chains, ENOUGH)):
            beside = torch.cat([points[row] + step, points[row] - step])
            slopes = density(beside, torch.full((2 * size,), row))[1]
            difference = (slopes[size:] - slopes[:size]) / (2 * DIFFERENCE)
            curvature[number] += (difference + difference.T) / 2 / min(chains, ENOUGH)
    values, vectors = torch.linalg.eigh(curvature)
    factor = vectors / values.clamp(min=LEAST).sqrt()[:, None]
    return Whitening(points.reshape(n, chains, size).mean(1), factor)
