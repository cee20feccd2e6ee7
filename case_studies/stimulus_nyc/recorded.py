"""The recorded answers as a likelihood term: how far they hold for people is learned together with what people did."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyro.distributions as dist
import torch

from case_studies.stimulus_nyc.data import answers, labour_market
from case_studies.stimulus_nyc.question import BOROUGHS
from case_studies.stimulus_nyc.winter import winter
from case_studies.stimulus_nyc.winter_calibration import Size
from causal_lpm.agents import Archetypes, BehaviourMap, Contexts, LLMTerm, Population, RealBehaviour
from causal_lpm.elicitation import AnswerTable, Question
from causal_lpm.inference import CalibrationResult, fit

__all__ = ["COVARIATES", "WILLING", "Recorded", "learned", "recorded"]

WILLING = Question(
    "willing",
    "Borough {borough}, month {month}, {arm}: are you willing to work? (The prompt that was used is not recorded.)",
)
COVARIATES: dict[str, tuple[str, ...]] = {
    "cases": ("cases",),
    "trend, season and cases": ("cases", "time", "time squared", "sine", "cosine"),
}
SOURCE = "counts of an archive; its model, prompt and denominator are not recorded"
ERROR = 0.01
"""Standard deviation of the measured share of adults at work, an assumption."""
TRANSPORT = dist.Normal(0.0, 0.5)
"""Of the payment arm, a choice: people said that they hardly responded. No number of part 1 depends on it."""


@dataclass(frozen=True, eq=False)
class Recorded:
    """The term, the map to people, and their employment."""

    term: LLMTerm
    map: BehaviourMap
    real: RealBehaviour


def recorded(covariates: tuple[str, ...], asked: int = 50) -> Recorded:
    """Answers of five archetypes, the boroughs, in 26 months and two arms, against the share of adults at work.

    Args:
        covariates: What answers and people may respond to by themselves.
        asked: The denominator that is assumed.
    """
    given = answers()
    months = sorted(given["month"].unique())
    persons = (winter().persons.sum(1) / 1000).round().long()
    people = Population({"borough": torch.repeat_interleave(torch.arange(5), persons)}, {"borough": BOROUGHS})
    kinds = Archetypes.from_columns(people, ["borough"])
    table = given.set_index(["month", "borough"])
    counts = np.array([[table.loc[(m, b), arm] for b in BOROUGHS] for arm in ("none", "payment") for m in months])
    usable = np.where(np.isnan(counts), 0, asked)
    both, lived = _contexts(given, months, covariates, (0.0, 1.0)), _contexts(given, months, covariates, (0.0,))
    cells = [{"borough": name} for name in BOROUGHS]
    yes = np.nan_to_num(counts).astype(np.int64)
    told = AnswerTable.from_counts(WILLING, cells, both.cells, yes, usable.astype(np.int64), source=SOURCE)
    term = LLMTerm(kinds, both, WILLING, told, unasked=True)
    behaviour = BehaviourMap(term, ("borough",), {"payment": TRANSPORT}, contexts=lived)
    work = labour_market().set_index(["borough", "month"])["employed"]
    adults = winter().persons[:, 1:].double().sum(1).tolist()
    shares = [[work[(b, m)] / number for m in months] for b, number in zip(BOROUGHS, adults, strict=True)]
    return Recorded(term, behaviour, RealBehaviour(behaviour, torch.tensor(shares), ERROR, "employed"))


def learned(here: Recorded, size: Size, seed: int) -> CalibrationResult:
    """The posterior of answers and employment together."""
    data = {**here.term.data, **here.real.data}
    settings = dict(size.settings)
    return fit(here.real.model(), data, size.method, gate=0, budget=100, draws=size.kept, seed=seed, settings=settings)


def _contexts(
    given: pd.DataFrame, months: list[pd.Period], covariates: tuple[str, ...], arms: tuple[float, ...]
) -> Contexts:
    cases = np.log(given.groupby("month")["archived_cases"].sum().loc[months].to_numpy() + 1)
    time = (np.arange(len(months)) - (len(months) - 1) / 2) / 7.5
    year = 2 * np.pi * np.array([month.month for month in months]) / 12
    columns = {
        "cases": cases,
        "time": time,
        "time squared": time**2 - (time**2).mean(),
        "sine": np.sin(year),
        "cosine": np.cos(year),
    }
    values = {name: np.tile(columns[name], len(arms)).tolist() for name in covariates}
    values["payment"] = [arm for arm in arms for _ in months]
    texts = {
        "month": [str(month) for _ in arms for month in months],
        "arm": ["payment" if arm else "no payment" for arm in arms for _ in months],
    }
    return Contexts(values, texts, centre={"payment": 0.0}, scale={"payment": 1.0})
