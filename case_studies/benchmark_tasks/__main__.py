"""All tasks in one command: `python -m case_studies.benchmark_tasks --out results/benchmark_tasks`."""

import json
import sys
from pathlib import Path
from typing import Any

import torch

from case_studies.benchmark_tasks import against_references, known_truths
from case_studies.benchmark_tasks.references import OBSERVATIONS
from case_studies.benchmark_tasks.report import task_table, toy_table
from case_studies.command import options, parsed
from case_studies.page import fill

HERE = Path(__file__).parent
FULL = {
    "sir": (("svi+npe", 1_000), ("npe", 1_000), ("svi+npe", 10_000), ("npe", 10_000), ("svi", 0)),
    "lotka_volterra": (("svi+npe", 1_000), ("npe", 1_000), ("svi", 0)),
}
QUICK = {"sir": (("svi+npe", 1_000), ("npe", 1_000))}


def main() -> None:
    """Writes numbers.json and shows the tables."""
    parser = options(
        "benchmark_tasks", __doc__, "results/benchmark_tasks", "a few minutes: one observation, 100 truths"
    )
    parser.add_argument("--only", choices=["toy", *FULL], help="one task")
    given = parsed(parser)
    target = given.out / "numbers.json"
    if given.seed < 0:
        parser.error(f"--seed is {given.seed}: give a whole number of at least 0.")
    if target.exists():
        parser.error(f"{target} is there already: nothing is written over; give another folder.")
    torch.set_num_threads(1)
    numbers: dict[str, Any] = {"seed": given.seed}
    if given.only in (None, "toy"):
        found = known_truths.scores(100 if given.quick else known_truths.TRUTHS, seed=given.seed)
        numbers["toy"] = known_truths.rows(found)
        _say(toy_table(numbers["toy"]))
    for task, methods in (QUICK if given.quick else FULL).items():
        if given.only in (None, task):
            numbers[task] = _distances(task, methods, given.quick, given.seed)
            _say(task_table(task, numbers[task]))
    given.out.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    _say(f"Numbers: {target}")
    if given.readme:
        write_readme(numbers)


def _distances(task: str, methods: tuple[tuple[str, int], ...], quick: bool, seed: int) -> list[dict[str, object]]:
    rows = []
    for method, budget in methods:
        observations = OBSERVATIONS[:1] if quick else OBSERVATIONS
        found = against_references.distances(task, method, budget, observations, seed)
        rows += against_references.rows(found)
        _say(f"{task}, {method}, {budget:,}: " + ", ".join(f"{one.c2st:.3f}" for one in found))
    return rows


def write_readme(numbers: dict[str, Any]) -> None:
    """Writes the parts that there are into expected.json and README.md; the others stay as they were."""
    expected = HERE / "expected.json"
    before = json.loads(expected.read_text(encoding="utf-8")) if expected.exists() else {}
    numbers = before | numbers
    expected.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    parts = {task: task_table(task, numbers[task]) for task in FULL if task in numbers}
    if "toy" in numbers:
        parts["toy"] = toy_table(numbers["toy"])
    page = HERE / "README.md"
    page.write_text(fill(page.read_text(encoding="utf-8"), parts), encoding="utf-8")


def _say(text: str) -> None:
    sys.stdout.write(f"\n{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
