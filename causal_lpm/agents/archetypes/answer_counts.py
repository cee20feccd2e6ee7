"""The beta-binomial distribution of answers, with a density that costs half of Pyro's."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch

__all__ = ["answer_counts", "effective_answers"]


def answer_counts(share: torch.Tensor, dispersion: torch.Tensor, asked: torch.Tensor) -> Any:
    """How many of n answers are yes, where those of a cell have more in common than chance.

    Their share has a Beta distribution with mean `share` and variance share * (1 - share) / (dispersion + 1).

    Args:
        share: Probability of yes, `[*draws, C, A]`.
        dispersion: `[*draws, 1, 1]`.
        asked: Answers, whole numbers in floats, `[C, A]`.

    >>> counts = answer_counts(torch.tensor([[0.5]]), torch.tensor([[2.0]]), torch.tensor([[2.0]]))
    >>> counts.log_prob(torch.tensor([[1.0]])).exp()  # Beta(1, 1): 0, 1 and 2 are equally probable
    tensor([[0.3333]])
    """
    made: Any = _AnswerCounts
    counts = made(share * dispersion, (1 - share) * dispersion, total_count=asked)
    counts.dispersion, counts.asked = dispersion, asked
    return counts


def effective_answers(asked: torch.Tensor | float, dispersion: torch.Tensor | float) -> Any:
    """How many independent answers say as much about a cell as `asked` overdispersed ones; `dispersion` + 1 at most.

    >>> effective_answers(8.0, torch.tensor([12.0, 1e9]))
    tensor([5.2000, 8.0000])
    """
    return asked / (1 + (asked - 1) / (dispersion + 1))


class _AnswerCounts(dist.BetaBinomial):
    def log_prob(self, value: torch.Tensor) -> Any:
        counts: Any = self
        if not hasattr(self, "asked"):  # expanded by Pyro, which copies its own arguments only
            inherited: Any = super()
            return inherited.log_prob(value)
        yes, no, asked, dispersion = counts.concentration1, counts.concentration0, counts.asked, counts.dispersion
        possible = (value >= 0) & (value <= asked)
        value = value.clamp(min=0).minimum(asked)  # table of factorials has no other places
        refused = asked - value
        own = (yes + value).lgamma() - yes.lgamma() + (no + refused).lgamma() - no.lgamma()
        # Log gammas of whole numbers, and of the dispersion, which cells share, are computed once each.
        sizes, which = asked.unique(return_inverse=True)
        shared = ((dispersion + sizes).lgamma() - dispersion.lgamma()).squeeze(-2)[..., which]
        factorial = (torch.arange(int(sizes.max()) + 1).to(value) + 1).lgamma()
        ways = factorial[asked.long()] - factorial[value.long()] - factorial[refused.long()]
        return torch.where(possible, own - shared + ways, -torch.inf)
