"""What the commands of the case studies have in common."""

import argparse
from pathlib import Path

from causal_lpm.inference import whole_number_of

__all__ = ["options", "parsed"]


def options(study: str, description: str | None, out: str, quick: str) -> argparse.ArgumentParser:
    """A parser with `--out`, `--quick`, `--seed` and `--readme`.

    Args:
        study: The package in `case_studies`.
        description: Of the command.
        out: Default folder of the results.
        quick: What a quick run is.
    """
    parser = argparse.ArgumentParser(prog=f"python -m case_studies.{study}", description=description)
    parser.add_argument("--out", type=Path, default=Path(out), help="folder of the results")
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--seed", type=whole_number_of, default=0)
    parser.add_argument("--readme", action="store_true", help="also write expected.json and the tables of README.md")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options given; those that contradict each other end the command with one sentence."""
    given = parser.parse_args()
    if getattr(given, "workers", 1) < 1:
        parser.error(f"--workers is {given.workers}: give a whole number of at least 1.")
    if given.readme and given.quick:
        parser.error("--readme belongs to the full study: leave --quick out.")
    return given
