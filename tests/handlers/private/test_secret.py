"""A secret shows its shape and type, and nothing else leaves it."""

import copy
import ctypes
import io
import multiprocessing
import pickle
from collections.abc import Callable
from multiprocessing.reduction import ForkingPickler
from typing import Any

import numpy as np
import pytest
import torch

from causal_lpm import Clear, Leak, Secret, Unsupported
from causal_lpm.handlers.private.secret import bounds_of
from causal_lpm.handlers.private.sharing import reveal
from causal_lpm.validate import hidden
from tests.handlers.private.runs import secret

X = torch.tensor([0, 1, 2])
VALUE = 48_611  # in no shape, type or bound


def whole() -> Secret:
    return secret(Clear(), torch.tensor([VALUE, 1, 2]))


def fraction() -> Secret:
    return secret(Clear(), torch.tensor([0.5, 1.25, float(VALUE)]))


LEAKS: dict[str, Callable[[Any], object]] = {
    "if": lambda x: bool(x[0] > 0),
    "int": lambda x: int(x[0]),
    "float": lambda x: float(x[0]),
    "complex": lambda x: complex(x[0]),
    "range": lambda x: range(x[0]),
    "item": lambda x: x[0].item(),
    "tolist": lambda x: x.tolist(),
    "numpy": lambda x: x.numpy(),
    "asarray": lambda x: np.asarray(x),
    "dlpack": lambda x: np.from_dlpack(x),
    "to_dlpack": lambda x: torch.utils.dlpack.from_dlpack(x),
    "in": lambda x: 1 in x,
    "nonzero": lambda x: x.nonzero(),
    "mask": lambda x: x[x > 0],
    "mask of public": lambda x: X[x > 0],
    "index": lambda x: X[x],
    "index_select": lambda x: X.index_select(0, x),
    "gather": lambda x: X.gather(0, x),
    "masked_select": lambda x: x.masked_select(x > 0),
    "equal": lambda x: torch.equal(x, x),
    "bincount": lambda x: x.bincount(),
    "add_": lambda x: X.clone().add_(x),
    "mul_": lambda x: X.clone().mul_(x),
    "copy_": lambda x: X.clone().copy_(x),
    "out": lambda x: torch.add(X, x, out=torch.zeros(3, dtype=torch.int64)),
    "slice assignment": lambda x: X.clone().__setitem__(slice(0, 3), x),
    "index_add by secret": lambda x: torch.zeros(9).index_add(0, x, torch.ones(3)),
    "full_like": lambda x: torch.full_like(X, x[0]),
    "pickle": lambda x: pickle.dumps(x),
    "torch.save": lambda x: torch.save(x, io.BytesIO()),
    "forking pickler": lambda x: ForkingPickler.dumps(x),
    "queue": lambda x: multiprocessing.SimpleQueue().put(x),
    "shared memory": lambda x: x.share_memory_(),
    "storage": lambda x: x.untyped_storage(),
    "typed storage": lambda x: x.storage(),
    "data_ptr": lambda x: x.data_ptr(),
    "array interface": lambda x: x.__array_interface__,
    "cuda interface": lambda x: x.__cuda_array_interface__,
    "ctypes": lambda x: ctypes.string_at(x.data_ptr(), 8),
}


@pytest.mark.parametrize("name", LEAKS)
def test_what_needs_a_value_is_a_leak(name: str) -> None:
    with pytest.raises(Leak) as raised:
        LEAKS[name](whole())
    assert str(VALUE) not in str(raised.value)


UNSUPPORTED: dict[str, Callable[[Any], object]] = {
    "sort": lambda x: x.sort(),
    "division": lambda x: 1.0 / x,
    "reciprocal": lambda x: x.reciprocal(),
    "log": lambda x: x.log(),
    "floor division": lambda x: x // 2,
    "cube": lambda x: x**3,
    "logic of numbers": lambda x: x & 1,
    "median": lambda x: x.median(),
    "unbind": lambda x: list(x),
    "softmax": lambda x: x.float().softmax(0),
    "cuda": lambda x: x.to("meta"),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_has_no_version_says_what_to_use(name: str) -> None:
    with pytest.raises(Unsupported, match=r"use|multiply|write|computed|divide|there for"):
        UNSUPPORTED[name](whole())


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{:.3f}".format, lambda x: repr([x]), lambda x: f"{x[0]}"])
@pytest.mark.parametrize("make", [whole, fraction])
def test_no_number_is_shown(show: Callable[[Any], str], make: Callable[[], Secret]) -> None:
    text = show(make())
    assert text.startswith(("Secret((", "[Secret(("))
    assert str(VALUE) not in text
    assert str(VALUE << 20) not in text


def test_shape_and_type_are_public() -> None:
    x = fraction()
    assert (x.shape, x.dtype, x.dim(), len(x), x.numel()) == (torch.Size([3]), torch.float32, 1, 3, 3)
    assert hidden(x)
    assert not hidden(X)
    assert isinstance(x, torch.Tensor)


def test_copies_are_secrets_of_their_own() -> None:
    x = whole()
    for other in (copy.deepcopy(x), copy.copy(x), x.clone(), x.detach(), x.data):
        assert isinstance(other, Secret)
        assert torch.equal(reveal(other), reveal(x))
    changed = x.clone()
    changed.add_(1)
    assert torch.equal(reveal(x) + 1, reveal(changed))


def test_bounds_tell_overflow_before_it_happens() -> None:
    large = secret(Clear(), torch.tensor([2]), low=0, high=2**40)
    with pytest.raises(Unsupported, match="more than 64 bits hold"):
        large * large
    assert torch.equal(reveal(large.within(0, 3) * large.within(0, 3)), torch.tensor([4]))
    assert bounds_of(torch.int16) == (-(2**15), 2**15 - 1)


def test_secrets_of_two_layers_do_not_meet() -> None:
    with pytest.raises(ValueError, match="2 share layers"):
        whole() + whole()
