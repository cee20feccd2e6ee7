"""Moves of a Markov chain from weighted paths: their luck and parameters spread, and the posterior stays what it is.

Paths that come from one filter share their early luck. Two moves leave the posterior as it is: new seeds for some cells
(window of days, block of agents) from their prior, and a random walk of the parameters under the same luck. Both are
Metropolis steps: the replay, simulated from the first day that may change, says how likely the data are (the moves of
resample-move filters: Gilks and Berzuini 2001, Journal of the Royal Statistical Society B 63:127).

How many cells a move changes, and how far parameters go, is learned from all paths of a block in the first sweep.
"""

import math
from dataclasses import dataclass

import torch

from causal_lpm.handlers.continuing import Kept
from causal_lpm.inference.abduction.block_arrays import BlockArrays
from causal_lpm.inference.abduction.windowed import Run, Windowed

__all__ = ["Rejuvenated", "rejuvenated"]

TARGET_LUCK, TARGET_PARAMETERS = 0.35, 0.25  # share of moves that are accepted
CHECKPOINTS = 12  # days on which simulations are kept, to go on from; moves of luck in a sweep
WALKS = 3  # moves of the parameters in a sweep
LEARNING = 1.0  # step of learning in the first sweep


@dataclass(frozen=True)
class Rejuvenated(BlockArrays):
    """Paths after their moves.

    Attributes:
        z: Parameters, `[paths, all]`.
        seeds: int64 `[paths, windows, blocks]`.
        before: Log p of the data, and totals of the series, before the moves: float64 `[paths, 1 + series]`.
        after: The same after them.
        changed: Share of the seeds that are new, float64 `[paths, windows]`.
    """

    z: torch.Tensor
    seeds: torch.Tensor
    before: torch.Tensor
    after: torch.Tensor
    changed: torch.Tensor


class _Paths:
    """The paths as they are now, with the simulations from which a replay goes on."""

    def __init__(self, windowed: Windowed, z: torch.Tensor, seeds: torch.Tensor, generator: torch.Generator) -> None:
        self.windowed, self.z, self.seeds, self.generator = windowed, z.clone(), seeds.clone(), generator
        apart = math.ceil(len(windowed) / CHECKPOINTS)
        self.days = tuple(windowed.first[w] for w in range(apart, len(windowed), apart))
        self.log_prior = self.prior(self.z)
        run = windowed.run(self.z, self.seeds, keep=self.days)
        self.kept, self.log_p = run.kept, run.log_p

    def prior(self, z: torch.Tensor) -> torch.Tensor:
        return self.windowed.problem.prior.log_density(z).double() if z.shape[1] else torch.zeros(len(z)).double()

    @property
    def told(self) -> torch.Tensor:
        """Log p of the data and totals of the series, `[paths, 1 + series]`."""
        series = self.kept[self.windowed.end].run.tallies.values()
        totals = [values.double().sum((-2, -1)).expand(len(self.z)) for values in series]
        return torch.stack([self.log_p.sum(1), *totals], 1)

    def step(self, z: torch.Tensor, seeds: torch.Tensor, window: int, log_prior: torch.Tensor) -> torch.Tensor:
        """One Metropolis step, whose replay begins no later than a window; bool `[paths]`, where it was accepted."""
        before = [day for day in self.days if 0 < day <= self.windowed.first[window]] if window else []
        kept: Kept | None = self.kept[before[-1]] if before else None
        run = self.windowed.run(z, seeds, kept, keep=self.days)
        first = torch.tensor(self.windowed.first)
        same = first < (before[-1] if before else -1)  # windows that were not run again
        log_p = torch.where(same, self.log_p, run.log_p)
        ratio = log_p.sum(1) - self.log_p.sum(1) + log_prior - self.log_prior
        chance = torch.rand(len(z), generator=self.generator, dtype=torch.float64).log()
        yes = chance < ratio.nan_to_num(nan=-torch.inf)
        self.z, self.seeds = torch.where(yes[:, None], z, self.z), torch.where(yes[:, None, None], seeds, self.seeds)
        self.log_p = torch.where(yes[:, None], log_p, self.log_p)
        self.log_prior = torch.where(yes, log_prior, self.log_prior)
        self._keep(yes, run)
        return yes

    def _keep(self, yes: torch.Tensor, run: Run) -> None:
        if bool(yes.any()):
            self.kept |= {day: new.where(yes, self.kept[day]) for day, new in run.kept.items()}


def rejuvenated(
    windowed: Windowed, z: torch.Tensor, seeds: torch.Tensor, walk: torch.Tensor, sweeps: int, seed: int
) -> Rejuvenated:
    """Moves the paths.

    Args:
        windowed: The model and its data.
        z: Parameters, `[paths, all]`.
        seeds: int64 `[paths, windows, blocks]`.
        walk: Lower triangle of a covariance of the parameters, `[all, all]`: the directions of the random walk; rows
            of 0 where they are known.
        sweeps: Each has twelve moves of luck, which begin in windows that are evenly spread, and three of the
            parameters.
        seed: Of the moves.
    """
    paths = _Paths(windowed, z, seeds, torch.Generator().manual_seed(seed % 2**63))
    before, count, size = paths.told, len(windowed), z.shape[1]
    moves = min(count, CHECKPOINTS)
    log_cells = torch.full((moves,), math.log(2.0), dtype=torch.float64)
    log_step = math.log(1.0 / math.sqrt(max(1, size)))
    still = not bool(walk.any())  # the parameters are known
    for sweep in range(sweeps):
        learning = LEARNING / (sweep + 1) ** 2
        offset = int(torch.randint(0, math.ceil(count / moves), (), generator=paths.generator))
        walks = set() if still or not size else {round((i + 0.5) * moves / WALKS) for i in range(WALKS)}
        for number in range(moves):
            window = min(count - 1, number * count // moves + offset)
            yes = paths.step(
                paths.z, _new_cells(paths, window, float(log_cells[number].exp())), window, paths.log_prior
            )
            most = math.log((count - window) * windowed.blocks)
            # The next windows are much like this one, and begin with what was learned here.
            log_cells[number:] += learning * 3 * (float(yes.double().mean()) - TARGET_LUCK)
            log_cells[number:] = log_cells[number:].clamp(0.0, most)
            if number in walks:
                moved = _walked(paths, walk, math.exp(log_step))
                yes = paths.step(moved, paths.seeds, 0, paths.prior(moved))
                log_step += learning * 2 * (float(yes.double().mean()) - TARGET_PARAMETERS)
    changed = (paths.seeds != seeds).double().mean(2)
    return Rejuvenated(paths.z, paths.seeds, before, paths.told, changed)


def _new_cells(paths: _Paths, window: int, cells: float) -> torch.Tensor:
    """New seeds for about so many cells: blocks of this window, then of the following ones where there are more."""
    rows, _, blocks = paths.seeds.shape
    # From a third of it to three times as many: some moves are to be small wherever the chain is.
    spread = 3 ** (2 * torch.rand(rows, generator=paths.generator, dtype=torch.float64) - 1)
    number = (cells * spread).round().clamp(min=1)
    windows = min(paths.seeds.shape[1] - window, math.ceil(3 * cells / blocks) + 1)
    order = torch.rand(rows, windows, blocks, generator=paths.generator).argsort(-1).argsort(-1)
    changes = order + blocks * torch.arange(windows)[:, None] < number[:, None, None]
    fresh = torch.randint(0, 2**62, order.shape, generator=paths.generator)
    seeds, here = paths.seeds.clone(), slice(window, window + windows)
    seeds[:, here] = torch.where(changes, fresh, seeds[:, here])
    return seeds


def _walked(paths: _Paths, walk: torch.Tensor, step: float) -> torch.Tensor:
    """Parameters after a random walk of one of three lengths."""
    rows, size = paths.z.shape
    length = torch.tensor([0.3, 1.0, 3.0])[torch.randint(0, 3, (rows,), generator=paths.generator)] * step
    normal = torch.randn(rows, size, generator=paths.generator)
    return paths.z + length[:, None] * (normal @ walk.to(normal).T)
