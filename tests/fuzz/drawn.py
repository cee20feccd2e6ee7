"""Draws a random experiment from a seed: small in everything, so that thousands take minutes, and odd in everything."""

from dataclasses import replace
from typing import Any

import numpy as np

from tests.fuzz.description import Act, Experiment, Rule, Worlds
from tests.fuzz.drawn_model import DrawnModel

__all__ = ["experiment"]


def experiment(seed: int) -> Experiment:
    """The experiment of a seed, any number from 0."""
    return _Draw(seed).experiment()


class _Draw(DrawnModel):
    """A model, and what is around it."""

    def experiment(self) -> Experiment:
        dt, multiple = self.pick([(1.0, 1), (1.0, 1), (1.0, 1), (0.5, 2), (0.25, 4), (0.1, 10), (7.0, 1)])
        steps = multiple * int(self.rng.integers(1, max(12 // multiple, 1) + 1))
        self.horizon, self.dt, self.steps = steps * dt, dt, steps
        model = self.model()
        replicates = self.chance(0.4)
        luck = tuple(
            int(i) for i in self.rng.integers(-(2**62), 2**62, int(self.rng.integers(1, 4)) if replicates else 1)
        )
        result = Experiment(
            self.seed,
            model,
            luck,
            replicates,
            steps,
            dt,
            solver=self.pick(["", "slow"]) if dt != 1.0 or self.chance(0.3) else None,
            order=tuple(int(i) for i in self.rng.permutation(16)),
        )
        result = replace(result, worlds=self.worlds())
        result = replace(result, acts=self.acts(result), rules=self.rules(result))
        if self.chance(0.3):
            result = replace(result, logged=tuple(sorted({int(i) for i in self.rng.integers(0, steps + 1, 3)})))
        if result.worlds.kind != "alone" or not replicates:  # sites of seeds need a dimension that somebody announces
            result = replace(result, seeds_as_sites=self.chance(0.2))
        return self.careless(result)

    def careless(self, result: Experiment) -> Experiment:
        """What a careful user does not do, and gets right numbers all the same."""
        before = [
            "nothing",
            "twice in one block",
            "handlers used again",
            "a failure in the block",
            "a failure before the block",
        ]
        names = [("",), ("",), ("", "later"), ("north", "south"), ("north", "north")]
        if result.worlds.kind == "product" and result.acts:  # each simulation's acts have dimensions of their own
            before.remove("twice in one block")
            names = [("",), ("north",)]
        before = self.pick(before)
        bystanders = [
            "recording",
            "incremental",
            "score",
            "halves",
            *(["checkpointing"] if result.solver is None else []),
        ]
        if before not in ("twice in one block", "a failure in the block"):  # a trace holds each site once
            bystanders.append("trace")
        return replace(
            result,
            before=before,
            fails_in=int(self.rng.integers(result.steps)),
            rollouts=self.pick(names),
            in_place=self.chance(0.4),
            buffers=self.chance(0.3),
            bystanders=tuple(self.some(bystanders, 2)),
        )

    def worlds(self) -> Worlds:
        kind = self.pick(["alone", "worlds", "worlds", "product", "comparing"])
        policies = [name for name in self.policies if not isinstance(self.policies[name], np.ndarray)]
        match kind:
            case "alone":
                return Worlds(do={name: (self.value(name),) for name in self.some(policies, 2)})
            case "product":
                return Worlds(
                    kind, do={name: (self.value(name),) * self.pick([1, 1, 2]) for name in self.some(policies, 2)}
                )
            case "comparing":
                size = int(self.rng.integers(1, 5))
                settings = [{name: self.value(name) for name in self.some(policies, 2)} for _ in range(size)]
                return Worlds(kind, settings={f"world {i}": setting for i, setting in enumerate(settings)})
        size = int(self.rng.integers(2, 5))
        names = tuple(f"world {i}" for i in range(size)) if self.chance(0.5) else None
        if names is None:  # the first policy that has acts says how many worlds there are
            first = next(name for name in self.policies if name in policies)
            return Worlds(kind, None, {first: tuple(self.value(first) for _ in range(size - 1))})
        do: dict[str, tuple[float | None, ...]] = {}
        for name in self.some(policies, 2):
            acts = [self.value(name) if self.chance(0.7) else None for _ in range(int(self.rng.integers(1, size)))]
            if any(act is not None for act in acts):
                do[name] = tuple(acts)
        return Worlds(kind, names, do)

    def value(self, policy: str) -> float:
        match policy:
            case "strength":
                return self.pick([0.0, 0.25, 0.7, 3.0])
            case "day":
                return float(self.rng.integers(0, int(self.horizon) + 2))
        return float(self.pick([-2, 0, 1, 5, 10**6, np.inf]))

    def acts(self, made: Experiment) -> tuple[Act, ...]:
        most = {"alone": 1, "comparing": len(made.worlds.settings) - 1}.get(made.worlds.kind, 1)
        if made.worlds.kind == "worlds":
            acts = [len(acts) for acts in made.worlds.do.values()]
            most = len(made.worlds.names) - 1 if made.worlds.names else acts[0]
        targets = ["strength", "supply", "day", *self.named("count")]
        acts = []
        for step, entry in zip(range(2), self.some(targets, 2) if most else [], strict=False):
            first = int(self.rng.integers(self.steps))
            time = (first + self.pick([0.0, 0.3])) * self.dt + 1e-4 * step * self.dt
            if entry.startswith("count"):
                acts.append(self.pick([Act(time, entry, bump=True), Act(time, entry, (self.column(entry),))]))
            else:
                size = int(self.rng.integers(1, most + 1)) if made.worlds.kind == "worlds" else 1
                values: list[Any] = [self.value(entry) for _ in range(size)]
                one_an_agent = made.worlds.kind == "alone" or isinstance(self.policies[entry], np.ndarray)
                if entry == "strength" and one_an_agent and self.chance(0.5):
                    values[0] = self.rng.random(self.agents).astype(np.float32)
                acts.append(Act(time, entry, tuple(values)))
        return tuple(sorted(acts, key=lambda act: act.time))

    def column(self, entry: str) -> np.ndarray:
        return self.rng.integers(0, 4, self.agents).astype(self.entries[entry].dtype)

    def rules(self, made: Experiment) -> tuple[Rule, ...]:
        counterfactual = made.worlds.kind != "product" and (
            made.worlds.kind != "comparing" or len(made.worlds.settings) > 1
        )
        rules = []
        for policy in self.some(["strength", "day"], 2):
            condition = self.condition("stage", "count")
            count = int(self.rng.integers(0, self.agents + 1))
            intervenes = counterfactual and self.chance(0.5)
            rules.append(Rule(condition, count, policy, self.value(policy), intervenes))
        return tuple(rules)
