"""`reliability_report`: how far answers of a language model can be relied on, beside raw answers and none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import xarray as xr

from causal_lpm.agents.archetypes.answer_counts import effective_answers
from causal_lpm.agents.archetypes.real_behaviour import RealBehaviour
from causal_lpm.inference.reliability.refits import (
    LEVELS,
    Forecast,
    Sampler,
    forecast_answers,
    forecast_contexts,
)
from causal_lpm.inference.reliability.worth import (
    effective_people,
    paraphrase_spread,
    refusals_by_class,
)
from causal_lpm.validate import whole_number

__all__ = ["Reliability", "reliability_report"]

Interval = tuple[float, float, float]


@dataclass(frozen=True)
class Reliability:
    """What real behaviour says about answers.

    Intervals are the 5%, 50% and 95% quantiles of the posterior.

    Attributes:
        description: Who answered, and on what this rests.
        slope: People's logit per logit of the answers.
        dispersion: Of the answers; small where those of a cell repeat each other.
        answers: Usable answers a cell, the mean.
        effective_answers: Independent answers that say as much.
        effective_people: People a cell that would have to be asked to learn as much, the median over cells.
        archetypes: Answers of archetypes left out, as the others predict them.
        contexts: Real behaviour in contexts left out, by what predicts it: "with answers", "without answers".
        raw_rmse: Error of raw shares of yes, taken for real behaviour.
        refusals: Share of refused questions by class; empty where none was refused.
        paraphrases: Deviation of shares between wordings beyond chance; NaN of a single wording.
        rhat: The largest of all fits.
    """

    description: str
    slope: Interval
    dispersion: Interval
    answers: float
    effective_answers: Interval
    effective_people: float
    archetypes: Forecast
    contexts: Mapping[str, Forecast]
    raw_rmse: float
    refusals: Mapping[str, float]
    paraphrases: float
    rhat: float

    @property
    def table(self) -> xr.Dataset:
        """Errors and coverage of what predicts real behaviour in contexts that were left out."""
        names = [*self.contexts, "raw answers"]
        unknown = float("nan")
        rmse = [each.rmse for each in self.contexts.values()] + [self.raw_rmse]
        width = [each.width for each in self.contexts.values()] + [unknown]
        coverage = [list(each.coverage) for each in self.contexts.values()] + [[unknown] * len(LEVELS)]
        return xr.Dataset(
            {
                "rmse": ("predictor", rmse),
                "width": ("predictor", width),
                "coverage": (("predictor", "level"), coverage),
            },
            {"predictor": names, "level": list(LEVELS)},
            {"description": self.description},
        )

    def __str__(self) -> str:
        low, middle, high = self.effective_answers
        lines = [
            self.description,
            f"slope {_words(self.slope)}: people's logit per logit of the answers",
            f"dispersion {_words(self.dispersion)}: {self.answers:.3g} answers a cell are worth {middle:.2g} "
            f"independent ones ({low:.2g} to {high:.2g}), and {self.effective_people:.2g} people asked in a cell",
            f"answers of archetypes left out: {_covered(self.archetypes)}",
            *(f"real behaviour in contexts left out, {name}: {_covered(each)}" for name, each in self.contexts.items()),
            f"raw answers taken for real behaviour: RMSE {self.raw_rmse:.3f}",
        ]
        if self.refusals:
            most = max(self.refusals, key=lambda name: self.refusals[name])
            lines.append(f"refused most often by {most}: {self.refusals[most]:.1%}")
        if self.paraphrases == self.paraphrases:
            lines.append(f"shares of yes differ by {self.paraphrases:.3f} between wordings, beyond chance")
        if self.rhat > 1.01:
            lines.append(f"R-hat is {self.rhat:.3f} in one of the fits: give more warmup and draws")
        return "\n".join(lines)


def reliability_report(
    real: RealBehaviour,
    *,
    folds: int = 3,
    chains: int = 4,
    warmup: int = 300,
    draws: int = 250,
    seed: int = 0,
) -> Reliability:
    """How far the answers behind a map can be relied on, by fits of it with and without them and with data left out.

    It takes two fits, and three more a fold, each of a minute or more for some hundreds of archetypes.

    Args:
        real: Real behaviour, with its map and the term behind it.
        folds: Parts in which archetypes, and contexts, are left out in turn.
        chains: Of each fit, as in `sample_nuts`.
        warmup: Draws that each chain drops.
        draws: That each chain keeps.
        seed: Of everything.

    Raises:
        ValueError: fewer than two folds or contexts, a term of share answers.
    """
    behaviour, term = real.behaviour, real.behaviour.term
    whole_number("folds", folds, low=2)
    if len(behaviour.contexts) < 2:
        raise ValueError("there is one context of real behaviour: none can be left out and predicted from the others.")
    if term.question.answer != "yes_no":
        raise ValueError("the answers are shares: the report counts yes_no answers only.")
    sampler = Sampler(chains, warmup, draws, seed)
    posterior, rhat = sampler(real.model(), {**real.data, **term.data})
    alone, other_rhat = sampler(real.model(answers=False), real.data)
    people, others = behaviour.given(posterior), behaviour.given(alone, answers=False)
    dispersion = posterior[f"{term.name}_dispersion"]
    per_cell = float(term.asked[term.asked > 0].mean())
    contexts = {
        name: forecast_contexts(real, folds, sampler, answers)
        for name, answers in (("with answers", True), ("without answers", False))
    }
    archetypes = forecast_answers(term, folds, sampler)
    worth = effective_people(real.cells(people, seed), real.cells(others, seed))
    return Reliability(
        description=behaviour.description,
        slope=_interval(people.slope),
        dispersion=_interval(dispersion),
        answers=per_cell,
        effective_answers=_interval(effective_answers(per_cell, dispersion)),
        effective_people=float(worth.median()),
        archetypes=archetypes,
        contexts=contexts,
        raw_rmse=_raw_error(real),
        refusals=refusals_by_class(term.archetypes, term.refused, term.asked) if bool(term.refused.any()) else {},
        paraphrases=paraphrase_spread(**term.by_wording) if term.by_wording else float("nan"),
        rhat=max(rhat, other_rhat, archetypes.rhat, *(each.rhat for each in contexts.values())),
    )


def _raw_error(real: RealBehaviour) -> float:
    """RMSE of group shares of yes, in contexts that were asked and whose behaviour is known; NaN if there is none."""
    behaviour, term = real.behaviour, real.behaviour.term
    asked = behaviour.asked_places
    raw = (term.data[term.site].double() + 0.5) / (term.asked.double() + 1)
    groups = behaviour.weights.double() @ raw.T[:, asked.clamp(min=0)]
    wrong = (groups - real.shares)[:, asked >= 0]
    return float(wrong[~wrong.isnan()].square().mean().sqrt())


def _interval(draws: torch.Tensor) -> Interval:
    low, middle, high = (float(draws.double().quantile(level)) for level in (0.05, 0.5, 0.95))
    return low, middle, high


def _words(interval: Interval) -> str:
    low, middle, high = interval
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def _covered(forecast: Forecast) -> str:
    return f"90% intervals hold {forecast.coverage[-1]:.0%}, RMSE {forecast.rmse:.3f}"
