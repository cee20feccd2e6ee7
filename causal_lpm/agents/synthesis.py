"""Populations made from published marginals: attributes, households, workplaces."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from causal_lpm import validate
from causal_lpm.agents.columns import MOST, seed_number
from causal_lpm.agents.population import Population

__all__ = ["households", "synthesise", "workplaces", "zipf_sizes"]

Array = NDArray[Any]

_BLOCK = 1 << 20  # agents drawn at a time: a uniform number and an index take sixteen bytes, a class takes one


def synthesise(
    agents: int,
    marginals: Mapping[str, Mapping[str, float]],
    seed: int = 0,
    given: Mapping[str, tuple[str, Mapping[str, Mapping[str, float]]]] | None = None,
) -> Population:
    """A population whose class attributes are drawn from shares.

    Args:
        agents: Number of agents.
        marginals: Attribute -> label -> share; drawn independently of each other.
        seed: Of the draw, any integer.
        given: Attribute -> (the attribute that it depends on, that attribute's label -> label -> share).

    Returns:
        A population with uint8 classes and their labels.

    Raises:
        ValueError: shares that are negative, NaN or do not sum to 1, zero agents, more than 256 classes,
            a conditional attribute whose condition is unknown, or that is also given as a marginal; more agents than
            memory holds.

    >>> people = synthesise(1000, {"age": {"young": 0.25, "old": 0.75}}, seed=1)
    >>> 0.2 < float((people["age"] == 0).float().mean()) < 0.3
    True
    """
    validate.positive_count("agents", agents)
    agents = int(agents)  # 1e5 is a whole number too
    validate.unique_entries("attribute", [*marginals, *(given or {})])
    for name, shares in marginals.items():
        validate.marginal(name, shares)
    # Beside the classes themselves: the numbers of the agents who meet a condition.
    _fits(agents, len(marginals) + len(given or {}) + (8 if given else 0))
    rng = np.random.default_rng(_entropy(seed))
    attributes: dict[str, torch.Tensor] = {}
    labels: dict[str, tuple[str, ...]] = {}
    for name, shares in marginals.items():
        attributes[name], labels[name] = _draw(rng, agents, shares), tuple(shares)
    for name, (condition, table) in (given or {}).items():
        validate.known("attribute", condition, attributes)
        for label in table:
            validate.known(f"label of {condition}", label, labels[condition])
        options = tuple(dict.fromkeys(label for shares in table.values() for label in shares))
        column = torch.zeros(agents, dtype=torch.uint8)
        for code, label in enumerate(labels[condition]):
            validate.known(f"row of {name}", label, table)
            validate.marginal(f"{name} given {label}", table[label])
            members = (attributes[condition] == code).nonzero()[:, 0]
            column[members] = _draw(rng, len(members), {o: table[label].get(o, 0.0) for o in options})
        attributes[name], labels[name] = column, options
    return Population(attributes, labels)


def _entropy(seed: int) -> int:
    """A seed as NumPy takes it; negative ones are read as 64 bits."""
    seed = seed_number(seed)
    return seed if seed >= 0 else seed % 2**64


def _draw(rng: np.random.Generator, agents: int, shares: Mapping[str, float]) -> torch.Tensor:
    if len(shares) > 256:
        raise ValueError(f"{len(shares)} classes are more than the 256 that fit one byte: merge some.")
    share = np.fromiter(shares.values(), dtype=np.float64)
    upper, last = np.cumsum(share), int(np.max(np.nonzero(share)[0]))
    codes = np.empty(agents, dtype=np.uint8)
    for begin in range(0, agents, _BLOCK):
        part = codes[begin : begin + _BLOCK]
        part[:] = np.searchsorted(upper / upper[-1], rng.random(len(part)), side="right").clip(max=last)
    return torch.from_numpy(codes)


def _fits(agents: int, bytes_each: float) -> None:
    validate.fits_in_memory(f"{agents:.3g} agents", agents * bytes_each)
    if agents > MOST:
        raise ValueError(f"{agents:.3g} agents are more than the {MOST} that can be numbered: take fewer.")


def households(
    agents: int, size_shares: Sequence[float], seed: int = 0, adult: torch.Tensor | None = None
) -> torch.Tensor:
    """Households with given shares of sizes, filled until everybody is placed; the last one may be cut short.

    Without `adult`, households consist of consecutive agents of any kind. With it, one adult lives in each household,
    and the other adults and the children are spread over the other places at random. Sizes are the same in both cases.

    Args:
        agents: Number of agents.
        size_shares: Share of households (not of people) with 1, 2, ... members; must sum to 1.
        seed: Of the draw, any integer.
        adult: bool `[agents]`, who can live without another adult; there must be as many as households.

    Returns:
        int32 `[agents]`: the number of each agent's household, from 0. On the device of `adult`.

    Raises:
        ValueError: shares that are negative, NaN or do not sum to 1, more households than adults, `adult` of another
            length or type; more agents than memory holds.

    >>> households(5, [0.0, 1.0])
    tensor([0, 0, 1, 1, 2], dtype=torch.int32)
    >>> home = households(5, [0.0, 1.0], adult=torch.tensor([True, True, True, False, False]))
    >>> sorted(home[:3].tolist())
    [0, 1, 2]
    """
    validate.positive_count("agents", agents)
    agents = int(agents)
    validate.marginal("household size", {str(i): share for i, share in enumerate(size_shares, start=1)})
    shares = np.asarray(size_shares, dtype=np.float64)
    sizes = np.arange(1, len(shares) + 1)
    expected = agents / float(sizes @ shares)
    _fits(agents, 8 + 24 * expected / agents + (0 if adult is None else 20))
    # A stream of its own: with the numbers that `synthesise` draws, sizes would depend on ages.
    rng = np.random.default_rng([_entropy(seed), int.from_bytes(b"household")])
    drawn = np.empty(0, dtype=np.int64)
    while drawn.sum() < agents:
        drawn = np.concatenate([drawn, rng.choice(sizes, size=int(expected * 1.02) + 64, p=shares / shares.sum())])
    place = np.repeat(np.arange(len(drawn), dtype=np.int32), drawn)[:agents].copy()
    if adult is None:
        return torch.from_numpy(place)
    return torch.from_numpy(_with_an_adult(rng, place, _who("adult", adult, agents))).to(adult.device)


def _with_an_adult(rng: np.random.Generator, place: Array, adult: Array) -> Array:
    """The household of each agent, from the household of each place: its first place goes to an adult."""
    first = np.diff(place, prepend=-1) > 0
    adults, homes = rng.permutation(np.flatnonzero(adult).astype(np.int32)), int(first.sum())
    if len(adults) < homes:
        raise ValueError(
            f"there are {homes} households and only {len(adults)} adults: give larger households, or more adults."
        )
    home = np.empty_like(place)
    home[adults[:homes]] = place[first]
    home[rng.permutation(np.concatenate([adults[homes:], np.flatnonzero(~adult).astype(np.int32)]))] = place[~first]
    return home


def zipf_sizes(largest: int, exponent: float = 1.059) -> dict[tuple[int, int], float]:
    """Shares of workplaces by size class under Zipf's law, P(size >= s) = s ** -exponent, cut off at the largest size.

    Args:
        largest: The largest size, in members.
        exponent: Of the law; the default is that of firms in the United States.

    Returns:
        (smallest, largest size) -> share of workplaces, in classes that double: 1, 2-3, 4-7, ...

    Raises:
        ValueError: a largest size below 1, an exponent that is not positive, or too near 0.

    Source: Axtell (2001), Zipf distribution of U.S. firm sizes, Science 293, 1818-1820.

    >>> {size: round(share, 2) for size, share in zipf_sizes(10).items()}
    {(1, 1): 0.56, (2, 3): 0.27, (4, 7): 0.13, (8, 10): 0.03}
    """
    validate.positive_count("largest", largest)
    largest = int(largest)
    if not exponent > 0:
        raise ValueError(f"exponent is {exponent}: large workplaces are rarer than small ones, give a number > 0.")
    lows = [1 << k for k in range(largest.bit_length())]
    classes = [(low, min(2 * low - 1, largest)) for low in lows]
    beyond = (largest + 1) ** -exponent
    if not beyond < 1:
        raise ValueError(f"exponent is {exponent}: too near 0 to tell small workplaces from large ones.")
    return {(low, high): (low**-exponent - (high + 1) ** -exponent) / (1 - beyond) for low, high in classes}


def workplaces(
    employed: torch.Tensor,
    sizes: Mapping[tuple[int, int], float],
    seed: int = 0,
    within: Sequence[torch.Tensor] = (),
) -> torch.Tensor:
    """Workplaces with given shares of sizes, for all who are employed; who works together is drawn at random.

    Inside a size class the number of workplaces falls with the square of their size, as under Zipf's law. Each
    workplace has the size that was drawn for it; the last one of each combination of classes may be cut short.

    Args:
        employed: bool `[agents]`.
        sizes: (smallest, largest size) -> share of workplaces (not of people), see `zipf_sizes`; must sum to 1.
        seed: Of the draw, any integer.
        within: classes `[agents]`, each from 0; members of one workplace agree in all of them: the sector, the region
            where an agent works (which `synthesise` draws from a table of commuters). Values of those who are not
            employed do not matter; who is employed has a class in each.

    Returns:
        int32 `[agents]`: the number of each agent's workplace, from 0; -1 for those who are not employed.
        On the device of `employed`.

    Raises:
        ValueError: shares that are negative, NaN or do not sum to 1, size classes below 1 or upside down, columns of
            another length or type; more agents than memory holds.

    >>> office = workplaces(torch.tensor([True, True, False, True, True]), {(2, 2): 1.0})
    >>> torch.bincount(office[office >= 0]), int(office[2])
    (tensor([2, 2]), -1)
    """
    agents = len(employed)
    validate.positive_count("agents", agents)
    validate.marginal("workplace size", {f"{low} to {high}": share for (low, high), share in sizes.items()})
    for low, high in sizes:
        if not (1 <= low <= high and float(low).is_integer() and float(high).is_integer()):
            raise ValueError(
                f"the size class {low} to {high} is wrong: give whole numbers (smallest, largest) with 1 <= smallest."
            )
    _fits(agents, 45)
    # A stream of its own, as for households.
    rng = np.random.default_rng([_entropy(seed), int.from_bytes(b"workplace")])
    members = rng.permutation(np.flatnonzero(_who("employed", employed, agents)).astype(np.int32))
    cell = np.zeros(len(members), dtype=np.int64)
    for column in within:
        code = _column("within", column, agents)[members]
        if code.dtype.kind not in "iu" or (len(code) and code.min() < 0):
            raise ValueError(f"within contains {column.dtype} or numbers below 0: give classes from 0 to the employed.")
        if code.max(initial=0) >= MOST:  # serial numbers, which times the number of cells may exceed int64
            code = np.unique(code, return_inverse=True)[1]
        cell = np.unique(cell * (int(code.max(initial=0)) + 1) + code, return_inverse=True)[1]
    members = members[np.argsort(cell, kind="stable")]
    filled = [np.zeros(0, dtype=np.int64), *(_sizes(rng, people, sizes) for people in np.bincount(cell).tolist())]
    each = np.concatenate(filled)
    work = np.full(agents, -1, dtype=np.int32)
    work[members] = np.repeat(np.arange(len(each), dtype=np.int32), each)
    return torch.from_numpy(work).to(employed.device)


def _sizes(rng: np.random.Generator, people: int, sizes: Mapping[tuple[int, int], float]) -> Array:
    """Sizes of workplaces that sum to the number of people."""
    shares = np.fromiter(sizes.values(), dtype=np.float64)
    low, high = np.array([(a, b + 1) for a, b in sizes], dtype=np.float64).T
    # The mean of x with density ~ x**-2 between low and high; sizes are rounded down.
    mean = float(shares @ np.maximum(np.log(high / low) / (1 / low - 1 / high) - 0.5, low))
    drawn = np.empty(0, dtype=np.int64)
    while drawn.sum() < people:
        k = rng.choice(len(shares), size=int(1.05 * people / mean) + 16, p=shares / shares.sum())
        inverse = rng.uniform(1 / high[k], 1 / low[k])
        drawn = np.concatenate([drawn, np.clip(1 / inverse, low[k], high[k] - 1).astype(np.int64)])
    ends = np.cumsum(drawn)
    last = int(np.searchsorted(ends, people))
    drawn[last] -= ends[last] - people
    return drawn[: last + 1]


def _who(name: str, column: torch.Tensor, agents: int) -> Array:
    if column.dtype != torch.bool:
        raise ValueError(f"{name} is of type {column.dtype}: give bool, for example people['work'] != 0.")
    return _column(name, column, agents)


def _column(name: str, column: torch.Tensor, agents: int) -> Array:
    if column.shape != (agents,):
        raise ValueError(
            f"{name} has shape {tuple(column.shape)} where there are {agents} agents: give one value each."
        )
    array: Array = column.cpu().numpy()
    return array
