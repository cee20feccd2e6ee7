"""Whether posteriors of a behaviour model hold known truths: slope, overdispersion, effect of a payment, cells' shares.

Run as `python benchmarks/llm_recovery.py SCENARIO [seeds] [first seed] [folder] [draws]`; prints a line a seed, and at
the end one JSON line of counts. Each of four chains keeps so many draws (1,000). Seeds that are in the folder already
are not fitted again. The scenarios:

    honest            people respond as the respondent says, times 0.6
    without           the same, and a model without answers
    useless           people have nothing in common with the answers; no transport is chosen, so that people have a
                      response of their own to the payment, too, and to each covariate by class
    useless_without   the same, and a model without answers
    overstated        the respondent overstates the payment threefold; transport Normal(1, 0.5)
    overstated_fixed  the same with transport fixed at 1: the effect is missed
    overstated_left_out  the same without the paid months, which are then compared with what the fit predicts there
    left_out          that check where people respond as the respondent says, times 0.6: false alarms
    unpaid            behaviour in paid months is unknown: the effect is as uncertain as transport's prior makes it

Beside the posterior (NUTS) stand Laplace's approximation and mean-field SVI, which are none. Twenty seeds are fitted
side by side, which costs a fit about half of what five do. CPU seconds are those of NUTS, a fit.
"""

import json
import sys
import time
import warnings
from pathlib import Path
from typing import Any

import pyro.distributions as dist
import torch
from llm_approximations import laplace, svi
from llm_truth import ANSWERS, ASKED_EFFECT, DISPERSION, ERROR, GROUPS, SLOPE, World, answer_table, archetypes, contexts
from llm_truth import world as world_of

from causal_lpm.agents import BehaviourMap, LLMTerm, MapPriors, RealBehaviour
from causal_lpm.inference.posteriors.nuts_draws import sample_nuts
from causal_lpm.inference.program.problem import Problem

SCENARIOS: dict[str, dict[str, Any]] = {
    "honest": {},
    "without": {"answers": False},
    "useless": {"related": False, "transport": None, "interactions": 0.1},
    "useless_without": {"related": False, "transport": None, "interactions": 0.1, "answers": False},
    "overstated": {"payment": 1 / 3},
    "overstated_fixed": {"payment": 1 / 3, "transport": 1.0},
    "left_out": {"transport": 1.0, "paid": False},
    "overstated_left_out": {"payment": 1 / 3, "transport": 1.0, "paid": False},
    "unpaid": {"paid": False},
}
TOGETHER = 20  # seeds
CHAINS, WARMUP, KEPT = 4, 250, 1000


def fit_seeds(scenario: str, seeds: list[int], kept: int) -> list[dict[str, Any]]:
    """Posteriors of some truths, side by side, and what they say of them."""
    chosen = dict(SCENARIOS[scenario])
    answers, paid = chosen.pop("answers", True), chosen.pop("paid", True)
    transport = chosen.pop("transport", dist.Normal(1.0, 0.5))
    priors = MapPriors(interactions=chosen.pop("interactions", 0.0))
    kinds, asked = archetypes(), contexts()
    question, table = answer_table(kinds, asked, torch.full((len(asked), len(kinds)), float(ANSWERS // 2)))
    term = LLMTerm(kinds, asked, question, table)
    chosen_by_user = {} if transport is None else {"payment": transport}
    behaviour = BehaviourMap(term, GROUPS, chosen_by_user, priors=priors)
    worlds = [world_of(kinds, asked, behaviour.weights, seed, **chosen) for seed in seeds]
    shares = torch.stack([world.real for world in worlds]).double()
    if not paid:
        shares[:, :, asked.values[:, asked.names.index("payment")] > 0] = torch.nan
    reals = [RealBehaviour(behaviour, each, ERROR) for each in shares]
    data = {reals[0].name: shares}
    if answers:
        data[term.site] = torch.stack([world.answers for world in worlds]).double()
    problem = Problem(reals[0].model(answers), {name: values[0] for name, values in data.items()})
    data = {name: values.nan_to_num(0.0) for name, values in data.items()}
    begin = time.process_time()
    found = sample_nuts(problem, data, chains=CHAINS, warmup=WARMUP, draws=kept, seed=1)
    seconds = (time.process_time() - begin) / len(seeds)
    others = {"laplace": laplace(problem, data), "svi": svi(problem, data)}
    rows = []
    for i, world in enumerate(worlds):
        row = score(problem, reals[i], found.z[i].flatten(0, 1), world, answers)
        row |= {
            "seed": seeds[i],
            "rhat": float(found.rhat[i].max()),
            "ess_bulk": float(found.ess_bulk[i].min()),
            "ess_tail": float(found.ess_tail[i].min()),
            "slowest": problem.names[int(found.ess_bulk[i].argmin())],
            "divergences": int(found.diverged[i].sum()),
            "leapfrogs": float(found.leapfrogs[i].double().mean()),
            "seconds": seconds,
        }
        row |= {name: score(problem, reals[i], draws[i], world, answers) for name, draws in others.items()}
        rows.append(row)
    return rows


def score(problem: Problem, real: RealBehaviour, z: torch.Tensor, world: World, answers: bool) -> dict[str, Any]:
    """5%, 50% and 95% quantiles of what is asked, and how many cells' shares are inside of theirs."""
    behaviour, values = real.behaviour, problem.constrain(z)
    people = behaviour.given(values, answers)
    cells = real.cells(people)
    low, high = cells.quantile(0.05, 0), cells.quantile(0.95, 0)
    unpaid, paid = (people.shares(behaviour.term.contexts.standardised(**values)) for values in ASKED_EFFECT)
    count = behaviour.term.archetypes.counts.double()
    effect = (paid - unpaid) @ (count / count.sum()).to(paid)
    row: dict[str, Any] = {
        "effect": quantiles(effect),
        "effect_sd": float(effect.std()),
        "true_effect": world.effect,
        "cells": float(((low < world.shares) & (world.shares < high)).double().mean()),
        "rmse": float((cells.mean(0) - world.shares).square().mean().sqrt()),
        "width": float((high - low).mean()),
        "cell_scale": quantiles(people.cell_scale),
    }
    if answers:
        row |= {"slope": quantiles(people.slope), "dispersion": quantiles(values["llm_dispersion"])}
        # What transport's prior alone makes of the effect, with everything else at its posterior.
        anew = values | {
            name: torch.normal(1.0, 0.5, each.shape, generator=torch.Generator().manual_seed(0)).to(each)
            for name, each in values.items()
            if "transport" in name
        }
        again = behaviour.given(anew, answers)
        unpaid, paid = (again.shares(behaviour.term.contexts.standardised(**values)) for values in ASKED_EFFECT)
        row["effect_sd_of_transport_prior"] = float(((paid - unpaid) @ (count / count.sum()).to(paid)).std())
        happened = RealBehaviour(behaviour, world.real, ERROR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            row["paid_months_agree"] = happened.paid_months(people).agree
    return row


def quantiles(draws: torch.Tensor) -> list[float]:
    """Of draws, 5%, 50% and 95%."""
    return [float(each) for each in draws.double().quantile(torch.tensor([0.05, 0.5, 0.95], dtype=torch.float64))]


def counts(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """How many intervals of several seeds hold the truth, and means over seeds."""

    def held(part: list[dict[str, Any]], name: str, truth: float | str) -> int:
        inside = 0
        for row in part:
            low, _, high = row[name]
            inside += int(low <= (row[truth] if isinstance(truth, str) else truth) <= high)
        return inside

    def of(part: list[dict[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {"effect": held(part, "effect", "true_effect")}
        if "slope" in part[0]:
            found |= {"slope": held(part, "slope", SLOPE), "dispersion": held(part, "dispersion", DISPERSION)}
        if "paid_months_agree" in part[0]:
            found["paid_months_warn"] = sum(not row["paid_months_agree"] for row in part)
        for name in ("cells", "rmse", "width", "effect_sd", "effect_sd_of_transport_prior"):
            if name in part[0]:
                found[name] = round(sum(row[name] for row in part) / len(part), 4)
        return found

    return {
        "seeds": len(rows),
        **of(rows),
        "rhat": round(max(row["rhat"] for row in rows), 4),
        "rhat_below_1.01": sum(row["rhat"] < 1.01 for row in rows),
        "ess_bulk": round(min(row["ess_bulk"] for row in rows)),
        "ess_tail": round(min(row["ess_tail"] for row in rows)),
        "divergences": sum(row["divergences"] for row in rows),
        "seconds": round(sum(row["seconds"] for row in rows) / len(rows)),
        "laplace": of([row["laplace"] for row in rows]),
        "svi": of([row["svi"] for row in rows]),
    }


def main(scenario: str, number: int, first: int, folder: Path, kept: int) -> None:
    torch.set_num_threads(1)
    file = folder / f"llm_recovery_{scenario}.json"
    done: dict[int, dict[str, Any]] = (
        {row["seed"]: row for row in json.loads(file.read_text(encoding="utf-8"))} if file.exists() else {}
    )
    wanted = range(first, first + number)
    todo = [seed for seed in wanted if seed not in done]
    for start in range(0, len(todo), TOGETHER):
        for row in fit_seeds(scenario, todo[start : start + TOGETHER], kept):
            done[row["seed"]] = row
            low, middle, high = row["effect"]
            print(
                f"seed {row['seed']}: effect {middle:.4f} ({low:.4f} to {high:.4f}), true {row['true_effect']:.4f}; "
                f"cells {row['cells']:.2f}, R-hat {row['rhat']:.3f}, ESS {row['ess_bulk']:.0f}, {row['seconds']:.0f} s",
                flush=True,
            )
        folder.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps([done[seed] for seed in sorted(done)], indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"scenario": scenario, **counts([done[seed] for seed in wanted])}))


if __name__ == "__main__":
    arguments = dict(enumerate(sys.argv[1:]))
    if arguments.get(0) not in SCENARIOS:
        sys.exit(f"scenario is {arguments.get(0)!r}: give one of {', '.join(SCENARIOS)}.")
    main(
        arguments[0],
        int(arguments.get(1, 20)),
        int(arguments.get(2, 1)),
        Path(arguments.get(3, "build/bench")),
        int(arguments.get(4, KEPT)),
    )
