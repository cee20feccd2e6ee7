"""A block of simulations: the unit of work, with the same numbers wherever and whenever it runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch

from causal_lpm.inference.runs.seeds import replicate_seed

__all__ = ["Block", "Simulator", "block_seeds", "join", "run_block", "same_outputs"]

Array = npt.NDArray[Any]

MESSAGE_LENGTH = 500
_OUTPUT = "output/"


class Simulator(Protocol):
    """What draws parameters and simulates; its numbers depend on the arguments alone.

    It may be an object or hold closures: worker processes get it pickled by value.
    """

    def identity(self) -> Mapping[str, Any]:
        """What determines the numbers, as JSON; asked for only where simulations are kept on disk."""
        ...

    def draw(self, n: int, seed: int) -> Array:
        """`n` parameters of the prior or of a proposal, float64 `[n, size]`; `seed` is in [0, 2**63)."""
        ...

    def simulate(self, z: Array, seeds: Array) -> Mapping[str, Array]:
        """What each parameter gives, name -> `[n, ...]`, from `z` float64 `[n, size]` and `seeds` int64 `[n]`."""
        ...


@dataclass(frozen=True)
class Block:
    """Finished simulations.

    Attributes:
        z: Their parameters, float64 `[n, size]`.
        data: name -> floats `[n, ...]`, NaN where a simulation failed; empty where all did.
        messages: Why each failed, `[n]`; empty text where it did not.
        alone: What the block failed with as a whole, so that its simulations ran one by one; mostly empty.
    """

    z: Array
    data: dict[str, Array]
    messages: tuple[str, ...]
    alone: str = ""

    def arrays(self) -> dict[str, Array]:
        """The block as arrays, as it is sent and kept."""
        own = {"z": self.z, "messages": np.array(self.messages), "alone": np.array(self.alone)}
        return own | {_OUTPUT + name: values for name, values in self.data.items()}

    @classmethod
    def of(cls, arrays: Mapping[str, Array]) -> "Block":
        """The block that these arrays are; KeyError where one is missing."""
        data = {name.removeprefix(_OUTPUT): values for name, values in arrays.items() if name.startswith(_OUTPUT)}
        return cls(arrays["z"], data, tuple(map(str, arrays["messages"])), str(arrays["alone"]))


def run_block(simulator: Simulator, seed: int, batch: int, number: int) -> Block:
    """Draws and simulates block `number` of the set that `seed` begins; its own seed is `replicate_seed(seed, number)`.

    A block that fails as a whole is simulated again one by one, with the same parameters and seeds, which shows the
    simulations that fail.

    Raises:
        ValueError: the simulator draws parameters of another shape, or none that are finite.
        MemoryError: out of memory, which says nothing about the model; or `torch.OutOfMemoryError`.
    """
    z = np.asarray(simulator.draw(batch, replicate_seed(seed, number)), dtype=np.float64)
    if z.ndim != 2 or len(z) != batch:
        raise ValueError(f"the simulator drew parameters of shape {z.shape}: give {batch} rows, [n, size].")
    if not np.isfinite(z).all():
        raise ValueError("the simulator drew NaN or infinite parameters: look at the prior or the proposal.")
    seeds = block_seeds(seed, batch, number)
    together = _attempt(simulator, z, seeds)
    if not isinstance(together, str):
        return _finite_only(z, together, [""] * batch)
    if batch == 1:
        return Block(z, {}, (together,))
    found = [_attempt(simulator, z[row : row + 1], seeds[row : row + 1]) for row in range(batch)]
    data = join([{} if isinstance(one, str) else one for one in found], [1] * batch)
    return _finite_only(z, data, [one if isinstance(one, str) else "" for one in found], together)


def block_seeds(seed: int, batch: int, number: int) -> npt.NDArray[np.int64]:
    """The seeds of the simulations of block `number`, int64 `[batch]`."""
    own = replicate_seed(seed, number)
    return np.array([replicate_seed(own, row) for row in range(batch)], dtype=np.int64)


def _attempt(simulator: Simulator, z: Array, seeds: Array) -> dict[str, Array] | str:
    """The simulated data, or why there are none."""
    try:
        # Copies: a simulator that works in place must not change what is recorded.
        returned = simulator.simulate(z.copy(), seeds.copy())
        if not isinstance(returned, Mapping) or not returned:
            raise TypeError(f"simulate returned {type(returned).__name__}: give a mapping of names to [n, ...]")
        return {name: _rows(name, np.asarray(value), len(z)) for name, value in returned.items()}
    except (MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:  # noqa: BLE001  a model may raise anything; it is recorded and counted
        return " ".join(f"{type(error).__name__}: {error}".split())[:MESSAGE_LENGTH]


def _rows(name: str, array: Array, n: int) -> Array:
    if array.shape[:1] != (n,):
        raise ValueError(f"{name!r} has shape {array.shape}: its first dimension must be the {n} simulations")
    # Only floats can say that a number is missing.
    return array if np.issubdtype(array.dtype, np.floating) else array.astype(np.float64)


def _finite_only(z: Array, data: dict[str, Array], messages: list[str], alone: str = "") -> Block:
    """The block, in which a simulation with NaN or infinity has failed."""
    for name, values in data.items():
        for row in np.flatnonzero(~np.isfinite(values).reshape(len(z), -1).all(-1)):
            messages[row] = messages[row] or f"{name!r} has NaN or infinite numbers"
    failed = np.array(messages) != ""
    if failed.all():
        data = {}
    elif failed.any():
        # Copies, because torch and numpy may share the arrays of a simulator.
        data = {name: values.copy() for name, values in data.items()}
        for values in data.values():
            values[failed] = np.nan
    return Block(z, data, tuple(messages), alone)


def join(parts: Sequence[Mapping[str, Array]], rows: Sequence[int]) -> dict[str, Array]:
    """Parts one after the other, `rows` of each; a part without names gives rows of NaN.

    >>> join([{"cases": np.ones((1, 2))}, {}], [1, 1])["cases"].tolist()
    [[1.0, 1.0], [nan, nan]]
    """
    first = next((part for part in parts if part), {})
    for part in parts:
        same_outputs(first, part)
    missing = {name: np.full((max(rows), *like.shape[1:]), np.nan, like.dtype) for name, like in first.items()}
    return {
        name: np.concatenate([(part or missing)[name][:n] for part, n in zip(parts, rows, strict=True)])
        for name in first
    }


def same_outputs(first: Mapping[str, Array], other: Mapping[str, Array]) -> None:
    """Raises ValueError where simulations returned other names or shapes than the first did; nothing is no difference.

    >>> same_outputs({"cases": np.ones((4, 60))}, {"cases": np.ones((4, 59))})
    Traceback (most recent call last):
    ValueError: the simulator returned 'cases' of shape (60,) and elsewhere (59,): give all the same outputs.
    """
    for name in (*first, *other) if first and other else ():
        one, two = (str(part[name].shape[1:]) if name in part else "nothing" for part in (first, other))
        if one != two:
            raise ValueError(
                f"the simulator returned {name!r} of shape {one} and elsewhere {two}: give all the same outputs."
            )
