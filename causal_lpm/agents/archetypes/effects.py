"""Effects of a hierarchical model: shapes of their sites, contrasts of classes, and how far a prior is centred.

A parameter is `[]`, or `[*draws, 1]` where draws pass side by side; one of P numbers is `[P]` or `[*draws, 1, P]`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pyro
import pyro.distributions as dist
import torch

from causal_lpm.agents.archetypes.archetypes import Archetypes

__all__ = ["class_contrasts", "effects", "given", "normal", "positive", "weighted"]


def _leading(value: torch.Tensor) -> torch.Tensor:
    """`[P]` or `[*draws, 1, P]` as `[*draws, P]`: the place of the agents becomes free."""
    return value.squeeze(-2) if value.dim() > 1 else value


@contextmanager
def given(values: Mapping[str, torch.Tensor]) -> Iterator[None]:
    """What is sampled here has draws of its values, as of a posterior, site -> `[draws, *shape of the site]`."""
    placed = {name: value.unsqueeze(1) for name, value in values.items()}
    with torch.no_grad(), pyro.poutine.block(), pyro.condition(data=placed):
        yield


def normal(name: str, mean: float | torch.Tensor, deviation: float) -> torch.Tensor:
    """A number with a normal prior, `[*draws, 1]`; its mean is a number or `[*draws, 1]`."""
    if isinstance(mean, torch.Tensor) and mean.dim() == 1:
        mean = mean.squeeze(-1)
    value: torch.Tensor = pyro.sample(name, dist.Normal(mean, deviation))
    return value.reshape(value.shape or (1,))


def positive(name: str, median: float, spread: float) -> torch.Tensor:
    """A positive number with a log-normal prior, `[*draws, 1]`; `spread` is the deviation of its logarithm."""
    value: torch.Tensor = pyro.sample(name, dist.LogNormal(math.log(median), spread))
    return value.reshape(value.shape or (1,))


def effects(
    name: str,
    scale: torch.Tensor | float,
    size: int,
    information: torch.Tensor | float | None = None,
    around: torch.Tensor | None = None,
    entries: Sequence[str] = (),
) -> torch.Tensor:
    """Effects with a normal prior of mean 0 and one scale.

    With a scale that is learned, samplers move well where effects that data inform are sampled as they are (centred),
    and others as multiples of their scale. Which of the two it is depends on the scale: the site is the effect in units
    of the deviation that it has given normal data of this information and the scale, x ~ Normal(0, sqrt(1 + scale**2 *
    information)). Its deviation under such data is 1 for every scale, so that the two do not depend on each other. The
    effect is x * scale / sqrt(1 + scale**2 * information), which has the same prior for every information.

    Where data inform a sum of the effect and of something else that is sampled, x is that of the sum in the same way,
    as far as data inform it.

    Args:
        name: Of the site.
        scale: A number, or `[*draws, 1]`.
        size: Number of effects.
        information: Inverse variance of the effects, were there only data, 0 where these say nothing; `[size]` or one
            number. None where the scale is a number.
        around: Where the scale is a number, the means of the effects, `[*draws, size]`, 0 if not given. Where it is
            learned, what data see added to them; their mean is 0 then.
        entries: Labels of the effects, which results repeat.

    Returns:
        `[*draws, size]`.

    Source:
        O. Papaspiliopoulos, G. O. Roberts, M. Skold (2007): A general framework for the parametrization of hierarchical
        models. Statistical Science 22.

    >>> pyro.set_rng_seed(0)
    >>> effects("own", 0.3, 4).shape
    torch.Size([4])
    """
    labelled: Any = {"entries": entries}
    if information is None or not isinstance(scale, torch.Tensor):
        mean = torch.zeros(size) if around is None else around
        mean = mean.unsqueeze(-2) if mean.dim() > 1 else mean  # the place of the agents
        return _leading(pyro.sample(name, dist.Normal(mean, scale).to_event(1), infer=labelled))
    wide = scale.unsqueeze(-1) if scale.dim() > 1 else scale
    known = torch.as_tensor(information, dtype=scale.dtype, device=scale.device)
    spread = (1 + wide**2 * known).sqrt().expand(*wide.shape[:-1], size)
    unit = wide / spread
    mean = torch.zeros_like(spread)
    if around is not None:
        added = around.unsqueeze(-2) if wide.dim() > 1 else around
        mean = added * known * unit  # the share of data in what is known of the sum, in units
    sampled = pyro.sample(name, dist.Normal(mean, spread).to_event(1), infer=labelled)
    return _leading((sampled - mean) * unit)


def weighted(columns: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Sums of columns `[A, P]` with weights `[*draws, P]`, `[*draws, A]`."""
    return weights @ columns.to(weights).T


def class_contrasts(archetypes: Archetypes) -> tuple[torch.Tensor, tuple[str, ...]]:
    """Differences between classes of each attribute, in columns that are orthogonal to each other and to the level.

    An attribute of L classes that occur has L - 1 columns (Helmert's, of length 1). Independent normal effects of the
    columns give all classes the same prior, whichever comes first, and their sum is 0.

    Returns:
        float32 `[A, P]`, and the attribute of each column.

    >>> from causal_lpm.agents import Population
    >>> people = Population({"age": torch.arange(3).repeat(10)}, {"age": ("young", "middle", "old")})
    >>> class_contrasts(Archetypes.from_columns(people, ["age"]))
    (tensor([[ 0.7071,  0.4082],
            [-0.7071,  0.4082],
            [ 0.0000, -0.8165]]), ('age', 'age'))
    """
    columns, names = [], []
    for name in archetypes.by:
        found, code = archetypes.of(name).unique(return_inverse=True)
        for k in range(1, len(found)):
            contrast = torch.zeros(len(found), device=code.device)
            contrast[:k], contrast[k] = 1.0, -float(k)
            columns.append((contrast / (k * (k + 1)) ** 0.5)[code])
            names.append(name)
    empty = archetypes.codes.new_zeros(len(archetypes), 0).float()
    return torch.stack(columns, -1) if columns else empty, tuple(names)


def contrast_labels(archetypes: Archetypes) -> tuple[str, ...]:
    """What each column of `class_contrasts` compares; an effect above 0 says more of the classes that come first.

    >>> from causal_lpm.agents import Population
    >>> people = Population({"age": torch.arange(3).repeat(10)}, {"age": ("young", "middle", "old")})
    >>> contrast_labels(Archetypes.from_columns(people, ["age"]))
    ('age: young against middle', 'age: young, middle against old')
    """
    labels = []
    for name in archetypes.by:
        found = [str(archetypes.levels[name][level]) for level in archetypes.of(name).unique().tolist()]
        for k in range(1, len(found)):
            before = ", ".join(found[:k]) if k <= 3 else f"{found[0]}, ..., {found[k - 1]}"
            labels.append(f"{name}: {before} against {found[k]}")
    return tuple(labels)
