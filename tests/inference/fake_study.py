"""A study without agents, fast enough to run hundreds of times: a shared wave that policies scale."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from causal_lpm.inference.studies.study import Options, Policy, References, Worlds

POLICIES = {
    "efficacy": Policy("efficacy", 0.5, "protection by the first dose", 0.0, 1.0),
    "interval": Policy("interval", 21, "days between doses", 1, 365, integer=True),
    "sterilizing": Policy("sterilizing", 0, "whether vaccinated people can infect others", 0, 1, switch=True),
}


@dataclass(frozen=True)
class FakeStudy:
    """Infections fall with efficacy; knobs make it slow, fail, or die out."""

    name: str = "fake"
    title: str = "A wave [fake]"
    source: str = "nobody"
    policies: Mapping[str, Policy] = field(default_factory=lambda: POLICIES)
    outcomes: tuple[str, ...] = ("deaths", "infections")
    groups: tuple[str, ...] = ("young", "old")
    coupling: str = "one wave for all worlds"
    start_date: str | None = "2021-01-30"
    default_agents: int = 1000
    default_days: int = 30
    default_replicates: int = 4
    seconds: float = 0.0
    fails_at: tuple[int, ...] = ()
    dies_out_at: tuple[int, ...] = ()
    exits_at: tuple[int, ...] = ()
    interrupts_at: tuple[int, ...] = ()

    def variant(self, extra: Mapping[str, str | float]) -> "FakeStudy":
        if extra.get("population") == "nowhere":
            raise ValueError("unknown population 'nowhere'.")
        return replace(self, title="A wave elsewhere") if "population" in extra else self

    def worlds(self, size: str) -> tuple[Worlds, References]:
        worlds: dict[str, dict[str, float]] = {"standard": {}, "delayed": {"interval": 84, "efficacy": 0.8}}
        if size == "full":
            worlds["sterilizing"] = {"sterilizing": 1}
        return worlds, {"delayed": "standard"}

    def check(self, worlds: Worlds, options: Options) -> None:
        if options.extra.get("mechanism", "archived") not in ("archived", "described"):
            raise ValueError("unknown mechanism: give 'archived' or 'described'.")

    def group_sizes(self, options: Options) -> npt.NDArray[np.int64]:
        return np.array([options.agents - options.agents // 4, options.agents // 4])

    def simulate(self, worlds: Worlds, options: Options, seed: int) -> dict[str, npt.NDArray[Any]]:
        time.sleep(self.seconds)
        if seed in self.fails_at:
            raise ZeroDivisionError("a fault")
        if seed in self.interrupts_at:
            raise KeyboardInterrupt
        if seed in self.exits_at:
            os._exit(9)  # as if killed for memory
        noise = np.random.default_rng(seed).uniform(0.5, 1.5, (2, options.days))
        wave = options.agents * 0.02 * noise * np.exp(-(np.linspace(-2, 2, options.days) ** 2))
        if seed in self.dies_out_at:
            wave *= 1e-3
        scale = [1.5 - {"efficacy": 0.5, **policies}["efficacy"] for policies in worlds.values()]
        infections = np.floor(np.array(scale)[:, None, None] * wave).astype(np.int64)
        return {"infections": infections, "deaths": infections // 5}


study = FakeStudy()
slow = FakeStudy(name="slow", seconds=0.4)
