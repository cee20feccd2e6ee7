"""What answers are worth in people asked, how wordings differ, and who would not answer."""

from __future__ import annotations

import math

import torch

from causal_lpm.agents.archetypes.archetypes import Archetypes

__all__ = ["effective_people", "paraphrase_spread", "refusals_by_class"]


def effective_people(shares: torch.Tensor, without: torch.Tensor) -> torch.Tensor:
    """How many people would have to be asked in a cell to learn what answers teach about it beside all other data.

    Args:
        shares: Draws of the cells' real shares with answers, `[draws, ...]`.
        without: The same of the model without answers.

    Returns:
        The p (1 - p) of a cell times what answers add to the inverse variance of its share, `[...]`; below 0 where they
        make it less certain.
    """
    mean = shares.mean(0)
    return mean * (1 - mean) * (1 / shares.var(0) - 1 / without.var(0))


def refusals_by_class(archetypes: Archetypes, refused: torch.Tensor, answered: torch.Tensor) -> dict[str, float]:
    """Share of questions that were refused, by class of each attribute.

    Args:
        archetypes: A of them.
        refused: Refusals, `[C, A]`.
        answered: Usable answers, `[C, A]`.
    """
    found = {}
    for label, members in archetypes.members(archetypes.by).items():
        no, yes = (float(table[:, members].sum()) for table in (refused, answered))
        found[label] = no / (no + yes) if no + yes else float("nan")
    return found


def paraphrase_spread(yes: torch.Tensor, asked: torch.Tensor) -> float:
    """Deviation of the share of yes between wordings of a question, beyond what chance makes.

    Args:
        yes: Answers that are yes, `[W, C, A]`, W wordings.
        asked: Usable answers, `[W, C, A]`.

    Returns:
        Of mean shares over the cells that all wordings have answers in, since refusals leave each wording with other
        cells; 0 where chance explains what is seen, NaN of a single wording and where there is no such cell.

    >>> yes = torch.tensor([60.0, 40.0])[:, None, None]
    >>> round(paraphrase_spread(yes, torch.full((2, 1, 1), 100.0)), 2)
    0.13
    """
    used = asked.sum((1, 2)) > 0
    n, positive = (table.double().flatten(1)[used] for table in (asked, yes))
    common = (n > 0).all(0)
    if len(n) < 2 or not bool(common.any()):
        return float("nan")
    n, positive = n[:, common], positive[:, common]
    total, share = n.sum(0), positive.sum(0) / n.sum(0)
    single = share * (1 - share) * total / (total - 1)  # variance of one answer, without bias
    chance = float(((single / n).sum(1) / n.shape[1] ** 2).mean())
    return math.sqrt(max(float((positive / n).mean(1).var()) - chance, 0.0))
