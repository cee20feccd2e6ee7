"""All tasks: scores on known truths, and distances from reference posteriors."""

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch

from case_studies.benchmark_tasks import against_references, known_truths
from case_studies.benchmark_tasks.references import OBSERVATIONS
from case_studies.benchmark_tasks.report import tables
from case_studies.kept_parts import kept_part
from case_studies.page import titled

__all__ = ["reproduce"]

Note = Callable[[str], None]

FULL = {
    "sir": (("svi+npe", 1_000), ("npe", 1_000), ("svi+npe", 10_000), ("npe", 10_000), ("svi", 0)),
    "lotka_volterra": (("svi+npe", 1_000), ("npe", 1_000), ("svi", 0)),
}
QUICK = {"sir": (("svi+npe", 1_000), ("npe", 1_000))}


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Note) -> str:
    """Writes a file for each task as soon as it is scored, and numbers.json; one process, whatever `workers` is."""
    torch.set_num_threads(1)
    numbers: dict[str, Any] = {"seed": seed}
    for task in ("toy", *(QUICK if quick else FULL)):
        numbers[task] = kept_part(out / f"{task}.json", partial(_scored, task, quick, seed, say))
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return titled(tables(numbers))


def _scored(task: str, quick: bool, seed: int, say: Note) -> list[dict[str, object]]:
    say(f"scoring {task}")
    return _toy(quick, seed) if task == "toy" else _distances(task, quick, seed, say)


def _toy(quick: bool, seed: int) -> list[dict[str, object]]:
    return known_truths.rows(known_truths.scores(100 if quick else known_truths.TRUTHS, seed=seed))


def _distances(task: str, quick: bool, seed: int, say: Note) -> list[dict[str, object]]:
    rows = []
    for method, budget in (QUICK if quick else FULL)[task]:
        observations = OBSERVATIONS[:1] if quick else OBSERVATIONS
        found = against_references.distances(task, method, budget, observations, seed)
        rows += against_references.rows(found)
        say(f"{task}, {method}, {budget:,}: " + ", ".join(f"{one.c2st:.3f}" for one in found))
    return rows
