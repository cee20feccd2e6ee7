"""How well abduction finds what a policy would have averted in simulated epidemics whose truth is known.

5,000 agents in cliques of five with six random contacts, 60 days, some four imported infections, so that much depends
on luck; reports are negative binomial. The policy multiplies transmission by .6 from day 25 on. A truth with fewer than
20 reports is left out.

    python benchmarks/abduction.py known 24       # parameters known, luck inferred
    python benchmarks/abduction.py unknown 20     # five parameters inferred as well
    python benchmarks/abduction.py large          # 100,000 agents, 120 days: time of one round of 40 filters

The first posterior of `unknown` is a linear regression of the parameters on summaries of the reports, from 1,000
simulations of the prior: a crude one, as may stand at the beginning of an analysis.
"""

import argparse
import json
import math
import resource
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch

from causal_lpm import KeyedNoise, Rollout, comparing, event, exposure, observed, policy, rollout, tally
from causal_lpm.agents import negative_binomial
from causal_lpm.agents.networks import Groups, random_graph
from causal_lpm.inference import Abduction, abduct, effects

Tensor = torch.Tensor
PRIORS = {
    "transmission": (math.log(0.05), 0.4),
    "latent": (math.log(2.0), 0.25),
    "infectious": (math.log(4.0), 0.3),
    "initial": (math.log(8e-4), 0.7),
    "reported": (math.log(0.4 / 0.6), 0.7),
}
MEAN, DEVIATION = (torch.tensor([prior[i] for prior in PRIORS.values()]) for i in (0, 1))
S, E, I = range(3)  # noqa: E741
WORLDS = {"fact": {}, "measures": {"measures_day": 25.0}}
DISPERSION, LEAST = 10.0, 20


@cache
def contacts(agents: int) -> tuple[Groups, Any]:
    """Cliques of five and a random graph of mean degree six."""
    return Groups(torch.arange(agents) // 5), random_graph(agents, 6, seed=0)


def model_of(agents: int = 5000, days: int = 61) -> Callable[[], Rollout]:
    """SEIR; infections are imported on day 0, and reports begin on day 1."""
    cliques, others = contacts(agents)

    def model() -> Rollout:
        raw = {name: pyro.sample(name, dist.Normal(*prior)) for name, prior in PRIORS.items()}
        measures = policy("measures_day", 999.0)
        contact = -torch.log1p(-raw["transmission"].exp().clamp(max=0.95))
        onset, recovery = (-torch.log1p(-1 / (1 + raw[name].exp())) for name in ("latent", "infectious"))

        def day(s: dict[str, Tensor]) -> dict[str, Tensor]:
            infectious = s["stage"] == I
            met = exposure(cliques, infectious) + exposure(others, infectious)
            open_ = torch.where(s["t"] < s["measures_day"] + 1, 1.0, 0.6)
            imported = -torch.log1p(-raw["initial"].exp().clamp(max=0.99))
            infected = event("infection", imported if s["t"] == 0 else open_ * contact * met, where=s["stage"] == S)
            ill = event("onset", onset, where=s["stage"] == E)
            recovered = event("recovery", recovery, where=infectious)
            tally("onsets", ill)
            tally("infections", infected)
            return {**s, "stage": s["stage"] + (infected | ill | recovered)}

        run = rollout(day, {"stage": torch.zeros(agents, dtype=torch.uint8), "measures_day": measures}, days)
        onsets = run.tallies["onsets"][..., 1:]
        observed("reports", negative_binomial(raw["reported"].sigmoid().unsqueeze(-1) * onsets, DISPERSION).to_event(1))
        return run

    return model


def values(z: Tensor) -> dict[str, Tensor]:
    """Parameters of standard normal draws `[n, 5]`."""
    return dict(zip(PRIORS, (MEAN + DEVIATION * z).T, strict=True))


def simulated(model: Callable[[], Rollout], z: Tensor, seed: int) -> tuple[Tensor, dict[str, Tensor]]:
    """Reports `[n, days]`, and the total of infections in each world, `[n]`."""
    seeds = torch.randint(0, 2**62, (len(z), 1), generator=torch.Generator().manual_seed(seed))
    given = {name: value[:, None] for name, value in values(z).items()}
    with torch.no_grad(), KeyedNoise(seeds), pyro.condition(data=given), comparing(WORLDS, draws=len(z)) as worlds:
        series = model().tallies

    def take(name: str, world: str) -> Tensor:
        return worlds.take(series[name], world, event_dim=1).reshape(-1, series[name].shape[-1]).expand(len(z), -1)

    pyro.set_rng_seed(seed)
    mean = given["reported"].sigmoid() * take("onsets", "fact")[:, 1:]
    return negative_binomial(mean, DISPERSION).sample(), {name: take("infections", name).sum(1) for name in WORLDS}


def summaries(reports: Tensor) -> Tensor:
    """Reports in spans of five days and their sums, logarithms and squares."""
    spans, sums = reports.unflatten(-1, (12, 5)).sum(-1), reports.cumsum(-1)[:, 9::10]
    x = torch.cat([spans, sums], 1).log1p().double()
    return torch.cat([torch.ones(len(x), 1).double(), x, x[:, ::2] ** 2], 1)


@cache
def regression() -> tuple[Tensor, Tensor]:
    """Coefficients, and the covariance of what is left, a fifth wider."""
    z = torch.randn(1000, 5, generator=torch.Generator().manual_seed(7))
    x = torch.cat([summaries(simulated(model_of(), part, 1 + i)[0]) for i, part in enumerate(z.split(250))])
    coefficients = torch.linalg.solve(x.T @ x + torch.eye(x.shape[1]).double(), x.T @ z.double())
    return coefficients, 1.2 * torch.cov((z - x @ coefficients).T)


def first_posterior(reports: Tensor, seed: int) -> Tensor:
    """500 draws."""
    coefficients, covariance = regression()
    normal = torch.randn(500, 5, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return ((summaries(reports) @ coefficients) + normal @ torch.linalg.cholesky(covariance).T).float()


def averted(found: Abduction, kind: str) -> np.ndarray[Any, Any]:
    """Infections that the measures avert on each path."""
    told = effects(found.predict(WORLDS, kind=kind, outcomes=["infections"]), "fact", "infections")
    return told["averted"].values.ravel()


def study(known: bool, truths: int) -> None:
    """Abducts so many truths, and prints one line each and a summary."""
    model, rows, number = model_of(), [], 0
    while len(rows) < truths:
        number += 1
        z = torch.zeros(1, 5) if known else torch.randn(1, 5, generator=torch.Generator().manual_seed(1000 + number))
        reports, totals = simulated(model, z, number)
        if float(reports.sum()) < LEAST:
            continue
        start = z if known else first_posterior(reports, number)
        began = time.process_time()
        found = abduct(model, {"reports": reports}, values(start), seed=number)
        paths, fresh = averted(found, "counterfactual"), averted(found, "paired")
        truth = float(totals["fact"] - totals["measures"])
        low, high = np.quantile(paths, [0.05, 0.95])
        row: dict[str, Any] = {"truth": number, "averted": truth, "mean": paths.mean(), "sd": paths.std()}
        row |= {"error": abs(paths.mean() - truth), "paired": abs(fresh.mean() - truth), "held": low <= truth <= high}
        row |= {"rank": float((paths < truth).mean()), "status": found.status, "seconds": time.process_time() - began}
        row |= {gate.name: round(gate.value, 3) for gate in found.report.gates}
        rows.append(row)
        print(json.dumps(row, default=float), flush=True)
    for name, some in {"all": rows, "abducted": [row for row in rows if row["status"] == "abducted"]}.items():
        error, paired, held = (sum(row[key] for row in some) for key in ("error", "paired", "held"))
        print(f"{name}: {len(some)} of {truths}, error {error / len(some):.0f}, {error / paired:.3f} of paired's")
        print(
            f"{name}: {held} of {len(some)} held by 90% intervals, {sum(r['seconds'] for r in some) / len(some):.0f} s"
        )


def large() -> None:
    """The first stage with 100,000 agents and 120 days."""
    model = model_of(100_000, 121)
    reports, _ = simulated(model, torch.zeros(1, 5), 1)
    began = time.time(), time.process_time()
    found = abduct(model, {"reports": reports}, values(torch.zeros(1, 5)), rounds=1, sweeps=0, paths=20, workers=2)
    memory = sum(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)) / 2**20
    print(f"{time.time() - began[0]:.0f} s, {memory:.1f} GB at most, {found!r}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("question", choices=["known", "unknown", "large"])
    parser.add_argument("truths", type=int, nargs="?", default=20)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    large() if asked.question == "large" else study(asked.question == "known", asked.truths)
