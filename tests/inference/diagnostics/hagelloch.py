"""Measles in Hagelloch, 1861: onsets by class and day, and epidemics of a plain SEIR model that was fitted to them.

The model has stages of Erlang lengths, contacts within classes and across all, and no school day on which everybody
meets the same child. It is fitted by rejection: of many draws those whose totals, mean days and spreads in each class
are nearest to the data.
"""

import numpy as np
import numpy.typing as npt
import pandas as pd

from causal_lpm import data

FIRST, DAYS = pd.Timestamp("1861-10-30"), 47
CLASSES = ("preschool", "first class", "second class")
LATENT, INFECTIOUS = (8, 0.8), (6, 0.8)  # stages, and their rate a day

Array = npt.NDArray[np.float64]


def onsets() -> Array:
    """Onsets of prodromes `[class, day]`; the one case of January is left out."""
    cases = data.read("measles_hagelloch_1861.csv")
    day = (pd.to_datetime(cases["prodrome"]) - FIRST).dt.days
    counts = np.zeros((3, DAYS))
    inside = day < DAYS
    np.add.at(counts, (cases["school_class"][inside], day[inside]), 1)
    return counts


def fitted(draws: int = 600, tried: int = 20_000, seed: int = 0) -> Array:
    """Epidemics of the fitted model, `[draw, class, day]`: three rounds, each near the best of the one before."""
    rng = np.random.default_rng(seed)
    logs = rng.normal([-1.0, -1.0, -1.0, -2.0], 1.0, (tried, 4))
    for _ in range(3):
        found = _epidemics(rng, np.exp(logs))
        pairs = zip(_shape(found), _shape(onsets()[None]), strict=True)
        best = np.argsort(sum(np.square(each - of_data).sum(1) for each, of_data in pairs))[:draws]
        nearest = logs[best]
        logs = nearest[rng.integers(0, draws, tried)] + rng.normal(size=(tried, 4)) * nearest.std(0) / 2
    return found[best]


def _epidemics(rng: np.random.Generator, rates: Array) -> Array:
    """Of rates within each class and across all, `[draw, 4]`."""
    sizes, tried = np.array([90, 30, 68]), len(rates)
    susceptible = np.tile(sizes, (tried, 1))
    susceptible[:, 2] -= 1
    latent = np.zeros((tried, 3, LATENT[0]), dtype=np.int64)
    infectious = np.zeros((tried, 3, INFECTIOUS[0]), dtype=np.int64)
    infectious[:, 2, 0] = 1
    found = np.zeros((tried, 3, DAYS))
    found[:, 2, 0] = 1
    leaves = [1 - np.exp(-rate) for _, rate in (LATENT, INFECTIOUS)]
    for day in range(1, DAYS):
        now = infectious.sum(2)
        hazard = rates[:, :3] * now / sizes + rates[:, 3:] * now.sum(1, keepdims=True) / sizes.sum()
        infected = rng.binomial(susceptible, 1 - np.exp(-hazard))
        ill, over = rng.binomial(latent, leaves[0]), rng.binomial(infectious, leaves[1])
        susceptible = susceptible - infected
        latent = latent - ill
        latent[:, :, 1:] += ill[:, :, :-1]
        latent[:, :, 0] += infected
        infectious = infectious - over
        infectious[:, :, 1:] += over[:, :, :-1]
        infectious[:, :, 0] += ill[:, :, -1]
        found[:, :, day] = ill[:, :, -1]
    return found


def _shape(counts: Array) -> tuple[Array, Array, Array]:
    """Totals, mean days and spreads of each class, in units in which a good fit is near 1."""
    days, total = np.arange(DAYS), counts.sum(2)
    mean = (counts * days).sum(2) / np.maximum(total, 1)
    spread = np.sqrt((counts * np.square(days - mean[..., None])).sum(2) / np.maximum(total, 1))
    return total / 6, mean / 2, spread / 2
