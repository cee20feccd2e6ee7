"""Everything that the README shows: the answers against the census, then the winter with and without $500 a month."""

import json
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from case_studies.stimulus_nyc import census
from case_studies.stimulus_nyc.census_pictures import draw_answers
from case_studies.stimulus_nyc.report import tables

__all__ = ["TOLERANCE", "rebuilt_census", "reproduce"]

TOLERANCE = {"correlations": 0.005, "held-out errors": 0.005}
"""By how much another machine or version of torch may differ."""

Note = Callable[[str], None]


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Note) -> str:
    """Writes numbers.json and pictures, and returns the tables."""
    torch.set_num_threads(1)  # the processes share the cores
    began = time.process_time()
    say("setting the recorded answers against the labour market")
    numbers: dict[str, Any] = {
        "study": "stimulus-nyc",
        "seed": seed,
        "quick": quick,
        "tolerance": TOLERANCE,
        "census": rebuilt_census(),
    }
    numbers["minutes of CPU"] = round((time.process_time() - began) / 60, 2)
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    pictures = out / "pictures"
    pictures.mkdir(exist_ok=True)
    draw_answers(pictures / "answers.png")
    return "\n\n".join(tables(numbers).values())


def rebuilt_census() -> dict[str, Any]:
    """Part 1 by least squares."""
    found = {
        "alignments": census.alignments(),
        "correlations": census.correlations(),
        "held out": {outcome: census.held_out(outcome) for outcome in ("unemployment", "employment")},
        "slopes": {str(asked): census.slopes(asked=asked) for asked in census.DENOMINATORS},
        "payment arm": census.payment_arm(),
        "people said": census.what_people_said(),
    }
    return {name: rounded(value) for name, value in found.items()}


def rounded(value: Any) -> Any:
    """Numbers with four significant digits, in whatever they are."""
    if isinstance(value, dict):
        return {name: rounded(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(part) for part in value]
    if not isinstance(value, float) or value == 0 or not math.isfinite(value):
        return value
    return round(value, 3 - math.floor(math.log10(abs(value))))
