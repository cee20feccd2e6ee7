"""Populations made from published marginals."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from causal_lpm import validate
from causal_lpm.agents.population import Population

__all__ = ["households", "synthesise"]


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
        seed: Of the draw.
        given: Attribute -> (the attribute that it depends on, that attribute's label -> label -> share).

    Returns:
        A population with uint8 classes and their labels.

    Raises:
        ValueError: shares that are negative, NaN or do not sum to 1, zero agents, more than 256 classes,
            a conditional attribute whose condition is unknown, or that is also given as a marginal.

    >>> people = synthesise(1000, {"age": {"young": 0.25, "old": 0.75}}, seed=1)
    >>> 0.2 < float((people["age"] == 0).float().mean()) < 0.3
    True
    """
    validate.positive_count("agents", agents)
    validate.unique_entries("attribute", [*marginals, *(given or {})])
    for name, shares in marginals.items():
        validate.marginal(name, shares)
    rng = np.random.default_rng(seed)
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


def _draw(rng: np.random.Generator, agents: int, shares: Mapping[str, float]) -> torch.Tensor:
    if len(shares) > 256:
        raise ValueError(f"{len(shares)} classes are more than the 256 that fit one byte: merge some.")
    upper = np.cumsum(np.fromiter(shares.values(), dtype=np.float64))
    last = int(np.max(np.nonzero(np.fromiter(shares.values(), dtype=np.float64))[0]))
    codes = np.searchsorted(upper / upper[-1], rng.random(agents), side="right").clip(max=last)
    return torch.from_numpy(codes.astype(np.uint8))


def households(agents: int, size_shares: Sequence[float], seed: int = 0) -> torch.Tensor:
    """Households of consecutive agents, filled until everybody is placed; the last one may be cut short.

    Args:
        agents: Number of agents.
        size_shares: Share of households (not of people) with 1, 2, ... members; must sum to 1.
        seed: Of the draw.

    Returns:
        int32 `[agents]`: the number of each agent's household, from 0.

    Raises:
        ValueError: shares that are negative, NaN or do not sum to 1.

    >>> households(5, [0.0, 1.0])
    tensor([0, 0, 1, 1, 2], dtype=torch.int32)
    """
    validate.positive_count("agents", agents)
    validate.marginal("household size", {str(i): share for i, share in enumerate(size_shares, start=1)})
    # A stream of its own: with the numbers that `synthesise` draws, sizes would depend on ages.
    rng = np.random.default_rng([seed, int.from_bytes(b"household")])
    shares = np.asarray(size_shares, dtype=np.float64)
    sizes = np.arange(1, len(shares) + 1)
    expected = agents / float(sizes @ shares)
    drawn = np.empty(0, dtype=np.int64)
    while drawn.sum() < agents:
        drawn = np.concatenate([drawn, rng.choice(sizes, size=int(expected * 1.02) + 64, p=shares / shares.sum())])
    return torch.from_numpy(np.repeat(np.arange(len(drawn), dtype=np.int32), drawn)[:agents].copy())
