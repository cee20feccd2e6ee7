"""Numbers of all types and sizes, and what a reference needs: exact cells, the noise that was drawn, refusals."""

import contextlib
import math
from collections.abc import Iterator
from typing import Any

import pyro
import pytest
import torch
from hypothesis import strategies as st
from torch import Tensor

from causal_lpm import KeyedNoise, exogenous
from causal_lpm.typing import NoiseKind

WHOLE = [torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.uint16, torch.uint32, torch.uint64]
FLOATS = [torch.float16, torch.bfloat16, torch.float32, torch.float64]
TYPES = [torch.bool, *WHOLE, *FLOATS]
REFUSED = None  # what a reference returns where the operation must refuse
NAN, INF = math.nan, math.inf

LARGE = [2**24 + 1, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, -(2**31), -(2**63)]
ODD = [0.5, 2.9, 0.1, NAN, INF, -INF, 6e4, 2.0**24 + 1, 1e13, 1e39, 1e300, -1e13, 1e-45, -0.0]

dims = st.sampled_from([(), (0,), (1,), (2,), (2, 1)])
sizes = st.sampled_from([0, 1, 2, 5])
handlers = st.sampled_from(["keyed", "sites"])
implementations = st.sampled_from(["numba", "reference"])


@st.composite
def arrays(
    draw: st.DrawFn, shape: tuple[int, ...], usual: list[float], unusual: bool = True, types: Any = TYPES
) -> Tensor:
    """Numbers of any type: the usual ones, and now and then what lies at the ends of the type."""
    dtype = draw(st.sampled_from(types))
    pool = list(usual)
    if unusual and draw(st.integers(0, 2)) == 0:
        pool += [x for x in LARGE + ODD if dtype in FLOATS or not isinstance(x, float)]
    if dtype == torch.bool:
        pool = [0, 1]
    elif dtype in WHOLE:
        ends = torch.iinfo(dtype)
        pool = [int(x) for x in pool if float(x).is_integer() and ends.min <= x <= ends.max] or [0]
    size = math.prod(shape)
    numbers = draw(st.lists(st.sampled_from(pool), min_size=size, max_size=size))
    if dtype in FLOATS:
        return torch.tensor(numbers, dtype=torch.float64).to(dtype).reshape(shape)
    return torch.tensor(numbers, dtype=dtype).reshape(shape)


def cells(x: Tensor) -> list[list[Any]]:
    """The rows as Python's numbers, which are exact."""
    exact = x.double() if x.dtype == torch.bfloat16 else x
    return exact.reshape(math.prod(x.shape[:-1]), x.shape[-1]).tolist()


@contextlib.contextmanager
def luck(handler: str, seed: int = 3) -> Iterator[pyro.poutine.trace_messenger.TraceMessenger]:
    pyro.set_rng_seed(seed)
    with KeyedNoise(seed) if handler == "keyed" else contextlib.nullcontext(), pyro.poutine.trace() as tr:
        yield tr


def noise_of(tr: Any, handler: str, name: str, agents: int, kind: NoiseKind = "exponential", slots: int = 1) -> Any:
    if handler == "sites":
        return tr.trace.nodes[f"{name}_noise"]["value"].numpy()
    with KeyedNoise(3):
        return exogenous(name, agents, kind, slots).numpy()


def check(call: Any, expected: Any) -> Any:
    """The result, or None where the call must refuse and does."""
    if expected is REFUSED:
        with pytest.raises(ValueError, match=r"\w{3}.*: \w"):
            call()
        return None
    return call()
