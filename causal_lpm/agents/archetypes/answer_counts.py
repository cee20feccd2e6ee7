"""The beta-binomial distribution of answers, with a density that costs half of Pyro's."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch

__all__ = ["AnswerCounts"]


class AnswerCounts(dist.BetaBinomial):  # type: ignore[misc]
    """How many of n answers are yes, where those of a cell have more in common than chance.

    Their share has a Beta distribution with mean `share` and variance share * (1 - share) / (dispersion + 1).

    Args:
        share: Probability of yes, `[*draws, C, A]`.
        dispersion: `[*draws, 1, 1]`.
        asked: Answers, whole numbers in floats, `[C, A]`.

    >>> counts = AnswerCounts(torch.tensor([[0.5]]), torch.tensor([[2.0]]), torch.tensor([[2.0]]))
    >>> counts.log_prob(torch.tensor([[1.0]])).exp()  # Beta(1, 1): 0, 1 and 2 are equally probable
    tensor([[0.3333]])
    """

    def __init__(self, share: torch.Tensor, dispersion: torch.Tensor, asked: torch.Tensor) -> None:
        super().__init__(share * dispersion, (1 - share) * dispersion, total_count=asked)
        self._dispersion, self._asked = dispersion, asked

    def log_prob(self, value: torch.Tensor) -> torch.Tensor:
        yes, no = self.concentration1, self.concentration0
        refused = self._asked - value
        own = (yes + value).lgamma() - yes.lgamma() + (no + refused).lgamma() - no.lgamma()
        # Log gammas of whole numbers, and of the dispersion, which cells share, are computed once each.
        sizes, which = self._asked.unique(return_inverse=True)
        shared = (self._dispersion + sizes).lgamma() - self._dispersion.lgamma()
        shared = shared.squeeze(-2)[..., which]
        factorial = (torch.arange(int(sizes.max()) + 1).to(value) + 1).lgamma()
        ways = factorial[self._asked.long()] - factorial[value.long()] - factorial[refused.long()]
        return own - shared + ways

    def expand(self, batch_shape: Any, _instance: Any = None) -> Any:
        return super().expand(batch_shape, self._get_checked_instance(dist.BetaBinomial, _instance))
