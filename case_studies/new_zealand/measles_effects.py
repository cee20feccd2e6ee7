"""What more coverage would have averted in one outbreak: a density of the effect given the reported weeks.

Each simulated outbreak has reported weeks, and infections in three worlds that share its parameters and its luck. From
many of them neural estimators learn how probable each effect is given the weeks. That is a counterfactual statement:
parameters and luck are those of outbreaks with such weeks, and nothing is drawn anew for the other world. It is exact
as far as the summary of the weeks says what they say, and as the estimators learn; `gates` checks the second on
outbreaks that they have not seen.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from case_studies.new_zealand.measles_outbreaks import Outbreaks
from case_studies.new_zealand.measles_people import Candidates
from case_studies.new_zealand.measles_question import EFFECTS, WORLDS
from case_studies.new_zealand.measles_summary import summary
from causal_lpm.inference import (
    Gate,
    Training,
    interval_coverage_gate,
    misspecification_gate,
    sbc_gate,
    sbc_ranks,
    train_npe,
)

__all__ = ["Estimator", "as_one", "estimator", "gates", "likeness"]

MEMBERS = 8
TRAINING = Training(flow="zuko_nsf", hidden=40, transforms=3, batch=50, patience=20)
DRAWS = 1000


@dataclass(frozen=True, eq=False)
class Estimator:
    """Densities of what is averted, given the reported weeks.

    Attributes:
        country: Of the outbreaks.
        posterior: Of `_coordinates`, given standardised summaries.
        mean, sd: Of the summaries of the outbreaks that it was trained on, `[features]`.
        low, high: Of their coordinates, `[coordinates]`: draws beyond are brought back to them.
        summaries: Standardised, of these outbreaks, `[outbreaks, features]`.
    """

    country: Candidates
    posterior: Any
    mean: Tensor
    sd: Tensor
    low: Tensor
    high: Tensor
    summaries: Tensor

    def summarised(self, outbreaks: Outbreaks) -> Tensor:
        """Standardised summaries, `[outbreaks, features]`."""
        return (summary(outbreaks.reported, outbreaks.asked, self.country) - self.mean) / self.sd

    def averted(self, outbreaks: Outbreaks, seed: int, draws: int = DRAWS) -> Tensor:
        """Draws of the infections that each other world averts, given the reported weeks alone.

        Args:
            outbreaks: Of which `reported` and `asked` are looked at.
            seed: Of the draws.
            draws: How many.

        Returns:
            float64 `[draws, outbreaks, worlds - 1]`.
        """
        drawn = self.posterior.sample(draws, self.summarised(outbreaks), seed)
        return torch.minimum(torch.maximum(drawn, self.low), self.high).double().sinh().round()


def estimator(outbreaks: Outbreaks, country: Candidates, seed: int) -> Estimator:
    """An ensemble that is trained on simulated outbreaks with enough reported cases.

    Args:
        outbreaks: All of them noticed.
        country: Of the outbreaks.
        seed: Of the training.
    """
    told = summary(outbreaks.reported, outbreaks.asked, country)
    mean, sd = told.mean(0), told.std(0).clamp(min=1e-6)
    z = _coordinates(outbreaks, seed)
    told = (told - mean) / sd
    posterior = train_npe(z, told, members=MEMBERS, seed=seed, training=TRAINING)
    return Estimator(country, posterior, mean, sd, z.amin(0), z.amax(0), told)


def _coordinates(outbreaks: Outbreaks, seed: int) -> Tensor:
    """The inverse hyperbolic sine of what is averted, `[outbreaks, worlds - 1]`: linear near 0, logarithms far off.

    Counts are spread over their unit, so that many outbreaks in which nothing is averted are no point of infinite
    density; draws are rounded again.
    """
    spread = torch.rand(outbreaks.averted.shape, generator=torch.Generator().manual_seed(seed)) - 0.5
    return (outbreaks.averted + 0.98 * spread).asinh()


def gates(found: Estimator, unseen: Outbreaks, seed: int) -> list[Gate]:
    """Whether effects of outbreaks that it was not trained on lie in its draws as often as they should."""
    draws = found.averted(unseen, seed)
    ranks = sbc_ranks(draws.numpy(), unseen.averted.double().numpy(), seed)
    return [sbc_gate(ranks, len(draws), EFFECTS), interval_coverage_gate(ranks, len(draws), EFFECTS)]


def likeness(found: Estimator, reported: Tensor) -> Gate:
    """Whether an outbreak, cases `[districts, weeks]`, is like those that were simulated."""
    most = int(reported.sum(1).argmax())
    return misspecification_gate(found.summarised(as_one(reported, [most]))[0].numpy(), found.summaries.numpy())


def as_one(reported: Tensor, asked: Sequence[int]) -> Outbreaks:
    """One outbreak, `[districts, weeks]`, with each of some districts asked about; infections are not known, -1."""
    number = len(asked)
    unknown = torch.full((number, len(WORLDS)), -1, dtype=torch.int64)
    return Outbreaks(reported.expand(number, *reported.shape), unknown, torch.tensor(asked))
