"""Noise recomputed from a seed: the same in every world, in any order, on any device, and never stored.

A value is a counter-based hash of (seed, site name, step or number, agent): SplitMix64 rounds in wrapping 64-bit
integers (Steele, Lea and Flood 2014; Salmon et al. 2011 for the idea), see `causal_lpm.kernels.hashing`.
"""

import itertools
from typing import Any

import pyro
import torch
from chirho.indexed.ops import get_index_plates
from pyro.poutine.condition_messenger import ConditionMessenger
from pyro.poutine.messenger import Messenger

from causal_lpm import kernels, validate
from causal_lpm.kernels import hashing
from causal_lpm.ops.allocate import CLASSES
from causal_lpm.ops.dimensions import refuse_worlds
from causal_lpm.ops.exogenous import RandomBits
from causal_lpm.ops.responses import Event, Response
from causal_lpm.validate import unique_entries

__all__ = ["KeyedNoise", "Seeds"]


class KeyedNoise(Messenger):
    """Answers all exogenous noise from a seed.

    Responses (`event`, `choose`) that nobody observes become functions of the seed: they are answered here and leave no
    site in a trace, so that a million agents over a year cost no memory.

    Args:
        seed: An integer, or int64 `[*draws, 1]` with one seed a replicate. Noise is made on its device: for agents on a
            GPU give `torch.tensor(7, device="cuda")`.

    Raises:
        ValueError: the seed carries a world dimension, or not one value for each of the announced replicates.

    >>> import torch
    >>> from causal_lpm import exogenous
    >>> with KeyedNoise(7):
    ...     a, b = exogenous("luck", 4), exogenous("luck", 5)
    >>> bool((a == b[:4]).all())
    True
    """

    def __init__(self, seed: int | torch.Tensor) -> None:
        super().__init__()
        self._seed = torch.as_tensor(seed, dtype=torch.int64)
        self._steps: list[tuple[int, str]] = []
        self._used: set[str] = set()  # in the running step

    def __enter__(self) -> "KeyedNoise":
        self._steps = []
        super().__enter__()
        return self

    def seed(self) -> torch.Tensor:
        """The seed in force, int64 `[]` or `[*draws, 1]`."""
        return self._seed

    def _full_name(self, name: str) -> str:
        return (self._steps[-1][1] if self._steps else "") + name

    def key(self, name: str) -> torch.Tensor:
        """The 64-bit key of the field `name` in the running step (-1 outside), int64 `[]` or `[*draws, 1]`."""
        number = self._steps[-1][0] if self._steps else -1
        return hashing.stream(self._shared(self.seed()), self._full_name(name), number)

    def numbered_key(self, name: str) -> torch.Tensor:
        """The key of `name` before a number (of an infection, say) enters it; the step plays no part."""
        return hashing.mix(self._shared(self.first_seed()) + hashing.word(self._full_name(name)))

    def first_seed(self) -> torch.Tensor:
        """The seed of what no step belongs to."""
        return self._seed

    def _shared(self, seed: torch.Tensor) -> torch.Tensor:
        refuse_worlds("the seed of the exogenous noise", seed)
        plate = get_index_plates().get("replicates")
        if plate is not None and plate.dim is not None:
            given = seed.shape[plate.dim] if seed.dim() >= -plate.dim else 1
            if given != plate.size:
                raise ValueError(
                    f"{plate.size} replicates are announced but the noise has {given} seeds: give int64 seeds of shape "
                    f"[{plate.size}, 1], or use Seeds, which draws them."
                )
        return seed

    def _pyro_step(self, msg: Any) -> None:
        self._steps.append((msg["args"][2], msg["args"][4]))
        self._used = set()

    def _once_a_step(self, msg: Any) -> None:
        kind, name = msg["type"], msg["args"][0]
        if self._steps and name in self._used:
            raise ValueError(
                f"the name {name!r} of this {kind} is used twice in step {self._steps[-1][0]}: both would have the "
                "same luck; give each its own name."
            )
        self._used.add(name)

    _pyro_event = _pyro_choose = _once_a_step

    def _pyro_post_step(self, msg: Any) -> None:
        self._steps.pop()

    def _pyro_exogenous(self, msg: Any) -> None:
        name, agents, kind, slots, index = msg["args"]
        if index is None:
            msg["value"] = kernels.field(self.key(name), agents, kind, None if slots == 1 else slots)
        else:
            msg["value"] = kernels.field_at(self.numbered_key(name), index, kind)
        msg["done"] = True

    def _pyro_allocate(self, msg: Any) -> None:
        self._once_a_step(msg)
        name, priority, supply = msg["args"]
        msg["value"], msg["done"] = kernels.select(priority, self.key(name), supply, CLASSES), True

    def _pyro_sample(self, msg: Any) -> None:
        fn, name = msg["fn"], msg["name"]
        if not isinstance(fn, Response) or msg["value"] is not None:
            return
        if isinstance(fn, Event):
            msg["value"] = _happens(fn, self.key(fn.name))
        else:
            msg["value"] = fn.respond(fn.noise())
        msg["done"] = True  # auto guides, initialisation and replay leave answered sites alone
        if not _is_conditioned(name):
            msg["infer"].update(_do_not_trace=True, is_auxiliary=True)


def _happens(event: Event, key: torch.Tensor) -> torch.Tensor:
    # Checked on the way: a pass over all hazards of its own would be a twentieth of a step.
    try:
        return kernels.happens(event.rate, key, event.where, check=True)
    except ValueError:
        validate.hazard(event.name, event.rate)
        raise


class Seeds(KeyedNoise):
    """Keyed noise whose seed is a Pyro site, one integer a time window, so that inference can weigh and resample luck.

    Replicates of `Worlds(replicates=...)` live on this site alone and spread from it by broadcasting.

    Args:
        name: Prefix of the sites `{name}_0`, `{name}_1`, ...
        windows: First step of each window, ascending from 0.
        device: Where noise is made, that of the agents; the seeds are the same on all devices.

    Raises:
        ValueError: windows that do not start at 0 or do not ascend; a seed with a world dimension.

    >>> import pyro
    >>> from causal_lpm import exogenous
    >>> with Seeds("luck"), pyro.poutine.trace() as tr:
    ...     _ = exogenous("x", 3)
    >>> list(tr.trace.nodes)
    ['luck_0']
    """

    def __init__(
        self, name: str = "noise", windows: tuple[int, ...] = (0,), device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(0)
        if not windows or windows[0] != 0 or any(b <= a for a, b in itertools.pairwise(windows)):
            raise ValueError(
                f"the windows of seeds {name!r} are {windows}: give ascending first steps that start at 0."
            )
        unique_entries("seed window", map(str, windows))
        self.name, self.windows, self.device = name, tuple(windows), torch.device(device)
        self._drawn: dict[int, torch.Tensor] = {}

    def __enter__(self) -> "Seeds":
        self._drawn = {}
        super().__enter__()
        return self

    def seed(self) -> torch.Tensor:
        number = self._steps[-1][0] if self._steps else 0
        return self._of_window(sum(first <= number for first in self.windows) - 1)

    def first_seed(self) -> torch.Tensor:
        # Numbered noise has no day: it may not change where a window ends.
        return self._of_window(0)

    def _of_window(self, window: int) -> torch.Tensor:
        if window not in self._drawn:
            self._drawn[window] = self._draw(window)
        return self._drawn[window]

    def _draw(self, window: int) -> torch.Tensor:
        prior = RandomBits()
        replicates = get_index_plates().get("replicates")
        if replicates is not None and replicates.dim is not None and replicates.size is not None:
            prior = prior.expand((int(replicates.size),) + (1,) * (-replicates.dim - 1))
        seed: torch.Tensor = pyro.sample(f"{self.name}_{window}", prior)
        return seed.to(self.device)

    # Sites of seeds are drawn before the step renames what is sampled inside it.
    def _pyro_step(self, msg: Any) -> None:
        super()._pyro_step(msg)
        self.seed()

    def _pyro_simulate(self, msg: Any) -> None:
        self.seed()


def _is_conditioned(name: str) -> bool:
    stack = pyro.poutine.runtime._PYRO_STACK
    return any(isinstance(handler, ConditionMessenger) and name in handler.data for handler in stack)
