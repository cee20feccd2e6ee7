"""Noise recomputed from a seed: the same in every world, in any order, on any device, and never stored.

A value is a counter-based hash of (seed, site name, step or number, agent): SplitMix64 rounds in wrapping 64-bit
integers (Steele, Lea and Flood 2014; Salmon et al. 2011 for the idea), see `causal_lpm.kernels.hashing`.
"""

from typing import Any, Self

import torch
from chirho.indexed.internals import _LazyPlateMessenger
from pyro.poutine.condition_messenger import ConditionMessenger
from pyro.poutine.trace_messenger import TraceMessenger

from causal_lpm import kernels, validate
from causal_lpm.handlers.handler import Handler
from causal_lpm.handlers.model_runs import ModelRun
from causal_lpm.kernels import hashing
from causal_lpm.kernels.by_group import happens_by_group
from causal_lpm.kernels.dispatch import compiled
from causal_lpm.kernels.select_among import select_among_by_key
from causal_lpm.ops.allocate import CLASSES, checked_supply
from causal_lpm.ops.dimensions import index_plates, refuse_worlds
from causal_lpm.ops.events import decided_by_noise
from causal_lpm.ops.exogenous import checked_index
from causal_lpm.ops.outcomes import data_of
from causal_lpm.ops.population import population, sum_over_ranges
from causal_lpm.ops.pyro_stack import handlers_in_force, listeners, vouches
from causal_lpm.ops.responses import Event, Response
from causal_lpm.ops.step import running_step
from causal_lpm.typing import NoiseKind

__all__ = ["KeyedNoise"]


class KeyedNoise(Handler):
    """Answers all exogenous noise from a seed.

    A name stands for one field of noise: given again, it is the same noise on purpose. Two things are refused, because
    they would give unrelated things the same noise: a name of `event`, `choose`, `allocate` or a fresh network used
    twice in one step, and a default name drawn twice (of a rollout, a course or a campaign that were given none, or by
    two behaviors that were).
    `KeyedNoise(seed)(model)` enters the noise anew in each call of a model.

    Responses (`event`, `choose`) that nobody observes become functions of the seed: they are answered here and leave no
    site in a trace, so that a million agents over a year cost no memory.

    Args:
        seed: An integer, or integers `[*draws, 1]` with one seed a replicate, no two the same. Noise is made on its
            device: for agents on a GPU give `torch.tensor(7, device="cuda")`.

    Raises:
        ValueError: a seed that is not a whole number, or is given twice; a seed with a world dimension, or without one
            value for each announced replicate; a name that is used twice.

    >>> import torch
    >>> from causal_lpm import exogenous
    >>> with KeyedNoise(7):
    ...     a, b = exogenous("recovery", 4), exogenous("recovery", 5)
    >>> bool((a == b[:4]).all())
    True
    """

    lets_answers_be = knows_groups = True

    def __init__(self, seed: int | torch.Tensor) -> None:
        super().__init__()
        self._seed = _seeds(seed)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._run = ModelRun()
        self._forget()

    def _forget(self) -> None:
        """Forgets the run of a model that it was in."""
        self._in_step: set[str] = set()  # names used in the running step
        self._fresh: dict[str, Any] = {}  # and the networks of that day, by name
        self._used: set[str] = set()  # default names used under this seed
        self._since: set[str] = set()  # the same, since the last simulation that ended well
        self._owners: dict[str, Any] = {}  # who drew under a default name and may draw again
        self._owned_since: list[str] = []  # of them, since the last simulation that ended

    def __exit__(self, *error: Any) -> Any:
        self._run = ModelRun()  # holds no trace
        return super().__exit__(*error)

    def twin(self) -> Self:
        other = super().twin()
        other._in_step, other._fresh = set(self._in_step), dict(self._fresh)
        other._used, other._since = set(self._used), set(self._since)
        other._owners, other._owned_since = dict(self._owners), list(self._owned_since)
        return other

    def _notice_run(self) -> None:
        if self._run.is_traced_anew(self):
            self._forget()

    def seed(self) -> torch.Tensor:
        """The seed in force, int64 `[]` or `[*draws, 1]`."""
        return self._seed

    def _full_name(self, name: str) -> str:
        step = running_step()
        return (step.prefix if step else "") + name

    def key(self, name: str) -> torch.Tensor:
        """The 64-bit key of the field `name` in the running step (-1 outside), int64 `[]` or `[*draws, 1]`."""
        step, seed = running_step(), self._shared(self.seed())
        return hashing.stream(seed, name, -1) if step is None else hashing.stream(seed, step.prefix + name, step.number)

    def numbered_key(self, name: str) -> torch.Tensor:
        """The key of `name` before a number (of an infection, say) enters it; the step plays no part."""
        return hashing.mix(self._shared(self.first_seed()) + hashing.word(self._full_name(name)))

    def first_seed(self) -> torch.Tensor:
        """The seed of noise that belongs to no step."""
        return self._seed

    def _shared(self, seed: torch.Tensor) -> torch.Tensor:
        plate = index_plates().get("replicates")
        if seed.dim() == 0 and plate is None:
            return seed
        refuse_worlds("the seed of the exogenous noise", seed)
        if plate is not None and plate.dim is not None:
            given = seed.shape[plate.dim] if seed.dim() >= -plate.dim else 1
            if given != plate.size:
                raise ValueError(
                    f"{plate.size} replicates are announced but the noise has {given} seeds: give int64 seeds of shape "
                    f"[{plate.size}, 1], or use Seeds, which draws them."
                )
        return seed

    def _pyro_step(self, msg: Any) -> None:
        self._in_step, self._fresh = set(), {}

    def _pyro_exposure(self, msg: Any) -> None:
        step = running_step()
        if step is None:
            return
        for layer in (single for network in msg["args"][0].values() for single in _layers(network)):
            for name in getattr(layer, "noise_names", ()):
                if self._fresh.setdefault(name, layer) is not layer:
                    raise _same_noise(f"the name {name!r} of a fresh network is used twice in step {step.number}")

    def _once_a_step(self, msg: Any) -> None:
        kind, name, step = msg["type"], msg["args"][0], running_step()
        if step is not None and name in self._in_step:
            raise _same_noise(f"the name {name!r} of this {kind} is used twice in step {step.number}")
        self._in_step.add(name)

    _pyro_choose = _once_a_step

    def _pyro_event(self, msg: Any) -> None:
        self._once_a_step(msg)
        nobody_answers = msg["fn"] is decided_by_noise and msg["args"][2] is None
        if nobody_answers and all(map(_lets_answers_be, listeners("sample"))):
            msg["fn"] = self._answered  # nobody would do anything about its site, either

    def _answered(
        self, name: str, rate: torch.Tensor, obs: Any, where: torch.Tensor | None, *, by: torch.Tensor | None = None
    ) -> Any:
        if obs is not None:  # given by a handler further out
            return decided_by_noise(name, rate, obs, where, by=by)
        return self._happens(name, rate, where, by)

    def _pyro_once(self, msg: Any) -> None:
        self._notice_run()
        what, owner = msg["args"][0], msg["kwargs"].get("owner")
        if owner is not None:
            if what not in self._owners:
                self._owned_since.append(what)
            if self._owners.setdefault(what, owner) is not owner:
                raise _same_noise(f"{what} is drawn by two under one seed")
            return
        if what in self._used | self._since:
            raise _same_noise(f"{what} is drawn twice under one seed")
        self._since.add(what)

    # A simulation that ends well has used its names and those drawn for it; one that failed gives them back.
    def _pyro_simulation_ends(self, msg: Any) -> None:
        well = msg["args"][0]
        self._used |= self._since if well else set()
        for what in () if well else self._owned_since:
            del self._owners[what]
        self._since, self._owned_since = set(), []

    # `fn` and not the value is set: a handler further in that has answered stays right, one further out can adapt it.
    def _pyro_exogenous(self, msg: Any) -> None:
        name = msg["args"][0]
        if data_of(f"{name}_noise", None) is not None:
            raise ValueError(
                f"there are data on the noise {name!r}, which {type(self).__name__} makes from its seed: give data on "
                "what agents did, or leave the seed out."
            )
        msg["fn"] = self._exogenous

    def _exogenous(self, name: str, agents: int, kind: NoiseKind, slots: int, index: Any) -> torch.Tensor:
        first = _first(agents)
        if index is None:
            key = hashing.ahead(self.key(name), first * slots)
            return kernels.field(key, agents, kind, None if slots == 1 else slots)
        return kernels.field_at(self.numbered_key(name), checked_index(name, index, slots), kind, first)

    def _pyro_allocate(self, msg: Any) -> None:
        self._once_a_step(msg)
        together = msg["fn"]

        def allocate(name: str, priority: torch.Tensor, supply: torch.Tensor, by: torch.Tensor | None) -> torch.Tensor:
            address, key = population(priority.shape[-1]), self.key(name)
            if not address.is_part:
                return self._allocate(name, priority, supply, by)
            if by is not None or key.shape[-1:] > (1,) or not (compiled() and priority.is_cpu):
                answer: torch.Tensor = together(name, priority, supply, by)
                return answer
            most, ahead = checked_supply(name, priority, supply), hashing.ahead(key, address.first)
            return select_among_by_key(priority, ahead, most, CLASSES, address.first, sum_over_ranges)

        msg["fn"] = allocate

    def _allocate(
        self, name: str, priority: torch.Tensor, supply: torch.Tensor, by: torch.Tensor | None
    ) -> torch.Tensor:
        return kernels.select(priority, self.key(name), checked_supply(name, priority, supply, by), CLASSES, by)

    def _pyro_sample(self, msg: Any) -> None:
        fn, name = msg["fn"], msg["name"]
        if not isinstance(fn, Response):
            return
        if msg["value"] is None:
            of_event = isinstance(fn, Event)
            msg["value"] = self._happens(fn.name, fn.rate, fn.where) if of_event else fn.respond(fn.noise())
        elif not fn.drawn:
            return  # data, or a trace that is replayed; what an inner handler drew came from noise, too
        msg["done"] = True  # auto guides, initialisation and replay leave answered sites alone
        if not _is_conditioned(name):
            msg["infer"].update(_do_not_trace=True, is_auxiliary=True)

    def _happens(
        self, name: str, rate: torch.Tensor, where: torch.Tensor | None, by: torch.Tensor | None = None
    ) -> torch.Tensor:
        # Checked on the way: a separate pass over all hazards would take a twentieth of a step.
        try:
            return self._event(name, rate, where, by)
        except ValueError:
            validate.hazard(name, rate)
            raise

    def _event(
        self, name: str, rate: torch.Tensor, where: torch.Tensor | None, by: torch.Tensor | None
    ) -> torch.Tensor:
        key = hashing.ahead(self.key(name), _first((rate if by is None else by).shape[-1]))
        if by is not None:
            return happens_by_group(rate, by, key, where, check=True)
        return kernels.happens(rate, key, where, check=True)


def _lets_answers_be(handler: Any) -> bool:
    """Whether a handler that hears of samples does nothing about that of an event that is answered."""
    return handler.__class__ in (TraceMessenger, _LazyPlateMessenger) or vouches(handler, "lets_answers_be", "sample")


def _first(agents: int) -> int:
    """The number of the first agent whose noise is drawn here, 0 of one value for everybody."""
    return 0 if agents == 1 else population(agents).first


def _layers(network: Any) -> list[Any]:
    """The single layers of a sum of networks."""
    parts = getattr(network, "networks", None)
    return [network] if parts is None else [layer for part in parts for layer in _layers(part)]


def _same_noise(what: str) -> ValueError:
    return ValueError(f"{what}: both would have the same noise; give each its own name.")


def _seeds(seed: Any) -> torch.Tensor:
    """Whole numbers of 64 bits, no two the same, int64."""
    try:
        given = torch.as_tensor(seed)
    except (TypeError, ValueError, RuntimeError, OverflowError):
        given = torch.full((), torch.nan)
    if given.is_floating_point() or given.is_complex() or given.dtype == torch.bool or given.numel() == 0:
        raise ValueError(f"the seed is {seed}: give a whole number of at most 63 bits, or a tensor of such.")
    if given.dim() and given.shape[-1] != 1:
        raise ValueError(
            f"the seeds have shape {tuple(given.shape)}: give one number, or one a replicate in [*draws, 1]."
        )
    seeds = given.long().clone()
    different, times = seeds.unique(return_counts=True)
    if different.numel() < seeds.numel():
        raise ValueError(
            f"the seed {int(different[times.argmax()])} is given {int(times.max())} times: these replicates would "
            "be one and the same; give each its own seed, or one seed for all rows that are to share their noise."
        )
    return seeds


def _is_conditioned(name: str) -> bool:
    return any(isinstance(each, ConditionMessenger) and name in each.data for each in handlers_in_force())
