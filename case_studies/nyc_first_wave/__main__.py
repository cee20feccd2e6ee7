"""The study in one command: `python -m case_studies.nyc_first_wave --out results/nyc`."""

import json
import sys
from pathlib import Path

import torch

from case_studies.command import options, parsed
from case_studies.nyc_first_wave.data import first_wave
from case_studies.nyc_first_wave.pictures import draw
from case_studies.nyc_first_wave.report import tables
from case_studies.nyc_first_wave.study import FULL, QUICK, run
from case_studies.page import fill

HERE = Path(__file__).parent


def main() -> None:
    """Writes result.nc, forecast.nc, numbers.json and pictures, and shows the tables."""
    parser = options("nyc_first_wave", __doc__, "results/nyc", "a minute: few simulations, no checks, poor numbers")
    parser.add_argument("--workers", type=int, default=2, help="processes; the numbers do not depend on it")
    given = parsed(parser)
    if given.out.exists() and any(given.out.iterdir()):
        parser.error(f"{given.out} holds results already: nothing is written over; give another folder.")
    torch.set_num_threads(1)  # the processes share the cores
    study = run(QUICK if given.quick else FULL, given.seed, given.workers, lambda text: _say(f"{text} ..."))
    given.out.mkdir(parents=True, exist_ok=True)
    study.result.save(given.out / "result.nc")
    study.forecast.to_netcdf(given.out / "forecast.nc", engine="h5netcdf")
    (given.out / "numbers.json").write_text(json.dumps(study.numbers, indent=1) + "\n", encoding="utf-8")
    draw(study, first_wave(), given.out / "pictures")
    parts = tables(study.numbers)
    if study.result.banner:
        _say(study.result.banner)
    _say("\n\n".join(parts.values()))
    if given.readme:
        (HERE / "expected.json").write_text(json.dumps(study.numbers, indent=1) + "\n", encoding="utf-8")
        page = HERE / "README.md"
        page.write_text(fill(page.read_text(encoding="utf-8"), parts), encoding="utf-8")


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
