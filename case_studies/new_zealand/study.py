"""The study as the command line knows it; everything heavy is imported when it is called."""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from case_studies.new_zealand.question import QUESTIONS
from causal_lpm.inference import ReproducedStudy, Reproduction, known, positive_count

__all__ = ["study"]

FEWEST = 1_000
"""Agents: of fewer, districts have no adults, and nothing spreads."""


def reproduce(
    out: Path,
    *,
    quick: bool,
    seed: int,
    workers: int,
    say: Callable[[str], None],
    asked: Mapping[str, Mapping[str, Any]] | None = None,
) -> str:
    """Answers the questions that are asked, both if none is, and returns their tables.

    Several have a folder each, in that of the results.
    """
    parts, questions = [], asked or {name: {} for name in QUESTIONS}
    for question, settings in questions.items():
        answer = import_module(f"case_studies.new_zealand.{question}_reproduction").reproduce
        own = out / question if len(questions) > 1 else out
        own.mkdir(exist_ok=True)
        parts.append(answer(own, quick=quick, seed=seed, workers=workers, say=say, **settings))
    return "\n\n".join(parts)


def with_options(options: Mapping[str, str | float]) -> Reproduction:
    """One question, with a number of agents, and for measles a file of weekly cases.

    Raises:
        ValueError: an unknown question or option, cases without measles, or whatever is wrong with the file of cases.
    """
    for name in options:
        known("option of new-zealand", name, ("question", "agents", "cases"))
    if "question" not in options:
        raise ValueError(f"{next(iter(options))} goes with one question: say {' or '.join(QUESTIONS)} after the study.")
    question = str(options["question"])
    known("question of new-zealand", question, QUESTIONS)
    settings: dict[str, Any] = {}
    if "agents" in options:
        settings["agents"] = _checked(options["agents"])
    if "cases" in options:
        if question != "measles":
            raise ValueError(f"cases go with the question measles, and {question} was asked: leave --cases out.")
        from case_studies.new_zealand.weekly_cases import weekly_cases

        settings["cases"] = weekly_cases(Path(str(options["cases"])))
    return partial(reproduce, asked={question: settings})


def with_agents(agents: int) -> Reproduction:
    """Both questions with so many agents."""
    return partial(reproduce, asked={name: {"agents": _checked(agents)} for name in QUESTIONS})


def _checked(agents: Any) -> int:
    from case_studies.new_zealand.inputs import PEOPLE

    positive_count("agents", agents)
    number = int(agents)
    if not FEWEST <= number <= PEOPLE:
        raise ValueError(f"agents is {number:,}: give {FEWEST:,} to {PEOPLE:,}, as many as New Zealand has people.")
    return number


study = ReproducedStudy(
    "new-zealand",
    "Who should have had the doses of 2021 first, and what would more MMR have averted? (New Zealand; covid, measles)",
    "New Zealand Ministry of Health, minhealthnz/nz-covid-data; Stats NZ; Prem et al. 2021; sources of immunity",
    ("admitted", "infections", "cases"),
    reproduce,
    with_agents=with_agents,
    with_options=with_options,
    questions=QUESTIONS,
)
