"""Particle filters over the luck of agents: one filter a draw of the parameters, all of them side by side.

Source: Gordon, Salmond and Smith (1993), IEE Proceedings F 140:107.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from causal_lpm.handlers.continuing import Kept
from causal_lpm.inference.abduction.block_arrays import BlockArrays
from causal_lpm.inference.abduction.resampling import effective_number, systematic
from causal_lpm.inference.abduction.windowed import Windowed

__all__ = ["Filtered", "particle_filters"]


@dataclass(frozen=True)
class Filtered(BlockArrays):
    """What filters found.

    Attributes:
        log_evidence: Log of the estimated probability of the data given the parameters, float64 `[filters]`; -infinity
            where no particle could produce the data of a window.
        seeds: int64 `[filters, particles, windows]`.
        log_p: Of the data given each particle's luck, float64 `[filters, particles, windows]`.
        weights: Of the particles at the end, float64 `[filters, particles]`.
        effective: Effective particles after each window, as a share, float64 `[filters, windows]`.
        ancestors: How many different particles of the first window are left, int64 `[filters]`.
    """

    log_evidence: torch.Tensor
    seeds: torch.Tensor
    log_p: torch.Tensor
    weights: torch.Tensor
    effective: torch.Tensor
    ancestors: torch.Tensor


def particle_filters(windowed: Windowed, z: torch.Tensor, seeds: Sequence[int], particles: int) -> Filtered:
    """Filters the luck of each draw of the parameters through the windows.

    Args:
        windowed: The model and its data.
        z: One draw a filter, `[filters, all]`.
        seeds: Of the luck and of the resampling of each filter.
        particles: In each filter.
    """
    filters, count = len(z), len(windowed)
    generators = [torch.Generator().manual_seed(seed % 2**63) for seed in seeds]
    rows = z.repeat_interleave(particles, 0)
    path = torch.zeros(filters * particles, count, dtype=torch.int64)
    log_p = torch.zeros(filters * particles, count, dtype=torch.float64)
    of_data = log_p
    log_w = torch.zeros(filters, particles, dtype=torch.float64)
    evidence, effective = torch.zeros(filters, dtype=torch.float64), []
    kept: Kept | None = None
    for w in range(count):
        path[:, w] = torch.cat([torch.randint(0, 2**62, (particles,), generator=g) for g in generators])
        run = windowed.run(rows, windowed.in_all_blocks(path), kept, w)
        _check_settled(of_data[:, :w], run.of_data[:, :w])
        log_p[:, w] = run.log_p[:, w]
        log_w = log_w + log_p[:, w].reshape(filters, particles)
        dead = log_w.isneginf().all(1)
        log_w = torch.where(dead[:, None], 0.0, log_w)  # such a filter has no evidence, and goes on beside the others
        weights = log_w.softmax(1)
        effective.append(effective_number(weights) / particles)
        evidence = evidence + torch.where(dead, -torch.inf, log_w.logsumexp(1) - math.log(particles))
        if w + 1 == count or bool(evidence.isneginf().all()):
            effective += [effective[-1]] * (count - w - 1)
            break
        numbers = torch.cat([m * particles + systematic(weights[m], particles, g) for m, g in enumerate(generators)])
        of_data = run.of_data[numbers]
        path, log_p, kept = path[numbers], log_p[numbers], run.kept[windowed.ends(w)].take(numbers)
        log_w = torch.zeros_like(log_w)
    shape = (filters, particles, count)
    seeds_of = path.reshape(shape)
    ancestors = torch.tensor([len(first.unique()) for first in seeds_of[:, :, 0]])
    return Filtered(evidence, seeds_of, log_p.reshape(shape), weights, torch.stack(effective, 1), ancestors)


def _check_settled(before: torch.Tensor, now: torch.Tensor) -> None:
    """What has counted must not change with later days: the few runs with which a model is read may not show that."""
    if not torch.allclose(before, now, rtol=1e-5, atol=1e-4, equal_nan=True):
        window = int((~torch.isclose(before, now, rtol=1e-5, atol=1e-4, equal_nan=True)).any(0).nonzero()[0])
        raise ValueError(
            f"numbers of the data that count in window {window} have another density once later days are simulated, in "
            "some rows only: let no distribution depend on later days or the last state behind a threshold, or give "
            "one window, as windows=[0], so that all of them count at the end."
        )
