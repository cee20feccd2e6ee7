"""Posteriors of a behaviour model with parts of its data left out, and how well they predict those parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from causal_lpm.agents.archetypes.llm_term import LLMTerm
from causal_lpm.agents.archetypes.real_behaviour import RealBehaviour
from causal_lpm.inference.posteriors.nuts_draws import sample_nuts
from causal_lpm.inference.program.problem import Problem

__all__ = ["LEVELS", "Forecast", "Sampler", "forecast_answers", "forecast_contexts", "held_out"]

LEVELS = (0.5, 0.8, 0.9)
"""Probabilities of the central intervals whose coverage is counted."""


@dataclass(frozen=True)
class Sampler:
    """How posteriors are drawn, as in `sample_nuts`."""

    chains: int
    warmup: int
    draws: int
    seed: int

    def __call__(
        self, model: Callable[[], None], data: Mapping[str, torch.Tensor]
    ) -> tuple[dict[str, torch.Tensor], float]:
        """Draws of a posterior, name -> `[draws, *shape]`, and the largest R-hat."""
        problem = Problem(model, data)
        found = sample_nuts(problem, chains=self.chains, warmup=self.warmup, draws=self.draws, seed=self.seed)
        return problem.constrain(found.z[0].flatten(0, 1)), float(np.nanmax(found.rhat))


@dataclass(frozen=True)
class Forecast:
    """Held-out numbers and what was predicted for them.

    Attributes:
        coverage: Share of them inside of central predictive intervals of `LEVELS`.
        rmse: Root mean square error of the predictive mean.
        width: Mean width of 90% intervals.
        rhat: The largest of all fits.
    """

    coverage: tuple[float, ...]
    rmse: float
    width: float
    rhat: float


def held_out(number: int, folds: int, seed: int) -> list[torch.Tensor]:
    """Folds of positions 0 to `number` - 1, shuffled."""
    order = torch.randperm(number, generator=torch.Generator().manual_seed(seed))
    return [order[fold::folds] for fold in range(min(folds, number))]


def forecast_answers(term: LLMTerm, folds: int, sampler: Sampler) -> Forecast:
    """Answers of archetypes that were left out, as the others predict them: shares of yes, cell by cell."""
    predicted, actual, rhats = [], [], []
    for fold in held_out(len(term.archetypes), folds, sampler.seed):
        hidden = torch.zeros(term.asked.shape, dtype=torch.bool)
        hidden[:, fold] = True
        known = term.without(hidden)

        def model(known: LLMTerm = known) -> None:
            known.term()

        draws, rhat = sampler(model, known.data)
        respondent = known.given(draws)
        asked = term.asked.to(respondent.asked)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(sampler.seed)
            counts = term.answers(respondent).sample()
        used = (hidden & (term.asked > 0)).nonzero(as_tuple=True)
        predicted.append((counts / asked.clamp(min=1))[:, used[0], used[1]])
        actual.append((term.data[term.site].to(asked) / asked.clamp(min=1))[used])
        rhats.append(rhat)
    return _compared(torch.cat(predicted, -1), torch.cat(actual), max(rhats))


def forecast_contexts(real: RealBehaviour, folds: int, sampler: Sampler, answers: bool) -> Forecast:
    """Real behaviour in contexts that were left out, as the others and the answers about all contexts predict it."""
    predicted, actual, rhats = [], [], []
    for fold in held_out(len(real.behaviour.contexts), folds, sampler.seed):
        known = real.without(fold)
        data = {**known.data, **(real.behaviour.term.data if answers else {})}
        draws, rhat = sampler(known.model(answers), data)
        mean, spread = real.expected(real.behaviour.given(draws, answers))
        noise = torch.randn(mean.shape, generator=torch.Generator().manual_seed(sampler.seed)).to(mean)
        truth = real.shares[:, fold]
        there = ~truth.isnan()
        predicted.append((mean + spread * noise)[..., fold][:, there])
        actual.append(truth[there])
        rhats.append(rhat)
    return _compared(torch.cat(predicted, -1), torch.cat(actual), max(rhats))


def _compared(predicted: torch.Tensor, actual: torch.Tensor, rhat: float) -> Forecast:
    """Draws `[draws, n]` against what happened `[n]`."""
    coverage, width = [], 0.0
    for level in LEVELS:
        low, high = (predicted.quantile(tail, 0) for tail in ((1 - level) / 2, (1 + level) / 2))
        coverage.append(float(((low <= actual) & (actual <= high)).double().mean()))
        width = float((high - low).mean())
    return Forecast(tuple(coverage), float((predicted.mean(0) - actual).square().mean().sqrt()), width, rhat)
