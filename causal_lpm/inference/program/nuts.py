"""NUTS for many rows of one density: no row waits for another one's trajectory.

A leapfrog step is one evaluation of the density for all rows, whatever leaf of whatever tree each of them is at. The
trees are those of the multinomial No-U-Turn sampler, built leaf by leaf, without recursion: a leaf is compared with the
first leaves of the subtrees that it ends, of which there are at most as many as the tree is deep.

Sources: Hoffman and Gelman (2014), The No-U-Turn sampler, JMLR 15; Betancourt (2017), A conceptual introduction to
Hamiltonian Monte Carlo, arXiv 1701.02434; Phan, Pradhan and Jankowiak (2019), Composable effects for flexible and
accelerated probabilistic programming in NumPyro, arXiv 1912.11554, for the trees without recursion; Dance et al.
(2025), Efficiently vectorized MCMC on modern accelerators, arXiv 2503.17405, for rows that do not wait.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from typing import TypeAlias

import torch

__all__ = ["Density", "Drawn", "Luck", "transitions"]

Tensor: TypeAlias = torch.Tensor

Density: TypeAlias = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(points float64 `[k, size]`, the rows int64 `[k]` that they belong to) -> log densities `[k]`, gradients."""

Told: TypeAlias = Callable[[Tensor, Tensor], Tensor]
"""(rows that finished a draw, mean acceptance of their trajectories) -> step sizes of these rows from then on."""

DIVERGED = 1000.0  # loss of log density, Stan's


class Luck:
    """Random numbers of each row, from a seed of its own: they do not depend on the rows beside it.

    Args:
        seeds: One a row.
    """

    def __init__(self, seeds: Sequence[int]) -> None:
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]

    def normal(self, rows: Tensor, size: int) -> Tensor:
        """Standard normal, float64 `[k, size]`."""
        drawn = (torch.randn(size, generator=self._generators[row], dtype=torch.float64) for row in rows.tolist())
        return torch.stack(list(drawn))

    def uniform(self, rows: Tensor, size: int) -> Tensor:
        """Uniform on [0, 1), float64 `[k, size]`."""
        drawn = (torch.rand(size, generator=self._generators[row], dtype=torch.float64) for row in rows.tolist())
        return torch.stack(list(drawn))


@dataclass(frozen=True)
class Drawn:
    """Draws of all rows.

    Attributes:
        points: `[rows, draws, size]`.
        densities: Log densities there, `[rows, draws]`.
        gradients: There, `[rows, draws, size]`.
        acceptance: Mean acceptance probability of each trajectory, `[rows, draws]`.
        leapfrogs: Steps of each trajectory, int64 `[rows, draws]`.
        diverged: Whether it lost so much energy that the step size cannot follow the density, bool `[rows, draws]`.
        deepest: Whether it was cut at the largest depth, bool `[rows, draws]`.
    """

    points: Tensor
    densities: Tensor
    gradients: Tensor
    acceptance: Tensor
    leapfrogs: Tensor
    diverged: Tensor
    deepest: Tensor


@dataclass
class _Trees:
    """The trees that rows are at; each tensor has a row for each of them."""

    rows: Tensor  # which they are
    made: Tensor  # draws so far
    uniforms: Tensor
    point: Tensor  # proposed by the tree, at first the draw before
    density: Tensor
    gradient: Tensor
    energy: Tensor  # at the beginning
    ends: Tensor  # [k, 2, 3, size]: backward and forward; point, momentum, gradient
    momenta: Tensor  # sum over the tree
    weight: Tensor  # log of the sum of weights
    depth: Tensor
    accepted: Tensor
    leaves: Tensor
    # The subtree that is being built, from the end of the tree in direction `sign`:
    sign: Tensor
    leaf: Tensor
    here: Tensor  # [k, 3, size]
    sub_point: Tensor
    sub_density: Tensor
    sub_gradient: Tensor
    sub_momenta: Tensor
    sub_weight: Tensor
    first_momentum: Tensor  # [k, depth, size], of the first leaves of subtrees within
    first_momenta: Tensor  # and the sum up to them

    def kept(self, which: Tensor) -> "_Trees":
        return _Trees(*(getattr(self, field.name)[which] for field in fields(self)))


def transitions(
    density: Density, start: Tensor, steps: Tensor, draws: int, luck: Luck, told: Told | None = None, depth: int = 10
) -> Drawn:
    """Draws of NUTS for each row, with unit masses: a density is best given in coordinates in which it is round.

    Args:
        density: Log density and gradient; NaN and -infinity are places where trajectories end.
        start: Where rows begin, with a finite density, float64 `[rows, size]`.
        steps: Step size of each row, `[rows]`.
        draws: Of each row.
        luck: Random numbers of the rows.
        told: Called after each draw of some rows, and gives the step sizes that they go on with.
        depth: Doublings of a trajectory at most.

    >>> def normal(points, rows):
    ...     return -(points**2).sum(-1) / 2, -points
    >>> start, steps = torch.zeros(3, 2, dtype=torch.float64), torch.full((3,), 0.9, dtype=torch.float64)
    >>> drawn = transitions(normal, start, steps, 400, Luck([0, 1, 2]))
    >>> drawn.points.shape, bool((drawn.points.var(1) - 1).abs().max() < 0.3)
    (torch.Size([3, 400, 2]), True)
    """
    count, size = start.shape
    steps = steps.clone()
    newest, innermost = _subtrees(depth)
    found = _empty(count, draws, size)
    rows = torch.arange(count)
    trees = _planted(rows, start, *density(start, rows), luck, depth)
    while len(trees.rows):
        t = trees
        ordered = torch.arange(len(t.rows))
        length = (steps[t.rows] * t.sign)[:, None]
        momentum = t.here[:, 1] + length / 2 * t.here[:, 2]
        point = t.here[:, 0] + length * momentum
        value, slope = density(point, t.rows)
        momentum = momentum + length / 2 * slope
        t.here = torch.stack([point, momentum, slope], 1)
        weight = (value - (momentum**2).sum(-1) / 2 - t.energy).nan_to_num(-torch.inf, torch.inf, -torch.inf)
        diverged = weight < -DIVERGED

        # A leaf is proposed by its subtree in proportion to its weight.
        t.sub_weight = torch.logaddexp(t.sub_weight, weight)
        chosen = t.uniforms[ordered, t.leaves].log() < weight - t.sub_weight
        t.sub_point = torch.where(chosen[:, None], point, t.sub_point)
        t.sub_gradient = torch.where(chosen[:, None], slope, t.sub_gradient)
        t.sub_density = torch.where(chosen, value, t.sub_density)
        t.sub_momenta = t.sub_momenta + momentum
        t.accepted = t.accepted + weight.clamp(max=0.0).exp()
        t.leaves = t.leaves + 1

        # Even leaves begin subtrees; odd ones end them, and are compared with where they began.
        even, last = t.leaf % 2 == 0, newest[t.leaf]
        begun = ordered[even], last[even]
        t.first_momentum[begun], t.first_momenta[begun] = momentum[even], t.sub_momenta[even]
        within = t.sub_momenta[:, None] - t.first_momenta + t.first_momentum
        turned = _turned(t.first_momentum, momentum[:, None], within)
        levels = torch.arange(depth)
        ended = (levels >= innermost[t.leaf][:, None]) & (levels <= last[:, None]) & ~even[:, None]
        stopped = diverged | (turned & ended).any(1)
        t.leaf = t.leaf + 1

        grown = ~stopped & (t.leaf == 2**t.depth)
        full = torch.zeros_like(stopped)
        if bool(grown.any()):
            stopped[grown], full[grown] = _merged(t, ordered[grown], depth)
        if not bool(stopped.any()):
            continue
        done, which = ordered[stopped], t.rows[stopped]
        at = which, t.made[done]
        found.points[at], found.densities[at], found.gradients[at] = t.point[done], t.density[done], t.gradient[done]
        found.acceptance[at], found.leapfrogs[at] = t.accepted[done] / t.leaves[done], t.leaves[done]
        found.diverged[at], found.deepest[at] = diverged[done], full[done]
        if told is not None:
            steps[which] = told(which, found.acceptance[at])
        again = _planted(which, t.point[done], t.density[done], t.gradient[done], luck, depth)
        again.made = t.made[done] + 1
        for field in fields(t):
            getattr(t, field.name)[done] = getattr(again, field.name)
        if bool((t.made == draws).any()):
            trees = t.kept(t.made < draws)
    return found


def _merged(t: _Trees, which: Tensor, depth: int) -> tuple[Tensor, Tensor]:
    """Joins full subtrees to their trees: whether the trajectories end there, and whether only for their length."""
    side = (t.sign[which] > 0).long()
    t.ends[which, side] = t.here[which]
    t.momenta[which] += t.sub_momenta[which]
    # The new half is preferred, which leaves the distribution as it is and moves further.
    draw = t.uniforms[which, -1 - t.depth[which]]
    chosen = which[draw.log() < t.sub_weight[which] - t.weight[which]]
    t.point[chosen], t.density[chosen] = t.sub_point[chosen], t.sub_density[chosen]
    t.gradient[chosen] = t.sub_gradient[chosen]
    t.weight[which] = torch.logaddexp(t.weight[which], t.sub_weight[which])
    t.depth[which] += 1
    turned = _turned(t.ends[which, 0, 1], t.ends[which, 1, 1], t.momenta[which])
    full = ~turned & (t.depth[which] == depth)
    on = which[~turned & ~full]
    t.sign[on] = torch.where(t.uniforms[on, -1 - depth - t.depth[on]] < 0.5, -1.0, 1.0).double()
    t.here[on] = t.ends[on, (t.sign[on] > 0).long()]
    t.leaf[on], t.sub_weight[on], t.sub_momenta[on] = 0, -torch.inf, 0.0
    return turned | full, full


def _turned(first: Tensor, last: Tensor, momenta: Tensor) -> Tensor:
    """Whether a trajectory comes back: its ends no longer move apart.

    Half of each end is left out of the sum, without which short trajectories of many dimensions miss the turn.
    """
    between = momenta - (first + last) / 2
    turned: Tensor = ((first * between).sum(-1) <= 0) | ((last * between).sum(-1) <= 0)
    return turned


def _planted(rows: Tensor, point: Tensor, density: Tensor, gradient: Tensor, luck: Luck, depth: int) -> _Trees:
    """Trees of one leaf, with momenta of their own."""
    count, size = point.shape
    momentum = luck.normal(rows, size)
    uniforms = luck.uniform(rows, 2**depth + 2 * depth)
    here = torch.stack([point, momentum, gradient], 1)
    zeros, whole = torch.zeros(count, dtype=torch.float64), torch.zeros(count, dtype=torch.int64)
    return _Trees(
        rows=rows,
        made=whole,
        uniforms=uniforms,
        point=point.clone(),
        density=density.clone(),
        gradient=gradient.clone(),
        energy=density - (momentum**2).sum(-1) / 2,
        ends=torch.stack([here, here], 1),
        momenta=momentum.clone(),
        weight=zeros.clone(),
        depth=whole.clone(),
        accepted=zeros.clone(),
        leaves=whole.clone(),
        sign=torch.where(uniforms[:, -1 - depth] < 0.5, -1.0, 1.0).double(),
        leaf=whole.clone(),
        here=here,
        sub_point=point.clone(),
        sub_density=density.clone(),
        sub_gradient=gradient.clone(),
        sub_momenta=torch.zeros_like(point),
        sub_weight=zeros - torch.inf,
        first_momentum=point.new_zeros(count, depth, size),
        first_momenta=point.new_zeros(count, depth, size),
    )


def _subtrees(depth: int) -> tuple[Tensor, Tensor]:
    """For each leaf, the place of the newest beginning of a subtree, and that of the largest subtree that it ends."""
    leaves = range(2 ** max(depth - 1, 0))
    newest = [(leaf >> 1).bit_count() for leaf in leaves]
    ones = [(leaf ^ (leaf + 1)).bit_length() - 1 for leaf in leaves]  # at the end of its number
    largest = [last - count + 1 for last, count in zip(newest, ones, strict=True)]
    return torch.tensor(newest), torch.tensor(largest)


def _empty(rows: int, draws: int, size: int) -> Drawn:
    points, each = torch.zeros(rows, draws, size, dtype=torch.float64), torch.zeros(rows, draws, dtype=torch.float64)
    no = torch.zeros(rows, draws, dtype=torch.bool)
    return Drawn(points, each, points.clone(), each.clone(), each.long(), no, no.clone())
