"""Factual and counterfactual worlds of one population, side by side in named dimensions.

Noise carries no world dimension, so every agent has the same noise in every world; what differs is what the policies
do. Days before an intervention acts run once for all worlds.
"""

import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, Self

import torch
from chirho.counterfactual.handlers import MultiWorldCounterfactual, TwinWorldCounterfactual
from chirho.indexed.handlers import IndexPlatesMessenger
from chirho.indexed.internals import add_indices
from chirho.indexed.ops import IndexSet, gather

from causal_lpm import validate
from causal_lpm.handlers.acts import fitting, with_room
from causal_lpm.handlers.factual import FactualConditioning
from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.model_runs import ModelRun
from causal_lpm.ops.pyro_stack import handlers_in_force, take_off

__all__ = ["ProductWorlds", "Worlds"]

FACTUAL = "factual"


class Dimensions(Handler, IndexPlatesMessenger):
    """Allocates and names every dimension left of the agents.

    Replicates (-2) and draws (further left) are reserved before any site runs, because ChiRho's `BatchedLatents` needs
    its dimension left of every other batch dimension; worlds come to their left.
    """

    lets_answers_be = True  # it acts on policies, and gives values the worlds that their hazards have

    def __init__(self, replicates: int = 1, draws: int = 1) -> None:
        validate.positive_count("replicates", replicates)
        validate.positive_count("draws", draws)
        self._reserved = {name: n for name, n in (("replicates", replicates), ("draws", draws)) if n > 1}
        self._resumed, self._run = True, ModelRun()
        self._before: list[str] | None = None  # dimensions when the running simulation began
        super().__init__(first_available_dim=-2)

    def __enter__(self) -> Any:
        for other in handlers_in_force():
            if isinstance(other, IndexPlatesMessenger) and other is not self:
                raise ValueError(
                    f"{type(self).__name__} stands inside of {type(other).__name__}, and both would make worlds: enter "
                    "one Worlds or comparing at a time; ProductWorlds has all combinations of several policies."
                )
        entered = super().__enter__()
        for name, size in self._reserved.items():
            if name not in self.plates:
                add_indices(IndexSet(**{name: set(range(size))}))
        return entered

    def _begin_anew(self) -> None:
        self._resumed = True  # worlds of an earlier use stay in force, for reading it, until new ones are made

    def twin(self) -> Self:
        other = super().twin()
        other.plates = self.plates.copy()
        return other

    def _pyro_sample(self, msg: Any) -> None:
        if msg["infer"].get("_deterministic") and self._run.names(msg["name"]):
            self._resumed = True
            self._make_room()

    def _make_room(self) -> None:
        """Forgets the worlds of an earlier use."""
        if self._resumed:
            self._resumed = False
            self._keep(self._reserved)

    def _keep(self, names: Iterable[str]) -> None:
        """Takes all dimensions but these out of force."""
        for name in [name for name in self.plates if name not in names]:
            plate = self.plates.pop(name)
            take_off(plate)
            plate._reset()
        self.first_available_dim = self._orig_dim - len(self.plates)

    def _pyro_rollout(self, msg: Any) -> None:
        self._before = list(self.plates)
        self._run.simulates()

    def _pyro_simulation_ends(self, msg: Any) -> None:
        if not msg["args"][0] and self._before is not None:
            self._keep(self._before)  # without the worlds that the failed simulation split off
        self._before = None

    def _enter_index_plate(self, plate: Any) -> Any:
        try:
            return super()._enter_index_plate(plate)
        except ValueError as collision:
            raise ValueError(
                f"dimension {plate.dim} is taken by a plain plate, so that {plate._orig_name!r} finds no place: give "
                "the number of replicates or draws to Worlds, which allocates all dimensions, instead of a pyro.plate."
            ) from collision

    def _pyro_intervene(self, msg: Any) -> None:
        if msg["args"][1] is not None:
            self._make_room()
        msg["args"] = (msg["args"][0], fitting(msg["args"][1], msg["args"][0]))
        super()._pyro_intervene(msg)  # type: ignore[misc]


class Worlds(Dimensions, FactualConditioning, TwinWorldCounterfactual):
    """All acts on one axis, `world`: world 0 is factual, world i is what the i-th act of every policy makes of it.

    `do(actions={"p": (a, b)})` gives the worlds factual, p=a, p=b. Where one policy has fewer acts than there are
    worlds, or `None` for an act, it keeps its own value there (ChiRho's `TwinWorldCounterfactual` would put 0).

    Args:
        names: Names of the worlds, factual first; by default made of the acts.
        replicates: Number of replicates of the noise, whose seeds are drawn at the sites of `Seeds`.
        draws: Number of parameter draws, as used by ChiRho's `BatchedLatents(draws, name="draws")`.

    Raises:
        ValueError: a name given twice, more acts than named worlds.

    >>> import torch
    >>> from chirho.interventional.handlers import do
    >>> from causal_lpm import policy
    >>> with Worlds() as worlds, do(actions={"dose_interval": (torch.tensor(42.0), torch.tensor(84.0))}):
    ...     policy("dose_interval", 21).flatten()
    tensor([21., 42., 84.])
    >>> worlds.names
    ['factual', 'dose_interval=42', 'dose_interval=84']
    """

    fresh_prefix = "world"

    def __init__(self, names: Sequence[str] | None = None, replicates: int = 1, draws: int = 1) -> None:
        super().__init__(replicates, draws)
        if names is not None:
            validate.unique_entries("world", names)
            validate.positive_count("the number of worlds", len(names))
        self._names = list(names) if names is not None else None
        self._acts: dict[int, dict[str, str]] = {}

    @property
    def names(self) -> list[str]:
        """The `world` coordinate: one name a world, factual first."""
        if self._names is not None:
            return list(self._names)
        size = self.plates[self.fresh_prefix].size if self.fresh_prefix in self.plates else 1
        labels = [", ".join(f"{k}={v}" for k, v in self._acts.get(i, {}).items()) for i in range(1, size)]
        return [FACTUAL, *(label or f"world {i}" for i, label in enumerate(labels, start=1))]

    @property
    def are_named(self) -> bool:
        """Whether its worlds have names of their own, and so are there from the first day."""
        return self._names is not None

    def take(self, value: torch.Tensor, world: str | int, event_dim: int = 0) -> torch.Tensor:
        """One world of `value`, which may not have split: its `world` dimension has size 1 or is absent."""
        if isinstance(world, str):
            validate.known("world", world, self.names)
            world = self.names.index(world)
        with contextlib.nullcontext() if self in handlers_in_force() else self:
            one: torch.Tensor = gather(value, IndexSet(**{self.fresh_prefix: {world}}), event_dim=event_dim)
        return one

    def _make_room(self) -> None:
        if self._resumed:
            self._acts = {}
        super()._make_room()

    # Worlds that have names are there from the first day, also where no act reaches anything that is tallied.
    def _pyro_rollout(self, msg: Any) -> None:
        super()._pyro_rollout(msg)
        if self._names is not None and len(self._names) > 1:
            add_indices(IndexSet(**{self.fresh_prefix: set(range(len(self._names)))}))

    def _size(self, acts: int) -> int:
        if self._names is not None:
            return len(self._names)
        return int(self.plates[self.fresh_prefix].size) if self.fresh_prefix in self.plates else acts + 1

    def _pyro_split(self, msg: Any) -> None:  # type: ignore[override, unused-ignore]
        value, acts = msg["args"]
        value = with_room(value, acts, msg["kwargs"].get("event_dim", 0))
        size = self._size(len(acts))
        if len(acts) > size - 1:
            raise ValueError(
                f"{len(acts)} acts on {msg['name'] or 'a state'!r} need {len(acts) + 1} worlds but there are {size}: "
                "name every world, or give the longest tuple of acts first."
            )
        for i, act in enumerate(acts, start=1):
            if act is not None and msg["name"]:
                self._acts.setdefault(i, {})[msg["name"]] = _label(act)
        padded = acts + (None,) * (size - 1 - len(acts))
        msg["args"] = value, tuple(value if act is None else act for act in padded)
        msg["kwargs"]["name"] = msg["name"] = self.fresh_prefix


class ProductWorlds(Dimensions, FactualConditioning, MultiWorldCounterfactual):
    """One world dimension a policy, named after it: all combinations of acts.

    >>> import torch
    >>> from chirho.interventional.handlers import do
    >>> from causal_lpm import policy
    >>> with ProductWorlds(), do(actions={"closure": torch.tensor(1.0), "masks": torch.tensor(1.0)}):
    ...     (policy("closure", 0) + policy("masks", 0)).squeeze()
    tensor([[0., 1.],
            [1., 2.]])
    """

    def __init__(self, replicates: int = 1, draws: int = 1) -> None:
        super().__init__(replicates, draws)
        self._unnamed: list[str] = []  # dimensions of interventions without a name, on the state
        self._taken: int | None = None  # how many of them the running simulation has used; None outside

    # An intervention that acts in several simulations makes the same worlds in each.
    def _pyro_rollout(self, msg: Any) -> None:
        super()._pyro_rollout(msg)
        self._unnamed, self._taken = [name for name in self._unnamed if name in self.plates], 0

    def _pyro_simulation_ends(self, msg: Any) -> None:
        super()._pyro_simulation_ends(msg)
        self._taken = None

    def _pyro_split(self, msg: Any) -> None:  # type: ignore[override, unused-ignore]
        value, acts = msg["args"]
        msg["args"] = with_room(value, acts, msg["kwargs"].get("event_dim", 0)), acts
        if msg["name"] is not None or self._taken is None:
            super()._pyro_split(msg)
            return
        known = self._unnamed[self._taken : self._taken + 1]
        if known and known[0] in self.plates and self.plates[known[0]].size == len(msg["args"][1]) + 1:
            msg["name"] = known[0]
        super()._pyro_split(msg)
        self._unnamed[self._taken : self._taken + 1] = [str(msg["name"])]
        self._taken += 1


def _label(act: Any) -> str:
    if isinstance(act, torch.Tensor):
        return f"{float(act.detach()):g}" if act.numel() == 1 else f"{tuple(act.shape)}"
    return f"{act:g}" if isinstance(act, int | float) else getattr(act, "__name__", "act")
