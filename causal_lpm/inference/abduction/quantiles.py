"""Reports of another world that stand at the quantile of their datum: monotone, and the datum where nothing differs.

Counts: u is uniform in [F(y - 1), F(y)] under the distribution that was, and the report is the smallest k with
F(k) >= u under the other one. All is computed in the smaller tail, so that a datum far from its mean keeps its place.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyro.distributions as dist
import torch
from pyro.distributions.torch_distribution import MaskedDistribution
from torch.distributions import Independent

__all__ = ["FAMILIES", "at_quantiles", "base_of"]

Values: TypeAlias = npt.NDArray[np.float64]
Where: TypeAlias = npt.NDArray[np.bool_]
Tail: TypeAlias = Callable[..., Values]
"""Count, whether the upper tail is meant, parameters -> probability of more than so many, or of at most so many."""

EDGE = 1e-9  # how near a place within a datum's step comes to its ends, where rounding decides
SMALLEST = 1e-300
DOUBLINGS = 62


@dataclass(frozen=True)
class _Family:
    """A family of distributions.

    Attributes:
        of: The class.
        parameters: Its arguments.
        moved: Arguments that were, arguments that are, datum (NaN where missing), uniform number -> report.
    """

    of: type
    parameters: tuple[str, ...]
    moved: Callable[[list[Values], list[Values], Values, Values], Values]


def base_of(name: str, fn: Any) -> tuple[Any, int]:
    """The distribution of a single number of a site, and over how many dimensions its density is summed.

    Raises:
        ValueError: one whose quantiles are not known.

    >>> base_of("x", dist.Normal(torch.zeros(2, 3), 1.0).to_event(1))
    (Normal(loc: torch.Size([2, 3]), scale: torch.Size([2, 3])), 1)
    """
    summed = 0
    while isinstance(fn, Independent | MaskedDistribution):
        summed, fn = summed + getattr(fn, "reinterpreted_batch_ndims", 0), fn.base_dist
    if not isinstance(fn, tuple(family.of for family in FAMILIES)):
        known = ", ".join(family.of.__name__ for family in FAMILIES)
        raise ValueError(
            f"where a report of site {name!r} would stand in another world is not known of a {type(fn).__name__}: "
            f"leave the site out of the outcomes, or use one of {known}."
        )
    return fn, summed


def at_quantiles(
    fn: Any, factual: Callable[[torch.Tensor], torch.Tensor], data: torch.Tensor, uniform: torch.Tensor
) -> torch.Tensor:
    """What is reported under `fn`, given the data that were reported under the factual part of it.

    Args:
        fn: As of `base_of`, worlds in front of its batch.
        factual: A parameter of `fn` -> that of the factual world, of a shape that broadcasts against it.
        data: NaN where missing: there the report is the quantile at the uniform number itself.
        uniform: In [0, 1], the same in all worlds.

    Returns:
        float64 of the shape of all of them; the datum itself where the distribution is the factual one.

    >>> both = dist.Poisson(torch.tensor([[5.0, 5.0], [5.0, 10.0]]))
    >>> at_quantiles(both, lambda x: x[:1], torch.tensor([7.0, 7.0]), torch.tensor(0.5))
    tensor([[ 7.,  7.],
            [ 7., 13.]], dtype=torch.float64)
    """
    family = next(family for family in FAMILIES if isinstance(fn, family.of))
    there = [getattr(fn, name) for name in family.parameters]
    here = [factual(value) for value in there]
    whole = [value.detach().cpu().double().numpy() for value in (*there, *here, data, uniform)]
    *parameters, y, r = np.broadcast_arrays(*whole)
    others, facts = parameters[: len(there)], parameters[len(there) :]
    alike = np.all([a == b for a, b in zip(others, facts, strict=True)], axis=0)
    todo = ~alike | np.isnan(y)  # most days of most worlds differ in nothing
    found = np.array(y)
    if todo.any():
        place = np.clip(r[todo], EDGE, 1 - EDGE)
        found[todo] = family.moved([x[todo] for x in facts], [x[todo] for x in others], y[todo], place)
    return torch.from_numpy(found)


def _counts(tail: Tail, fact: list[Values], other: list[Values], y: Values, r: Values) -> Values:
    given = ~np.isnan(y)
    y = np.where(given, y, 0.0)
    at_most, less = (_tail(tail, k, False, fact) for k in (y, y - 1))
    more, at_least = (_tail(tail, k, True, fact) for k in (y, y - 1))
    low = np.where(given, less + r * (at_most - less), r)
    high = np.where(given, at_least - r * (at_least - more), 1 - r)
    right, place = high < low, np.minimum(low, high)
    beyond, place = place < SMALLEST, place.clip(min=SMALLEST)

    def quantile(parameters: list[Values], of: Where) -> Values:
        found = np.zeros_like(y)
        for above in (False, True):
            part = of & (right == above)
            own, p = [x[part] for x in parameters], place[part]

            def reached(k: Values, above: bool = above, own: list[Values] = own, p: Values = p) -> Where:
                chance = _tail(tail, k, above, own)
                return chance <= p if above else chance >= p

            found[part] = _smallest(reached, np.maximum(y[part], 1.0))
        return found

    found = quantile(other, np.ones_like(given))
    if beyond.any():
        # So far out, probabilities are no numbers any more: the datum goes as far as the last quantile that is one.
        found = np.where(beyond, np.maximum(found + y - quantile(fact, beyond), 0.0), found)
    return found


def _limited(tail: Tail, fact: list[Values], other: list[Values], y: Values, r: Values) -> Values:
    return np.minimum(_counts(tail, fact, other, y, r), other[0])


def _smallest(reached: Callable[[Values], Where], end: Values) -> Values:
    """The smallest count that reaches, where larger ones do, too."""
    for _ in range(DOUBLINGS):
        short = ~reached(end)
        if not short.any():
            break
        end = np.where(short, 2 * end, end)
    begin = np.full_like(end, -1.0)
    while (end - begin > 1).any():
        middle = np.floor((begin + end) / 2)
        there = reached(middle)
        begin, end = np.where(there, begin, middle), np.where(there, middle, end)
    return end


def _tail(tail: Tail, k: Values, above: bool, parameters: list[Values]) -> Values:
    return np.where(k < 0, float(above), tail(np.maximum(k, 0.0), above, *parameters))


def _poisson(k: Values, above: bool, rate: Values) -> Values:
    from scipy.special import gammainc, gammaincc  # costly to import, and only needed here

    return np.asarray((gammainc if above else gammaincc)(k + 1, rate))


def _negative_binomial(k: Values, above: bool, size: Values, logits: Values) -> Values:
    from scipy.special import betainc, expit

    size = np.maximum(size, 1e-12)  # of size 0, all counts are 0
    return np.asarray(betainc(k + 1, size, expit(logits)) if above else betainc(size, k + 1, expit(-logits)))


def _binomial(k: Values, above: bool, size: Values, probability: Values) -> Values:
    from scipy.special import betainc

    left = np.maximum(size - k, 1.0)
    inside = betainc(k + 1, left, probability) if above else betainc(left, k + 1, 1 - probability)
    return np.where(k >= size, float(not above), inside)


def _bernoulli(k: Values, above: bool, probability: Values) -> Values:
    return _binomial(k, above, np.ones_like(k), probability)


def _normal(fact: list[Values], other: list[Values], y: Values, r: Values) -> Values:
    from scipy.special import ndtri

    z = np.where(np.isnan(y), ndtri(r), (y - fact[0]) / fact[1])
    return np.asarray(other[0] + other[1] * z)


def _log_normal(fact: list[Values], other: list[Values], y: Values, r: Values) -> Values:
    return np.asarray(np.exp(_normal(fact, other, np.log(y), r)))


def _student(fact: list[Values], other: list[Values], y: Values, r: Values) -> Values:
    from scipy.special import stdtr, stdtrit

    z = np.where(np.isnan(y), stdtrit(fact[0], r), (y - fact[1]) / fact[2])
    moved = -np.sign(z) * stdtrit(other[0], stdtr(fact[0], -np.abs(z)).clip(min=SMALLEST))
    return np.asarray(other[1] + other[2] * np.where(fact[0] == other[0], z, moved))


FAMILIES = (
    _Family(dist.Poisson, ("rate",), partial(_counts, _poisson)),
    _Family(dist.NegativeBinomial, ("total_count", "logits"), partial(_counts, _negative_binomial)),
    _Family(dist.Binomial, ("total_count", "probs"), partial(_limited, _binomial)),
    _Family(dist.Bernoulli, ("probs",), partial(_counts, _bernoulli)),
    _Family(dist.LogNormal, ("loc", "scale"), _log_normal),
    _Family(dist.Normal, ("loc", "scale"), _normal),
    _Family(dist.StudentT, ("df", "loc", "scale"), _student),
)
