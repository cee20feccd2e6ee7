"""Markov chains over the parameters and the luck of an observed epidemic, accepted by the likelihood of its replay.

A chain holds the parameters and a seed for each window of days and block of agents. Two moves leave the posterior as it
is: new seeds for some cells (window, block) from their prior, and a random walk of the parameters under the same luck.
Both are Metropolis steps: the replay, simulated from the first day that may change, says how likely the data are.

How many cells a move changes, and how far parameters go, is learned while the chains warm up, and fixed afterwards, so
that the draws that count come from one Markov chain (Roberts and Rosenthal 2009, Journal of Computational and Graphical
Statistics 18:349).
"""

import math
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.handlers.continuing import Kept
from causal_lpm.inference.abduction.windowed import Run, Windowed

__all__ = ["Chains", "Started", "moved"]

TARGET_LUCK, TARGET_PARAMETERS = 0.35, 0.25  # share of moves that are accepted
CHECKPOINTS = 12  # days on which simulations are kept, to go on from
LEARNING = 0.6  # steps of learning fall as moves to the power of minus this


@dataclass(frozen=True)
class Started:
    """Where chains begin.

    Attributes:
        z: Parameters, `[chains, all]`.
        seeds: int64 `[chains, windows, blocks]`.
        walk: Lower triangle of a covariance of the parameters, `[all, all]`: the directions of the random walk.
    """

    z: torch.Tensor
    seeds: torch.Tensor
    walk: torch.Tensor


@dataclass
class Chains:
    """What chains went through, after each sweep that counts.

    Attributes:
        z: `[chains, sweeps, all]`.
        seeds: int64 `[chains, sweeps, windows, blocks]`.
        log_p: Of the data, float64 `[chains, sweeps]`.
        totals: Series -> its total over groups and days, float64 `[chains, sweeps]`.
        accepted: Share of the moves of luck, by the window where they begin, and of parameters at the end,
            float64 `[windows + 1]`.
        changed: Share of the seeds of a chain that are not those it began with, float64 `[chains, windows]`.
    """

    z: list[torch.Tensor] = field(default_factory=list)
    seeds: list[torch.Tensor] = field(default_factory=list)
    log_p: list[torch.Tensor] = field(default_factory=list)
    totals: dict[str, list[torch.Tensor]] = field(default_factory=dict)
    accepted: torch.Tensor = field(default_factory=lambda: torch.zeros(0))
    changed: torch.Tensor = field(default_factory=lambda: torch.zeros(0))

    def arrays(self) -> dict[str, npt.NDArray[np.generic]]:
        """As they are kept, the chains in front."""
        found = {"z": torch.stack(self.z, 1), "seeds": torch.stack(self.seeds, 1), "log_p": torch.stack(self.log_p, 1)}
        found |= {f"total/{name}": torch.stack(values, 1) for name, values in self.totals.items()}
        found |= {"accepted": self.accepted.expand(len(self.changed), -1), "changed": self.changed}
        return {name: value.contiguous().numpy() for name, value in found.items()}


class _State:
    """The chains as they are now, with the simulations from which a replay goes on."""

    def __init__(self, windowed: Windowed, started: Started) -> None:
        self.windowed, self.z, self.seeds = windowed, started.z.clone(), started.seeds.clone()
        apart = max(1, math.ceil(len(windowed) / CHECKPOINTS))
        self.days = tuple(windowed.first[w] for w in range(apart, len(windowed), apart))
        self.kept: dict[int, Kept] = {}
        self.log_prior = windowed.problem.prior.log_density(self.z) if self.z.shape[1] else torch.zeros(len(self.z))
        run = self.replay(self.z, self.seeds, 0)
        self.kept, self.log_p = run.kept, run.log_p.sum(1)

    def replay(self, z: torch.Tensor, seeds: torch.Tensor, window: int) -> Run:
        """From the last day before a window on which simulations were kept."""
        before = [day for day in self.days if day <= self.windowed.first[window]]
        kept = self.kept[before[-1]] if before and self.kept else None
        return self.windowed.run(z, seeds, kept, keep=self.days)

    def accept(self, yes: torch.Tensor, run: Run) -> None:
        if bool(yes.any()):
            for day, new in run.kept.items():
                self.kept[day] = new.where(yes, self.kept[day])


def moved(
    windowed: Windowed, started: Started, *, warm_up: int, sweeps: int, walks: int, seed: int, thin: int = 1
) -> Chains:
    """Runs chains side by side.

    Args:
        windowed: The model and its data.
        started: Where they begin.
        warm_up: Sweeps that learn and do not count.
        sweeps: Sweeps that count.
        walks: Moves of the parameters in a sweep; a sweep has one move of luck from each of its windows, or from each
            of so many, evenly spread, where there are more.
        seed: Of the moves.
        thin: Sweeps from one that is kept to the next.
    """
    generator = torch.Generator().manual_seed(seed % 2**63)
    state, found = _State(windowed, started), Chains()
    count, size = len(windowed), started.z.shape[1]
    log_cells = torch.full((count,), math.log(2.0), dtype=torch.float64)
    log_step = torch.tensor(math.log(1.5 / math.sqrt(max(1, size))), dtype=torch.float64)
    tried = torch.zeros(count + 1, 2, dtype=torch.float64)
    most = torch.tensor([math.log((count - w) * windowed.blocks) for w in range(count)], dtype=torch.float64)
    luck_moves = min(count, CHECKPOINTS)
    for sweep in range(warm_up + sweeps):
        learning = (sweep + 1.0) ** -LEARNING if sweep < warm_up else 0.0
        offset = int(torch.randint(0, max(1, count // luck_moves), (), generator=generator))
        begins = [min(count - 1, i * count // luck_moves + offset) for i in range(luck_moves)]
        walk_at = {round((i + 0.5) * luck_moves / walks) for i in range(walks)} if size and walks else set()
        for number, window in enumerate(begins):
            share = _new_luck(state, window, float(log_cells[window].exp()), generator)
            near = (torch.arange(count) - window).abs() < max(1, count // luck_moves)
            log_cells[near] += learning * 2 * (share - TARGET_LUCK)
            log_cells = torch.minimum(log_cells.clamp(min=0.0), most)
            if sweep >= warm_up:
                tried[window] += torch.tensor([share, 1.0], dtype=torch.float64)
            if number in walk_at:
                share = _walk(state, started.walk, float(log_step.exp()), generator)
                log_step += learning * (share - TARGET_PARAMETERS)
                if sweep >= warm_up:
                    tried[count] += torch.tensor([share, 1.0], dtype=torch.float64)
        if sweep >= warm_up and (sweep - warm_up) % thin == thin - 1:
            _note(found, state)
    found.accepted = tried[:, 0] / tried[:, 1]
    found.changed = (state.seeds != started.seeds).double().mean(2)
    return found


def _new_luck(state: _State, window: int, cells: float, generator: torch.Generator) -> float:
    """New seeds for about so many cells: blocks of this window, then of the following ones where there are more."""
    chains, _, blocks = state.seeds.shape
    spread = torch.exp(torch.rand(chains, generator=generator, dtype=torch.float64) * 2 - 1)  # from 1/e to e times
    number = (cells * spread).round().clamp(min=1)
    order = torch.rand(chains, state.seeds.shape[1] - window, blocks, generator=generator).argsort(-1).argsort(-1)
    order = order + blocks * torch.arange(order.shape[1])[:, None]
    changes = order < number[:, None, None]
    fresh = torch.randint(0, 2**62, order.shape, generator=generator)
    seeds = state.seeds.clone()
    seeds[:, window:] = torch.where(changes, fresh, seeds[:, window:])
    run = state.replay(state.z, seeds, window)
    log_p = run.log_p.sum(1)
    yes = torch.rand(chains, generator=generator, dtype=torch.float64).log() < log_p - state.log_p
    state.seeds[yes] = seeds[yes]
    state.log_p = torch.where(yes, log_p, state.log_p)
    state.accept(yes, run)
    return float(yes.double().mean())


def _walk(state: _State, walk: torch.Tensor, step: float, generator: torch.Generator) -> float:
    """A random walk of the parameters under the same luck, of three lengths."""
    chains, size = state.z.shape
    lengths = torch.tensor([0.3, 1.0, 3.0])[torch.randint(0, 3, (chains,), generator=generator)] * step
    z = state.z + lengths[:, None] * (torch.randn(chains, size, generator=generator) @ walk.T)
    log_prior = state.windowed.problem.prior.log_density(z)
    run = state.replay(z, state.seeds, 0) if not state.kept else state.windowed.run(z, state.seeds, keep=state.days)
    log_p = run.log_p.sum(1)
    ratio = log_p - state.log_p + log_prior - state.log_prior
    yes = torch.rand(chains, generator=generator, dtype=torch.float64).log() < ratio.nan_to_num(-torch.inf)
    state.z[yes] = z[yes]
    state.log_prior = torch.where(yes, log_prior, state.log_prior)
    state.log_p = torch.where(yes, log_p, state.log_p)
    state.accept(yes, run)
    return float(yes.double().mean())


def _note(found: Chains, state: _State) -> None:
    found.z.append(state.z.clone())
    found.seeds.append(state.seeds.clone())
    found.log_p.append(state.log_p.clone())
    series = state.kept[state.windowed.end].run.tallies
    for name, values in series.items():
        total = values.double().sum((-2, -1)).expand(len(state.z)).clone()
        found.totals.setdefault(name, []).append(total)
