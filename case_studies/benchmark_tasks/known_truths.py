"""The toy epidemic, calibrated to many data sets with known truths: how sure a method is, and how right."""

from dataclasses import asdict, dataclass
from time import process_time

import numpy as np
import torch

from case_studies.benchmark_tasks.toy_epidemic import DAYS, PRIORS, agents, difference_equations
from causal_lpm.inference import Problem, fit, replicate_seed

__all__ = ["METHODS", "Score", "rows", "scores"]

METHODS = (("svi+npe", 300), ("npe", 300), ("npe", 1000))
"""Methods and numbers of simulations side by side; "npe" is sbi's as it comes: one network, no second round."""
TRUTHS = 400
DRAWS = 400
AT_ONCE = 25


@dataclass(frozen=True)
class Score:
    """How a method does on many truths.

    Attributes:
        method: As given to `fit`.
        simulations: That it was trained on.
        nll: Mean negative log density of the truth, in units in which the prior is standard normal; 7.09 is the prior.
        nll_error: Its standard error.
        coverage_50: Share of parameters inside their 50% intervals.
        coverage_90: The same of 90%.
        p_50: Of a two-sided binomial test of the worst parameter's 50% coverage, times the number of parameters.
        p_90: The same of 90%.
        seconds: CPU time, simulations of truths left out.
    """

    method: str
    simulations: int
    nll: float
    nll_error: float
    coverage_50: float
    coverage_90: float
    p_50: float
    p_90: float
    seconds: float


def truths(number: int, seed: int) -> tuple[torch.Tensor, dict[str, np.ndarray]]:
    """Parameters on the scales of their priors `[number, 5]`, and the reports that they made."""
    problem = Problem(agents, {"reports": np.zeros(DAYS)})
    z = problem.draw(number, replicate_seed(seed, 1))
    seeds = torch.tensor([replicate_seed(replicate_seed(seed, 2), at) for at in range(number)])
    parts = [problem.simulate(z[at : at + AT_ONCE], seeds[at : at + AT_ONCE]).data for at in range(0, number, AT_ONCE)]
    theta = torch.stack(list(problem.constrain(z).values()), -1)
    return theta, {"reports": np.concatenate([part["reports"] for part in parts])}


def scores(number: int = TRUTHS, methods: tuple[tuple[str, int], ...] = METHODS, seed: int = 0) -> list[Score]:
    """One row a method.

    Args:
        number: Of truths, which no method has seen.
        methods: Method and number of simulations.
        seed: Of truths, simulations and training.
    """
    theta, data = truths(number, seed + 1_000)
    return [_score(method, budget, theta, data, seed) for method, budget in methods]


def _score(method: str, budget: int, theta: torch.Tensor, data: dict[str, np.ndarray], seed: int) -> Score:
    start = process_time()
    ours = method == "svi+npe"
    result = fit(
        agents,
        {"reports": data["reports"][0]},
        method,
        surrogate=difference_equations if ours else None,
        budget=budget,
        gate=0,
        seed=seed,
        second_round=False,  # one posterior for all truths
        ensemble=5 if ours else 1,
    )
    problem, posterior = result.problem, result.posterior
    assert problem is not None
    assert posterior is not None
    z = problem.unconstrain({name: theta[:, at] for at, name in enumerate(PRIORS)})
    given = posterior.given(data)
    density = given.log_prob(z.unsqueeze(0))
    assert density is not None
    draws = given.sample(DRAWS, seed)
    # From z, which is standardised by draws of the prior, to units in which the prior is standard normal.
    unit = torch.stack(list(problem.constrain(torch.ones(1, 5)).values()), -1)
    zero = torch.stack(list(problem.constrain(torch.zeros(1, 5)).values()), -1)
    scale = torch.tensor([sd for _, sd in PRIORS.values()])
    nll = -(density[0] + (scale / (unit - zero)[0]).log().sum()).double().numpy()
    below = (draws < z).double().mean(0).numpy()
    inside = {level: np.abs(below - 0.5) < level / 2 for level in (0.5, 0.9)}
    return Score(
        method,
        budget,
        float(nll.mean()),
        float(nll.std() / np.sqrt(len(nll))),
        float(inside[0.5].mean()),
        float(inside[0.9].mean()),
        _binomial(inside[0.5], 0.5),
        _binomial(inside[0.9], 0.9),
        process_time() - start,
    )


def _binomial(inside: np.ndarray, level: float) -> float:
    """P of the parameter whose coverage is farthest off, after Bonferroni."""
    from scipy.stats import binomtest

    worst = min(float(binomtest(int(hits), len(inside), level).pvalue) for hits in inside.sum(0))
    return min(1.0, len(inside[0]) * worst)


def rows(found: list[Score]) -> list[dict[str, object]]:
    """As plain numbers, for JSON."""
    return [asdict(score) for score in found]
