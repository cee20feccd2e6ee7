"""How often the gates fail where the posterior is exact, and where a fault was planted.

    python benchmarks/diagnostics.py --repeats=2000      # the table of docs/explanation/diagnostics.md

The model is an epidemic curve whose logarithm is linear in three Gaussian parameters, so that the posterior is known.
"""

import argparse
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from causal_lpm.inference import (
    Gate,
    Report,
    expected_coverage_gate,
    interval_coverage_gate,
    misspecification_gate,
    predictive_gate,
    sbc_gate,
    sbc_ranks,
    tarp_gate,
)

Floats = npt.NDArray[np.float64]
NAMES = ("size", "growth", "curvature")
DAYS = np.arange(30.0)
BASE = 3 + 0.3 * DAYS - 0.008 * DAYS**2
DESIGN = np.stack([np.full(30, 0.5), 0.05 * DAYS, 0.002 * DAYS**2], axis=1)
SIMULATIONS, DRAWS = 200, 200


@dataclass(frozen=True)
class Curve:
    """log cases = BASE + DESIGN theta + noise, theta normal around `centre` with standard deviation 1."""

    noise: float = 0.5
    centre: float = 0.0

    def simulate(self, count: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Parameters `[count, 3]` and log cases `[count, day]`."""
        theta = self.centre + rng.normal(size=(count, 3))
        return theta, self.predict(theta, rng)

    def predict(self, theta: Floats, rng: np.random.Generator) -> Floats:
        return BASE + theta @ DESIGN.T + self.noise * rng.normal(size=(len(theta), DAYS.size))

    def posterior(self, log_cases: Floats) -> "Normal":
        """The exact one, of each series `[n, day]`."""
        covariance = np.linalg.inv(np.eye(3) + DESIGN.T @ DESIGN / self.noise**2)
        mean = self.centre + (log_cases - BASE - self.centre * DESIGN.sum(1)) @ DESIGN @ covariance / self.noise**2
        return Normal(mean, covariance)


@dataclass(frozen=True)
class Normal:
    """Means `[n, 3]` and one covariance."""

    mean: Floats
    covariance: Floats

    def draw(self, count: int, rng: np.random.Generator) -> Floats:
        """`[count, n, 3]`."""
        factor = np.linalg.cholesky(self.covariance)
        return self.mean + rng.normal(size=(count, *self.mean.shape)) @ factor.T

    def log_density(self, theta: Floats) -> Floats:
        """Up to a constant, of `[..., n, 3]`."""
        away = theta - self.mean
        return -0.5 * np.einsum("...i,ij,...j->...", away, np.linalg.inv(self.covariance), away)

    def scaled(self, factor: float) -> "Normal":
        return replace(self, covariance=self.covariance * factor**2)

    def shifted(self, sds: float) -> "Normal":
        return replace(self, mean=self.mean + sds * np.sqrt(np.diag(self.covariance)))

    def uncorrelated(self) -> "Normal":
        return replace(self, covariance=np.diag(np.diag(self.covariance)))


TRUE = Curve()
# How the posterior of simulated data is wrong (found by simulation), or what the data are (found in the data).
POSTERIORS: dict[str, Callable[[Floats], Normal]] = {
    "exact": TRUE.posterior,
    "too narrow, 0.7": lambda y: TRUE.posterior(y).scaled(0.7),
    "too narrow, 0.85": lambda y: TRUE.posterior(y).scaled(0.85),
    "too wide, 1.5": lambda y: TRUE.posterior(y).scaled(1.5),
    "shifted by 0.5 sd": lambda y: TRUE.posterior(y).shifted(0.5),
    "shifted by 0.25 sd": lambda y: TRUE.posterior(y).shifted(0.25),
    "correlations lost": lambda y: TRUE.posterior(y).uncorrelated(),
    "wrong prior, centred at 2": Curve(centre=2.0).posterior,
    "wrong likelihood, noise 0.3": Curve(noise=0.3).posterior,
    "the prior, data ignored": lambda y: Normal(np.zeros((len(y), 3)), np.eye(3)),
}
DATA: dict[str, Callable[[np.random.Generator], Floats]] = {
    "data of the model": lambda rng: TRUE.simulate(1, rng)[1],
    "data with a second wave": lambda rng: TRUE.simulate(1, rng)[1] + 3 * np.exp(-((DAYS - 26) ** 2) / 4),
    "data with weekend reports at 0.3": lambda rng: TRUE.simulate(1, rng)[1] + np.log(0.3) * (DAYS % 7 >= 5),
    "data with noise 1.5": lambda rng: Curve(noise=1.5).simulate(1, rng)[1],
    "data beyond the prior, 3 sd": lambda rng: TRUE.predict(np.full((1, 3), 3.0), rng),
}


def gates_of_posterior(
    posterior: Callable[[Floats], Normal], seed: int, simulations: int = SIMULATIONS, draws: int = DRAWS
) -> list[Gate]:
    """The four gates that ask the posterior of simulated data."""
    rng = np.random.default_rng([seed, 0])
    truth, log_cases = TRUE.simulate(simulations, rng)
    normal = posterior(log_cases)
    sample = normal.draw(draws, rng)
    ranks = sbc_ranks(sample, truth, seed)
    return [
        sbc_gate(ranks, draws, NAMES, seed),
        interval_coverage_gate(ranks, draws, NAMES),
        expected_coverage_gate(normal.log_density(truth), normal.log_density(sample), seed),
        tarp_gate(sample, truth, seed),
    ]


def gates_of_data(
    data: Callable[[np.random.Generator], Floats], posterior: Callable[[Floats], Normal], seed: int
) -> list[Gate]:
    """The two gates that ask the observed data; features are posterior mean and log cases of every sixth day."""
    rng = np.random.default_rng([seed, 1])
    observed = data(rng)
    theta = posterior(observed).draw(500, rng)[:, 0]
    predicted = np.exp(TRUE.predict(theta, rng))
    simulated = TRUE.simulate(500, rng)[1]
    features = [np.concatenate([TRUE.posterior(y).mean, y[:, ::6]], axis=1) for y in (observed, simulated)]
    return [
        predictive_gate({"cases": predicted}, {"cases": np.exp(observed[0])}),
        misspecification_gate(features[0][0], features[1]),
    ]


def report(posterior: str = "exact", data: str = "data of the model", seed: int = 0) -> Report:
    """All six tests of one calibration."""
    found_in_simulations = gates_of_posterior(POSTERIORS[posterior], seed)
    return Report([*found_in_simulations, *gates_of_data(DATA[data], POSTERIORS[posterior], seed)])


def failing_share(reports: Iterable[Report]) -> dict[str, float]:
    """Of each gate, and of all together, the share of reports in which it failed."""
    listed = list(reports)
    shares = {gate.name: 0.0 for gate in listed[0].gates} | {"any gate": 0.0}
    for one in listed:
        for name in [gate.name for gate in one.failed] + (["any gate"] if one.failed else []):
            shares[name] += 1 / len(listed)
    return shares


# --- predictive checks of counts: a wave of 500 reports, and three classes of 30 ---


def wave(rng: np.random.Generator, draws: int) -> Floats:
    """Reports of 60 days `[draw, 1, day]`, of a size known to a tenth, negative binomial of dispersion 10."""
    time = 0.25 * (np.arange(60.0) - 29.5)
    curve = np.exp(time - 2 * np.log1p(np.exp(time)))
    mean = 500 * rng.gamma(100, 1 / 100, (draws, 1, 1)) * curve / curve.sum()
    return rng.poisson(mean * rng.gamma(10, 1 / 10, mean.shape)).astype(float)


def classes(rng: np.random.Generator, draws: int) -> Floats:
    """Onsets of 40 days in three classes `[draw, class, day]`, Poisson."""
    curve = np.exp(-np.square(np.arange(40.0) - 20) / 60)
    mean = 30 * rng.gamma(60, 1 / 60, (draws, 1, 1)) * np.ones((3, 1)) * curve / curve.sum()
    return rng.poisson(mean).astype(float)


def weekends(rng: np.random.Generator, data: Floats) -> Floats:
    """Reports of weekends at 0.3 of weekdays."""
    return np.where(np.arange(data.shape[-1]) % 7 >= 5, rng.binomial(data.astype(int), 0.3), data)


def cluster(rng: np.random.Generator, data: Floats) -> Floats:
    """19 onsets more in one class, on two days."""
    day, faulty = rng.integers(10, 28), data.copy()
    faulty[0, day : day + 2] += [9, 10]
    return faulty


def unlike(rng: np.random.Generator, data: Floats) -> Floats:
    """Classes of which one has twice as many onsets, and one half as many."""
    return np.stack([rng.poisson(2 * data[0]), rng.binomial(data[1].astype(int), 0.5), data[2]]).astype(float)


COUNTS: dict[str, tuple[Callable[[np.random.Generator, int], Floats], Callable[..., Floats]]] = {
    "reports of the model": (wave, lambda rng, data: data),
    "weekend reports at 0.3 of weekdays": (wave, weekends),
    "classes of the model": (classes, lambda rng, data: data),
    "19 onsets more in a class, on two days": (classes, cluster),
    "classes of twice and of half the size": (classes, unlike),
}


def share_of_checks_that_fail(name: str, repeats: int, seed: int = 1) -> float:
    """Of so many data sets, the share that fails the predictive checks among 200 draws of the right model."""
    rng, (model, fault), failed = np.random.default_rng(seed), COUNTS[name], 0
    for _ in range(repeats):
        drawn = model(rng, 201)
        failed += predictive_gate({"cases": drawn[1:]}, {"cases": fault(rng, drawn[0])}).verdict == "fail"
    return failed / repeats


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    cases = [(name, "data of the model") for name in POSTERIORS] + [("exact", name) for name in list(DATA)[1:]]
    for number, (posterior, data) in enumerate(cases):
        # The exact one is measured ten times as often: its shares are small.
        count = repeats * (1 if number else 10)
        shares = failing_share(report(posterior, data, seed) for seed in range(count))
        if not number:
            print("| fault |", " | ".join(shares), "|")
            print("|---|" + "---:|" * len(shares))
        title = data if posterior == "exact" and number else posterior
        cells = (f"{share:.1%}" if not number else f"{share:.0%}" for share in shares.values())
        print(f"| {title} |", " | ".join(cells), "|", flush=True)
    print("\n| counts | predictive checks fail |\n|---|---:|")
    for number, name in enumerate(COUNTS):
        print(f"| {name} | {share_of_checks_that_fail(name, repeats * (1 if number % 2 else 5)):.1%} |", flush=True)


if __name__ == "__main__":
    main()
