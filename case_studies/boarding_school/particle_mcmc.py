"""Particle marginal Metropolis-Hastings for the same model, written out in numpy: what `reproduction` is held to.

`python -m case_studies.boarding_school.particle_mcmc 4 1` prints means and standard deviations for four steps a day and
seed 1, in about three minutes. Source of the method: Andrieu, Doucet and Holenstein, J R Stat Soc B 2010;72:269.
"""

import json
import math
import sys
from typing import Any

import numpy as np
from scipy.special import gammaln

from case_studies.boarding_school.inputs import counts

__all__ = ["chain"]

BOYS = 763
MEDIANS, WIDTHS = np.log([1.8, 0.5, 10.0]), np.array([0.4, 0.4, 0.8])
START, WALK = np.log([1.9, 0.53, 20.0]), np.linalg.cholesky([[0.012, 0.0027, 0], [0.0027, 0.0073, 0], [0, 0, 0.37]])


def chain(steps_per_day: int, length: int, seed: int, particles: int = 1000) -> np.ndarray[Any, Any]:
    """Draws of (beta, gamma, dispersion) after a tenth of the chain, `[draw, 3]`."""
    random, seen = np.random.default_rng(seed), counts()["in_bed"]

    def density(logs: Any) -> float:
        prior = -0.5 * float((((logs - MEDIANS) / WIDTHS) ** 2).sum())
        return prior + _log_likelihood(np.exp(logs), seen, steps_per_day, particles, random)

    now, draws = START, []
    here = density(now)
    for _ in range(length):
        proposed = now + WALK @ random.standard_normal(3)
        there = density(proposed)
        if math.log(random.random()) < there - here:
            now, here = proposed, there
        draws.append(np.exp(now))
    return np.array(draws[length // 10 :])


def _log_likelihood(
    parameters: Any, seen: Any, steps_per_day: int, particles: int, random: np.random.Generator
) -> float:
    beta, gamma, size = parameters
    well, ill = np.full(particles, BOYS - 1), np.ones(particles, int)
    total = 0.0
    for count in seen:
        for _ in range(steps_per_day):
            infected = random.binomial(well, -np.expm1(-beta * ill / BOYS / steps_per_day))
            recovered = random.binomial(ill, -math.expm1(-gamma / steps_per_day))
            well, ill = well - infected, ill + infected - recovered
        mean = np.maximum(ill, 0.01)
        log_p = gammaln(count + size) - gammaln(size) - gammaln(count + 1) + size * np.log(size / (size + mean))
        log_p = log_p + count * np.log(mean / (size + mean))
        weight = np.exp(log_p - log_p.max())
        total += float(log_p.max()) + math.log(weight.mean())
        chosen = random.choice(particles, particles, p=weight / weight.sum())
        well, ill = well[chosen], ill[chosen]
    return total


if __name__ == "__main__":
    found = chain(int(sys.argv[1]), 12_000, int(sys.argv[2]))
    columns = {"beta": found[:, 0], "gamma": found[:, 1], "beta/gamma": found[:, 0] / found[:, 1]}
    sys.stdout.write(json.dumps({name: [x.mean().round(3), x.std().round(3)] for name, x in columns.items()}) + "\n")
