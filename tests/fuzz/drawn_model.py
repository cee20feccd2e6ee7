"""Draws a random model: entries of all types, policies, contacts, a course of disease and the statements of a step."""

from typing import Any

import numpy as np

from tests.fuzz.description import Condition, Course, Hazard, Layer, Message, Model, Statement

__all__ = ["DrawnModel"]

INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
FLOATS = ("float32", "float64")


class DrawnModel:
    """Everything random comes from one generator, in the order of the calls.

    `dt`, `steps` and `horizon` (days) are set before a model is drawn.
    """

    dt: float
    steps: int
    horizon: float

    def __init__(self, seed: int) -> None:
        self.seed, self.rng = seed, np.random.default_rng(seed)
        self.agents = int(self.pick([1, 2, 3, *self.rng.integers(4, 61, 9)]))

    def pick(self, options: Any) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)

    def some(self, options: Any, most: int) -> list[Any]:
        """Up to so many different ones."""
        number = int(self.rng.integers(0, min(most, len(options)) + 1))
        return [options[i] for i in self.rng.permutation(len(options))[:number]]

    def model(self) -> Model:
        n = self.agents
        self.entries: dict[str, np.ndarray] = {"stage": self.rng.integers(0, 3, n).astype(np.uint8)}
        for i in range(int(self.rng.integers(1, 3))):
            self.entries[f"count {i}"] = self.rng.integers(0, 4, n).astype(self.pick(INTEGERS))
        for i in range(int(self.rng.integers(0, 2))):
            self.entries[f"flag {i}"] = self.rng.random(n) < 0.3
        for i in range(int(self.rng.integers(1, 3))):
            self.entries[f"risk {i}"] = self.rng.random(n).astype(self.pick(FLOATS))
        if self.chance(0.3):
            self.entries["signed"] = self.rng.normal(size=n).astype(self.pick(FLOATS))
        if self.chance(0.2):
            self.entries["word"] = np.zeros(n, dtype=np.int64)
        self.policies: dict[str, Any] = {
            "strength": round(float(self.rng.random()), 2),
            "day": float(self.rng.integers(0, int(self.horizon) + 1)),
            "supply": float(self.rng.integers(-1, n + 2)),
        }
        if self.chance(0.1):
            self.policies["strength"] = self.rng.random(n).astype(np.float32)
        self.layers = tuple(self.layer(i) for i in range(int(self.rng.integers(1, 4))))
        course = self.course() if float(self.dt).is_integer() and self.chance(0.25) else None
        kinds = ["infect", "infect", "happen", "choose", "draw", "serve", "grow", "tally", "tally"]
        chosen = [self.pick(kinds) for _ in range(int(self.rng.integers(1, 6)))] + (["enter_next"] if course else [])
        statements = tuple(self.statement(kind, f"{kind} {i}") for i, kind in enumerate(chosen))
        return Model(n, self.entries, self.policies, self.layers, (*statements, self.tally("last")), course)

    def layer(self, number: int) -> Layer:
        n, name = self.agents, f"layer {number}"
        kind = self.pick(["groups", "groups", "graph", "graph", "stubs", "small worlds"])
        match kind:
            case "groups":
                column = self.rng.integers(-1, max(n // 3, 1), n).astype(self.pick(["int8", "int32", "int64"]))
                return Layer(kind, name, column)
            case "graph":
                ends = self.rng.integers(0, n, (int(self.rng.integers(0, 3 * n + 1)), 2))
                return Layer(kind, name, np.arange(n), edges=tuple((int(a), int(b)) for a, b in ends))
            case "stubs":
                return Layer(kind, name, self.rng.integers(0, 5, n), chain=self.chance(0.5))
        column = self.rng.integers(-1, 3, n)
        most = [max(int((column == i).sum()) - 1, 0) for i in range(3)]
        degrees = tuple(float(np.float32(m * self.rng.random() * self.pick([0.3, 1.0]))) for m in most)
        return Layer(kind, name, column, degrees=degrees, rewire=self.pick([0.0, 0.1, 1.0]))

    def course(self) -> Course:
        stages, classes = int(self.rng.integers(2, 6)), self.pick([1, 3])
        self.entries["stage"] = self.rng.integers(0, stages, self.agents).astype(np.uint8)
        self.entries["due"] = self.rng.integers(-1, 6, self.agents).astype(np.int16)
        arrows = []
        for source in range(stages - 1):
            targets = [source + 1, *self.some(range(source + 2, stages), 2)]
            shares = self.rng.random((len(targets), classes)) + self.pick([0.0, 0.1])
            shares = shares / shares.sum(0)
            for target, share in zip(targets, shares, strict=True):
                days = self.rng.random(int(self.rng.integers(1, 5)))
                arrows.append((source, target, tuple(share.tolist()), tuple((days / days.sum()).tolist())))
        return Course(stages, tuple(arrows), self.rng.integers(0, classes, self.agents))

    def named(self, *kinds: str) -> list[str]:
        """Entries whose names begin so."""
        return [name for name in self.entries if name.split()[0] in kinds]

    def written(self, *kinds: str) -> list[str]:
        """The same less the stage, if a course of disease moves it."""
        return [name for name in self.named(*kinds) if name != "stage" or "due" not in self.entries]

    def condition(self, *kinds: str) -> Condition:
        entry = self.pick(self.named(*(kinds or ("stage", "count", "flag", "risk"))))
        if self.entries[entry].dtype == bool:
            return Condition(entry, "==", int(self.rng.integers(2)))
        number = 0.5 if entry.startswith("risk") else int(self.rng.integers(0, 3))
        return Condition(entry, self.pick([">=", "<"] if entry.startswith("risk") else ["==", ">=", "<"]), number)

    def hazard(self) -> Hazard:
        return Hazard(
            rate=self.pick([0.0, 0.06, 0.3, 1.0, 5.0]),
            policy=self.pick(["", "strength"]),
            risk=self.pick(["", *self.named("risk")]),
            closing_day=self.pick(["", "day"]),
            less=self.pick([0.0, 0.3]),
        )

    def message(self) -> Message:
        entry = self.pick(["", "", *self.named("count", "risk")])
        factor = self.pick([1.0, 0.1, 0.3]) if not entry or entry.startswith("risk") else 1.0
        floating = factor != 1.0 or entry.startswith("risk")
        dtypes = ["", *FLOATS] if floating else ["", *INTEGERS, *FLOATS]
        if not entry:
            dtypes.append("float16")
        return Message(self.condition(), entry, factor, self.pick(dtypes))

    def statement(self, kind: str, name: str) -> Statement:
        where = self.condition() if self.chance(0.7) else None
        common = {"kind": kind, "name": name, "where": where, "hazard": self.hazard()}
        match kind:
            case "infect":
                layers = self.some(range(len(self.layers)), 3) or [0]
                together = self.pick(["one by one", "named", "as one network"])
                happens = {"into": self.pick(self.written("stage", "count", "flag")), "message": self.message()}
                argument = where is not None and self.chance(0.5)
                return Statement(**common, **happens, layers=tuple(layers), together=together, as_argument=argument)
            case "happen":
                argument = where is not None and self.chance(0.5)
                return Statement(**common, into=self.pick(self.written("stage", "count", "flag")), as_argument=argument)
            case "choose":
                numbers = [-1.0, 0.0, 2.5, *self.named("risk", "signed", "count", "stage"), "strength"]
                options = tuple(self.pick(numbers) for _ in range(int(self.rng.integers(1, 5))))
                coupling = self.pick(["gumbel", "inverse_cdf", "independent"])
                into = self.pick(self.written("stage", "count"))
                return Statement(kind, name, into, options=options, coupling=coupling)
            case "draw":
                into = self.pick(self.named("risk", "signed", "word"))
                noise = (
                    self.pick(["exponential", "uniform"])
                    if into.startswith("risk")
                    else self.pick(["gumbel", "uniform"])
                )
                noise, slots = "bits" if into == "word" else noise, int(self.rng.integers(1, 4))
                index = self.pick(["", *self.named("stage", "count")])
                return Statement(
                    kind, name, into, noise=noise, slots=slots, index=index, pick=int(self.rng.integers(slots))
                )
            case "serve":
                into, classes = (
                    self.pick(self.written("count", "flag", "stage")),
                    self.pick(self.named("stage", "count")),
                )
                supplies: list[str | int] = ["supply", 0, 1, self.agents, 10**6]
                return Statement(**common, into=into, classes=classes, supply=self.pick(supplies))
            case "grow":
                return Statement(
                    kind, name, self.pick(self.named("risk")), factor=self.pick([0.9, 1.1]), policy="strength"
                )
            case "enter_next":
                return Statement(**common, into="stage")
        return self.tally(name)

    def tally(self, name: str) -> Statement:
        by = None
        if self.chance(0.4):
            by = self.rng.integers(-1, 3, self.agents).astype(self.pick(["int8", "int32", "int64"]))
            by[0] = 2  # the largest number is there
        where = self.condition() if self.chance(0.6) else None
        entry = self.pick(self.named("stage", "count", "flag", "risk", "signed"))
        return Statement("tally", name, into=entry, where=where, by=by)
