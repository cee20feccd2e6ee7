"""Derivatives of one replicate after another, as arrays: by finite differences, and under a gradient handler."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.handlers import Checkpointing, KeyedNoise, MeanField, Relaxed, Score, StraightThrough, Truncated
from causal_lpm.handlers.handler import Handler
from causal_lpm.inference.program.parametric import Outcome, ParametricModel
from causal_lpm.inference.runs.seeds import replicate_seed
from causal_lpm.validate import known

__all__ = ["Estimator", "Values", "differences", "named", "seeds_of", "slopes", "steps_of"]

One: TypeAlias = StraightThrough | MeanField | Relaxed | Score | Truncated
Estimator: TypeAlias = One | Sequence[One]
"""A handler that makes a simulation differentiable, or knows its score; or several, such as one and `Truncated`."""

Values: TypeAlias = npt.NDArray[np.float64]
"""Numbers of the replicates, which come first."""

ROWS = 2**22
"""Agents times replicates of one simulation without gradients."""

ROWS_WITH_GRADIENT = 2**17
"""The same with gradients, which keep every day: 60 days take about half a gigabyte. Beyond, days are checkpointed."""


def seeds_of(seed: int, first: int, count: int) -> torch.Tensor:
    """Seeds of the replicates `first` to `first + count - 1`, int64 `[count, 1]`."""
    return torch.tensor([[replicate_seed(seed, first + number)] for number in range(count)])


def steps_of(subject: ParametricModel, step: float | Mapping[str, float]) -> torch.Tensor:
    """Half the distance of the two worlds of each entry, float32 `[size]`.

    Raises:
        ValueError: a step that is not positive, or leaves the support of a prior.
    """
    if isinstance(step, Mapping):
        names = [parameter.name for parameter in subject.parameters]
        for name in [*step, *names]:
            known("parameter in the steps", name, names if name in step else step)
        half = torch.cat([torch.full((p.value.numel(),), float(step[p.name])) for p in subject.parameters])
    else:
        half = step * torch.where(subject.values == 0, 1.0, subject.values.abs())
    if not bool((half > 0).all()):
        raise ValueError(f"the step is {step}: give a positive number, or one a parameter.")
    for sign, why in ((-1, " less its step"), (1, " plus its step")):
        for parameter, entries in subject.parts(subject.values + sign * torch.diag(half)):
            parameter.check(entries, why)
    return half


def differences(
    subject: ParametricModel,
    outcome: Outcome,
    steps: torch.Tensor,
    seeds: torch.Tensor,
    by: Sequence[str] | None = None,
) -> tuple[Values, Values]:
    """The outcome (mean of both worlds) and the central difference of every pair, both `[replicate, group, size]`."""
    batch = max(1, ROWS // (2 * subject.agents))
    values, slopes = [], []
    for k, half in enumerate(steps):
        change = torch.zeros(2, 1, len(steps))
        change[0, 0, k], change[1, 0, k] = -half, half
        worlds = subject.values + change
        distance = (worlds[1, 0, k].double() - worlds[0, 0, k].double()).item()  # as float32 has it
        totals = []
        with torch.no_grad():
            for some in seeds.split(batch):
                series = subject.series(worlds, outcome, KeyedNoise(some))
                totals.append(_grouped(series.double().sum(-1), by).expand(2, len(some), -1))
        low, high = torch.cat(totals, 1)
        values.append((low + high) / 2)
        slopes.append((high - low) / distance)
    return torch.stack(values, -1).numpy(), torch.stack(slopes, -1).numpy()


def handlers_of(estimator: Estimator) -> list[One]:
    """The handlers of an estimator.

    Raises:
        TypeError: something else than handlers; a class and not one of its objects.
    """
    several: list[Any] = list(estimator) if isinstance(estimator, Sequence) else [estimator]
    for one in several or [estimator]:
        if not isinstance(one, Handler):
            raise TypeError(
                f"an estimator is {one!r}: give a handler, as StraightThrough(), or several, as (StraightThrough(), "
                "Truncated(20))."
            )
    return several


def named(estimator: Estimator) -> str:
    """What an estimator is called in results.

    >>> named((StraightThrough(), Truncated(20)))
    'StraightThrough(), Truncated(20)'
    """
    return ", ".join(map(repr, handlers_of(estimator)))


def slopes(
    subject: ParametricModel,
    outcome: Outcome,
    estimator: Estimator,
    seeds: torch.Tensor,
    by: Sequence[str] | None = None,
) -> tuple[Values, Values]:
    """The outcome `[replicate, group]` and its gradient `[replicate, group, size]` under an estimator.

    Groups go backward side by side, as many as the agents leave room for. `MeanField` has no noise but that of fresh
    networks: it stops after two replicates that agree.
    """
    several = handlers_of(estimator)
    score = next((one for one in several if isinstance(one, Score)), None)
    mean_field = any(isinstance(one, MeanField) for one in several)
    rows = max(1 if score is None else 2, ROWS_WITH_GRADIENT // subject.agents)
    values: list[torch.Tensor] = []
    gradients: list[torch.Tensor] = []
    waiting = list(seeds.split(min(rows, 2) if mean_field else rows))
    for some in waiting:
        vectors = subject.values.expand(len(some), -1).clone().requires_grad_()
        handlers: list[Any] = [KeyedNoise(some), *several]
        if len(some) * subject.agents > ROWS_WITH_GRADIENT:
            handlers = [Checkpointing(), *handlers]
        series = subject.series(vectors, outcome, *handlers)
        totals = series.double().sum(-1) if score is None else score.surrogate(series)
        if not totals.requires_grad:
            raise ValueError(
                f"no gradient reaches the outcome under {named(estimator)}: compute hazards from the "
                "parameter without .item(), .detach() or conversion to integers."
            )
        totals = _grouped(totals, by).expand(len(some), -1)
        values.append(totals.detach())
        gradients.append(_by_group(totals, vectors, max(1, ROWS_WITH_GRADIENT // (len(some) * subject.agents))))
        known_already = torch.cat(gradients)
        if mean_field and len(known_already) > 1 and bool((known_already == known_already[0]).all()):
            break
    return torch.cat(values).numpy(), torch.cat(gradients).numpy()


def _by_group(totals: torch.Tensor, vectors: torch.Tensor, at_once: int) -> torch.Tensor:
    """The gradient of each column of `[replicate, group]`, so many in one backward pass, `[replicate, group, size]`."""

    def gradient(direction: torch.Tensor) -> torch.Tensor:
        return torch.autograd.grad(totals, vectors, direction, retain_graph=True, materialize_grads=True)[0]

    groups = totals.shape[-1]
    # One direction a group: of all replicates together, since none depends on another's parameters.
    directions = torch.eye(groups, dtype=totals.dtype, device=totals.device)[:, None].expand(-1, *totals.shape)
    parts = (
        torch.stack([gradient(each) for each in some]) if at_once == 1 else torch.func.vmap(gradient)(some)
        for some in directions.split(at_once)
    )
    return torch.cat([*parts]).transpose(0, 1).double()


def _grouped(totals: torch.Tensor, by: Sequence[str] | None) -> torch.Tensor:
    """`[*dims, groups]`, or `[*dims, 1]` without labels."""
    if by is None:
        return totals.sum(-1, keepdim=True)
    if len(by) != totals.shape[-1]:
        raise ValueError(
            f"the tally has {totals.shape[-1]} groups and by has {len(by)} labels: give one label a group, and make "
            "the tally with by=."
        )
    return totals
