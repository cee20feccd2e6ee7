"""Why it happened: actual causes among policies and other named sites, by ChiRho's search for explanations.

The definitions are those of actual causality (Halpern 2016, chapters 2 and 6), averaged over draws: candidates caused
an outcome if both happened, and if some set of them, put at its alternatives while other variables (the witnesses) may
be held at what they factually were, would have taken the outcome away.
"""

import math
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
import xarray as xr

from causal_lpm import validate
from causal_lpm.handlers import Worlds
from causal_lpm.inference.abduction.explanation import Explanation
from causal_lpm.inference.abduction.explanation_rows import (
    OUTCOME,
    Asked,
    Candidate,
    Replayed,
    Search,
    Seen,
    by_row,
    fresh,
)
from causal_lpm.inference.abduction.explanation_worlds import WORLDS
from causal_lpm.inference.program.program import Model

__all__ = ["explain"]

CELLS = 2_000_000  # agents x rows x worlds that are simulated at once
PROBED = 2  # draws of a first run, which says what there is


def explain(
    model: Model,
    abduction: Replayed | None,
    outcome: Asked,
    candidates: Mapping[str, Any],
    *,
    witnesses: Collection[str] = (),
    measures: Mapping[str, Asked] | None = None,
    changed: float = 0.5,
    held: float = 0.5,
    traces: int = 4_000,
    enough: int = 100,
    seed: int = 0,
) -> Explanation:
    """Necessity, sufficiency and responsibility of policies and other named sites for an outcome.

    Each draw (or path) runs in three worlds that share its luck: as it was; without a random set of the candidates,
    which have their alternatives there; and with this set kept at its causes. In both of the latter a random set of
    witnesses is held at what it was in the first. The case at hand are draws in which all candidates were as their
    causes say.

    - Necessity of a candidate: of the case at hand with the outcome, the share in which it would not have happened
      without this candidate.
    - Alone: of the case at hand, the share with the outcome had all other candidates been otherwise.
    - Sufficiency: over all draws and sets with this candidate, the share with the outcome where the set is kept.
    - Responsibility: over the case at hand and sets with this candidate, the share in which the outcome is there with
      the set kept and is not without it. The sets need not be the smallest ones, so that a candidate that does nothing
      has a part of what the others in its sets do; its necessity is 0, and alone it brings no outcome about.

    Args:
        model: A Pyro program without arguments; of agents, of equations, or anything else that passes draws elementwise
            (parameters are `[draws, 1]`).
        abduction: The epidemic that happened, with a method `replay()`; None explains draws of the prior.
        outcome: A named site, or a function of what the model returns; it gives a truth value, or 0 and 1, a draw.
        candidates: Site (policy, sample, deterministic, or event as "t=3/infection") -> its alternative, or a
            `Candidate` that says its cause too.
        witnesses: Sites that a draw may hold at their factual value.
        measures: Name -> site or function of what the model returns, one number a draw, kept in all three worlds.
        changed: Probability that a draw changes a candidate.
        held: Probability that a draw holds a witness.
        traces: At least so many draws, or repeated paths.
        enough: Different draws (or paths) below which a number is marked as resting on too few.
        seed: Of the sets, and of the draws where there is no abduction.

    Returns:
        An `Explanation`, with `to_dataframe()`, `of`, `factual`, `without` and the traces themselves.

    Raises:
        TypeError: an abduction without a method `replay()`, such as predictions.
        ValueError: an unknown site; no candidates; a site in two roles; an outcome that is not one truth value a
            draw; a probability outside of its range; data in a model without abduction.

    Sources: Halpern J, Actual Causality, MIT Press 2016; Chockler H, Halpern J, Responsibility and blame, JAIR 22,
    2004; Pearl J, Causality, 2nd edition 2009, chapters 9 and 10.

    >>> import pyro, pyro.distributions as dist
    >>> def forest():
    ...     lightning, match = (pyro.sample(name, dist.Bernoulli(0.5)) for name in ("lightning", "match"))
    ...     return {"fire": torch.maximum(lightning, match)}
    >>> either = {name: Candidate(alternative=0.0, cause=1.0) for name in ("lightning", "match")}
    >>> found = explain(forest, None, lambda run: run["fire"], either, traces=4000)
    >>> round(found.of("match", "responsibility").mean, 1), found.status
    (0.5, 'supported')
    """
    if abduction is not None and not callable(getattr(abduction, "replay", None)):
        raise TypeError(
            f"the abduction is a {type(abduction).__name__}: give what abduct found, which can be replayed, or None to "
            "explain draws of the prior."
        )
    for name, value in {"changed": changed, "held": held}.items():
        validate.probability(name, value)
    traces, enough = validate.whole_number("traces", traces), validate.whole_number("enough", enough, low=2)
    seed = validate.whole_number("seed", seed, low=0)
    asked: dict[str, Asked] = {OUTCOME: outcome, **(measures or {})}
    given = {name: each if isinstance(each, Candidate) else Candidate(each) for name, each in candidates.items()}
    _check_roles(outcome, list(given), list(witnesses), list(measures or {}))
    rows, agents = _look(model, abduction, asked, [*given, *witnesses])
    if abduction is None:
        runs = math.ceil(traces / max(1, CELLS // (len(WORLDS) * agents)))
        rows = math.ceil(traces / runs)
    else:
        runs = math.ceil(traces / rows)
    validate.fits_in_memory("the search", 40.0 * len(WORLDS) * rows * agents, "give fewer paths")
    search = Search(model, abduction, asked, given, list(witnesses), changed, held, rows, seed)
    return _explanation([search(number) for number in range(runs)], search, enough)


def _check_roles(outcome: Asked, candidates: list[str], witnesses: list[str], measures: list[str]) -> None:
    if not candidates:
        raise ValueError("there is no candidate: give at least one site and its alternative, as {'closure': 0.0}.")
    validate.unique_entries("site", [*candidates, *witnesses, *([outcome] if isinstance(outcome, str) else [])])
    for name in measures:
        if name in ("outcome", "present", "changed", "held", "case"):
            raise ValueError(f"measure {name!r} has the name of something else in the result: rename it.")


def _look(model: Model, abduction: Replayed | None, asked: Mapping[str, Asked], sites: list[str]) -> tuple[int, int]:
    """Runs the model once and checks what is asked of it: how many paths there are, and agents."""
    named = {each for each in asked.values() if isinstance(each, str)}
    seen = Seen(named)
    with torch.no_grad(), fresh(Worlds(draws=PROBED), PROBED, 0) if abduction is None else abduction.replay(), seen:
        returned = model()
    for name in (*sites, *sorted(named)):
        validate.known("site", name, seen.event_dims)
    if abduction is None and seen.given:
        raise ValueError(
            f"site {seen.given[0]!r} has data inside of the model, which draws of the prior would not heed: leave the "
            "data out, or give an abduction."
        )
    answers = {name: torch.as_tensor(seen.answer(each, returned)) for name, each in asked.items()}
    rows = PROBED if abduction is None else max(seen.rows, answers[OUTCOME].numel())
    for name, value in answers.items():
        by_row(name, value, rows)
    return rows, seen.agents


def _explanation(runs: list[dict[str, Any]], search: Search, enough: int) -> Explanation:
    together = {name: np.concatenate([run[name] for run in runs]) for name in runs[0]}
    together["outcome"] = together.pop(OUTCOME)
    dims = {"present": "candidate", "changed": "candidate", "held": "witness"}
    rows = np.arange(len(together["outcome"]))
    abduction = search.abduction
    status = "none" if abduction is None else str(getattr(abduction, "status", "abducted"))
    traces = xr.Dataset(
        {name: (("trace", dims.get(name, "world")), value) for name, value in together.items()},
        {"candidate": list(search.candidates), "witness": list(search.witnesses), "world": list(WORLDS)},
        {
            "kind": "paired" if abduction is None else "counterfactual",
            "abduction": status,
            "changed": search.changed,
            "held": search.held,
            "seed": search.seed,
        },
    )
    traces["case"] = ("trace", rows if abduction is None else rows % search.rows)
    return Explanation(traces, enough)
