"""All numbers of the study, each part in a file of its own as soon as it is there."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from case_studies.kept_parts import kept_part
from case_studies.market import facts, gradients, known_truths
from case_studies.market.report import tables
from case_studies.page import four_digits, titled
from causal_lpm.inference import require_sbi

__all__ = ["FULL", "QUICK", "Size", "part", "reproduce"]


@dataclass(frozen=True)
class Size:
    """How much is simulated.

    Attributes:
        days: Of the calm market.
        replicates: Of it.
        pairs: Of finite differences of Cont's market, and replicates of each estimator.
        chaotic: The same of Brock and Hommes' market.
        horizons: Days of Brock and Hommes' market.
        truths: From the prior, for amortised posteriors.
        budget: Simulations that these are trained on.
        ensemble: Networks of each.
        published: Data sets of the published truth.
        svi: Data sets for SVI, the first of the published truth.
        steps: Of SVI, of ten simulations each.
    """

    days: int = 3000
    replicates: int = 8
    pairs: int = 1000
    chaotic: int = 100
    horizons: tuple[int, ...] = (5, 20, 40, 60)
    truths: int = 200
    budget: int = 3000
    ensemble: int = 2
    published: int = 50
    svi: int = 101
    steps: int = 300


FULL = Size()
QUICK = Size(1000, 2, 20, 20, (5,), 20, 100, 1, 2, 2, 2)
PARTS = ("facts", "cont", "brock_hommes", "npe", "npe+tick", "svi+npe", "svi")


def part(name: str, size: Size, seed: int, say: Callable[[str], None]) -> Any:
    """The numbers of one part of `PARTS`, as plain numbers."""
    if name == "facts":
        say(f"{size.replicates} markets of {size.days} days in four worlds")
        return facts.measured(size.days, size.replicates, seed)
    if name == "cont":
        say(f"derivatives of Cont's market, {size.pairs} pairs")
        return gradients.cont(size.pairs, seed)
    if name == "brock_hommes":
        say(f"derivatives of Brock and Hommes' market after {', '.join(map(str, size.horizons))} days")
        return gradients.brock_hommes(size.horizons, size.chaotic, seed)
    prior, published = known_truths.truths(size.truths, size.published, seed + 1)
    if name == "svi":
        return known_truths.by_gradients(prior, published, size.svi, size.steps, 10, seed, say)
    say(f"{name}: {size.budget:,} simulations, {size.truths} truths")
    return known_truths.amortised(name, prior, published, size.budget, seed, size.ensemble)


def reproduce(out: Path, *, quick: bool, seed: int, workers: int, say: Callable[[str], None]) -> str:
    """Writes a file for each part, and numbers.json; one process, whatever `workers` is."""
    require_sbi("npe")
    torch.set_num_threads(1)
    size = QUICK if quick else FULL
    numbers: dict[str, Any] = {"study": "market", "seed": seed, "size": asdict(size)}
    for name in PARTS:
        numbers[name] = kept_part(out / f"{name}.json", partial(_rounded_part, name, size, seed, say))
    (out / "numbers.json").write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return titled(tables(numbers))


def _rounded_part(name: str, size: Size, seed: int, say: Callable[[str], None]) -> Any:
    return _rounded(part(name, size, seed, say))


def _rounded(found: Any) -> Any:
    if isinstance(found, dict):
        return {name: _rounded(value) for name, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [_rounded(value) for value in found]
    return four_digits(found) if isinstance(found, float) else found
