"""The study in one command: `python -m case_studies.ma_counties --out results/ma`."""

import json
import sys
from pathlib import Path

from case_studies.command import options, parsed
from case_studies.ma_counties.report import expected, tables
from case_studies.ma_counties.study import FULL, QUICK, run
from case_studies.page import fill

HERE = Path(__file__).parent


def main() -> None:
    """Writes forecasts.csv, checks.csv and scores.json, and shows the tables."""
    parser = options("ma_counties", __doc__, "results/ma", "one forecast week and few steps: a minute, poor numbers")
    parser.add_argument("--workers", type=int, default=2, help="processes; the numbers do not depend on it")
    given = parsed(parser)
    if (given.out / "forecasts.csv").exists():
        parser.error(f"{given.out} holds results already: nothing is written over; give another folder.")
    given.out.mkdir(parents=True, exist_ok=True)
    size = QUICK if given.quick else FULL
    forecasts, checks = run(size, given.seed, given.workers)
    about = {"study": "ma-counties", "quick": given.quick, "seed": given.seed, "simulations": size.simulations}
    numbers = expected(forecasts, checks, about)
    forecasts.to_csv(given.out / "forecasts.csv", index=False)
    checks.to_csv(given.out / "checks.csv", index=False)
    (given.out / "scores.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    parts = tables(numbers)
    sys.stdout.write("\n\n".join(parts.values()) + "\n")
    if given.readme:
        (HERE / "expected.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
        page = HERE / "README.md"
        page.write_text(fill(page.read_text(encoding="utf-8"), parts), encoding="utf-8")


if __name__ == "__main__":
    main()
