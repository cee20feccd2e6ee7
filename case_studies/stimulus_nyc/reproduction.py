"""Everything that the README shows: the answers against the census, then the winter with and without $500 a month."""

import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from case_studies.page import four_digits, titled
from case_studies.stimulus_nyc import census
from case_studies.stimulus_nyc.census_pictures import draw_answers
from case_studies.stimulus_nyc.pictures import draw_curve, draw_winter
from case_studies.stimulus_nyc.recorded import COVARIATES, learned, recorded
from case_studies.stimulus_nyc.report import standing, tables
from case_studies.stimulus_nyc.winter_calibration import Place, Size
from case_studies.stimulus_nyc.winter_study import run, verdict

__all__ = ["FULL", "QUICK", "TOLERANCE", "rebuilt_census", "reproduce", "rounded"]

CHAINS = (("chains", 4), ("warmup", 250))
STEPS = (("steps", 60),)
FULL = Size(agents=100_000, method="nuts", settings=CHAINS, epidemic=(*CHAINS, ("depth", 5)), kept=1000, draws=30)
QUICK = Size(agents=8_000, method="svi", settings=STEPS, epidemic=STEPS, kept=400, draws=4)
"""SVI is an optimiser's result and no posterior: what `--quick` shows is poor, and says so."""

TOLERANCE = {"correlations": 0.005, "held-out errors": 0.005}
"""By how much another machine or version of torch may differ."""

Note = Callable[[str], None]


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Note, agents: int | None = None) -> str:
    """Writes numbers.json and pictures, and returns the tables.

    Args:
        out: Folder.
        quick: Whether to compute little.
        seed: Of everything random.
        workers: Processes.
        say: Called with what is done next.
        agents: Of part 2, if not those of the size.
    """
    torch.set_num_threads(1)  # the processes share the cores
    began = time.process_time()
    say("setting the recorded answers against the labour market")
    size = QUICK if quick else FULL
    size = size if agents is None else replace(size, agents=agents)
    numbers: dict[str, Any] = {
        "study": "stimulus-nyc",
        "seed": seed,
        "quick": quick,
        "tolerance": TOLERANCE,
        "census": rebuilt_census(),
    }
    say("learning how far the recorded answers hold for people")
    numbers["recorded"] = rounded(reliability(size, seed))
    numbers["winter"] = rounded(run(size, Place(out / "simulations", seed, workers), say))
    numbers["minutes of CPU"] = round((time.process_time() - began) / 60, 2)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    pictures = out / "pictures"
    pictures.mkdir(exist_ok=True)
    draw_answers(pictures / "answers.png")
    said = standing(numbers["winter"])
    draw_winter(numbers["winter"], said, pictures / "winter.png")
    draw_curve(numbers["winter"], said, pictures / "transport.png")
    return titled(tables(numbers))


def rebuilt_census() -> dict[str, Any]:
    """Part 1 by least squares."""
    found = {
        "alignments": census.alignments(),
        "correlations": census.correlations(),
        "held out": {outcome: census.held_out(outcome) for outcome in ("unemployment", "employment")},
        "slopes": {str(asked): census.slopes(asked=asked) for asked in census.DENOMINATORS},
        "overdispersion": {str(asked): census.overdispersion(asked) for asked in census.DENOMINATORS},
        "payment arm": census.payment_arm(),
        "people said": census.what_people_said(),
    }
    return {name: rounded(value) for name, value in found.items()}


def reliability(size: Size, seed: int) -> dict[str, Any]:
    """Slope and overdispersion of the recorded answers, beside two baselines, and the denominator that is assumed."""
    found = {}
    for name, covariates in COVARIATES.items():
        here = recorded(covariates)
        found[name] = verdict(learned(here, size, seed), here.map.name)
    return found


def rounded(value: Any) -> Any:
    """Numbers with four significant digits, in whatever they are."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(part) for part in value]
    return four_digits(value) if isinstance(value, float) else value
