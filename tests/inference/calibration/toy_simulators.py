"""Simulators for tests; made in functions, so that no worker can find their classes by name."""

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from causal_lpm.inference.runs.blocks import Simulator

Fault = Callable[[int, np.ndarray], Any]


def normal(days: int = 4, fault: Fault | None = None, together: bool = True, identity: Any = None) -> Simulator:
    """Two normal parameters; a series around the first, and a count.

    `fault(seed, row of z)` may raise, or return what replaces the series. Without `together`, draws do not run
    side by side.
    """

    class Normal:
        def identity(self) -> dict[str, Any]:
            return {"model": "normal", "days": days} if identity is None else identity

        def draw(self, n: int, seed: int) -> np.ndarray:
            return np.random.default_rng(seed).normal(size=(n, 2))

        def simulate(self, z: np.ndarray, seeds: np.ndarray) -> dict[str, np.ndarray]:
            if len(z) > 1 and not together:
                raise ValueError("one at a time, please")
            series, counts = [], []
            for row, seed in zip(z, seeds, strict=True):
                noise = np.random.default_rng(int(seed))
                values = noise.normal(row[0], size=days)
                replaced = fault(int(seed), row) if fault is not None else None
                series.append(values if replaced is None else replaced)
                counts.append(noise.poisson(np.exp(row[1]), size=(2, days)))
            return {"series": np.stack(series), "counts": np.stack(counts)}

    return Normal()


def negative_is_an_error(seed: int, row: np.ndarray) -> None:
    if row[0] < 0:
        raise ArithmeticError(f"a rate of {row[0]:.3f} is\nnegative.")


def process_of(seed: int, row: np.ndarray) -> np.ndarray:
    return np.full(4, float(os.getpid()))
