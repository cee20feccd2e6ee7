"""Measles: simulated outbreaks, the estimator of effects that they train, known truths, and cases that are given."""

import csv
import datetime
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

from case_studies.new_zealand.districts import apart
from case_studies.new_zealand.inputs import PEOPLE
from case_studies.new_zealand.measles_answers import answers
from case_studies.new_zealand.measles_effects import Estimator, estimator, gates, likeness
from case_studies.new_zealand.measles_immunity import immunity
from case_studies.new_zealand.measles_inputs import COHORTS, OLDEST_ASKED, YEAR
from case_studies.new_zealand.measles_known_truths import compared, rows
from case_studies.new_zealand.measles_model import LEAD
from case_studies.new_zealand.measles_outbreaks import LEAST, Outbreaks, Setting, joined, known_outbreaks, simulated
from case_studies.new_zealand.measles_people import candidates
from case_studies.new_zealand.measles_question import POINTS
from case_studies.new_zealand.measles_report import tables
from case_studies.new_zealand.people import country as country_of
from case_studies.new_zealand.weekly_cases import WeeklyCases
from case_studies.page import four_digits, titled
from causal_lpm.agents import Population
from causal_lpm.inference import BadInput, replicate_seed, require_sbi

__all__ = ["reproduce"]

FEWEST = 20
"""Outbreaks that train, each asked about one district."""
FIRST_WEEK = datetime.date(2019, 3, 4)
WEEKS = 26


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        agents: People of the country.
        outbreaks: That are simulated, small ones too.
        held_out: Share of the noticed ones that do not train, and check.
        known: Outbreaks whose truth the README shows.
        tried: Simulated to find them.
    """

    agents: int = 200_000
    outbreaks: int = 2_500
    held_out: float = 0.2
    known: int = 20
    tried: int = 80


FULL = Size()
QUICK = Size(30_000, 200, 0.25, 5, 40)
OF_CASES = Size(PEOPLE, 1_000, 0.3)
"""Of cases that were given: among all people, since the size of an outbreak does not scale with theirs."""


def reproduce(
    out: Path,
    *,
    quick: bool,
    seed: int,
    workers: int,
    say: Callable[[str], None],
    agents: int | None = None,
    cases: WeeklyCases | None = None,
) -> str:
    """Writes numbers.json and a simulated outbreak as a file of cases, and returns the tables.

    Args:
        out: Folder of the results; parts that are there are used.
        quick: Whether to compute little.
        seed: Of everything random.
        workers: Processes.
        say: Called with what is done next.
        agents: People of the country, the immune too; with `cases`, those among whom they were reported. By default all
            of New Zealand with cases, and 200,000 without.
        cases: An outbreak, of which is said what more coverage would have averted.

    Raises:
        BadInput: more cases than people could have had; `quick` with cases and without `agents`; people among whom
            hardly any outbreak is noticed.
    """
    require_sbi("npe")
    if quick and cases is not None and agents is None:
        raise BadInput(
            "with cases, a quick run needs the number of people among whom they were reported, as --agents: among all "
            "of New Zealand none is quick."
        )
    torch.set_num_threads(1)  # the processes share the cores
    size = QUICK if quick else FULL if cases is None else OF_CASES
    people = country_of((PEOPLE if cases is not None else size.agents) if agents is None else agents).people
    here = candidates(people, apart())
    if cases is not None and int(cases.reported.sum()) > here.size:
        raise BadInput(
            f"{int(cases.reported.sum()):,} cases among {here.whole:,} people, of whom {here.size:,} could be "
            "susceptible: give the number of people among whom they were reported as --agents."
        )
    weeks = WEEKS if cases is None else cases.reported.shape[1]
    first_day = (FIRST_WEEK if cases is None else cases.first_day) - datetime.timedelta(days=LEAD)
    setting = Setting(here, weeks, min(first_day.timetuple().tm_yday, 365))
    folder = out / "measles"
    at_random, most_hit = simulated(
        setting, size.outbreaks, replicate_seed(seed, 1), folder=folder / "outbreaks", workers=workers, say=say
    )
    at_random, most_hit = at_random[at_random.noticed], most_hit[most_hit.noticed]
    held_out = int(size.held_out * len(most_hit))
    unseen, rest = most_hit[:held_out], slice(held_out, None)
    training = joined(at_random[rest], most_hit[rest])
    if len(training) < FEWEST:
        raise BadInput(
            f"among {here.whole:,} people only {len(most_hit)} of {size.outbreaks} outbreaks have {LEAST} reported "
            "cases, too few to learn from: give more people, as --agents."
        )
    say(f"measles: {len(most_hit[rest])} outbreaks of at least {LEAST} reported cases train the estimators")
    found = estimator(training, here, replicate_seed(seed, 2))
    numbers: dict[str, Any] = {
        "seed": seed,
        "size": {**asdict(size), "agents": here.whole, "weeks": weeks},
        "agents": here.size,
        "noticed": len(most_hit),
        "trained": len(most_hit[rest]),
        "sizes": _quantiles(most_hit),
        "immune": _immune(people),
        "doses": {"cohort": round(POINTS * here.cohort)},
        "gates": [asdict(gate) for gate in gates(found, unseen, replicate_seed(seed, 3))],
        "compared": compared(found, most_hit[rest], unseen, replicate_seed(seed, 3)),
    }
    if cases is None:
        say(f"measles: {size.known} outbreaks whose truth is known")
        known = known_outbreaks(
            setting,
            size.known,
            replicate_seed(seed, 4),
            tried=size.tried,
            folder=folder / "known",
            workers=workers,
        )
        numbers["known"] = rows(found, known, replicate_seed(seed, 5))
        _write_cases(folder / "simulated_outbreak.csv", here.districts, known)
    else:
        numbers["cases"] = _said(found, cases, numbers["gates"], replicate_seed(seed, 5))
    (out / "numbers.json").write_text(json.dumps({"measles": numbers}, indent=1) + "\n", encoding="utf-8")
    return titled(tables(numbers))


def _said(found: Estimator, cases: WeeklyCases, checks: list[dict[str, Any]], seed: int) -> dict[str, Any]:
    """What is said of an outbreak that was given, and whether to believe it."""
    like = likeness(found, cases.reported)
    failed = [gate["name"] for gate in (*checks, asdict(like)) if gate["verdict"] == "fail"]
    return {
        "first_day": str(cases.first_day),
        "reported": int(cases.reported.sum()),
        "likeness": asdict(like),
        "status": f"refused: {', '.join(failed)}" if failed else "counterfactual",
        "answers": answers(found, cases.reported, seed),
    }


def _quantiles(outbreaks: Outbreaks) -> dict[str, list[float]]:
    """10%, 50% and 90% of the cases reported and of the infections of the outbreaks."""
    ends = torch.tensor([0.1, 0.5, 0.9], dtype=torch.float64)
    both = {"reported": outbreaks.reported.sum((1, 2)), "infections": outbreaks.infections[:, 0]}
    return {name: [four_digits(each) for each in values.double().quantile(ends)] for name, values in both.items()}


def _immune(people: Population) -> dict[str, dict[str, float]]:
    """The share immune at the centre of the prior: by birth, and of those to 50 years by ethnicity and district."""
    immune, born = immunity(people), YEAR - people["age"].long()
    cohorts = {"everybody": (0, YEAR), **{f"born {low}-{high}": (low, high) for low, high, _ in COHORTS if low}}
    groups = {"born": {name: (born >= low) & (born <= high) for name, (low, high) in cohorts.items()}}
    for column in ("ethnicity", "district"):
        own = people[column].long()
        young = born >= YEAR - OLDEST_ASKED
        groups[column] = {name: young & (own == number) for number, name in enumerate(people.labels[column])}
    return {
        kind: {name: four_digits(float(immune[who].mean())) for name, who in own.items() if bool(who.any())}
        for kind, own in groups.items()
    }


def _write_cases(file: Path, districts: tuple[str, ...], known: Outbreaks) -> None:
    """The first outbreak as a file that `--cases` takes."""
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(("week", "district", "cases"))
        for number, district in enumerate(districts):
            for week, count in enumerate(known.reported[0, number].tolist()):
                writer.writerow((FIRST_WEEK + datetime.timedelta(weeks=week), district, count))
